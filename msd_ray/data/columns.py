"""Reader of text files with one token per line: WikiAnn's TSV forms, CoNLL-2002/2003 and MultiCoNER.

Sentences are separated by blank lines, by `-DOCSTART-` lines (with or without a blank line after them) and by
MultiCoNER's `# id` lines. The token is a row's first column and the label its last, so the number of columns in
between may vary. Lines end with LF or CRLF. Only ASCII blanks and tabs separate columns and only LF separates lines:
tokens may contain other characters that Unicode classifies as spaces or line ends.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from msd_ray.common.errors import UserError
from msd_ray.common.limits import LARGEST_TEXT, LONGEST_LINE, check_size

from .bio import bio2
from .catalogue import Dataset
from .sentences import Labelled, Sentence, Text, Unlabelled

_FIRST_COLUMNS = {"blank": re.compile(r"[^ \t]+"), "tab": re.compile(r"[^\t]*")}
_BLANKS = re.compile(r"[ \t]+")
_DOCSTART = "-DOCSTART-"
_BOUNDARIES = (_DOCSTART, "# id ")

Block = list[tuple[int, str]]
"""The rows of one sentence with their line numbers, counted from 1."""


class Layout(Protocol):
    """How rows are written: the column separator, and the encodings to try in order."""

    @property
    def separator(self) -> Literal["tab", "blank"]:
        """Column separator."""

    @property
    def encodings(self) -> tuple[str, ...]:
        """Encodings of the text."""


class OwnLayout(NamedTuple):
    """The layout of a user's own file."""

    separator: Literal["tab", "blank"]
    encodings: tuple[str, ...] = ("utf-8-sig",)


UTF_8 = OwnLayout(separator="blank")


def read_labelled(path: Path, dataset: Dataset, lang: str) -> Labelled:
    """Read all sentences of a file, with BIO2 labels.

    Raises:
        UserError: the file cannot be read or decoded, or is empty; a row has no token or no label, or a label that
            the data set does not have. The message names file and line.
    """
    text = decoded(path, dataset)
    allowed = frozenset(dataset.labels)
    token_rows: list[tuple[str, ...]] = []
    label_rows: list[tuple[str, ...]] = []
    for sentence in labelled_rows(text, dataset, lang, path):
        tokens, labels = [], []
        for number, token, label in sentence:
            if label not in allowed:
                raise UserError(
                    f"{path}:{number}: unknown label {label[:80]!r}: the labels of data set '{dataset.name}' "
                    f"are {', '.join(dataset.labels)}"
                )
            tokens.append(token)
            labels.append(label)
        token_rows.append(tuple(tokens))
        label_rows.append(tuple(labels))
    if not token_rows:
        raise _nothing_in(path)
    sentences = tuple(map(Sentence, token_rows, bio2(label_rows)))
    documents = len(re.findall(f"^{_DOCSTART}", text, flags=re.MULTILINE))
    return Labelled(sentences=sentences, documents=documents, path=path)


def labelled_rows(text: str, layout: Layout, lang: str, path: Path) -> Iterator[Iterator[tuple[int, str, str]]]:
    """Yield the rows of each sentence of a file's text: line number, token, and label as written.

    Raises:
        UserError: a row has no token or no label.
    """
    prefix = _language_prefix(text, layout, lang, path)

    def rows(block: Block) -> Iterator[tuple[int, str, str]]:
        for number, line in block:
            row = _token_and_label(line, layout)
            if row is None:
                expected = "'token<TAB>label'" if layout.separator == "tab" else "'token ... label'"
                raise UserError(f"{path}:{number}: expected a row {expected}, found {line[:80]!r}")
            yield number, _without_prefix(row[0], prefix, path, number), row[1]

    yield from map(rows, _blocks(text, layout, path))


def read_unlabelled(path: Path, layout: Layout, lang: str) -> Unlabelled:
    """Read all sentences of a file; label columns are ignored.

    Raises:
        UserError: the file cannot be read or decoded, or is empty, or a row has no token.
    """
    text = decoded(path, layout)
    first_column = _FIRST_COLUMNS[layout.separator]
    prefix = _language_prefix(text, layout, lang, path)
    texts = []
    for block in _blocks(text, layout, path):
        tokens = []
        for number, line in block:
            match = first_column.match(line)
            if match is None:
                raise UserError(f"{path}:{number}: expected a token at the beginning of {line[:80]!r}")
            tokens.append(_without_prefix(match.group(), prefix, path, number))
        texts.append(Text(tuple(tokens)))
    if not texts:
        raise _nothing_in(path)
    return Unlabelled(texts=tuple(texts), path=path)


def _token_and_label(line: str, layout: Layout) -> tuple[str, str] | None:
    """First and last column of a row; None if one is missing.

    Without a regular expression: one that tolerates blanks takes hours for a long run of them.
    """
    if layout.separator == "tab":
        token, tab, rest = line.partition("\t")
        return (token, rest.rpartition("\t")[2].rstrip(" ")) if tab else None
    if line[:1] in (" ", "\t"):
        return None
    columns = _BLANKS.split(line.rstrip(" \t"))
    return (columns[0], columns[-1]) if len(columns) > 1 else None


def _blocks(text: str, layout: Layout, path: Path) -> Iterator[Block]:
    # In a tab-separated file a row may have a blank token; elsewhere a line of blanks is blank.
    blanks = " \r" if layout.separator == "tab" else " \t\r"
    block: Block = []
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > LONGEST_LINE:
            raise UserError(
                f"{path}:{number}: expected at most {LONGEST_LINE} characters in a line, found {len(line)}."
            )
        if line.strip(blanks) and not line.startswith(_BOUNDARIES):
            block.append((number, line.rstrip("\r")))
        elif block:
            yield block
            block = []
    if block:
        yield block


def decoded(path: Path, layout: Layout) -> str:
    """The text of a file in the first encoding that fits. Raises UserError if none does, or it cannot be read."""
    try:
        check_size(path, LARGEST_TEXT, what="a corpus file")
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    for encoding in layout.encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
    names = " or ".join(layout.encodings).replace("utf-8-sig", "UTF-8")
    raise UserError(f"{path}:{line}: not {names} text. Convert the file or download it again.")


def _language_prefix(text: str, layout: Layout, lang: str, path: Path) -> str:
    """`lang:` if the first row has this prefix (WikiAnn's original form), else the empty string."""
    prefix = f"{lang}:"
    first = next(_blocks(text, layout, path), None)
    return prefix if layout.separator == "tab" and first and first[0][1].startswith(prefix) else ""


def _without_prefix(token: str, prefix: str, path: Path, number: int) -> str:
    if not token.startswith(prefix):
        raise UserError(f"{path}:{number}: expected '{prefix}' before the token, as in the first row: {token[:80]!r}")
    return token[len(prefix) :]


def _nothing_in(path: Path) -> UserError:
    return UserError(f"{path}: contains no sentence. The file is empty or damaged: download it again.")
