"""msd_ray: distributed hyperparameter search for zero-shot cross-lingual NER with MSD.

The names below are imported when they are first used, so that `import msd_ray` takes no time.

    run_search, run_ablation     what the commands `tune` and `ablate` do; results as objects
    load_study, StudyResult      the results of a recorded study
    Tagger, Entity, TaggedText   tag text with an exported student
    load_corpus                  the sentences of a data set and language
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ablate import run_ablation
    from .data.load import load_corpus
    from .predict.tagger import Entity, TaggedText, Tagger
    from .report.study_result import StudyResult, load_study
    from .tune import run_search

__version__ = "0.2.0"
__all__ = [
    "Entity",
    "StudyResult",
    "TaggedText",
    "Tagger",
    "__version__",
    "load_corpus",
    "load_study",
    "run_ablation",
    "run_search",
]

_MODULES = {
    "Entity": "predict.tagger",
    "StudyResult": "report.study_result",
    "TaggedText": "predict.tagger",
    "Tagger": "predict.tagger",
    "load_corpus": "data.load",
    "load_study": "report.study_result",
    "run_ablation": "ablate",
    "run_search": "tune",
}


def __getattr__(name: str) -> Any:
    """Import a name of the API from its module (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
