"""Nothing that is loaded can run code: no pickles, no remote code, no evaluated text, no shell, in any source.

A check of what sources say, for ordinary code: imports under any name, methods by any name, options in any form. Who
wants to hide a call from it can; a reviewer sees that.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("msd_ray/**/*.py"), *ROOT.glob("benchmarks/**/*.py"), *ROOT.glob("cluster/**/*.py")])
MODULES = {
    *("pickle", "_pickle", "cPickle", "pickle5", "cloudpickle", "dill", "joblib", "shelve", "marshal", "jsonpickle"),
    *("hickle", "skops", "code", "codeop", "imp", "xmlrpc"),
    *("torch.package", "torch.hub", "ray.cloudpickle", "multiprocessing.reduction"),
}
BUILTINS = {"eval", "exec", "compile", "__import__", "execfile"}
# What these modules load runs code, under whatever name module or function were imported.
FUNCTIONS = {
    "torch": {"load"},
    "torch.serialization": {"load"},
    "torch.jit": {"load"},
    "torch.export": {"load"},
    "torch.utils.cpp_extension": {"load", "load_inline"},
    "yaml": {"load", "load_all", "unsafe_load", "unsafe_load_all", "full_load", "full_load_all"},
    "pandas": {"read_pickle", "eval", "HDFStore", "read_hdf"},
    "os": {"system", "popen", "execl", "execv", "execve", "execvp", "execlp", "spawnl", "spawnv", "spawnvp"},
    "subprocess": {"getoutput", "getstatusoutput"},
    "asyncio": {"create_subprocess_shell"},
    "importlib": {"import_module", "__import__"},
    "runpy": {"run_path", "run_module"},
    "mlflow.pyfunc": {"load_model"},
    "mlflow.pytorch": {"load_model"},
    "mlflow.sklearn": {"load_model"},
    "mlflow.transformers": {"load_model"},
    "transformers.dynamic_module_utils": {"get_class_from_dynamic_module"},
    "builtins": BUILTINS,
}
ATTRIBUTES = {"read_pickle", "to_pickle", "UnsafeLoader", "FullLoader", "get_class_from_dynamic_module"}
KEYWORDS = {"trust_remote_code", "allow_pickle", "shell", "weights_only"}
# They import modules of this package by names that stand in them.
OWN_MODULES = {"__init__.py": ["importlib.import_module"], "__main__.py": ["importlib.import_module"]}
HARMLESS = {"weights_only": True}  # every other keyword asks for safety where it is False


def unsafe(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of what loads more than data. A keyword that asks for safety is none."""
    names = _imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if _is_forbidden(alias.name))
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            for alias in node.names:
                if (
                    _is_forbidden(module)
                    or _is_forbidden(f"{module}.{alias.name}")
                    or _is_unsafe(f"{module}.{alias.name}")
                    or alias.name in ATTRIBUTES
                ):
                    yield node.lineno, f"{module}.{alias.name}"
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in BUILTINS:
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            name = _full_name(node, names)
            imported = _root(node) in names  # a variable may be called `code`
            if _is_unsafe(name) or (imported and _is_forbidden(name)) or node.attr in ATTRIBUTES:
                yield node.lineno, name
        elif isinstance(node, ast.Call):
            yield from _unsafe_options(node)
        elif isinstance(node, ast.Dict):
            yield from _unsafe_entries(node)


def _imported(tree: ast.AST) -> dict[str, str]:
    """What each name stands for that an import made."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.split(".")[0]
                names[alias.asname or name] = name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _full_name(node: ast.expr, names: dict[str, str]) -> str:
    """`np.load` as `numpy.load`; something that is no name and its attributes as it stands there."""
    if isinstance(node, ast.Attribute):
        return f"{_full_name(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else ast.unparse(node)


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_forbidden(module: str) -> bool:
    parts = module.split(".")
    return any(".".join(parts[:end]) in MODULES for end in range(1, len(parts) + 1))


def _is_unsafe(name: str) -> bool:
    module, _, function = name.rpartition(".")
    return function in FUNCTIONS.get(module, ())


def _unsafe_options(call: ast.Call) -> Iterator[tuple[int, str]]:
    for keyword in call.keywords:
        if keyword.arg in KEYWORDS and not _asks_for_safety(keyword.arg, keyword.value):
            yield call.lineno, keyword.arg
    function = call.func.id if isinstance(call.func, ast.Name) else ""
    if function in ("getattr", "setattr", "hasattr") and len(call.args) > 1:
        attribute = call.args[1]
        if isinstance(attribute, ast.Constant) and attribute.value in BUILTINS | {"load", "read_pickle", *KEYWORDS}:
            yield call.lineno, f"{function}({attribute.value!r})"


def _unsafe_entries(node: ast.Dict) -> Iterator[tuple[int, str]]:
    """Options that are gathered in a dictionary first."""
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and key.value in KEYWORDS and not _asks_for_safety(str(key.value), value):
            yield node.lineno, str(key.value)


def _asks_for_safety(name: str, value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is HARMLESS.get(name, False)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_loads_more_than_data(path: Path) -> None:
    found = [name for _, name in unsafe(ast.parse(path.read_text(encoding="utf-8")))]
    assert found == OWN_MODULES.get(path.name if path.parent == ROOT / "msd_ray" else "", [])


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "import pickle as p",
        "from cloudpickle import loads",
        "from ray import cloudpickle",
        "import ray.cloudpickle as rp",
        "import os, dill as d",
        "import joblib",
        "import shelve",
        "from marshal import loads",
        "torch.load(path)",
        "import torch as t\nt.load(path)",
        "from torch import load",
        "from torch import load as read\nread(path)",
        "from torch import jit\njit.load(path)",
        "import torch\ntorch.hub.load('a', 'b')",
        "f = torch.load\nf(path)",
        "import yaml\nyaml.load(text, Loader=yaml.Loader)",
        "import yaml as y\ny.unsafe_load(text)",
        "from yaml import UnsafeLoader",
        "from yaml import full_load",
        "yaml.load_all(text)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=choice)",
        "AutoModel.from_pretrained(name, **{'trust_remote_code': True})",
        "options = {'trust_remote_code': choice}",
        "np.load(path, allow_pickle=True)",
        "torch.load_somehow(path, weights_only=False)",
        "eval(text)",
        "exec(text)",
        "run = eval\nrun(text)",
        "import builtins\nbuiltins.exec(text)",
        "__import__(name)",
        "compile(text, 'a', 'exec')",
        "getattr(torch, 'load')(path)",
        "subprocess.run(text, shell=True)",
        "subprocess.getoutput(text)",
        "os.system(text)",
        "from os import popen",
        "import pandas as pd\npd.read_pickle(path)",
        "frame.read_pickle(path)",
        "importlib.import_module(name)",
        "runpy.run_path(path)",
        "mlflow.pyfunc.load_model(uri)",
        "from mlflow import pyfunc\npyfunc.load_model(uri)",
        "from mlflow.pyfunc import load_model",
    ],
)
def test_the_check_sees_what_it_is_for(line: str) -> None:
    assert list(unsafe(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "model.eval()",
        "f(trust_remote_code=False)",
        "f(weights_only=True)",
        "{'trust_remote_code': False}",
        "yaml.safe_load(text)",
        "class Loader(yaml.SafeLoader): ...",
        "import json\njson.load(file)",
        "np.load(path)",
        "re.compile(text)",
        "subprocess.run([text])",
        "safetensors.torch.load_file(path)",
        "importlib.metadata.version(name)",
        "getattr(config, 'hidden_size')",
        "self.load(path)",
    ],
)
def test_the_check_lets_data_pass(line: str) -> None:
    assert not list(unsafe(ast.parse(line)))
