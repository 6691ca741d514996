"""`python -m msd_ray.doctor`: check whether a search would run here. See `--help`."""

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console

from msd_ray.cli.doctor_options import DoctorOptions, parse
from msd_ray.common.errors import run_command

from .finding import Finding, passed, print_findings, summary, warned
from .versions import version_findings

if TYPE_CHECKING:
    from msd_ray.cli.options import TuneOptions
    from msd_ray.data.encoders.files import EncoderFiles

    from .cluster import Wanted
    from .memory import Shape
    from .quick import Places


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns 0 if no check failed, else 1. Raises UserError for bad input."""
    options = parse(arguments)
    if options.cluster_files:
        from .cluster_files import check_files

        check_files(options.cluster_files, ready=options.ready, constraints=options.constraints)
        return 0
    findings = list(examination(options))
    if options.json:
        states = [finding.state for finding in findings]
        counts = {"passed": states.count("pass"), "warned": states.count("warn"), "failed": states.count("fail")}
        print(json.dumps({"findings": [finding.to_json() for finding in findings], **counts}, indent=1))
    else:
        console = Console(highlight=False)
        print_findings(console, findings)
        console.print(summary(findings), soft_wrap=True)
    return 1 if any(finding.state == "fail" for finding in findings) else 0


def examination(options: DoctorOptions) -> Iterator[Finding]:
    """All findings, in the order in which they are shown."""
    releases = list(version_findings())
    yield from releases
    if options.quick:
        yield from _quick(options.tune, None)
        return
    if any(finding.state == "fail" for finding in releases):
        yield warned("encoder", "not checked: see the releases above", "upgrade these first: some should not be loaded")
        yield from _quick(options.tune, None)
        return
    seen: list[EncoderFiles] = []
    encoder = list(_encoder(options.tune, seen))
    shape = _shape(options.tune, seen)
    yield from _quick(options.tune, shape)
    yield from _corpora(options.tune)
    yield from encoder
    if os.environ.get("RAY_ADDRESS"):
        from .cluster_examination import cluster_findings

        trainings = _places(options.tune, shape).trainings
        yield from cluster_findings(options.tune, seen[0] if seen else None, shape, _wanted(options.tune), trainings)
    else:
        yield from _this_machine(options.tune, shape)


def _quick(options: "TuneOptions", shape: "Shape | None") -> Iterator[Finding]:
    """Check databases, storage and disk space. Raises UserError for an unsupported storage."""
    from .quick import quick_findings

    yield from quick_findings(_places(options, shape))


def _places(options: "TuneOptions", shape: "Shape | None") -> "Places":
    """Storage and databases of the search, and upper bounds of its checkpoints."""
    from msd_ray.cli.arguments import TEACHER_TRIALS
    from msd_ray.storage.layout import Storage
    from msd_ray.tracking.uri import default_tracking_uri

    from .disk import BASE_CHECKPOINT, Trainings
    from .quick import Places

    storage = Storage.at(options.storage)
    finals = options.final_rows * options.seeds
    return Places(
        storage=storage,
        study_storage=options.study_storage or f"sqlite:///{storage.root / 'studies.db'}",
        mlflow_uri=options.mlflow_uri or default_tracking_uri(storage.root),
        trainings=Trainings(
            checkpoint=BASE_CHECKPOINT if shape is None else shape.checkpoint,
            epochs=options.epochs,
            teachers=(options.teacher_trials or TEACHER_TRIALS) + finals,
            students=max(len(options.lang), 1) * (options.trials + finals),
        ),
    )


def _corpora(options: "TuneOptions") -> Iterator[Finding]:
    from msd_ray.search.prepare import Data

    from .corpora import NAME, corpora_findings

    if not options.lang:
        yield warned(NAME, "not checked: no language is given", "give the languages of the search with --lang")
    for lang in options.lang:
        yield from corpora_findings(
            Data(
                dataset=options.dataset,
                lang=lang,
                directory=options.data_dir,
                limit=options.limit,
                max_length=options.max_length,
                select_on=options.select_on if options.own else "target",
                own=options.own,
            )
        )


def _encoder(options: "TuneOptions", seen: "list[EncoderFiles]") -> Iterator[Finding]:
    from .encoder import encoder_findings

    yield from encoder_findings(
        options.encoder, frozen_layers=options.frozen_layers, max_length=options.max_length, found=seen.append
    )


def _shape(options: "TuneOptions", seen: "list[EncoderFiles]") -> "Shape | None":
    """Shape of the encoder, None if it could not be loaded."""
    from msd_ray.data.encoders.loading import encoder_skeleton

    from .memory import Shape

    return Shape.of(encoder_skeleton(seen[0]), options.frozen_layers) if seen else None


def _wanted(options: "TuneOptions") -> "Wanted":
    """Resources of a trial; --gpus-per-trial defaults as in `tune`."""
    import torch

    from .cluster import Wanted

    gpus = options.gpus_per_trial
    if gpus is None:
        gpus = 1.0 if torch.cuda.is_available() else 0.0
    return Wanted(
        workers=max(options.workers, 1), cpus=options.cpus_per_trial, gpus=gpus, concurrent=options.max_concurrent
    )


def _this_machine(options: "TuneOptions", shape: "Shape | None") -> Iterator[Finding]:
    """Check this machine, where `tune` starts Ray if RAY_ADDRESS is not set. Ray is not started."""
    from .cluster import NAME, Room, room_findings
    from .disk import temporary_space
    from .memory import worker_memory
    from .node import NodeRequest, examine

    report = examine(NodeRequest(storage=None, written=None, encoder=None))
    room = Room(cpus=len(os.sched_getaffinity(0)), gpus=len(report.gpus))
    wanted = _wanted(options)
    yield passed(NAME, "RAY_ADDRESS is not set: a search starts Ray on this machine, on loopback, with a token")
    yield from room_findings("this machine", [room], wanted)
    if shape is not None:
        yield from worker_memory(
            "this machine", shape, report, room, wanted, batch_size=options.batch_size, length=options.max_length
        )
    yield from temporary_space(report.temporary, report.temporary_free)


if __name__ == "__main__":
    run_command(main)
