"""Reports: a page per study, and the paper's tables with our numbers next to the paper's.

Tables, figures and pages are built from plain data; functions that need files of runs take the reader as an argument.

    write.py        the files of a report, and their upload to each study's run
    collect.py      from recorded studies to Results
    results.py      Results: the input of the tables of one data set
    comparison.py, overview.py   the tables that commands print, and their numbers for MLflow
    paper.py        every number of the paper's Tables 1-8
    table.py        Table: sections of rows of cells under groups of columns, for any format
    cells.py        cell types: paper and ours, mean with deviation, count, number, text
    notes.py        the notes below tables
    corpus_table.py Table 1: sentences and entities, in the paper and in the files
    tables.py       the paper's Tables 1-8
    variant_rows.py rows of the tables that are not in the paper
    beyond.py       tables of repeated sentences, entity types and error types
    pairwise.py     paired tests between variants, over seeds
    bootstrap_table.py  bootstrap of MSD against each variant, over seeds and sentences
    final_runs.py   the final rows of a study, as the command prints them
    markdown.py     any Table as GitHub's Markdown
    latex.py        any Table as LaTeX (booktabs)
    csv_files.py    any Table as CSV, one value per cell
    figures/        one module per figure, from plain data
    run_figures.py, search_figures.py   the figures of final runs and of a search
    marked_sentences.py   sentences with gold and predicted entities; those with the most errors
    page.py, page_tables.py, templates/   a report as one HTML file
    first_screen.py, search_page.py, ablation_page.py   the contents of a study's page
"""
