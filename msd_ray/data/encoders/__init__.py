"""Pre-trained encoders: from a name to local files, and from files to a fast tokenizer and a model.

`sources` turns a name into files (`e5_small`, `e5_tokenizer` and `e5s1` make the embedded default),
`files` says what files there are and which content they have, `cache` where the user's cache is;
`loading` loads, `layers` names a loaded model's parts, `check` sees that a search can use it,
`token_classification` finds the family's own class for an exported student.

Nothing is imported here: `files` is all that Ray needs of it in most processes, and transformers takes seconds.
"""
