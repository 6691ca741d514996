"""Checks, before anything is trained, of the files that final runs are scored on. No label of them is kept."""

from collections.abc import Sequence

from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import DATASETS, languages_of
from msd_ray.data.load import load_dev, load_test
from msd_ray.data.locate import has_test
from msd_ray.data.own import load_own_scored

from .prepare import Data, ReadCorpora


def check_scored_files(data: Data, corpora: ReadCorpora, *, source: bool = False) -> None:
    """Check that the scored files can be read, and have labels of the data set.

    XTREME, for example, publishes test files without labels.

    Args:
        data: the data set and the target language.
        corpora: the sentences that a search reads.
        source: whether the source's test set is scored, too.

    Raises:
        UserError: a file is missing or malformed; the message names file and line.
    """
    if data.own is not None:
        _check_own(data, corpora.source.labels)
        return
    for lang in (data.lang, *(languages_of(corpora.source.lang) if source else ())):
        tested = has_test(DATASETS[data.dataset], lang, data.directory)
        if not tested and lang != data.lang:
            continue  # scored on the source's dev set, which has been read
        try:
            (load_test if tested else load_dev)(data.dataset, lang, data.directory)
        except UserError as error:
            raise _refusal(
                error, "or move it away: final runs are then scored on the dev set" if tested else ""
            ) from error


def _check_own(data: Data, labels: Sequence[str]) -> None:
    assert data.own is not None
    if data.own.target_test is None and data.own.target_dev is None:
        return  # scored on the source's dev set, which has been read
    try:
        load_own_scored(data.own, data.lang, labels, source=data.source)
    except UserError as error:
        raise _refusal(error, "or omit --target-test" if data.own.target_test else "or omit --target-dev") from error


def _refusal(error: UserError, otherwise: str) -> UserError:
    otherwise = f", {otherwise}" if otherwise else ""
    return UserError(f"{str(error).rstrip('.')}. Final runs are scored on this file: give one with labels{otherwise}.")
