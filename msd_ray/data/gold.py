"""Gold labels of a target language's training sentences: what no zero-shot method sees.

Only the control `gold-aux` reads them, to measure what they are worth; nothing else in the package may import this.
"""

from pathlib import Path

from .catalogue import dataset_named
from .load import subset
from .locate import check_language
from .read import read_labelled
from .sentences import Sentence


def load_target_gold(dataset: str, lang: str, data_dir: Path | None, *, limit: int | None) -> tuple[Sentence, ...]:
    """The training sentences of `load_target` in the same order, with their labels. Raises UserError as that does."""
    entry = dataset_named(dataset)
    check_language(entry, lang, data_dir)
    return subset(read_labelled(entry, lang, "train", data_dir).sentences, limit)
