"""Corpora: files, the hub or the embedded sample -> sentences."""

from msd_ray.corpora.catalogue import DATASETS, Counts, Dataset, Split, label_names
from msd_ray.corpora.load import SourceCorpus, TargetCorpus, load_dev, load_source, load_target, load_test, subset
from msd_ray.corpora.sentences import Sentence, Text, digest

__all__ = [
    "DATASETS",
    "Counts",
    "Dataset",
    "Sentence",
    "SourceCorpus",
    "Split",
    "TargetCorpus",
    "Text",
    "digest",
    "label_names",
    "load_dev",
    "load_source",
    "load_target",
    "load_test",
    "subset",
]
