"""Properties of the readers on generated files: exactly their sentences or a refused line, and no label in a token."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import DATASETS
from msd_ray.data.columns import read_labelled, read_unlabelled
from msd_ray.data.own_files import read_rows, read_text
from msd_ray.data.sentences import Labelled, Unlabelled

Tokens = tuple[tuple[str, ...], ...]
Rows = list[list[tuple[str, str]]]

LABELS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
PLAIN = st.text(st.sampled_from("abcxyzABC019.,-'äöüßéñ"), min_size=1, max_size=8)
WIDE = st.text(st.characters(exclude_characters=" \t\n\r", exclude_categories=["Cs"]), min_size=1, max_size=6)


def examples(count: int) -> settings:
    """As many examples, always the same."""
    slow = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=count, deadline=None, database=None, derandomize=True, suppress_health_check=slow)


@dataclass(frozen=True)
class Form:
    """How a file is named, written and read. western: whether it may be in Latin-1."""

    name: str
    write: Callable[[str, str], str]
    labelled: Callable[[Path], Tokens]
    unlabelled: Callable[[Path], Tokens]
    western: bool = False

    def text(self, rows: Rows, end: str, between: str) -> str:
        return (end + between).join(end.join(self.write(*row) for row in sentence) for sentence in rows) + end


def catalogue(name: str, dataset: str, lang: str, write: Callable[[str, str], str]) -> Form:
    def tokens(found: Labelled | Unlabelled) -> Tokens:
        items = found.sentences if isinstance(found, Labelled) else found.texts
        return tuple(item.tokens for item in items)

    return Form(
        name,
        write,
        lambda path: tokens(read_labelled(path, DATASETS[dataset], lang)),
        lambda path: tokens(read_unlabelled(path, DATASETS[dataset], lang)),
        western=dataset == "conll",
    )


def own(name: str, write: Callable[[str, str], str]) -> Form:
    return Form(
        name,
        write,
        lambda path: tuple(row.tokens for row in read_rows(path, "de").rows),
        lambda path: tuple(text.tokens for text in read_text(path, "de")[0].texts),
    )


FORMS = (
    catalogue("ar/train", "wikiann", "ar", lambda token, label: f"ar:{token}\t{label}"),
    catalogue("train-ar.tsv", "wikiann", "ar", lambda token, label: f"{token}\t{label}"),
    catalogue("eng.train", "conll", "en", lambda token, label: f"{token} NNP I-NP {label}"),
    catalogue("deu.train", "conll", "de", lambda token, label: f"{token} {token} NN I-NC {label}"),
    catalogue("esp.train", "conll", "es", lambda token, label: f"{token} {label}"),
    catalogue("ned.train", "conll", "nl", lambda token, label: f"{token} N {label}"),
    own("own.conll", lambda token, label: f"{token} {label}"),
    own("own.tsv", lambda token, label: f"{token}\t_\t{label}"),
)
by_name = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)


def sentences(tokens: st.SearchStrategy[str]) -> st.SearchStrategy[Rows]:
    return st.lists(
        st.lists(st.tuples(tokens, st.sampled_from(LABELS)), min_size=1, max_size=5), min_size=1, max_size=6
    )


def tokens_of(rows: Rows) -> Tokens:
    return tuple(tuple(token for token, _ in sentence) for sentence in rows)


def without_labels(rows: Rows) -> Rows:
    """Words that are labels or look like the end of one cannot be told from labels in the wrong place."""
    return [[(token.replace("-", "."), label) for token, label in sentence] for sentence in rows]


def outcome(read: Callable[[Path], Tokens], path: Path) -> Tokens | str:
    """The sentences of a file, or the message that refuses it."""
    try:
        return read(path)
    except UserError as error:
        return str(error)


def check_exact_or_refused(form: Form, path: Path, expected: Tokens, lines: int) -> None:
    for read in (form.labelled, form.unlabelled):
        found = outcome(read, path)
        if isinstance(found, str):
            match = re.match(rf"{re.escape(str(path))}:(\d+): ", found)
            assert match, found
            assert 1 <= int(match[1]) <= lines
        else:
            assert found == expected


@by_name
@examples(25)
@given(
    rows=sentences(PLAIN).map(without_labels),
    end=st.sampled_from(["\n", "\r\n", " \n", "\t\n", " \t\r\n"]),
    between=st.sampled_from(["\n", "\r\n", "\n\n", " \t\n", "-DOCSTART- -X- O\n", "\n-DOCSTART- O\n\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "latin-1"]),
)
def test_every_supported_form_gives_its_sentences(
    tmp_path: Path, form: Form, rows: Rows, end: str, between: str, encoding: str
) -> None:
    rows = [[*rows[0], ("Köln", "O"), ("für", "O")], *rows[1:]]  # no file of numbers alone; and the encoding is evident
    path = tmp_path / Path(form.name).name
    path.write_bytes(form.text(rows, end, between).encode(encoding if form.western else "utf-8"))
    for read in (form.labelled, form.unlabelled):
        found = outcome(read, path)
        if encoding == "latin-1" and isinstance(found, str):  # ßA and the like are no words of a Western language
            assert "not UTF-8 text" in found
        else:
            assert found == tokens_of(rows)


@by_name
@examples(25)
@given(rows=sentences(WIDE), end=st.sampled_from(["\n", "\r\n"]))
def test_any_characters_are_read_exactly_or_refused_with_their_line(
    tmp_path: Path, form: Form, rows: Rows, end: str
) -> None:
    path = tmp_path / Path(form.name).name
    text = form.text(rows, end, "\n")
    path.write_bytes(text.encode())
    check_exact_or_refused(form, path, tokens_of(rows), text.count("\n") + 1)


@examples(40)
@given(rows=sentences(st.text(st.characters(exclude_categories=["Cs"]), max_size=6)))
def test_json_lines(tmp_path: Path, rows: Rows) -> None:
    path = tmp_path / "own.jsonl"
    objects = [{"tokens": [token for token, _ in row], "ner_tags": [label for _, label in row]} for row in rows]
    path.write_text("".join(f"{json.dumps(found)}\n" for found in objects))
    check_exact_or_refused(own(path.name, lambda token, label: token), path, tokens_of(rows), len(rows))


SLIPS = {
    "a separator": r"[ \t](?=(?:O|[BI]-[A-Z]+)\s*\n)",
    "any separator": r"[ \t]",
    "a line end": r"\n",
    "the start of a row": r"(?m)^(?=.)",
    "the end of a row": r"(?m)(?<=.)$",
}
INSTEAD = (
    "",
    " ",
    "\t",
    "  ",
    "\t\t",
    "\xa0",
    "\u3000",
    "\u200b",
    ",",
    ";",
    "|",
    "/",
    "\u2028",
    "\x85",
    "\r",
    "\x0b",
    "\ufeff",
)


@by_name
@examples(60)
@given(rows=sentences(PLAIN).map(without_labels), data=st.data())
def test_no_slip_of_an_editor_puts_a_label_into_a_token(
    tmp_path: Path, form: Form, rows: Rows, data: st.DataObject
) -> None:
    """One place of a target training file is changed: no token has a label's text, or the file is refused."""
    text = form.text([*rows, [("Köln", "O")]], "\n", "\n")
    slip = data.draw(st.sampled_from(sorted(SLIPS)))
    places = [match.span() for match in re.finditer(SLIPS[slip], text)]
    start, stop = data.draw(st.sampled_from(places), label="place")
    changed = text[:start] + data.draw(st.sampled_from(INSTEAD), label="instead") + text[stop:]
    path = tmp_path / Path(form.name).name
    path.write_bytes(changed.encode())
    assert not has_label(outcome(form.unlabelled, path)), changed


@by_name
@examples(20)
@given(rows=sentences(PLAIN).map(without_labels), data=st.data())
def test_columns_in_another_order_put_no_label_into_a_token(
    tmp_path: Path, form: Form, rows: Rows, data: st.DataObject
) -> None:
    lines = form.text(rows, "\n", "\n").split("\n")
    number = data.draw(st.sampled_from([number for number, line in enumerate(lines) if line]))
    separator = "\t" if "\t" in lines[number] else " "
    columns = lines[number].split(separator)
    lines[number] = separator.join(data.draw(st.permutations(columns)))
    path = tmp_path / Path(form.name).name
    path.write_text("\n".join(lines))
    assert not has_label(outcome(form.unlabelled, path)), lines[number]


def has_label(found: Tokens | str) -> bool:
    return not isinstance(found, str) and any(re.search("[BI]-[A-Z]{3}", token) for tokens in found for token in tokens)


@examples(30)
@given(
    rows=sentences(PLAIN).map(without_labels),
    separator=st.sampled_from([" ", "\t", ",", ";", "|", "\xa0", "\u200b", " _ _ "]),
)
def test_a_labelled_file_is_no_raw_text(tmp_path: Path, rows: Rows, separator: str) -> None:
    path = tmp_path / "own.txt"
    path.write_text("\n".join(f"{token}{separator}{label}" for sentence in rows for token, label in sentence) + "\n")
    with pytest.raises(UserError, match=r"own\.txt:\d+: labelled text"):
        read_text(path, "de")
