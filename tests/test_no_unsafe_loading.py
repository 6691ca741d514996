"""Nothing that is loaded can run code: no pickles, no remote code, no evaluated text, anywhere in the package."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("msd_ray/**/*.py"), *ROOT.glob("benchmarks/**/*.py")])
MODULES = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
CALLS = {"torch.load", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec"}
KEYWORDS = {"trust_remote_code", "allow_pickle", "shell"}


def unsafe(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of what loads more than data. A keyword that is False asks for safety, and is none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield node.lineno, str(node.module)
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in CALLS:
                yield node.lineno, name
            for keyword in node.keywords:
                refused = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                if keyword.arg in KEYWORDS and not refused:
                    yield node.lineno, str(keyword.arg)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_loads_more_than_data(path: Path) -> None:
    assert list(unsafe(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from cloudpickle import loads",
        "import os, dill as d",
        "torch.load(path)",
        "yaml.load(text, Loader=yaml.Loader)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=choice)",
        "np.load(path, allow_pickle=True)",
        "eval(text)",
    ],
)
def test_the_check_sees_what_it_is_for(line: str) -> None:
    assert list(unsafe(ast.parse(line)))


@pytest.mark.parametrize("line", ["model.eval()", "f(trust_remote_code=False)", "yaml.safe_load(text)", "import json"])
def test_the_check_lets_data_pass(line: str) -> None:
    assert not list(unsafe(ast.parse(line)))
