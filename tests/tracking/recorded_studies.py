"""Small studies recorded by the real StudyTracker: a search and an ablation in Arabic, the same for less in Hindi.

Scores are computed by formulas that tests can repeat.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from msd_ray.search.configuration import PAPER_CONFIGURATION
from msd_ray.search.spaces import PAPER_STUDENT, PAPER_TEACHER
from msd_ray.tracking.parameters import Json
from msd_ray.tracking.rows import State
from msd_ray.tracking.study import StudyTracker

DATASET = "wikiann"
SEEDS = (2, 3)
EPOCHS = 3
PAPER, BEST = PAPER_CONFIGURATION.digest, "9d41b7e3"  # digests of configurations
ROWS = ("msd", "no-mmd-lang", "no-all", "direct", "gold-aux")
SCORES = {"paper": 0.47, "best": 0.5, "msd": 0.47, "no-mmd-lang": 0.46, "no-all": 0.44, "direct": 0.4, "gold-aux": 0.52}


@dataclass(frozen=True, kw_only=True)
class Ended:
    """Outcome of a trial. f1: target dev F1 of its best epoch."""

    state: State
    f1: float
    lr: float
    reason: str | None = None


TRIALS = (
    Ended(state="COMPLETE", f1=0.45, lr=2e-5),
    Ended(state="COMPLETE", f1=0.51, lr=4e-5),
    Ended(state="PRUNED", f1=0.20, lr=1e-6, reason="pruned by ASHA at epoch 2 with dev F1 20.00"),
    Ended(state="FAIL", f1=0.0, lr=1e-2, reason="RuntimeError: the loss is not finite"),
)


def record_search(uri: str, lang: str, *, study: str | None = None) -> StudyTracker:
    """A teacher, four students (trial 1 is the best), and the final runs of both rows with two seeds."""
    tracker = StudyTracker.open(
        uri,
        dataset=DATASET,
        lang=lang,
        study=study or f"{DATASET}-{lang}",
        parameters={
            "dataset": DATASET,
            "encoder": "e5-small",
            "data": dict.fromkeys(("source_train", "target_train", "target_dev"), "ab" * 32),
            "space": {"student": {"learning_rate": {"low": 1e-6, "high": 1e-4, "log": True}, "beta": 0.05}},
        },
        tags={"trials": "4"},
    )
    teacher = tracker.child(
        "teacher/0", name="teacher-0", parameters={"teacher": dict(PAPER_TEACHER)}, tags={"trial": "0"}
    )
    record(tracker, teacher, f1=0.40, state="COMPLETE")
    for number, trial in enumerate(TRIALS):
        parameters: dict[str, Json] = {"seed": 1, "student": {**PAPER_STUDENT, "learning_rate": trial.lr}}
        run = tracker.child(
            f"student/{number}", name=f"student-{number}", parameters=parameters, tags={"trial": str(number)}
        )
        record(tracker, run, f1=trial.f1, state=trial.state, reason=trial.reason)
    for row, digest, lr in (("paper", PAPER, 2e-5), ("best", BEST, 4e-5)):
        for seed in SEEDS:
            record_final(tracker, row, digest, seed, lr=lr, zero_shot=None)
    tracker.parent_metrics({"final/best/test_f1_mean": SCORES["best"]})
    tracker.close()
    return tracker


def record_ablation(uri: str, lang: str, *, rows: tuple[str, ...] = ROWS, study: str | None = None) -> StudyTracker:
    """These variants with two seeds each."""
    tracker = StudyTracker.open(
        uri,
        dataset=DATASET,
        lang=lang,
        study=study or f"{DATASET}-{lang}-ablation",
        parameters={"encoder": "e5-small"},
        tags={"command": "ablate", "zero_shot": str("gold-aux" not in rows).lower()},
    )
    for row in rows:
        for seed in SEEDS:
            record_final(tracker, row, PAPER, seed, lr=2e-5, zero_shot=row != "gold-aux")
    tracker.close()
    return tracker


def record_final(
    tracker: StudyTracker, row: str, digest: str, seed: int, *, lr: float, zero_shot: bool | None, split: str = "test"
) -> str:
    """A final run; its F1 is the row's score plus 0.01 per seed. zero_shot: None leaves the tag to the tracker."""
    own = {} if zero_shot is None else {"zero_shot": str(zero_shot).lower()}
    run = tracker.child(
        f"final/{row}/{digest}/seed-{seed}",
        name=f"final-{row}-seed-{seed}",
        parameters={
            "seed": seed,
            "student": {**PAPER_STUDENT, "learning_rate": lr, "beta": 0.0 if row == "no-all" else 0.05},
        },
        tags={"row": row, "configuration": digest, "seed": str(seed), "scored_split": split, **own},
    )
    f1 = scored(row, seed)
    results = {
        f"{split}/f1": f1,
        f"{split}/LOC/f1": f1 + 0.1,
        f"{split}/ORG/f1": f1 - 0.1,
        "domain/tea_src-stu_tgt/mmd": 1 - f1,
    }
    record(tracker, run, f1=f1 + 0.02, state="COMPLETE", results=results)
    return run


def scored(row: str, seed: int) -> float:
    """The F1 that `record_final` writes."""
    return SCORES[row] + seed / 100


def curve(f1: float) -> list[float]:
    """Target dev F1 per epoch; the second epoch is the best."""
    return [0.8 * f1, f1, 0.9 * f1]


def record(
    tracker: StudyTracker,
    run: str,
    *,
    f1: float,
    state: State,
    reason: str | None = None,
    results: Mapping[str, float] | None = None,
) -> None:
    """Record epochs (two of a pruned trial, none of a failed one) and the end of a run."""
    epochs = {"COMPLETE": EPOCHS, "PRUNED": 2, "FAIL": 0}[state]
    for epoch, value in enumerate(curve(f1)[:epochs], start=1):
        metrics = {"dev_target/f1": value, "dev_source/f1": value + 0.3, "loss/main": 1 / epoch}
        tracker.log_epoch(run, epoch=epoch, metrics=metrics, timestamp_ms=1_700_000_000_000 + epoch)
    summary = {"dev_target/f1": f1, "best_epoch": 2.0, **(results or {})} if state == "COMPLETE" else None
    tracker.finish(run, state=state, reason=reason, metrics=summary)
