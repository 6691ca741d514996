"""Gold labels of a target language's training sentences: what no zero-shot method sees.

Only the control `gold-aux` reads them, to measure what they are worth; nothing else in the package may import this.
"""

from pathlib import Path

from msd_ray.corpora.catalogue import dataset_named
from msd_ray.corpora.load import subset
from msd_ray.corpora.locate import check_language
from msd_ray.corpora.read import read_labelled
from msd_ray.corpora.sentences import Sentence


def load_target_gold(dataset: str, lang: str, data_dir: Path | None, *, limit: int | None) -> tuple[Sentence, ...]:
    """The training sentences of `load_target` in the same order, with their labels. Raises UserError as that does."""
    entry = dataset_named(dataset)
    check_language(entry, lang, data_dir)
    return subset(read_labelled(entry, lang, "train", data_dir).sentences, limit)
