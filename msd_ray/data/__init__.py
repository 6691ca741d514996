"""Corpora and encoders: from the name of a data set to batches of token ids on a device.

Reading:

    catalogue  the data sets: languages, labels, licence, file names, counts of Table 1
    load       load source and target corpora; the interface for other packages
    gold       gold labels of a target's training sentences, for the control `gold-aux` only
    locate     the file of a split, below the data directory or on the Hub
    hub        download from the Hugging Face Hub
    columns    reader of text files with one token per line, and
    parquet    of WikiAnn's Parquet files
    bio        IOB1 to BIO2, entity counts
    sentences  labelled and unlabelled sentences, and the hash of their content
    sample     the embedded sample corpus
    inventory  counts of files on disk, compared with Table 1

Text files, the catalogue's and a user's own:

    text_file        the text of a file, without characters that no text has
    encodings        its encoding, by evidence
    column_rows      rows with a token and a label, and checks of their shape
    language_prefix  the language before every token, in WikiAnn's original form

A user's own files:

    own            load source sentences, target text, and what final runs are scored on
    own_files      the reader of a file, by its name
    raw_text       reader of one sentence per line
    json_lines     reader of JSON lines, and
    hub_parquet    of Parquet files, as the library `datasets` writes them
    rows           labelled sentences as a file has them
    label_schemes  BIO2, IOB1, IOBES and BILOU to BIO2
    words          text to words

Encoding:

    encoders   pre-trained encoders: files, tokenizer, model
    encode     sentences to flat arrays of token ids
    store      these arrays on disk, memory-mapped
    tensors    these arrays on a device, and batches gathered from them
    batches    which sentences form a batch
    windows    long sentences as overlapping windows

`python -m msd_ray.data` lists and checks corpora.
"""
