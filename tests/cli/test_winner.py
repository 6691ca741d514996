"""The best student of a search: which run it is, and its export with the numbers of the summary."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from students import trained_tagger, weights_file

from msd_ray.cli.options import TuneOptions, parse
from msd_ray.cli.search_study import conclude, open_tracker
from msd_ray.cli.setup import Setup, set_up
from msd_ray.cli.winner import configuration_tags, export_winner, is_current, versions
from msd_ray.common.errors import UserError
from msd_ray.common.files import sha256
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.method.build import build_tagger
from msd_ray.method.settings import Configuration, StudentSettings
from msd_ray.predict.export import load_student
from msd_ray.report.comparison import SummaryRow, summary_rows
from msd_ray.search.configuration import BEST, PAPER, PAPER_CONFIGURATION
from msd_ray.tracking.rows import RunRow, best_run

FOUND = Configuration(teachers=PAPER_CONFIGURATION.teachers, student=StudentSettings(learning_rate=1e-4, beta=2.5))


def final(row: str, seed: int, dev: float, test: float, *, state: str = "COMPLETE", phase: str = "final") -> RunRow:
    return RunRow(
        run_id=f"{row}{seed}",
        key=f"final/{row}/seed-{seed}",
        name=f"final-{row}-seed-{seed}",
        phase=phase,
        state=state,  # type: ignore[arg-type]
        status="FINISHED",
        parameters={},
        metrics={
            "dev_target/f1": dev,
            "test/f1": test,
            "best_epoch": 2,
        },
        tags={"row": row, "seed": str(seed), "scored_split": "test", "weights": f"students/{row}{seed}.safetensors"},
    )


RUNS = [
    final(PAPER, 1, dev=0.5, test=0.45),
    final(PAPER, 2, dev=0.9, test=0.55),
    final(BEST, 1, dev=0.6, test=0.8),
    final(BEST, 2, dev=0.7, test=0.6),
    final(BEST, 3, dev=0.99, test=0.9, state="FAIL"),
    final(BEST, 4, dev=0.98, test=0.9, phase="student"),
]


def summary() -> list[SummaryRow]:
    return summary_rows(RUNS, (PAPER, BEST), dev_metric="dev_target/f1")


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
    (found,) = set_up(options)
    found.storage.create()
    return found


@pytest.fixture
def weights(setup: Setup) -> Path:
    """What the winning run left, for the sample's seven labels."""
    tagger = build_tagger(setup.encoder, 7, run=setup.settings.run, dropout=0.1, device=torch.device("cpu"))
    with torch.no_grad():
        for parameter in tagger.trained_parameters().values():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)))
    path = setup.storage.root / "students" / "best2.safetensors"
    path.parent.mkdir()
    return weights_file(tagger, path)


def with_weights(weights: Path) -> RunRow:
    """The winning run, as it is with these weights."""
    winner = best_run(RUNS, BEST, "dev_target/f1")
    assert winner is not None
    return replace(winner, tags={**winner.tags, "weights_sha256": sha256(weights)})


def test_the_best_run_is_chosen_on_dev_among_complete_final_runs_of_its_row() -> None:
    best, paper = best_run(RUNS, BEST, "dev_target/f1"), best_run(RUNS, PAPER, "dev_target/f1")
    assert best is not None
    assert best.run_id == "best2"  # seed 1 is better on test, which must not count
    assert paper is not None
    assert paper.run_id == "paper2"
    assert best_run([replace(run, state="FAIL") for run in RUNS], BEST, "dev_target/f1") is None
    assert best_run([], PAPER, "dev_target/f1") is None


def test_versions_name_what_decides_results() -> None:
    found = versions()
    assert found["torch"] == torch.__version__.partition("+")[0] or found["torch"] == torch.__version__
    assert {"msd-ray", "transformers", "ray", "optuna", "mlflow"} <= found.keys()


def test_tags_tell_the_configurations_apart() -> None:
    tags = configuration_tags({PAPER: (PAPER_CONFIGURATION,), BEST: (FOUND,)})
    assert tags == {"configuration.paper": PAPER_CONFIGURATION.digest, "configuration.best": FOUND.digest}
    assert len(set(tags.values())) == 2


def test_the_export_is_the_winners_weights_with_the_summarys_numbers(setup: Setup, weights: Path) -> None:
    winner = with_weights(weights)
    directory = export_winner(setup, winner, (FOUND,), summary())
    assert directory == setup.storage.root / "models" / "sample-tr"
    student = load_student(directory, torch.device("cpu"))
    assert (
        student.description.lang,
        student.description.dataset,
        student.description.max_length,
        len(student.description.label_names),
    ) == ("tr", "sample", 24, 7)
    loaded, stored = dict(student.tagger.named_parameters()), load_file(weights)
    assert any(name.startswith("encoder.") for name in stored)
    for name, value in stored.items():
        # The weights of the channels' losses are of no use any more.
        assert name == "omega" or torch.equal(loaded[name], value), name
    card = (directory / "README.md").read_text()
    for number in ("70.00", "50.00"):  # best 0.8 and 0.6, paper 0.45 and 0.55
        assert number in card
    assert "0.0001" in card
    assert "2.5" in card
    assert setup.corpora.digests["target_dev"][:12] in card
    assert json.loads((directory / "msd_ray.json").read_text())["frozen_layers"] == 2


def test_an_export_replaces_an_older_one_but_nothing_else(setup: Setup, weights: Path) -> None:
    winner = with_weights(weights)
    first = export_winner(setup, winner, (FOUND,), summary())
    assert export_winner(setup, winner, (FOUND,), summary()) == first
    (first / "msd_ray.json").unlink()
    with pytest.raises(UserError, match="is not an exported student"):
        export_winner(setup, winner, (FOUND,), summary())


def test_weights_that_are_gone_or_of_another_tagger(setup: Setup, weights: Path) -> None:
    winner = with_weights(weights)
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"best2\.safetensors is damaged.*a new --name: it reuses intact artifacts"):
        export_winner(setup, winner, (FOUND,), summary())
    weights.unlink()
    with pytest.raises(UserError, match=r"best2\.safetensors is missing"):
        export_winner(setup, winner, (FOUND,), summary())
    weights_file(trained_tagger(setup.encoder), weights)  # five labels
    with pytest.raises(UserError, match=r"best2\.safetensors.*another encoder, label set"):
        export_winner(setup, with_weights(weights), (FOUND,), summary())
    assert not (setup.storage.root / "models" / "sample-tr").exists()


def test_a_search_whose_final_runs_all_failed_has_no_student_and_says_so(setup: Setup, options: TuneOptions) -> None:
    tracker = open_tracker(setup)
    for row, configuration in ((PAPER, PAPER_CONFIGURATION), (BEST, FOUND)):
        tags = {"row": row, "seed": "1", "scored_split": "test", "configuration": configuration.digest}
        run = tracker.child(f"final/{row}/seed-1", name=row, parameters={}, tags=tags)
        tracker.finish(run, state="FAIL", reason="out of memory")
    printed = StringIO()
    rows = {PAPER: (PAPER_CONFIGURATION,), BEST: (FOUND,)}
    won, _ = conclude(setup, options, tracker, rows, Console(file=printed, width=120))
    assert not won
    assert printed.getvalue().count("not run") == 4
    assert printed.getvalue().count("0, 1 failed") == 2
    assert "none: every final run of the best configuration failed" in printed.getvalue()
    report = setup.storage.root / "report" / "sample-tr.html"
    assert str(report) in printed.getvalue().replace("\n", "")
    assert "no final run has a score yet" in report.read_text(encoding="utf-8")
    assert not setup.storage.model("sample-tr").exists()


def test_runs_without_a_row_or_a_configuration_are_no_current_final_runs() -> None:
    rows = {BEST: (FOUND,), PAPER: (PAPER_CONFIGURATION,)}
    assert is_current({"row": BEST, "configuration": FOUND.digest}, rows)
    assert not is_current({"row": BEST, "configuration": PAPER_CONFIGURATION.digest}, rows)
    for tags in ({}, {"row": BEST}, {"row": "tsl"}, {"configuration": FOUND.digest}):
        assert not is_current(tags, rows)
