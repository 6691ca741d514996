"""Whether a search would run here: each check looks at one thing and says pass, warn or fail, and what to do.

    finding.py    what a check says
    known_bad.py  releases that a search should not run with, with their sources
    versions.py   what is installed against what is required, and against that list
    storage.py    the storage can be written
    disk.py       free space against what trainings keep
    studies.py    the studies' database: reachable, of this Optuna's schema
    tracking.py   MLflow: reachable, of this MLflow's schema, or a server without known holes
    corpora.py    the corpus files
    encoder.py    the encoder's files
    memory.py     an estimate of a training step's memory
    cluster.py    the Ray cluster: reached, authenticated, large enough
    nodes.py      what each node reported: clock, files, shared storage, space, versions
    quick.py      those that take no cluster and seconds: what `tune` runs before it starts
    lines.py      findings as lines of a log

A check changes nothing that is there: what it writes to see whether it can, it takes away again.
"""
