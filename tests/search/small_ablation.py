"""A complete ablation in seconds, without Ray: its runs in the calling process, one at a time."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path

import stored_runs
from rich.console import Console
from small_search import RUN, STUDENT, TEACHER, data, run_here

from msd_ray.cli.display import progress
from msd_ray.method.variants import VARIANTS
from msd_ray.search.ablation import AblationSettings, run_ablation
from msd_ray.search.execution import Execution
from msd_ray.search.phase import Phase
from msd_ray.search.plans import Scored
from msd_ray.search.prepare import Prepared, prepare_target_gold, prepare_test
from msd_ray.tracking.run_logger import open_run_logger
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.uri import default_tracking_uri

EPOCH = replace(RUN, epochs=1)


def ablate(
    prepared: Prepared,
    directory: Path,
    *,
    variants: tuple[str, ...] = tuple(VARIANTS),
    seeds: int = 1,
    run_phase: Callable[[Phase], None] = run_here,
) -> Mapping[str, stored_runs.Run]:
    """Run an ablation in this process; return its final runs by row and seed."""
    root = prepared.experiment.storage.root
    uri = default_tracking_uri(root)

    def open_tracker() -> StudyTracker:
        return StudyTracker.open(
            uri, dataset="wikiann", lang="ar", study="ablation", parameters={}, tags={"command": "ablate"}
        )

    def scored() -> Scored:
        return prepare_test(data(directory), prepared, source=True)

    with (
        progress(Console(file=StringIO())) as display,
        open_run_logger(
            root / "records" / "ablation.jsonl", open_tracker, root=root, report=display.line
        ) as run_logger,
    ):
        run_ablation(
            AblationSettings(
                name="ablation",
                variants=[VARIANTS[name] for name in variants],
                teacher=TEACHER,
                student=STUDENT,
                run=EPOCH,
                seeds=seeds,
            ),
            Execution(
                experiment=prepared.experiment,
                conditions={},
                study_storage=f"sqlite:///{root / 'studies.db'}",
                run_logger=run_logger,
                display=display,
                threads=1,
                run_phase=run_phase,
                scored=scored,
            ),
            lambda: prepare_target_gold(data(directory), prepared),
        )
        tracker = run_logger.drain(60)
    tracker.close()
    final = [run for run in stored_runs.runs(root) if run.tags.get("phase") == "final"]
    return {f"{run.tags['row']}/{run.tags['seed']}": run for run in final}
