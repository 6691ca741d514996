"""The end of a search registers its winner: with the summary's numbers, once, and not if somebody else's is better."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch
from mlflow.tracking import MlflowClient
from rich.console import Console
from students import weights_file

from msd_ray.cli.options import TuneOptions, parse
from msd_ray.cli.search_study import conclude, open_tracker
from msd_ray.cli.setup import Setup, set_up
from msd_ray.cli.winner import content_digest
from msd_ray.common.files import sha256
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.method.build import build_tagger
from msd_ray.method.settings import Configuration, StudentSettings
from msd_ray.search.configuration import AVERAGE, BEST, PAPER, PAPER_CONFIGURATION, row_digest
from msd_ray.tracking.study import StudyTracker

NAME = "msd-sample-tr"
FOUND = Configuration(teachers=PAPER_CONFIGURATION.teachers, student=StudentSettings(learning_rate=1e-4, beta=2.5))
ROWS = {PAPER: (PAPER_CONFIGURATION,), BEST: (FOUND,), AVERAGE: (FOUND, PAPER_CONFIGURATION)}
METRIC = {"target": "dev_target/f1", "source": "dev_source/f1"}


@pytest.fixture
def options(tiny_encoder: EncoderFiles, tmp_path: Path) -> TuneOptions:
    return parse(
        [
            *("--lang", "tr", "--dataset", "sample", "--limit", "8", "--frozen-layers", "2", "--seeds", "2"),
            *("--max-length", "24", "--encoder", str(tiny_encoder.directory), "--storage", str(tmp_path / "runs")),
        ]
    )


@pytest.fixture
def setup(options: TuneOptions) -> Setup:
    return set_up_one(options)


def set_up_one(options: TuneOptions) -> Setup:
    (found,) = set_up(options)
    found.storage.create()
    return found


def finished(setup: Setup, *, noise: int, dev: float, row: str = BEST) -> StudyTracker:
    """The runs of a search that has ended: two seeds of a row, with weights that `noise` draws."""
    tracker = open_tracker(setup)
    configuration = row_digest(ROWS[row])
    for seed, (below, test) in enumerate(((0.1, 0.8), (0.0, 0.6)), start=1):
        weights = f"students/{setup.settings.name}-{row}-{seed}.safetensors"
        tagger = build_tagger(setup.encoder, 7, run=setup.settings.run, dropout=0.1, device=torch.device("cpu"))
        generator = torch.Generator().manual_seed(10 * noise + seed)
        with torch.no_grad():
            for parameter in tagger.trained_parameters().values():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        (setup.storage.root / "students").mkdir(exist_ok=True)
        digest = sha256(weights_file(tagger, setup.storage.root / weights))
        tags = {"row": row, "seed": str(seed), "scored_split": "test", "configuration": configuration}
        key = f"final/{row}/{configuration}/seed-{seed}"
        run = tracker.child(
            key,
            name=f"final-{row}-seed-{seed}",
            parameters={},
            tags={**tags, "weights": weights, "weights_sha256": digest},
        )
        scores = {METRIC[setup.data.select_on]: dev - below, "test/f1": test, "best_epoch": 2}
        tracker.finish(run, state="COMPLETE", metrics=scores)
    return tracker


def ended(setup: Setup, options: TuneOptions, tracker: StudyTracker) -> tuple[str, dict[str, str]]:
    """What the end of the search prints, and the tags of its parent run."""
    printed = StringIO()
    won, _ = conclude(setup, options, tracker, ROWS, Console(file=printed, width=200))
    assert won
    return printed.getvalue(), MlflowClient(setup.mlflow_uri).get_run(tracker.parent_id).data.tags


def test_the_winner_is_registered_once(setup: Setup, options: TuneOptions) -> None:
    printed, tags = ended(setup, options, finished(setup, noise=0, dev=0.7))
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

    assert ended(setup, options, finished(setup, noise=0, dev=0.7)) == (printed, tags)
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 1


def test_two_studies_of_one_language_have_one_champion(setup: Setup, options: TuneOptions) -> None:
    ended(setup, options, finished(setup, noise=0, dev=0.7))
    worse = replace(setup, settings=replace(setup.settings, name="second"))
    printed, tags = ended(worse, options, finished(worse, noise=1, dev=0.6))
    assert (tags["registered"], tags["champion"]) == (f"models:/{NAME}/2", "false")
    assert "dev F1 60.00 does not beat the 70.00 of version 1" in printed
    better = replace(setup, settings=replace(setup.settings, name="third"))
    _, tags = ended(better, options, finished(better, noise=2, dev=0.8))
    assert (tags["registered"], tags["champion"]) == (f"models:/{NAME}/3", "true")
    version = MlflowClient(setup.mlflow_uri).get_model_version_by_alias(NAME, "champion")
    assert version.tags["study"] == "third"
    card = (setup.storage.model("third") / "README.md").read_text()
    for words in ("Its F1 on Turkish dev: 80.00", f"Configuration: {FOUND.digest}", f"models:/{NAME}@champion"):
        assert words in card


@pytest.mark.parametrize(("dev", "winner"), [(0.8, AVERAGE), (0.6, BEST)])
def test_the_average_is_handed_over_where_it_is_better_on_dev(
    setup: Setup, options: TuneOptions, dev: float, winner: str
) -> None:
    finished(setup, noise=0, dev=0.7)
    printed, tags = ended(setup, options, finished(setup, noise=1, dev=dev, row=AVERAGE))
    assert tags["winner"] == winner
    version = MlflowClient(setup.mlflow_uri).get_model_version_by_alias(NAME, "champion")
    assert (version.tags["row"], version.tags["configuration"]) == (winner, row_digest(ROWS[winner]))
    card = (setup.storage.model("sample-tr") / "README.md").read_text()
    assert ("the mean of the weights of 2 students" in card) == (winner == AVERAGE)
    assert "average of the best" in printed


def test_a_score_on_source_dev_is_no_score_on_target_dev(options: TuneOptions) -> None:
    """F1 on English dev is higher as a rule: it must not take the alias from a champion that was chosen on Turkish."""
    on_target = set_up_one(options)
    ended(on_target, options, finished(on_target, noise=0, dev=0.5))
    source = replace(options, select_on="source", name="on-source")
    on_source = set_up_one(source)
    printed, tags = ended(on_source, source, finished(on_source, noise=1, dev=0.9))
    assert (tags["registered"], tags["champion"]) == (f"models:/{NAME}/2", "false")
    assert "not measured on the dev set of version 1" in tags["champion_reason"]
    assert "(source)" in printed
    card = (on_source.storage.model("on-source") / "README.md").read_text()
    assert "Selection: F1 on the English dev set. Its F1 on English dev: 90.00." in card
