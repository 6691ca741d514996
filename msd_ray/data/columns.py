"""Reader of text files with one token per line: WikiAnn's TSV forms, CoNLL-2002/2003 and MultiCoNER."""

from pathlib import Path

from msd_ray.common.errors import UserError

from .bio import bio2
from .catalogue import Dataset
from .column_rows import Layout, column_rows, documents
from .label_schemes import has_label_form
from .sentences import Labelled, Sentence, Text, Unlabelled
from .text_file import TextFile, read_text_file


def read_labelled(path: Path, dataset: Dataset, lang: str) -> Labelled:
    """Read all sentences of a file, with BIO2 labels.

    Raises:
        UserError: the file cannot be read or decoded, or is empty or damaged; a row has no token or no label, or a
            label that the data set does not have. The message names file and line.
    """
    file = _read(path, dataset)
    allowed = frozenset(dataset.labels)
    token_rows: list[tuple[str, ...]] = []
    label_rows: list[tuple[str, ...]] = []
    for rows in column_rows(file, dataset, lang):
        for row in rows:
            if row.columns[-1] not in allowed:
                raise UserError(
                    f"{path}:{row.number}: unknown label {row.columns[-1][:80]!r}: the labels of data set "
                    f"'{dataset.name}' are {', '.join(dataset.labels)}"
                )
        token_rows.append(tuple(row.columns[0] for row in rows))
        label_rows.append(tuple(row.columns[-1] for row in rows))
    if not token_rows:
        raise _nothing_in(path)
    sentences = tuple(map(Sentence, token_rows, bio2(label_rows)))
    return Labelled(sentences=sentences, documents=documents(file), path=path, notes=file.notes)


def read_unlabelled(path: Path, dataset: Dataset, lang: str) -> Unlabelled:
    """Read all sentences of a file without labels, as `read_texts`."""
    return read_texts(_read(path, dataset), dataset, lang)


def read_texts(file: TextFile, layout: Layout, lang: str) -> Unlabelled:
    """Read all sentences of a file without labels. Rows have the shape of labelled ones, or only tokens.

    Raises:
        UserError: the file is empty; a row has another shape than the first, or a last column that is no label. Which
            label it is, is neither checked nor kept.
    """
    texts = []
    for rows in column_rows(file, layout, lang, tokens_alone=True):
        for row in rows:
            if len(row.columns) > 1 and not has_label_form(row.columns[-1]):
                raise UserError(
                    f"{file.path}:{row.number}: the last column, {row.columns[-1][:80]!r}, is not a label such as O or "
                    "B-PER, so the first may not be a token. Correct the row, or give tokens alone, one per line."
                )
        texts.append(Text(tuple(row.columns[0] for row in rows)))
    if not texts:
        raise _nothing_in(file.path)
    return Unlabelled(texts=tuple(texts), path=file.path, notes=file.notes)


def _read(path: Path, dataset: Dataset) -> TextFile:
    return read_text_file(path, latin_1=dataset.latin_1, stray_lines=dataset.stray_lines)


def _nothing_in(path: Path) -> UserError:
    return UserError(f"{path}: contains no sentence. The file is empty or damaged: download it again.")
