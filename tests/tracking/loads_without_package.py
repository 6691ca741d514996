"""Compares a registered student, loaded by MLflow without this package, with this package's labels."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
import words_of_pipelines

from msd_ray.predict.export import load_student
from msd_ray.predict.tagging import tag

LOAD = """
import json, sys
sys.modules["msd_ray"] = None  # an import of it fails
import mlflow
from words_of_pipelines import labels_of_words
mlflow.set_tracking_uri(sys.argv[1])
served = mlflow.pyfunc.load_model(sys.argv[2])
labels = labels_of_words(mlflow.transformers.load_model(sys.argv[2]), json.load(sys.stdin))
json.dump({"labels": labels, "served": served.predict(served.input_example),
           "inputs": served.metadata.signature.inputs.to_dict()}, sys.stdout)
"""


def sentences() -> list[list[str]]:
    """Sentences of 0 to 39 words, some of which have no token or many."""
    generator = torch.Generator().manual_seed(0)
    vocabulary = ["the", "in", "Angela", "Merkel", "Paris", "ankara", "2024", "x", "\u200b", "в", "y" * 40, "北京"]
    lengths = [0, 1, 2, 5, 11, 12, 22, 23, 24, *torch.randint(1, 40, (60,), generator=generator).tolist()]
    return [[vocabulary[i] for i in torch.randint(len(vocabulary), (n,), generator=generator)] for n in lengths]


def assert_loads_without_package(uri: str, model: str, student: Path, tmp_path: Path) -> None:
    """Check that MLflow and transformers give the argmax labels of `predict.tagging` without this package."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, uri, model],
        input=json.dumps(sentences()),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            "PYTHONPATH": str(Path(words_of_pipelines.__file__).parent),
        },
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = tag(load_student(student, torch.device("cpu")), sentences(), precision="fp32", decode="argmax")
    assert found["labels"] == expected
    assert len({label for words in expected for label in words}) > 2, "the labels vary, so that they can tell"
    assert [type(text) for text in found["served"]] == [str]
    assert found["inputs"] == [{"type": "string", "required": True}]
