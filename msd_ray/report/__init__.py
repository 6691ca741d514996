"""Reports: the paper's tables and figures with our numbers beside the paper's.

Tables, figures and pages are made from plain data; what reads files of runs takes the reader as an argument.

    collect.py      from recorded studies to Results
    results.py      Results: what the tables of one data set are made from
    paper.py        every number of the paper's Tables 1-8
    table.py        Table: sections of rows of cells under groups of columns, for any format
    cells.py        the kinds of cells: paper against ours, a mean with its deviation, a count, a number, a text
    notes.py        the sentences below tables
    corpus_table.py Table 1: sentences and entities, the paper's and those found
    tables.py       the paper's Tables 1-8
    variant_rows.py the rows of the tables that the paper has not
    beyond.py       repeated sentences, entity types, kinds of errors
    pairwise.py     paired tests between the variants, over seeds
    bootstrap_table.py  MSD against each variant, over seeds and sentences
    final_runs.py   the final rows of a search, as the search printed them
    markdown.py     any Table as GitHub's Markdown
    latex.py        any Table as LaTeX (booktabs)
    csv_files.py    any Table as CSV, one value a cell
    figures/        one module a figure, from plain data
    run_figures.py, search_figures.py   the figures of final runs and of a search, from what they recorded
    marked_sentences.py, worst.py   sentences with gold and predicted entities; those that went most wrong
    page.py, page_tables.py, templates/   a report as one HTML file
    study_page.py   what stands on the page of one language
    write.py        the files of a report
"""
