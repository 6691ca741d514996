"""Reports: the paper's tables and figures with our numbers beside the paper's, from plain data.

Nothing here reads a database; files are written where a module says so.

    results.py      Results: what the tables of one data set are made from
    paper.py        every number of the paper's Tables 1-8
    table.py        Table: sections of rows of cells under groups of columns, for any format
    cells.py        the kinds of cells: paper against ours, a mean with its deviation, a count, a number, a text
    notes.py        the sentences below tables
    corpus_table.py Table 1: sentences and entities, the paper's and those found
    tables.py       the paper's Tables 1-8
    variant_rows.py the rows of the tables that the paper has not
    beyond.py       how epochs were chosen, entity types, kinds of errors
    pairwise.py     paired tests between the variants
    markdown.py     any Table as GitHub's Markdown
    latex.py        any Table as LaTeX (booktabs)
    csv_files.py    any Table as CSV, one value a cell
"""
