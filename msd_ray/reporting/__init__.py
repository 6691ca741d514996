"""Reports: the paper's tables and figures with our numbers beside the paper's, from plain data.

Nothing here reads a database; files are written where a module says so.

    results.py      Results: what the tables of one data set are made from
    paper.py        every number of the paper's Tables 1-8
    table.py        Table: sections of rows of cells under groups of columns, for any format
    cells.py        the kinds of cells: paper against ours, a mean with its deviation, a count, a number, a text
    tables.py       the paper's Tables 1-8
    beyond.py       tables that the paper has not: how epochs were chosen, paired tests, entity types, span errors
    markdown.py     any Table as GitHub's Markdown
    latex.py        any Table as LaTeX (booktabs)
    csv_files.py    any Table as CSV, one value a cell
"""
