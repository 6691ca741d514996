"""A complete search in seconds, without Ray: its phases run in the calling process, one trial at a time."""

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from small_space import SPACE

from msd_ray.cli.display import progress
from msd_ray.cli.options import parse
from msd_ray.cli.running import drain_records
from msd_ray.cli.setup import Setup, set_up
from msd_ray.data.load import load_source, load_target, load_test
from msd_ray.method.settings import Configuration, RunSettings, StudentSettings, TeacherSettings
from msd_ray.method.within_epoch import Warned
from msd_ray.search.budget import Seconds
from msd_ray.search.execution import Execution
from msd_ray.search.final import Rows
from msd_ray.search.phase import Phase
from msd_ray.search.phase_status import search_status
from msd_ray.search.plans import Experiment, Launch, Scored, TrialPlan, TrialReport
from msd_ray.search.plans import Phase as PhaseName
from msd_ray.search.prepare import Data, Prepared, prepare_test
from msd_ray.search.search import Search
from msd_ray.search.work import run_launch
from msd_ray.tracking.run_logger import open_run_logger
from msd_ray.tracking.study import StudyTracker

CPU = torch.device("cpu")
RUN = RunSettings(epochs=2, batch_size=8, max_length=48, frozen_layers=2)
TEACHER = TeacherSettings(learning_rate=2e-4, alpha=0.2)
STUDENT = StudentSettings(learning_rate=2e-4, beta=0.5, alpha_prime=0.01, beta_prime=0.02)
ALL_AT_ONCE = """\
description: All settings of a student at once.
teacher:
  learning_rate: {low: 1e-4, high: 1e-3, log: true}
  head_learning_rate: 10
  omega_learning_rate: 100
  alpha: 0.2
  first: []
student:
  learning_rate: {low: 1e-4, high: 1e-3, log: true}
  head_learning_rate: 10
  omega_learning_rate: 100
  beta: {low: 0.01, high: 10, log: true}
  alpha_prime: 0.01
  beta_prime: 0.02
  kd_loss: soft-cross-entropy
  temperature: 0.7
  confidence: 0.15
  rounds: 2
  teachers: 2
  first: []
"""
ALL_OPTIONS: Mapping[str, Any] = {
    "trials": 2,
    "teacher_trials": 3,
    "rows": "direct tsl paper best average",
    "confirm": 2,
    "seeds": 1,
    "average_epochs": 2,
    "student_epochs": 3,
    "target_limit": 40,
    "grace_epochs": 2,  # no rung: both students are confirmed
    "dev_limit": 16,
    "pairing": "random",
    "loss_mean": "epoch",
    "frozen_prefix": "once",
}
"""With the space above: two teachers, two rounds, averages of epochs and of students, confirmed, every row."""
FAR_TOO_LARGE = 1e39
"""A loss weight that no float32 holds."""


def write_corpora(
    directory: Path, *, langs: tuple[str, ...] = ("en", "ar", "de"), train: int = 32, dev: int = 24
) -> Path:
    """Short sentences of the sample corpus as files that the data set `wikiann` reads; test is of dev's size."""
    for lang in langs:
        source = load_source("sample", None, lang=lang)
        splits = {
            "train": (source.train, train),
            "dev": (source.dev, dev),
            "test": (load_test("sample", lang, None), dev),
        }
        for split, (sentences, count) in splits.items():
            short = [sentence for sentence in sentences if 5 <= len(sentence.tokens) <= 11][:count]
            lines = [
                "".join(f"{lang}:{token}\t{label}\n" for token, label in zip(s.tokens, s.labels, strict=True))
                for s in short
            ]
            (directory / lang).mkdir(parents=True, exist_ok=True)
            (directory / lang / split).write_text("\n".join(lines), encoding="utf-8")
    return directory


def data(directory: Path) -> Data:
    return Data(dataset="wikiann", lang="ar", directory=directory, limit=None, max_length=RUN.max_length)


def spoil_training_labels(directory: Path, lang: str = "ar") -> None:
    """Replace each label of the training file by a string that is not a label, different for each token."""
    path = directory / lang / "train"
    lines = path.read_text(encoding="utf-8").split("\n")
    spoiled = [line and f"{line.rpartition(chr(9))[0]}\tB-garbage-{number}" for number, line in enumerate(lines)]
    path.write_text("\n".join(spoiled), encoding="utf-8")


def target_tokens(directory: Path, lang: str = "ar") -> list[tuple[str, ...]]:
    return [text.tokens for text in load_target("wikiann", lang, directory).train]


class StoppedError(Exception):
    """The phase prunes the trial."""


Listener = Callable[[Phase, TrialReport], None]


def nothing(phase: Phase, report: TrialReport) -> None:
    """Does nothing."""


def run_here(phase: Phase, *, before: Listener = nothing, after: Listener = nothing) -> None:
    """Run a phase in this process; `before` and `after` are called before and after each report is recorded."""

    def on_report(report: TrialReport) -> None:
        before(phase, report)
        stop = phase.on_report(report)
        after(phase, report)
        if stop:
            raise StoppedError

    while (launch := phase.next_launch()) is not None:
        error = None
        try:
            run_launch(launch, CPU, on_report)
        except StoppedError:
            pass
        except Exception as raised:  # as Ray does: a trial's error ends the trial
            error = str(raised)
        phase.on_launch_end(launch, error)


@dataclass(frozen=True, kw_only=True)
class SmallSearch:
    """A search as the command sets it up. root: its storage, next to which the search space is written.

    expected: seconds per training, for a search with `--hours`.
    """

    root: Path
    encoder: Path
    data_dir: Path
    lang: str = "ar"
    space: str = SPACE
    options: Mapping[str, Any] = field(default_factory=dict)
    expected: Seconds | None = None

    def arguments(self) -> list[str]:
        """Arguments of the command `tune` for this search."""
        space = self.root.with_name(f"{self.root.name}-space.yaml")
        space.write_text(self.space, encoding="utf-8")
        options = {
            "lang": self.lang,
            "dataset": "wikiann",
            "data_dir": self.data_dir,
            "encoder": self.encoder,
            "space": space,
            "trials": 3,
            "teacher_trials": 2,
            "epochs": RUN.epochs,
            "grace_epochs": 1,
            "seeds": 2,
            "rows": "paper best",
            "confirm": 1,
            "average_epochs": 1,
            "seed": 2,  # with this seed a trial is pruned, and another one beats the paper's
            "batch_size": RUN.batch_size,
            "max_length": RUN.max_length,
            "frozen_layers": RUN.frozen_layers,
            "precision": "fp32",
            "storage": self.root,
            "workers": 0,
            **self.options,
        }
        flags = [(f"--{name.replace('_', '-')}", value) for name, value in options.items() if value is not None]
        return [text for flag, value in flags for text in ([flag] if value is True else [flag, *str(value).split(" ")])]

    def setup(self) -> Setup:
        (setup,) = set_up(parse(self.arguments()))
        setup.storage.create()
        return setup

    def run(self, run_phase: Callable[[Phase], None] = run_here, *, output: StringIO | None = None) -> Rows:
        """Run or resume it. output: receives the terminal output."""
        setup = self.setup()
        resumed = any(phase.ended for phase in search_status(setup.settings, setup.study_storage))

        def open_tracker() -> StudyTracker:
            return StudyTracker.open(
                setup.mlflow_uri,
                dataset=setup.data.dataset,
                lang=setup.lang,
                study=setup.settings.name,
                parameters=setup.conditions,
                tags={"trials": str(setup.settings.trials)},
                resumed=resumed,
            )

        journal = setup.storage.records(setup.settings.name)
        with (
            progress(Console(file=output or StringIO(), width=200)) as display,
            open_run_logger(journal, open_tracker, root=setup.storage.root, report=display.line) as run_logger,
        ):
            execution = Execution(
                experiment=setup.prepared.experiment,
                conditions=setup.conditions,
                study_storage=setup.study_storage,
                run_logger=run_logger,
                display=display,
                threads=1,
                run_phase=run_phase,
                scored=lambda: prepare_test(setup.data, setup.prepared),
                expected=self.expected,
            )
            rows = Search(settings=setup.settings, execution=execution).run()
            tracker = drain_records(run_logger, execution, parse(self.arguments()), display)
        tracker.close()
        return rows


MakeSearch = Callable[..., SmallSearch]
MakePrepared = Callable[..., Prepared]


def run_until_killed(search: SmallSearch, phase: str, count: int, *, recorded: bool, stage: str = "") -> None:
    """Run the search in a process of its own that dies by SIGKILL at the `count`-th report of a phase.

    recorded: whether it dies just after the report has been recorded, or just before. stage: how the reports begin
    that are counted.
    """
    heard = 0

    def die(running: Phase, report: TrialReport) -> None:
        nonlocal heard
        counts = running.name == phase and report.stage.startswith(stage)
        heard += counts
        if counts and heard == count:
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    search.run(lambda running: run_here(running, **{"after" if recorded else "before": die}))


def run_trials(
    experiment: Experiment,
    *plans: TrialPlan,
    on_report: Callable[[TrialReport], None] = lambda report: None,
    warned: Warned | None = None,
) -> list[TrialReport]:
    """Run trials as a worker does; return all reports."""
    reports: list[TrialReport] = []

    def listen(report: TrialReport) -> None:
        reports.append(report)
        on_report(report)

    run_launch(Launch(experiment=experiment, trials=plans, threads=1), CPU, listen, warned)
    return reports


def teacher_plan(number: int = 0, *, teacher: TeacherSettings = TEACHER, run: RunSettings = RUN) -> TrialPlan:
    return TrialPlan(
        phase="teacher", number=number, run=run, configurations=(Configuration(teachers=(teacher,), student=None),)
    )


def student_plan(
    number: int = 0,
    *,
    teachers: Sequence[TeacherSettings] = (TEACHER,),
    student: StudentSettings = STUDENT,
    run: RunSettings = RUN,
    scored: Scored | None = None,
    more: Sequence[Configuration] = (),
) -> TrialPlan:
    """more: configurations whose students are averaged with the first one's."""
    phase: PhaseName = "student" if scored is None else "final"
    configuration = Configuration(teachers=tuple(teachers), student=student)
    return TrialPlan(phase=phase, number=number, run=run, configurations=(configuration, *more), scored=scored)


def weights_of(reports: list[TrialReport]) -> str:
    """SHA-256 of the weights of the last trial."""
    assert reports[-1].finished
    assert reports[-1].reason is None
    return reports[-1].tags["weights_sha256"]
