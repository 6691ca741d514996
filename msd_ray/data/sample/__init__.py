"""The embedded `sample` corpus in ten languages: patterns and names, combined at load time."""

from .generate import SAMPLE_LANGUAGES, SPLIT_SIZES, sample_sentences

__all__ = ["SAMPLE_LANGUAGES", "SPLIT_SIZES", "sample_sentences"]
