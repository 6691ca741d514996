"""An ablation on a user's own files, from the options of the command to its table."""

from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from small_search import RUN, run_here
from stored_runs import children, parents

from msd_ray.cli.ablate_options import AblateOptions, parse
from msd_ray.cli.ablate_study import ablation_settings, conclude, open_tracker
from msd_ray.cli.display import progress
from msd_ray.cli.setup import set_up
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.sample import sample_sentences
from msd_ray.data.sentences import Sentence
from msd_ray.report.comparison import SummaryRow
from msd_ray.search.ablation import run_ablation
from msd_ray.search.execution import Execution
from msd_ray.search.prepare import prepare_target_gold, prepare_test
from msd_ray.tracking.run_logger import open_run_logger

VARIANTS = ("msd", "no-all", "direct")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    directory = tmp_path_factory.mktemp("own")
    english, arabic = (
        [sentence for sentence in sample_sentences(lang, "train") if len(sentence.tokens) <= 11]
        for lang in ("en", "ar")
    )
    text = directory / "ar.txt"
    text.write_text("".join(" ".join(sentence.tokens) + "\n" for sentence in arabic[:16]), encoding="utf-8")
    return {
        "source": write_columns(directory / "en.conll", english[:40]),
        "target_text": text,
        "target_test": write_columns(directory / "test.conll", arabic[16:24]),
    }


def write_columns(path: Path, sentences: Sequence[Sentence]) -> Path:
    rows = ("".join(f"{t} {label}\n" for t, label in zip(s.tokens, s.labels, strict=True)) for s in sentences)
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def compared(options: AblateOptions, output: StringIO) -> tuple[SummaryRow, ...]:
    """Run the ablation as the command does, its phases in this process."""
    (setup,) = set_up(options)
    setup.storage.create()
    with (
        progress(Console(file=StringIO())) as display,
        open_run_logger(
            setup.storage.records(setup.settings.name),
            lambda: open_tracker(setup, options),
            root=setup.storage.root,
            report=display.line,
        ) as run_logger,
    ):
        execution = Execution(
            experiment=setup.prepared.experiment,
            conditions=setup.conditions,
            study_storage=setup.study_storage,
            run_logger=run_logger,
            display=display,
            threads=1,
            run_phase=run_here,
            scored=lambda: prepare_test(setup.data, setup.prepared, source=True),
        )
        rows = run_ablation(
            ablation_settings(setup.settings, options),
            execution,
            lambda: prepare_target_gold(setup.data, setup.prepared),
        )
        tracker = run_logger.drain(60)
    return conclude(setup, tracker, rows, Console(file=output, width=160)).rows


@pytest.mark.parametrize("test", [False, True], ids=["no target labels", "a test set"])
def test_it_ends_with_scores_and_says_of_what(
    files: Mapping[str, Path], tiny_encoder: EncoderFiles, tmp_path: Path, test: bool
) -> None:
    names = ("source", "target_text", *(["target_test"] if test else []))
    words = [
        *(word for name in names for word in (f"--{name.replace('_', '-')}", str(files[name]))),
        *("--lang", "ar", "--variants", *VARIANTS, "--seeds", "1", "--encoder", str(tiny_encoder.directory)),
        *("--epochs", "1", "--frozen-layers", str(RUN.frozen_layers), "--batch-size", "8", "--precision", "fp32"),
        *("--storage", str(tmp_path / "storage"), "--workers", "0"),
    ]
    output = StringIO()
    rows = compared(parse(words), output)
    assert [(row.name, row.failed, row.seeds) for row in rows] == [(name, 0, 1) for name in VARIANTS]
    assert all(row.scored_on_source is not test for row in rows)
    (parent,) = parents(tmp_path / "storage")
    assert (parent.status, parent.tags["state"], parent.tags["dataset"]) == ("FINISHED", "COMPLETE", "own")
    for run in children(tmp_path / "storage").values():
        assert run.tags["state"] == "COMPLETE"
        assert ("test/f1" in run.metrics) is test
    assert "own-ar-ablation: own, en to ar" in output.getvalue()
    assert ("No target labels: all scores are on the source's dev set" in output.getvalue()) is not test
