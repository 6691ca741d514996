"""The end of a search registers its winner: with the summary's numbers, once, and not if somebody else's is better."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch
from mlflow.tracking import MlflowClient
from rich.console import Console
from students import weights_file

from msd_ray.encoders.files import EncoderFiles
from msd_ray.files import sha256
from msd_ray.options import parse
from msd_ray.registration import content_digest
from msd_ray.search.configuration import BEST, PAPER, PAPER_CONFIGURATION, Configuration
from msd_ray.setup import Setup, set_up
from msd_ray.tracking.study import StudyTracker
from msd_ray.training import StudentSettings
from msd_ray.training.build import build_tagger
from msd_ray.tune import conclude, open_tracker

NAME = "msd-sample-tr"
FOUND = Configuration(teacher=PAPER_CONFIGURATION.teacher, student=StudentSettings(learning_rate=1e-4, beta=2.5))
ROWS = {PAPER: PAPER_CONFIGURATION, BEST: FOUND}


@pytest.fixture
def setup(tiny_encoder: EncoderFiles, tmp_path: Path) -> Setup:
    (found,) = set_up(
        parse(
            [
                *("--lang", "tr", "--dataset", "sample", "--limit", "8", "--frozen-layers", "2", "--seeds", "2"),
                *("--max-length", "24", "--encoder", str(tiny_encoder.directory), "--storage", str(tmp_path / "runs")),
            ]
        )
    )
    found.storage.create()
    return found


def finished(setup: Setup, *, noise: int, dev: float) -> StudyTracker:
    """The runs of a search that has ended: two seeds of the best configuration, with weights that `noise` draws."""
    tracker = open_tracker(setup)
    for seed, (below, test) in enumerate(((0.1, 0.8), (0.0, 0.6)), start=1):
        weights = f"students/{setup.settings.name}-{seed}.safetensors"
        tagger = build_tagger(setup.encoder, 7, run=setup.settings.run, dropout=0.1, device=torch.device("cpu"))
        generator = torch.Generator().manual_seed(10 * noise + seed)
        with torch.no_grad():
            for parameter in tagger.trained_parameters().values():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        (setup.storage.root / "students").mkdir(exist_ok=True)
        digest = sha256(weights_file(tagger, setup.storage.root / weights))
        tags = {"row": BEST, "seed": str(seed), "scored_split": "test", "configuration": FOUND.digest}
        key = f"final/{BEST}/{FOUND.digest}/seed-{seed}"
        run = tracker.child(
            key,
            name=f"final-{BEST}-seed-{seed}",
            parameters={},
            tags={**tags, "weights": weights, "weights_sha256": digest},
        )
        scores = {"dev_target/f1": dev - below, "test/f1": test, "best_epoch": 2}
        tracker.finish(run, state="COMPLETE", metrics=scores)
    return tracker


def ended(setup: Setup, tracker: StudyTracker) -> tuple[str, dict[str, str]]:
    """What the end of the search prints, and the tags of its parent run."""
    printed = StringIO()
    assert conclude(setup, tracker, ROWS, Console(file=printed, width=200))
    return printed.getvalue(), MlflowClient(setup.mlflow_uri).get_run(tracker.parent_id).data.tags


def test_the_winner_is_registered_once(setup: Setup) -> None:
    printed, tags = ended(setup, finished(setup, noise=0, dev=0.7))
    reason = "Champion with dev F1 70.00: there was none before."
    assert f"models:/{NAME}/1. {reason}" in printed
    assert (tags["registered"], tags["champion"], tags["champion_reason"]) == (f"models:/{NAME}/1", "true", reason)
    client = MlflowClient(setup.mlflow_uri)
    version = client.get_model_version_by_alias(NAME, "champion")
    expected = {
        "study": "sample-tr",
        "row": BEST,
        "configuration": FOUND.digest,
        "seed": "2",  # the best on dev; seed 1 is better on test, which must not count
        "encoder": setup.encoder.name,
        "zero_shot": "true",
        "content_sha256": content_digest(setup.storage.model("sample-tr")),
        "dev_f1": "0.7",
        "test_f1_n": "2",
        "dev_f1_n": "2",
        "data.target_dev": setup.corpora.digests["target_dev"],
    }
    assert {name: version.tags[name] for name in expected} == expected
    assert float(version.tags["test_f1_mean"]) == pytest.approx(0.7)
    assert float(version.tags["test_f1_sd"]) == pytest.approx(0.1 * 2**0.5)
    assert float(version.tags["dev_f1_mean"]) == pytest.approx(0.65)
    assert version.run_id is not None
    assert client.get_run(version.run_id).data.tags["seed"] == "2"

    assert ended(setup, finished(setup, noise=0, dev=0.7)) == (printed, tags)
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 1


def test_two_studies_of_one_language_have_one_champion(setup: Setup) -> None:
    ended(setup, finished(setup, noise=0, dev=0.7))
    worse = replace(setup, settings=replace(setup.settings, name="second"))
    printed, tags = ended(worse, finished(worse, noise=1, dev=0.6))
    assert (tags["registered"], tags["champion"]) == (f"models:/{NAME}/2", "false")
    assert "dev F1 60.00 does not beat the 70.00 of version 1" in printed
    better = replace(setup, settings=replace(setup.settings, name="third"))
    _, tags = ended(better, finished(better, noise=2, dev=0.8))
    assert (tags["registered"], tags["champion"]) == (f"models:/{NAME}/3", "true")
    version = MlflowClient(setup.mlflow_uri).get_model_version_by_alias(NAME, "champion")
    assert version.tags["study"] == "third"
    card = (setup.storage.model("third") / "README.md").read_text()
    for words in ("Its own F1 on Turkish dev: 80.00", f"Configuration: {FOUND.digest}", f"models:/{NAME}@champion"):
        assert words in card
