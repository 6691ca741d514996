"""Interfaces of Ray that are not public, in one place: a release may change them without notice.

`pyproject.toml` admits the releases with which `tests/search/test_private_ray.py` passed.

    gcs                          state of the cluster: placement groups with their creators, and nodes that are being
                                 drained, which public tables lack
    PlacementGroupTableData      a placement group in it
    DEFAULT_ENV_VARS, ENV_VARS_TO_PROPAGATE
                                 variables that Tune gives to the processes of trials, or copies from the driver
    ControllerCallback, WorkerGroupCallback, PreemptingState
                                 what Ray Train's controller does: it waits for resources, or a node will be reclaimed
    DatasetsCallback, PlacementGroupCleanerCallback
                                 Ray Train's own callbacks that start a process per trial
"""

import ray

try:
    from ray._private.state import state as gcs
    from ray.core.generated.gcs_pb2 import PlacementGroupTableData  # type: ignore[attr-defined]
    from ray.train.v2._internal.callbacks import DatasetsCallback
    from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
    from ray.train.v2._internal.execution.callback import ControllerCallback, WorkerGroupCallback
    from ray.train.v2._internal.execution.controller.state import PreemptingState
    from ray.tune.execution.class_cache import DEFAULT_ENV_VARS, ENV_VARS_TO_PROPAGATE
except ImportError as error:
    raise ImportError(
        f"Ray {ray.__version__} lacks what msd-ray uses of it ({error}). Install the release of constraints.txt: "
        "pip install -c constraints.txt 'ray[default,train,tune]'."
    ) from error

__all__ = [
    "DEFAULT_ENV_VARS",
    "ENV_VARS_TO_PROPAGATE",
    "ControllerCallback",
    "DatasetsCallback",
    "PlacementGroupCleanerCallback",
    "PlacementGroupTableData",
    "PreemptingState",
    "WorkerGroupCallback",
    "gcs",
]
