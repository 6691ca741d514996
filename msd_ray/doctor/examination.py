"""Examine what a search needs: databases, storage, corpora, encoder, and this machine or the Ray cluster."""

import os
from collections.abc import Iterator
from pathlib import Path

from msd_ray.cli.options import TuneOptions
from msd_ray.cli.search_settings import resources_of
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import encoder_skeleton
from msd_ray.search.on_ray.resources import Resources, Room
from msd_ray.search.prepare import Data

from .cluster import NAME, room_findings
from .cluster_examination import cluster_findings
from .corpora import NAME as CORPORA
from .corpora import corpora_findings
from .disk import BASE_CHECKPOINT, temporary_space
from .encoder import encoder_findings
from .finding import Finding, passed, warned
from .memory import Shape, worker_memory
from .node import NodeRequest, examine
from .quick import places_of, quick_findings
from .upload import upload_findings


def search_findings(options: TuneOptions) -> Iterator[Finding]:
    """Findings about a search, in the order in which they are shown; those about releases come before."""
    seen: list[EncoderFiles] = []
    encoder = list(
        encoder_findings(
            options.encoder, frozen_layers=options.frozen_layers, max_length=options.max_length, found=seen.append
        )
    )
    shape = Shape.of(encoder_skeleton(seen[0]), options.frozen_layers) if seen else None
    places = places_of(options, shape.checkpoint if shape else BASE_CHECKPOINT)
    yield from quick_findings(places)
    yield from _corpora(options)
    yield from encoder
    wanted = resources_of(options)
    if os.environ.get("RAY_ADDRESS"):
        yield from cluster_findings(options, seen[0] if seen else None, shape, wanted, places.trainings)
    else:
        yield from _this_machine(options, shape, wanted)
    yield from upload_findings(Path.cwd())


def _corpora(options: TuneOptions) -> Iterator[Finding]:
    if not options.lang:
        yield warned(CORPORA, "not checked: no language is given", "give the languages of the search with --lang")
    for lang in options.lang:
        yield from corpora_findings(
            Data(
                dataset=options.dataset,
                lang=lang,
                sources=options.source_lang,
                directory=options.data_dir,
                limit=options.limit,
                max_length=options.max_length,
                select_on=options.select_on if options.own else "target",
                own=options.own,
            )
        )


def _this_machine(options: TuneOptions, shape: Shape | None, wanted: Resources) -> Iterator[Finding]:
    """Check this machine, where `tune` starts Ray if RAY_ADDRESS is not set. Ray is not started."""
    report = examine(NodeRequest(storage=None, written=None, encoder=None))
    room = Room(cpus=len(os.sched_getaffinity(0)), gpus=len(report.gpus))
    yield passed(NAME, "RAY_ADDRESS is not set: a search starts Ray on this machine, on loopback, with a token")
    yield from room_findings("this machine", [room], wanted)
    if shape is not None:
        yield from worker_memory(
            "this machine", shape, report, room, wanted, batch_size=options.batch_size, length=options.max_length
        )
    yield from temporary_space(report.temporary, report.temporary_free)
