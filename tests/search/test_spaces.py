"""Search spaces: bundled files, error messages, and the JSON Schema."""

import json
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from msd_ray.cli.options import parse
from msd_ray.common.errors import UserError
from msd_ray.data.load import load_source
from msd_ray.search.parameters import Choice, Fixed, Range
from msd_ray.search.space_model import json_schema
from msd_ray.search.spaces import PAPER_STUDENT, PAPER_TEACHER, load_space, space_names
from msd_ray.search.yaml_source import read_yaml

NAMES = ["joint", "paper", "quickstart", "student", "wide"]
PAPER_STEPS = 6250
"""Ten epochs of 20,000 sentences in batches of 32."""
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

SEARCHED = VALID.replace("alpha: 0.05", "alpha: {low: 0.01, high: 1, log: true}")
"""With a teacher that is searched, so that a student may learn from several."""

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
    assert space_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_bundled_spaces_have_every_hyperparameter_and_the_recipe(name: str) -> None:
    space = load_space(name)
    assert space.name == name
    assert set(space.teacher) == set(PAPER_TEACHER)
    assert set(space.student) == set(PAPER_STUDENT)
    assert space.student["init"] == Fixed(value="encoder")
    assert space.may_average
    if name != "paper":
        for parameters, channels in ((space.teacher, "alpha"), (space.student, "beta")):
            assert isinstance(parameters["learning_rate"], Range)
            assert isinstance(parameters["head_learning_rate"], Range)
            # At the encoder's rate layer weights would stay what they were drawn as.
            assert parameters["omega_learning_rate"] != Fixed(value=1.0) or parameters[channels] == Fixed(value=0.0)
        assert not isinstance(space.student["kd_loss"], Fixed) or name == "quickstart"


@pytest.mark.parametrize("name", ["joint", "paper", "student", "wide"])
def test_the_papers_point_is_tried_and_its_rates_are_in_the_ranges(name: str) -> None:
    space = load_space(name)
    assert PAPER_TEACHER in space.first_teachers
    assert PAPER_STUDENT in space.first_students
    for parameters, paper in ((space.teacher, PAPER_TEACHER), (space.student, PAPER_STUDENT)):
        assert all(parameters[name].contains(paper[name]) for name in ("learning_rate", "head_learning_rate"))


def test_paper_space_is_one_point() -> None:
    space = load_space("paper")
    assert space.teacher == {name: Fixed(value=value) for name, value in PAPER_TEACHER.items()}
    assert space.student == {name: Fixed(value=value) for name, value in PAPER_STUDENT.items()}
    assert (space.first_teachers, space.first_students) == ((PAPER_TEACHER,), (PAPER_STUDENT,))


def test_rates_of_the_quickstart_follow_from_its_number_of_steps() -> None:
    """The paper's rates times the square root of its steps through the preset's; half of that for the teacher."""
    preset, space = parse(["--lang", "ar", "--preset", "quickstart"]), load_space("quickstart")
    there = len(load_source("sample", None).train)

    def factor(sentences: int | None, epochs: int | None) -> float:
        assert sentences is not None
        assert epochs is not None
        assert sentences <= there
        return math.sqrt(PAPER_STEPS / (epochs * math.ceil(sentences / preset.batch_size)))

    for parameters, expected in (
        (space.student, PAPER_STUDENT["learning_rate"] * factor(preset.target_limit, preset.student_epochs)),  # type: ignore[operator]
        (space.teacher, PAPER_TEACHER["learning_rate"] * factor(preset.limit, preset.epochs) / 2),
    ):
        rate = parameters["learning_rate"]
        assert isinstance(rate, Range)
        assert rate.low == pytest.approx(expected, rel=0.1)


def test_students_learn_from_no_more_teachers_than_there_are(write: Write) -> None:
    def students_of(form: str, count: int) -> Any:
        text = SEARCHED.replace("beta: 0.05", f"beta: 0.05\n  teachers: {form}")
        return load_space(write(text)).students_of(count)["teachers"]

    assert [students_of("3", count) for count in (1, 2, 5)] == [Fixed(value=value) for value in (1, 2, 3)]
    assert students_of("{low: 1, high: 5}", 9) == Range(low=1, high=5, step=1)
    assert students_of("{low: 1, high: 5}", 3) == Range(low=1, high=3, step=1)
    assert students_of("{low: 1, high: 5}", 1) == Fixed(value=1)
    assert students_of("{low: 3, high: 5}", 2) == Fixed(value=2)
    assert students_of("{low: 1, high: 5, step: 2}", 4) == Range(low=1, high=3, step=2)
    assert students_of("{low: 1, high: 5, step: 2}", 2) == Fixed(value=1)
    assert students_of("{choices: [1, 3, 5]}", 4) == Choice(values=(1, 3))
    assert students_of("{choices: [1, 3]}", 2) == Fixed(value=1)
    assert students_of("{choices: [3, 5]}", 2) == Fixed(value=2)


@pytest.mark.parametrize(
    ("form", "most"),
    [("4", 4), ("{low: 1, high: 3}", 3), ("{choices: [1, 5, 2]}", 5), ("2\n  first: [{teachers: 4}]", 4)],
)
def test_the_most_teachers_of_a_space(write: Write, form: str, most: int) -> None:
    assert load_space(write(SEARCHED.replace("beta: 0.05", f"beta: 0.05\n  teachers: {form}"))).most_teachers == most


def test_first_points_are_the_papers_unless_others_are_given(write: Write) -> None:
    assert load_space(write(VALID)).first_students == (PAPER_STUDENT,)
    none = load_space(write(VALID.replace("alpha: 0.05", "alpha: 0.05\n  first: []")))
    assert none.first_teachers == ()
    both = load_space(
        write(VALID.replace("beta: 0.05", "beta: 0.05\n  first: [{learning_rate: 1e-3, kd_loss: mse}, paper]"))
    )
    assert both.first_students == ({"learning_rate": 1e-3, "kd_loss": "mse"}, PAPER_STUDENT)
    assert both.digest() != load_space(write(VALID)).digest()


@pytest.mark.parametrize(
    ("init", "averages"),
    [
        ("init: encoder", True),
        ("init: teacher", False),
        ("init: {choices: [encoder, teacher]}", False),
        ("first: [{init: teacher}, paper]", False),
        ("first: [paper]", True),
    ],
)
def test_students_that_start_elsewhere_have_no_average(write: Write, init: str, averages: bool) -> None:
    assert load_space(write(VALID.replace("beta: 0.05", f"beta: 0.05\n  {init}"))).may_average is averages


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


STUDENT = "beta: 0.05"
"""Line 7 of `VALID`, after which other keys of the student can stand."""
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
    ("beta: 0.05", "beta: {low: 1, high: 2, log: true, step: 1}", "`student.beta.step`: not allowed with log"),
    ("beta: 0.05", "beta: {low: 1, high: 2, step: 3}", "`student.beta.step`: given 3, must be at most high"),
    ("beta: 0.05", "beta: {lo: 1, high: 2}", "`student.beta.lo`: unknown key; did you mean `low`?; allowed here"),
    ("beta: 0.05", "beta: {choices: [1]}", "`student.beta.choices`: given [1], must have at least 2"),
    ("beta: 0.05", "beta: {choices: [1, 1]}", "`student.beta.choices`: contains a value twice"),
    ("beta: 0.05", "beta: {choices: [1, x]}", '`student.beta.choices[1]`: given "x", must be a valid number'),
    ("beta: 0.05", "beta: 0.05\n  dropout: 0.95", "8: `student.dropout`: given 0.95, must be less than or equal"),
    ("beta: 0.05", "beta: 0.05\n  dropout: {low: -1, high: 1}", "8: `student.dropout.high`: given 1, must be"),
    ("beta: 0.05", "beta: 0.05\n  teachers: 0", "8: `student.teachers`: given 0, must be greater"),
    ("beta: 0.05", "beta: 0.05\n  teachers: 2", "8: `student.teachers`: given 2, but the teacher section has a single"),
    (STUDENT, f"{STUDENT}\n  teachers: 6", "8: `student.teachers`: given 6, must be less than or equal to 5"),
    (STUDENT, f"{STUDENT}\n  teachers: 1.5", "8: `student.teachers`: given 1.5, must be"),
    (STUDENT, f"{STUDENT}\n  temperature: 0", "8: `student.temperature`: given 0, must be greater than 0"),
    (STUDENT, f"{STUDENT}\n  temperature: 101", "8: `student.temperature`: given 101, must be less than or equal"),
    (STUDENT, f"{STUDENT}\n  confidence: 1", "8: `student.confidence`: given 1, must be less than 1"),
    (STUDENT, f"{STUDENT}\n  confidence: -0.1", "8: `student.confidence`: given -0.1, must be greater than or"),
    (STUDENT, f"{STUDENT}\n  rounds: 0", "8: `student.rounds`: given 0, must be greater than or equal to 1"),
    (STUDENT, f"{STUDENT}\n  rounds: 11", "8: `student.rounds`: given 11, must be less than or equal to 10"),
    (
        STUDENT,
        f"{STUDENT}\n  rounds: {{low: 1, high: 4, step: 1.5}}",
        "8: `student.rounds`: a range of whole numbers cannot have log",
    ),
    (STUDENT, f"{STUDENT}\n  kd_loss: kl", "8: `student.kd_loss`: given \"kl\", must be 'mse' or"),
    (STUDENT, f"{STUDENT}\n  kd_loss: {{choices: [mse, kl]}}", '8: `student.kd_loss.choices[1]`: given "kl", must'),
    (STUDENT, f"{STUDENT}\n  init: nowhere", '8: `student.init`: given "nowhere", must be'),
    (STUDENT, f"{STUDENT}\n  head_learning_rate: 0", "8: `student.head_learning_rate`: given 0, must be greater"),
    (STUDENT, f"{STUDENT}\n  omega_learning_rate: 1e6", "8: `student.omega_learning_rate`: given 1000000.0, must be"),
    (STUDENT, f"{STUDENT}\n  first: paper", '8: `student.first`: given "paper", must be a valid list'),
    (STUDENT, f"{STUDENT}\n  first: [papers]", "8: `student.first[0]`: must be `paper`, or a mapping"),
    (STUDENT, f"{STUDENT}\n  first: [{{beta: [1]}}]", "8: `student.first[0]`: must be `paper`, or a mapping"),
    (
        STUDENT,
        f"{STUDENT}\n  first:\n    - paper\n    - {{betta: 1}}",
        "10: `student.first[1].betta`: unknown key; did",
    ),
    (STUDENT, f"{STUDENT}\n  first: [{{first: 1}}]", "8: `student.first[0].first`: given 1, must be"),
    (
        STUDENT,
        f"{STUDENT}\n  first: [{{temperature: 0}}]",
        "8: `student.first[0].temperature`: given 0, must be greater",
    ),
    (STUDENT, f"{STUDENT}\n  first: [{{rounds: 1.5}}]", "8: `student.first[0].rounds`: given 1.5, must be"),
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
def test_files_that_are_not_search_spaces(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "space.yaml"
    path.write_bytes(content)
    assert message in complaint(path)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "space.yml"
    path.write_bytes(b"\xef\xbb\xbf" + VALID.encode())
    assert load_space(path).description == "a test"


def test_paths_that_are_not_files(tmp_path: Path) -> None:
    assert "no such file" in complaint(tmp_path / "missing.yaml")
    (tmp_path / "folder.yaml").mkdir()
    assert "is no ordinary file" in complaint(tmp_path / "folder.yaml")


def test_unknown_names_suggest_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"search space `studnet` is unknown; did you mean `student`\? Choose"):
        load_space("studnet")


def test_the_committed_schema_is_current() -> None:
    command = [sys.executable, "-m", "msd_ray.search.spaces", "--schema"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert (FOLDER / "search_space.schema.json").read_text() == printed
    assert json.loads(printed) == json_schema()


def _validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    return jsonschema.Draft202012Validator(json_schema())


@pytest.mark.parametrize("name", NAMES)
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
