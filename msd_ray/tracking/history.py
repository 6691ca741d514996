"""Reads the metric histories of many runs, with one request per metric instead of one per run and metric.

MLflow's stores and server support this but its client does not; only this module uses non-public interfaces for it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

Point: TypeAlias = tuple[int, float]  # step, value

RUNS = 100  # per request: mlflow.server.handlers.MAX_RUNS_GET_METRIC_HISTORY_BULK
POINTS = 2500  # per run; a server samples longer histories: mlflow.server.handlers.MAX_RESULTS_PER_RUN


def metric_history(client: "MlflowClient", run_ids: Sequence[str], metric: str) -> dict[str, list[Point]]:
    """All points of a metric by run id, sorted by step; runs without points are omitted.

    Deleted runs keep their metrics: the caller must exclude them.
    """
    points: dict[str, list[Point]] = defaultdict(list)
    for start in range(0, len(run_ids), RUNS):
        for run_id, point in _read_batch(client, run_ids[start : start + RUNS], metric):
            points[run_id].append(point)
    return {run_id: sorted(found, key=lambda point: point[0]) for run_id, found in points.items()}


def _read_batch(client: "MlflowClient", run_ids: Sequence[str], metric: str) -> Iterator[tuple[str, Point]]:
    from mlflow.store.tracking.rest_store import RestStore

    store: Any = client._tracking_client.store
    if isinstance(store, RestStore):
        return _from_server(client, store, run_ids, metric)
    found = store.get_metric_history_bulk(run_ids, metric, max_results=None)
    return ((point.run_id, (point.step, point.value)) for point in found)


def _from_server(
    client: "MlflowClient", store: Any, run_ids: Sequence[str], metric: str
) -> Iterator[tuple[str, Point]]:
    from mlflow.protos.service_pb2 import GetMetricHistoryBulkInterval
    from mlflow.utils.proto_json_utils import message_to_json

    request = GetMetricHistoryBulkInterval(run_ids=run_ids, metric_key=metric, max_results=POINTS)
    response = store._call_endpoint(GetMetricHistoryBulkInterval, message_to_json(request))
    by_run: dict[str, list[Any]] = defaultdict(list)
    for point in response.metrics:
        by_run[point.run_id].append(point)
    for run_id, sample in by_run.items():
        whole = sample if len(sample) < POINTS else client.get_metric_history(run_id, metric)
        yield from ((run_id, (point.step, point.value)) for point in whole)
