"""Files with the form and the counts of the official ones of CoNLL, WikiAnn and mLOWNER, of a few words each."""

from collections.abc import Iterator
from pathlib import Path

from msd_ray.data.catalogue import DATASETS, SPLITS, Counts, Split

# -DOCSTART- lines of CoNLL-2002 nl, which Table 1 does not count.
DUTCH_DOCUMENTS = {"train": 287, "dev": 74, "test": 119}
_NAMES = {"conll": "{prefix}.{conll}", "wikiann": "{lang}/{split}", "mlowner": "{lang}/{lang}_{split}.conll"}
_CONLL = {"train": "train", "dev": "testa", "test": "testb"}
_ROWS = {
    "en": ("London NNP I-NP I-LOC", "in IN I-PP O"),
    "de": ("Köln Köln NE I-NC I-LOC", "für für APPR I-PC O"),
    "es": ("España B-LOC", "está O"),
    "nl": ("België N B-LOC", "één Num O"),
}
_DOCSTART = {"en": "-DOCSTART- -X- O O", "de": "-DOCSTART- -X- -X- -X- O", "nl": "-DOCSTART- -DOCSTART- O"}


def write_official(directory: Path, dataset: str, lang: str) -> None:
    """Write the three splits of a language."""
    entry = DATASETS[dataset]
    for split in SPLITS:
        name = _NAMES[dataset].format(
            lang=lang, split=split, conll=_CONLL[split], prefix=entry.prefixes.get(lang, lang)
        )
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = {"conll": _conll, "wikiann": _wikiann, "mlowner": _mlowner}[dataset](lang, split)
        path.write_bytes(text.encode("latin-1" if dataset == "conll" else "utf-8"))


def _conll(lang: str, split: Split) -> str:
    counts = DATASETS["conll"].counts[lang, split]
    entity, other = _ROWS[lang]
    documents = DUTCH_DOCUMENTS[split] if lang == "nl" else counts.documents
    sentences = list(_sentences(counts, counts.sentences - counts.documents, entity, other))
    if lang == "es" and split == "train":
        sentences[0] = sentences[0].replace("B-LOC", "I-LOC", 1)  # the file has one such entity
    if lang == "de":
        sentences[5] = sentences[5].replace("für für APPR I-PC O", "für APPR I-PC O")  # and some such rows
    for place in range(documents):
        blank = "\n" if lang != "nl" or place % 2 else ""  # at times there is no blank line
        sentences[place] = f"{_DOCSTART[lang]}\n{blank}{sentences[place]}"
    return "\n".join(sentences)


def _wikiann(lang: str, split: Split) -> str:
    counts = DATASETS["wikiann"].counts[lang, split]
    word = {"ar": "نوبل", "hi": "भारत", "zh": "中"}.get(lang, "Oslo")
    more = lang == "ar" and split != "test"  # one entity more than Table 1
    sentences = list(_sentences(counts, counts.sentences, f"{lang}:{word}\tB-LOC", f"{lang}:x\tO", more=more))
    if lang == "zh":
        sentences[:9] = [sentence.replace("B-", "I-", 1) for sentence in sentences[:9]]
    return "\n".join(sentences)


def _mlowner(lang: str, split: Split) -> str:
    counts = DATASETS["mlowner"].counts[lang, split]
    size = counts.sentences + (7 if split == "test" else 0)
    sentences = _sentences(counts, size, "wwe _ _ B-CORP", "x _ _ O")
    return "\n".join(f"# id {place}\tdomain={split}\n{sentence}\n" for place, sentence in enumerate(sentences))


def _sentences(counts: Counts, size: int, entity: str, other: str, *, more: bool = False) -> Iterator[str]:
    """So many sentences with the counted entities, spread evenly."""
    each, rest = divmod(counts.entities + more, size)
    for place in range(size):
        rows = [row for _ in range(each + (place < rest)) for row in (entity, other)]
        yield "\n".join(rows or [other]) + "\n"
