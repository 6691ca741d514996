"""msd_ray: distributed hyperparameter search for zero-shot cross-lingual NER with MSD."""

__version__ = "0.1.0"
