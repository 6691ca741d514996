"""Starts `ray_search.py`: a small search on Ray, with faults."""

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from small_search import SmallSearch
from tune_process import Tune

HELPERS = {"ray::PlacementGroupCleaner", "ray::DatasetManager"}
"""Processes that Ray Train starts for each trial, and a search does not."""
PROGRAM = str(Path(__file__).with_name("ray_search.py"))


def on_ray(
    search: SmallSearch,
    *troubles: str,
    workers: int,
    stall_s: float,
    ends_with: int,
    timeout_s: float = 900,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Run the search with faults (see `ray_search.py`); return what its driver observed.

    environment: of the shared cluster; without it, the search starts a cluster of its own.
    """
    directory = search.root.parent
    (directory / "search.pickle").write_bytes(pickle.dumps(search))
    report = directory / "report.json"
    arguments = [str(directory / "search.pickle"), str(report), str(workers), str(stall_s), *troubles]
    with Tune(arguments, directory / "log", (PROGRAM,), environment=environment) as driver:
        assert driver.wait(timeout_s) == ends_with, driver.output
    return dict(json.loads(report.read_text()))
