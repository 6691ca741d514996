"""Pre-trained encoders: from a name to local files, and from files to a fast tokenizer and a model.

    sources               from the name that a user gives to files: embedded default, directory, or Hub
    files                 the files of an encoder, and the hash that identifies it
    refusals              checks of an encoder directory before anything in it is loaded
    loading               load the tokenizer and the model
    layers                embeddings and layers of a loaded model
    modernbert            the head of its token classification class
    token_classification  check that an encoder can be trained and exported; its token classification class
    cache                 the user's cache directory
    e5_small              the embedded default encoder `e5-small`
    e5_tokenizer          its tokenizer
    e5s1                  reader of its weights file

This file imports nothing: most processes of a search need only `files`, and importing transformers takes seconds.
"""
