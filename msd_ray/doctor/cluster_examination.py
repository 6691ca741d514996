"""Checks of the cluster at RAY_ADDRESS: join it, check its authentication, examine each node."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msd_ray.cli.options import TuneOptions
from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.search.on_ray.cluster import cluster
from msd_ray.search.on_ray.precision import node_precisions
from msd_ray.search.on_ray.resources import Resources, Room, workers_on
from msd_ray.storage.layout import Storage
from msd_ray.storage.object_store import ObjectStore

from .authentication import token_here, token_status
from .cluster import (
    NAME,
    PRECISION,
    asks_for_token,
    precision_finding,
    refusal_finding,
    room_findings,
    token_finding,
)
from .cluster_nodes import Examined, alive_nodes, examine_nodes
from .corpora import corpus_files
from .disk import Trainings
from .finding import Finding, failed, passed, refusals
from .memory import Shape, worker_memory
from .node import NodeRequest, examine
from .nodes import Here, clock_finding, copies_space, node_findings

TIMEOUT_S = 180.0
"""Timeout of the first task on a node, which starts a process and hashes the encoder."""


def cluster_findings(
    options: TuneOptions, encoder: EncoderFiles | None, shape: Shape | None, wanted: Resources, trainings: Trainings
) -> Iterator[Finding]:
    """Findings about the cluster and its nodes. encoder, shape: None if the encoder could not be loaded."""
    address = os.environ["RAY_ADDRESS"]
    token, origin = token_here()
    if token_status(address, token) == "refused":
        yield refusal_finding(token, origin)
        return
    bare = token_status(address, None)

    def look() -> Iterator[Finding]:
        with cluster() as dashboard:
            nodes = alive_nodes()
            yield passed(NAME, f"joined: {len(nodes)} nodes are alive")
            yield token_finding(asks_for_token(dashboard) if bare is None else bare == "refused")
            yield from room_findings("the cluster", [Room(cpus=node.cpus, gpus=node.gpus) for node in nodes], wanted)
            if options.precision == "auto" and wanted.gpus:
                yield from refusals(PRECISION, _precision, "the search would stop with this message")
            storage = Storage.at(options.storage)
            with _shared_file(storage) as written, _shared_object(storage.store) as stored:
                request = NodeRequest(
                    storage=storage.root if storage.store is None else None,
                    written=written,
                    stored=stored,
                    encoder=encoder.directory if encoder else None,
                    corpora=() if options.own else corpus_files(options.dataset, options.languages, options.data_dir),
                )
                here = _here(request, encoder, trainings)
                for examined in examine_nodes(request, nodes, timeout_s=TIMEOUT_S):
                    yield from _node(options, examined, here, shape, wanted)

    yield from refusals(NAME, look, "see that the cluster runs, and that its token is the one here (~/.ray/auth_token)")


def _precision() -> Iterator[Finding]:
    yield precision_finding(node_precisions())


def _here(request: NodeRequest, encoder: EncoderFiles | None, trainings: Trainings) -> Here:
    """The driver's machine; without the encoder if the object store is unusable, which another check reports."""
    report = examine(request)
    judged = request.storage is not None or request.stored is not None
    return Here(
        report=report,
        encoder=(encoder.directory, encoder.digest) if encoder and judged else None,
        corpora=report.corpora,
        written=request.written[0] if request.written else None,
        store=request.stored[0].uri if request.stored else None,
        trainings=trainings,
    )


def _node(
    options: TuneOptions, examined: Examined, here: Here, shape: Shape | None, wanted: Resources
) -> Iterator[Finding]:
    node, report, clock = examined.node, examined.report, examined.clock
    if report is None or clock is None:
        yield failed(
            f"node {node.address}",
            f"{node.node_id[:8]} could not be looked at: {examined.error}",
            "see that the node lives, and that msd-ray is installed there with the driver's releases",
        )
        return
    name = f"node {report.hostname} {node.node_id[:8]}"
    yield clock_finding(name, clock.ahead_s, clock.uncertainty_s)
    yield from node_findings(name, report, here)
    room = Room(cpus=node.cpus, gpus=node.gpus)
    if workers_on(room, wanted):
        yield from copies_space(name, report, here)
    if shape is not None:
        yield from worker_memory(
            name,
            shape,
            report,
            room,
            wanted,
            batch_size=options.batch_size,
            length=options.max_length,
        )


@contextmanager
def _shared_file(storage: Storage) -> Iterator[tuple[Path, str] | None]:
    """Write a test file into the storage for nodes to read; on exit remove it, and the files that nodes wrote.

    Yields: file and content; None for an object store, or an unwritable storage, which another check reports.
    """
    if storage.store is not None:
        yield None
        return
    made = not storage.root.exists()
    try:
        storage.create()
    except UserError:
        yield None
        return
    path, content = storage.root / f".doctor-{uuid.uuid4().hex}", uuid.uuid4().hex
    try:
        path.write_text(content, encoding="utf-8")
        yield path, content
    finally:
        for left in storage.root.glob(f"{path.name}*"):
            left.unlink(missing_ok=True)
        if made:
            storage.root.rmdir()


@contextmanager
def _shared_object(store: ObjectStore | None) -> Iterator[tuple[ObjectStore, str, str] | None]:
    """The same in an object store. Yields: store, object name, content; None without a usable object store."""
    if store is None:
        yield None
        return
    name, content = f".doctor-{uuid.uuid4().hex}", uuid.uuid4().hex
    try:
        store.check()
        store.write(name, content.encode())
    except UserError:
        yield None
        return
    try:
        yield store, name, content
    finally:
        store.delete(name)
