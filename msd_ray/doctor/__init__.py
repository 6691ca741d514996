"""Checks whether a search would run here. Each check yields findings: pass, warn or fail, and what to do.

    finding.py    result of a check, and how it is shown
    known_bad.py  releases with known vulnerabilities, with their sources
    versions.py   installed releases against the requirements and that list
    disk.py       free space against the size of checkpoints
    corpora.py    the corpus files
    encoder.py    the encoder's files
    memory.py     an estimate of a training step's memory
    cluster.py    the Ray cluster: reached, authenticated, large enough
    nodes.py      what each node reported: clock, files, shared storage, space, versions
    quick.py      storage, space, databases (reachable, of this release's schema): seconds, and no cluster
    preflight.py  what `tune` and `ablate` check before they start

Checks change nothing; their test files are removed.
"""
