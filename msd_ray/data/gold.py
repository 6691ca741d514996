"""Gold labels of a target language's training sentences, which no zero-shot method may use.

Only the control `gold-aux` reads them, to measure their effect. Nothing else in the package may import this module.
"""

from pathlib import Path

from .catalogue import dataset_named
from .load import read_labelled, subset
from .locate import check_language
from .sentences import Sentence


def load_target_gold(dataset: str, lang: str, data_dir: Path | None, *, limit: int | None) -> tuple[Sentence, ...]:
    """The training sentences of `load_target` in the same order, with their labels.

    Raises:
        UserError: as `load_target`, and for malformed labels.
    """
    entry = dataset_named(dataset)
    check_language(entry, lang, data_dir)
    return subset(read_labelled(entry, lang, "train", data_dir).sentences, limit)
