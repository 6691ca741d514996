"""Search spaces: the bundled files, what is refused with which message, and the schema for editors."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from msd_ray.errors import UserError
from msd_ray.search.space_model import json_schema
from msd_ray.search.spaces import (
    PAPER_STUDENT,
    PAPER_TEACHER,
    Choice,
    Fixed,
    Range,
    load_space,
    space_names,
)
from msd_ray.search.yaml_source import read_yaml

FOLDER = Path(__file__).resolve().parents[2] / "search_spaces"
VALID = """\
description: a test
teacher:
  learning_rate: 5e-5
  alpha: 0.05
student:
  learning_rate: {low: 1e-5, high: 1e-4, log: true}
  beta: 0.05
  alpha_prime: {choices: [0, 0.001]}
  beta_prime: 0.001
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a space file and returns its path."""

    def _write(text: str) -> Path:
        path = tmp_path / "space.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def complaint(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_space(path)
    return str(caught.value)


def test_the_bundled_spaces_are_the_documented_ones() -> None:
    assert space_names() == ["joint", "paper", "quickstart", "student", "wide"]


@pytest.mark.parametrize("name", ["joint", "paper", "quickstart", "student", "wide"])
def test_bundled_spaces_hold_the_papers_point_where_they_should(name: str) -> None:
    space = load_space(name)
    assert space.name == name
    assert set(space.teacher) == set(PAPER_TEACHER)
    assert set(space.student) == set(PAPER_STUDENT)
    if name != "quickstart":
        assert all(space.teacher[key].contains(value) for key, value in PAPER_TEACHER.items())
        assert all(space.student[key].contains(value) for key, value in PAPER_STUDENT.items())


def test_paper_space_is_one_point() -> None:
    space = load_space("paper")
    assert space.teacher == {name: Fixed(value=value) for name, value in PAPER_TEACHER.items()}
    assert space.student == {name: Fixed(value=value) for name, value in PAPER_STUDENT.items()}
    assert space.teachers == 1


def test_student_space_fixes_the_teacher() -> None:
    space = load_space("student")
    assert space.teacher == load_space("paper").teacher
    assert space.student["learning_rate"] == Range(low=1e-5, high=2e-4, log=True)
    assert space.student["weight_decay"] == Fixed(value=0.01)


def test_the_student_phase_chooses_among_the_teachers_that_there_are() -> None:
    space = load_space("joint")
    assert space.student_phase(10)["teacher"] == Choice(values=(0, 1, 2))
    assert space.student_phase(2)["teacher"] == Choice(values=(0, 1))
    assert space.student_phase(1)["teacher"] == Fixed(value=0)
    assert load_space("student").student_phase(10)["teacher"] == Fixed(value=0)


def test_numbers_are_read_as_yaml_1_2_does(write: Write) -> None:
    space = load_space(write(VALID))
    assert space.teacher["learning_rate"] == Fixed(value=5e-5)
    assert space.student["learning_rate"] == Range(low=1e-5, high=1e-4, log=True)
    assert space.student["alpha_prime"] == Choice(values=(0.0, 0.001))


def test_digest_ignores_name_description_and_order(write: Write, tmp_path: Path) -> None:
    first = load_space(write(VALID))
    other = tmp_path / "other.yaml"
    data = yaml.safe_load(VALID.replace("5e-5", "0.00005").replace("e-", ".0e-").replace("1.0.0", "1.0"))
    data["description"] = "another"
    other.write_text(yaml.safe_dump({key: data[key] for key in reversed(data)}))
    assert load_space(other).digest() == first.digest()
    assert load_space(write(VALID.replace("0.001]", "0.002]"))).digest() != first.digest()
    assert json.loads(json.dumps(first.to_json())) == first.to_json()


def test_spaces_can_be_sent_to_other_processes() -> None:
    space = load_space("wide")
    assert pickle.loads(pickle.dumps(space)) == space


WRONG = [
    ("alpha: 0.05", "alfa: 0.05", "4: `teacher.alfa`: unknown key; did you mean `alpha`?; allowed here:"),
    ("  alpha: 0.05\n", "", "2: `teacher.alpha`: is missing"),
    ("learning_rate: 5e-5", "learning_rate: 3", "3: `teacher.learning_rate`: given 3, must be less than 1"),
    ("learning_rate: 5e-5", "learning_rate: 0", "3: `teacher.learning_rate`: given 0, must be greater than 0"),
    ("learning_rate: 5e-5", "learning_rate: .nan", "3: `teacher.learning_rate`: given NaN, must be a finite"),
    ("beta: 0.05", "beta: '0.05'", '7: `student.beta`: given "0.05", must be a number, {low: ..., high: ...}'),
    ("beta: 0.05", "beta: true", "7: `student.beta`: given true, must be a number"),
    ("beta: 0.05", "beta: -1", "7: `student.beta`: given -1, must be greater than or equal to 0"),
    ("beta: 0.05", "beta: {low: 2, high: 1}", "7: `student.beta.low`: given 2, must be smaller than high (1)"),
    ("beta: 0.05", "beta: {low: 1, high: 1}", "7: `student.beta.low`: given 1, must be smaller than high (1)"),
    ("beta: 0.05", "beta: {low: 0, high: 1, log: true}", "`student.beta.low`: given 0, must be greater than 0"),
    ("beta: 0.05", "beta: {low: 1, high: 2, log: true, step: 1}", "`student.beta.step`: not possible where log"),
    ("beta: 0.05", "beta: {low: 1, high: 2, step: 3}", "`student.beta.step`: given 3, must be at most high"),
    ("beta: 0.05", "beta: {lo: 1, high: 2}", "`student.beta.lo`: unknown key; did you mean `low`?; allowed here"),
    ("beta: 0.05", "beta: {choices: [1]}", "`student.beta.choices`: given [1], must have at least 2"),
    ("beta: 0.05", "beta: {choices: [1, 1]}", "`student.beta.choices`: a value stands twice"),
    ("beta: 0.05", "beta: {choices: [1, x]}", '`student.beta.choices[1]`: given "x", must be a valid number'),
    ("beta: 0.05", "beta: 0.05\n  dropout: 0.95", "8: `student.dropout`: given 0.95, must be less than or equal"),
    ("beta: 0.05", "beta: 0.05\n  dropout: {low: -1, high: 1}", "8: `student.dropout.high`: given 1, must be"),
    ("beta: 0.05", "beta: 0.05\n  teachers: 0", "8: `student.teachers`: given 0, must be greater"),
    ("beta: 0.05", "beta: 0.05\n  teachers: 2", "8: `student.teachers`: given 2, but the teacher section has one"),
    ("beta: 0.05", "beta: 0.05\n  beta: 0.06", "8: key `student.beta` stands twice, first on line 7"),
    ("beta: 0.05", "beta: [0.05", "not well-formed YAML"),
    ("beta: 0.05", "beta: &b 0.05\n  warmup: *b", "8: not well-formed YAML: aliases"),
    ("beta: 0.05", "beta: " + "[" * 30, "7: not well-formed YAML: nested too deeply"),
    ("description: a test\n", "", "1: `description`: is missing"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG)
def test_errors_name_file_line_key_and_what_is_allowed(write: Write, old: str, new: str, message: str) -> None:
    path = write(VALID.replace(old, new, 1))
    text = complaint(path)
    assert text.startswith(f"{path}:")
    assert message in text


def test_all_errors_are_listed_in_the_order_of_the_file(write: Write) -> None:
    lines = complaint(write(VALID.replace("5e-5", "5").replace("beta: 0.05", "beta: x"))).splitlines()
    assert [line.split(": `")[1].split("`")[0] for line in lines] == ["teacher.learning_rate", "student.beta"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a search space is a mapping with the keys `description`, `teacher`, `student`"),
        (b"- 1\n", "a search space is a mapping"),
        (b"description: \xff\n", "not UTF-8: byte 13 is 0xff"),
        (b"description: \x00\n", "not well-formed YAML"),
        (b"description: 2020-99-99\n", "not well-formed YAML"),
        (b"a: 1\n---\nb: 2\n", "not well-formed YAML"),
        (b"# " + b"x" * 70_000, "70002 bytes, a file of this kind has at most 65536"),
    ],
)
def test_files_that_are_no_space_at_all(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "space.yaml"
    path.write_bytes(content)
    assert message in complaint(path)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "space.yml"
    path.write_bytes(b"\xef\xbb\xbf" + VALID.encode())
    assert load_space(path).description == "a test"


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    assert "no such file" in complaint(tmp_path / "missing.yaml")
    (tmp_path / "folder.yaml").mkdir()
    assert "is no ordinary file" in complaint(tmp_path / "folder.yaml")


def test_unknown_names_suggest_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"unknown search space `studnet`; did you mean `student`\?; there are"):
        load_space("studnet")


def test_the_committed_schema_is_current() -> None:
    assert json.loads((FOLDER / "search_space.schema.json").read_text()) == json_schema()


def _validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    return jsonschema.Draft202012Validator(json_schema())


@pytest.mark.parametrize("name", ["joint", "paper", "quickstart", "student", "wide"])
def test_bundled_files_fit_the_schema_and_name_it(name: str) -> None:
    path = FOLDER / f"{name}.yaml"
    assert path.read_text().startswith("# yaml-language-server: $schema=search_space.schema.json\n")
    _validator().validate(read_yaml(path).data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("alpha: 0.05", "alfa: 0.05"),
        ("5e-5", "3"),
        ("beta: 0.05", "beta: '0.05'"),
        ("beta: 0.05", "beta: {lo: 1}"),
        ("beta: 0.05", "beta: {low: -1, high: 2}"),
        ("beta: 0.05", "beta: {choices: [1, 1]}"),
        ("beta: 0.05", "beta: {choices: [1, -1]}"),
    ],
)
def test_an_editor_sees_wrong_keys_and_values_too(write: Write, old: str, new: str) -> None:
    validator = _validator()
    assert validator.is_valid(read_yaml(write(VALID)).data)
    assert not validator.is_valid(read_yaml(write(VALID.replace(old, new, 1))).data)
