"""A registered student loaded by MLflow where this package cannot be imported, held against this package."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from msd_ray.export import load_student
from msd_ray.tagging import tag

LOAD = """
import json, sys
sys.modules["msd_ray"] = None  # an import of it fails
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
signature = model.metadata.signature
json.dump({"labels": model.predict(json.load(sys.stdin)), "example": model.predict(model.input_example),
           "inputs": signature.inputs.to_dict(), "outputs": signature.outputs.to_dict()}, sys.stdout)
"""


def sentences() -> list[list[str]]:
    """Short, empty, and longer than the student's 24 tokens, with words that have no token or more than fit."""
    generator = torch.Generator().manual_seed(0)
    vocabulary = ["the", "in", "Angela", "Merkel", "Paris", "ankara", "2024", "x", "\u200b", "в", "y" * 40, "北京"]
    lengths = [0, 1, 2, 5, 11, 12, 22, 23, 24, 60, 200, *torch.randint(1, 40, (60,), generator=generator).tolist()]
    return [[vocabulary[i] for i in torch.randint(len(vocabulary), (n,), generator=generator)] for n in lengths]


def assert_loads_alone(uri: str, model: str, student: Path, tmp_path: Path) -> None:
    """MLflow alone gives the labels of `msd_ray.tagging` for the directory."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, uri, model],
        input=json.dumps(sentences()),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = tag(load_student(student, torch.device("cpu")), sentences(), precision="fp32")
    assert found["labels"] == expected
    assert len({label for words in expected for label in words}) > 2, "the labels vary, so that they can tell"
    assert [len(words) for words in found["example"]] == [6]
    strings = [{"type": "array", "items": {"type": "string"}, "required": True}]
    assert (found["inputs"], found["outputs"]) == (strings, strings)
