"""Search spaces: the hyperparameters that the teacher and the student phase vary, read from YAML and validated.

`python -m msd_ray.search.spaces --schema` prints the JSON Schema for editors, which is stored as
`search_spaces/search_space.schema.json`.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from msd_ray.common.errors import UserError, run_command
from msd_ray.common.option_types import place
from msd_ray.common.text import printable

from .parameters import JSON, Choice, Fixed, Parameter, Range, Scalar, parameters_to_json
from .space_model import FORMS, Point, SpaceModel, allowed_keys, json_schema, largest
from .yaml_source import KeyPath, YamlSource, dotted, listed, read_yaml, shown, suggestion

STUDY_FILE_KEYS = ("space", "configuration")
"""Keys of a study file that may hold a space: the options of `tune` and `ablate`."""
_OPTIMIZATION = {
    "head_learning_rate": 1.0,
    "omega_learning_rate": 1.0,
    "weight_decay": 0.01,
    "warmup": 0.1,
    "dropout": 0.1,
}
PAPER_TEACHER: Mapping[str, float] = {**_OPTIMIZATION, "learning_rate": 5e-5, "alpha": 0.05}
"""The teacher's hyperparameters in the paper (section 4, implementation details)."""
PAPER_STUDENT: Mapping[str, float | str] = {
    **_OPTIMIZATION,
    "learning_rate": 2e-5,
    "beta": 0.05,
    "alpha_prime": 0.001,
    "beta_prime": 0.001,
    "init": "encoder",
    "kd_loss": "mse",
    "temperature": 1.0,
    "confidence": 0.0,
    "rounds": 1,
    "teachers": 1,
}
"""The student's hyperparameters in the paper; what the paper does not have is off."""


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """A validated search space.

    Args:
        name: name of the file.
        description: what the space is for.
        teacher: all hyperparameters of the teacher phase by name, including fixed ones.
        student: likewise for the student phase.
        first_teachers: parameters of the first teacher trials; parameters that are not named are proposed.
        first_students: likewise for student trials.
    """

    name: str
    description: str
    teacher: Mapping[str, Parameter]
    student: Mapping[str, Parameter]
    first_teachers: tuple[Mapping[str, Scalar], ...] = (PAPER_TEACHER,)
    first_students: tuple[Mapping[str, Scalar], ...] = (PAPER_STUDENT,)

    @property
    def most_teachers(self) -> int:
        """Maximum number of teachers that a student learns from."""
        return max(
            largest(self.student["teachers"]), *(int(first.get("teachers", 1)) for first in self.first_students), 1
        )

    @property
    def may_average(self) -> bool:
        """Whether all students start from the same weights, so that they can be averaged."""
        starts = [self.student["init"], *(Fixed(value=first.get("init", "encoder")) for first in self.first_students)]
        return all(start == Fixed(value="encoder") for start in starts)

    def students_of(self, teachers: int) -> dict[str, Parameter]:
        """Return the student's parameters, with `teachers` limited to the number of trained teachers."""
        return {**self.student, "teachers": _at_most(self.student["teachers"], teachers)}

    def to_json(self) -> dict[str, JSON]:
        """Return what is searched, without name and description."""
        return {
            "teacher": parameters_to_json(self.teacher),
            "student": parameters_to_json(self.student),
            "first": {
                "teacher": [dict(point) for point in self.first_teachers],
                "student": [dict(point) for point in self.first_students],
            },
        }

    def digest(self) -> str:
        """Return the SHA-256 (hex) of `to_json`."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()


def load_space(name_or_path: str | Path) -> SearchSpace:
    """Load a bundled space by name (`student`), or a YAML file by path.

    Arguments that end with .yaml or .yml, or contain a directory, are paths. Of a study file, its space is loaded.

    Raises:
        UserError: the name is unknown, or the file is unreadable or invalid (with line and key).
    """
    source, section = _read(name_or_path)
    content = source.at(section)
    if not isinstance(content, dict):
        raise UserError(
            f"{source.where(())}: a search space is a mapping with the keys {listed(allowed_keys((), None))}"
        )
    try:
        model = SpaceModel.model_validate(content)
    except ValidationError as error:
        raise UserError(_explain(error, source, section)) from error
    return SearchSpace(
        name=source.path.stem,
        description=model.description,
        teacher=model.teacher.parameters(),
        student=model.student.parameters(),
        first_teachers=_points(model.teacher.first, PAPER_TEACHER),
        first_students=_points(model.student.first, PAPER_STUDENT),
    )


def space_content(name_or_path: str | Path) -> dict[str, Any]:
    """The space as its file has it, for another file. Raises UserError as `load_space` does."""
    load_space(name_or_path)
    source, section = _read(name_or_path)
    return dict(source.at(section))


def _read(name_or_path: str | Path) -> tuple[YamlSource, KeyPath]:
    """The file of a space, and the key in it under which the space is; () for a file that is a space."""
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml") and path.name == str(name_or_path):
        path = _named_file(str(name_or_path))
    source = read_yaml(path)
    keys = source.data if isinstance(source.data, dict) else {}
    return source, next(((key,) for key in STUDY_FILE_KEYS if isinstance(keys.get(key), dict)), ())


def _points(first: Sequence[Literal["paper"] | Point], paper: Mapping[str, Scalar]) -> tuple[Mapping[str, Scalar], ...]:
    return tuple(paper if isinstance(point, str) else point for point in first)


def _at_most(parameter: Parameter, most: int) -> Parameter:
    """Return a parameter of whole numbers without the values above `most`."""
    if isinstance(parameter, Fixed):
        return Fixed(value=min(int(parameter.value), most))
    if isinstance(parameter, Range):
        if parameter.low >= most:
            return Fixed(value=most)
        step = parameter.step or 1
        high = parameter.low + (min(parameter.high, most) - parameter.low) // step * step
        return replace(parameter, high=high) if parameter.low < high else Fixed(value=int(high))
    values = tuple(value for value in parameter.values if int(value) <= most)
    return Choice(values=values) if len(values) > 1 else Fixed(value=values[0] if values else most)


def with_every_choice(known: Sequence[Mapping[str, JSON]], space: Mapping[str, Parameter]) -> list[dict[str, JSON]]:
    """The known points, and as few more as needed to try each value of each `Choice`; these name choices only."""
    untried = {
        name: [value for value in parameter.values if all(point.get(name) != value for point in known)]
        for name, parameter in space.items()
        if isinstance(parameter, Choice)
    }
    more = [
        {name: value for name, value in zip(untried, values, strict=True) if value is not None}
        for values in zip_longest(*untried.values())
    ]
    return [*(dict(point) for point in known), *more]


def space_names() -> list[str]:
    """Return the names of the bundled spaces."""
    return sorted(_bundled_files())


def _bundled_files() -> dict[str, Path]:
    """Return the bundled files by name: in a checkout next to the package, else from the installed files."""
    beside = Path(__file__).resolve().parents[2] / "search_spaces"
    if beside.is_dir():
        return {path.stem: path for path in beside.glob("*.yaml")}
    try:
        installed = metadata.files("msd-ray") or []
    except metadata.PackageNotFoundError:
        installed = []
    return {
        file.stem: Path(str(file.locate())).resolve()
        for file in installed
        if file.parent.name == "search_spaces" and file.suffix == ".yaml"
    }


def _named_file(name: str) -> Path:
    files = _bundled_files()
    if name in files:
        return files[name]
    raise UserError(
        f"search space `{name}` is unknown{suggestion(name, sorted(files)) or '.'} "
        f"Choose {listed(sorted(files))}, or give the path of a YAML file."
    )


def _explain(error: ValidationError, source: YamlSource, section: KeyPath) -> str:
    """Return one line per error, in the order of the file."""
    found: list[tuple[int, str]] = []
    for detail in error.errors():
        key_path, problem = _key_and_problem(detail)
        key_path = (*section, *key_path)
        line = (source.line(key_path), f"{source.where(key_path)}: `{dotted(key_path)}`: {problem}")
        if line not in found:
            found.append(line)
    return "\n".join(text for _, text in sorted(found, key=lambda item: item[0]))


def _key_and_problem(detail: Any) -> tuple[KeyPath, str]:
    location, context = detail["loc"], detail.get("ctx", {})
    if detail["type"] == "search_space_point":
        key_path = (*location, "first", context["place"], context["detail"]["loc"][0])
        return key_path, _problem(context["detail"], key_path, None)
    if location[1:2] == ("first",) and len(location) > 3:  # pydantic reports each form that it could have
        return location[:3], "must be `paper`, or a mapping from parameters to values"
    form = next((str(part) for part in location[2:3] if part in ("fixed", *FORMS)), None)
    key_path = location if form is None else (*location[:2], *location[3:])
    if "key" in context:
        key_path = (*key_path, *context["key"].split("."))
    return key_path, _problem(detail, key_path, form)


def _problem(detail: Any, key_path: KeyPath, form: str | None) -> str:
    kind, given = detail["type"], detail["input"]
    if kind == "search_space":
        return str(detail["ctx"]["message"])
    if kind in ("missing", "extra_forbidden"):
        allowed = allowed_keys(key_path[:-1], form)
        if kind == "missing":
            return "is missing"
        return f"unknown key{suggestion(str(key_path[-1]), allowed)}; allowed here: {listed(allowed)}"
    if kind == "float_type" and form == "fixed":
        return f"given {shown(given)}, must be a number, {{low: ..., high: ...}} or {{choices: [...]}}"
    message = detail["msg"].replace("Input should", "must").replace("List should", "must")
    return f"given {shown(given)}, {message}"


def main() -> int:
    """Print the JSON Schema, or check the named spaces and files."""
    parser = argparse.ArgumentParser(prog="python -m msd_ray.search.spaces", description=main.__doc__)
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of a search space file")
    parser.add_argument("spaces", nargs="*", type=place, metavar="SPACE", help="a name or a YAML file to check")
    arguments = parser.parse_args()
    if arguments.schema:
        print(json.dumps(json_schema(), indent=2))
    for name in arguments.spaces:
        space = load_space(name)
        print(printable(f"{space.name}: {space.description}"))
    return 0


if __name__ == "__main__":
    run_command(main)
