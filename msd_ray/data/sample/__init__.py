"""The bundled `sample` corpus: sentence patterns and gazetteers in ten languages, filled in at load time."""

from .generate import SAMPLE_LANGUAGES, SPLIT_SIZES, sample_sentences

__all__ = ["SAMPLE_LANGUAGES", "SPLIT_SIZES", "sample_sentences"]
