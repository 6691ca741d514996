"""Search spaces: which hyperparameters the teacher and the student phase vary, read from YAML and validated.

`python -m msd_ray.search.spaces --schema` prints the JSON Schema for editors, which is kept as
`search_spaces/search_space.schema.json`.
"""

import argparse
import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from msd_ray.errors import UserError, run_command
from msd_ray.printable import printable
from msd_ray.search.parameters import (
    JSON,
    Choice,
    Fixed,
    Parameter,
    Range,
    Scalar,
    parameters_to_json,
)
from msd_ray.search.space_model import FORMS, SpaceModel, allowed_keys, json_schema
from msd_ray.search.yaml_source import KeyPath, YamlSource, read_yaml

__all__ = [
    "JSON",
    "PAPER_STUDENT",
    "PAPER_TEACHER",
    "Choice",
    "Fixed",
    "Parameter",
    "Range",
    "Scalar",
    "SearchSpace",
    "load_space",
    "parameters_to_json",
    "space_names",
]

_OPTIMIZATION = {"weight_decay": 0.01, "warmup": 0.1, "dropout": 0.1}
PAPER_TEACHER: Mapping[str, float] = {**_OPTIMIZATION, "learning_rate": 5e-5, "alpha": 0.05}
"""The teacher's hyperparameters as the paper gives them (section 4, implementation details)."""
PAPER_STUDENT: Mapping[str, float | str] = {
    **_OPTIMIZATION,
    "learning_rate": 2e-5,
    "beta": 0.05,
    "alpha_prime": 0.001,
    "beta_prime": 0.001,
    "init": "encoder",
}
"""The student's hyperparameters as the paper gives them."""


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """A validated search space.

    `teacher` and `student` hold every hyperparameter of their phase by name, fixed ones too. `teachers` is
    the number of best teachers of the teacher phase that a student may learn from.
    """

    name: str
    description: str
    teacher: Mapping[str, Parameter]
    student: Mapping[str, Parameter]
    teachers: int

    def student_phase(self, teachers: int) -> dict[str, Parameter]:
        """Return the student's parameters and `teacher`, the rank (0 = best) of the teacher it learns from.

        `teachers` is how many trained teachers there are; fewer than the space allows narrow the choice.
        """
        ranks = tuple(range(min(self.teachers, teachers)))
        teacher: Parameter = Choice(values=ranks) if len(ranks) > 1 else Fixed(value=0)
        return {**self.student, "teacher": teacher}

    def to_json(self) -> dict[str, JSON]:
        """Return what is searched, without name and description: equal for spaces that search the same."""
        return {
            "teacher": parameters_to_json(self.teacher),
            "student": parameters_to_json(self.student),
            "teachers": self.teachers,
        }

    def digest(self) -> str:
        """Return the SHA-256 (hex) of `to_json`."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()


def load_space(name_or_path: str | Path) -> SearchSpace:
    """Load a space by the name of one that comes with msd_ray (`student`) or by the path of a YAML file.

    What ends with .yaml or .yml, or contains a directory, is a path.

    Raises:
        UserError: unknown name, unreadable file, or no valid search space (file, line, key, what is allowed).
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml") and path.name == str(name_or_path):
        path = _named_file(str(name_or_path))
    source = read_yaml(path)
    if not isinstance(source.data, dict):
        raise UserError(
            f"{source.where(())}: a search space is a mapping with the keys {_listed(allowed_keys((), None))}"
        )
    try:
        model = SpaceModel.model_validate(source.data)
    except ValidationError as error:
        raise UserError(_explain(error, source)) from error
    return SearchSpace(
        name=path.stem,
        description=model.description,
        teacher=model.teacher.parameters(),
        student=model.student.parameters(),
        teachers=model.student.teachers,
    )


def space_names() -> list[str]:
    """Return the names of the spaces that come with msd_ray."""
    return sorted(_bundled_files())


def _bundled_files() -> dict[str, Path]:
    """Return the bundled files by name: in a checkout beside the package, else among the installed files."""
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
        f"unknown search space `{name}`{_suggestion(name, sorted(files))}; "
        f"there are {_listed(sorted(files))}; or give the path of a YAML file"
    )


def _explain(error: ValidationError, source: YamlSource) -> str:
    """Return one line for each thing that is wrong, in the order of the file."""
    found: list[tuple[int, str]] = []
    for detail in error.errors():
        form = next((part for part in detail["loc"][2:3] if part in ("fixed", *FORMS)), None)
        key_path = detail["loc"] if form is None else (*detail["loc"][:2], *detail["loc"][3:])
        if "key" in detail.get("ctx", {}):
            key_path = (*key_path, *detail["ctx"]["key"].split("."))
        where = source.where(key_path)
        problem = _problem(detail, key_path, None if form is None else str(form))
        found.append((int(where.rsplit(":", 1)[1]), f"{where}: `{_dotted(key_path)}`: {problem}"))
    return "\n".join(text for _, text in sorted(found, key=lambda item: item[0]))


def _problem(detail: Any, key_path: KeyPath, form: str | None) -> str:
    kind, given = detail["type"], detail["input"]
    if kind == "search_space":
        return str(detail["ctx"]["message"])
    if kind in ("missing", "extra_forbidden"):
        allowed = allowed_keys(key_path[:-1], form)
        if kind == "missing":
            return "is missing"
        return f"unknown key{_suggestion(str(key_path[-1]), allowed)}; allowed here: {_listed(allowed)}"
    if kind == "float_type" and form == "fixed":
        return f"given {_shown(given)}, must be a number, {{low: ..., high: ...}} or {{choices: [...]}}"
    message = detail["msg"].replace("Input should", "must").replace("List should", "must")
    return f"given {_shown(given)}, {message}"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _suggestion(given: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(given, allowed, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _dotted(key_path: KeyPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key_path).lstrip(".")


def main() -> int:
    """Print the JSON Schema, or check the named spaces and files."""
    parser = argparse.ArgumentParser(prog="python -m msd_ray.search.spaces", description=main.__doc__)
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of a search space file")
    parser.add_argument("spaces", nargs="*", metavar="SPACE", help="a name or a YAML file to check")
    arguments = parser.parse_args()
    if arguments.schema:
        print(json.dumps(json_schema(), indent=2))
    for name in arguments.spaces:
        space = load_space(name)
        print(printable(f"{space.name}: {space.description}"))
    return 0


if __name__ == "__main__":
    run_command(main)
