"""Checks whether a search would run here. Each check yields findings: pass, warn or fail, and what to do.

    finding.py    result of a check
    known_bad.py  releases with known vulnerabilities, with their sources
    versions.py   installed releases against the requirements and that list
    storage.py    write access to the storage
    disk.py       free space against the size of checkpoints
    studies.py    the studies' database: reachable, of this Optuna's schema
    tracking.py   MLflow: reachable, of this MLflow's schema, or a server without known holes
    corpora.py    the corpus files
    encoder.py    the encoder's files
    memory.py     an estimate of a training step's memory
    cluster.py    the Ray cluster: reached, authenticated, large enough
    nodes.py      what each node reported: clock, files, shared storage, space, versions
    quick.py      checks that take seconds and no cluster; `tune` runs them before it starts
    lines.py      findings as lines of text

Checks change nothing; their test files are removed.
"""
