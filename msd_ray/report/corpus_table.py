"""Table 1: sentences and entities of each language and split, in the paper and in the files.

As in Table 1, the `-DOCSTART-` lines of CoNLL en and de count as sentences, and entities are counted by their `B-`
labels.
"""

from collections.abc import Mapping, Sequence

from msd_ray.data.catalogue import DATASETS, LANGUAGE_NAMES, SPLITS, Split
from msd_ray.data.inventory import SplitCount

from .cells import CountCell
from .paper import TABLE_1
from .table import Group, Row, Section, Table

NOT_COUNTED, NO_FILE = "not counted", "no file"
_FIELDS = ("paper", "found", "difference")


def corpus_table(counts: Mapping[str, Sequence[SplitCount]]) -> Table:
    """Build Table 1. counts: data set -> counts of its files. Languages that are not in the paper come last.

    Raises:
        KeyError: a data set is not in the catalogue.
    """
    in_paper = tuple(dict.fromkeys(dataset for dataset, _, _ in TABLE_1))
    datasets = (*in_paper, *(name for name in counts if name not in in_paper))
    return Table(
        key="table-1",
        title="Table 1: sentences and entities of the data sets",
        label_heading="Language",
        groups=tuple(Group(key=split, heading=split.capitalize(), columns=_FIELDS, fields=_FIELDS) for split in SPLITS),
        sections=tuple(_section(name, counts.get(name, ())) for name in datasets),
        notes=(
            "paper: Table 1, which counts the -DOCSTART- lines of CoNLL en and de as sentences; found: the "
            "same counts of the files, recorded by python -m msd_ray.data check --record, because a study must not "
            "open test files.",
            *(note for name in datasets for found in counts.get(name, ()) if (note := _note(name, found))),
        ),
    )


def _section(dataset: str, counts: Sequence[SplitCount]) -> Section:
    found = {(count.lang, count.split): count for count in counts}
    langs = dict.fromkeys([*(lang for name, lang, _ in TABLE_1 if name == dataset), *(count.lang for count in counts)])
    rows = [
        Row(
            label=f"{LANGUAGE_NAMES.get(lang, lang)}-{lang}, {kind}",
            cells=tuple(_cell(dataset, lang, split, kind, found.get((lang, split))) for split in SPLITS),
            zero_shot=None,
        )
        for lang in langs
        for kind in ("sentences", "entities")
    ]
    return Section(heading=DATASETS[dataset].title, rows=tuple(rows))


def _cell(dataset: str, lang: str, split: Split, kind: str, found: SplitCount | None) -> CountCell:
    paper = TABLE_1.get((dataset, lang, split))
    absent = NOT_COUNTED if found is None else NO_FILE
    if kind == "sentences":
        count = None if found is None or found.sentences is None else found.sentences
        if count is not None and found is not None and found.expected is not None and found.expected.documents:
            count += found.documents
        return CountCell(paper=paper.sentences if paper else None, found=count, absent=absent)
    count = None if found is None or found.entities is None else found.entities.begin_b
    return CountCell(paper=paper.entities if paper else None, found=count, absent=absent)


def _note(dataset: str, found: SplitCount) -> str | None:
    """Return a note that explains the numbers of one split, if it needs one."""
    where = f"{dataset} {found.lang} {found.split}"
    if found.verdict == "sampled":
        return (
            f"{where}: a random {found.sentences:,} of {found.sampled_from:,} sentences; the paper used another "
            "sample, so the entities differ."
        )
    if found.verdict == "MISMATCH":
        return f"{where}: these are not the paper's files."
    return f"{where}: {'; '.join(found.differences)}." if found.differences else None
