"""Fixtures of the chaos suite: its seed, its cluster of three nodes, and the table of what every fault led to.

CHAOS_SEED (1) decides where faults strike. CHAOS_ROWS names a file that the table's lines are appended to.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from disturbed_search import Disturb, DisturbedSearch, Place
from fault_table import FaultRow, Note, markdown
from search_fixtures import empty_databases as empty_databases
from search_fixtures import new_search as new_search
from search_fixtures import one_thread as one_thread
from search_fixtures import small_corpora as small_corpora
from search_fixtures import undisturbed as undisturbed
from small_search import MakeSearch
from three_nodes import ThreeNodes, three_nodes

SEED = int(os.environ.get("CHAOS_SEED", "1"))
ROWS = pytest.StashKey[list[FaultRow]]()


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """The test's own random numbers, of the suite's seed."""
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Takes a line of the table: fault, outcome, seconds. Only after all that it says has been seen to hold."""
    rows = request.config.stash.setdefault(ROWS, [])

    def add(fault: str, outcome: str, seconds: float | None) -> None:
        row = FaultRow(fault=fault, outcome=outcome, seconds=seconds, seed=SEED)
        rows.append(row)
        if file := os.environ.get("CHAOS_ROWS"):
            row.append(Path(file))

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if rows := config.stash.get(ROWS, []):
        terminalreporter.section(f"faults, seed {SEED}")
        terminalreporter.line(markdown(rows))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeNodes]:
    """Three nodes of this machine for all tests that need a cluster."""
    with three_nodes(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


@pytest.fixture
def disturb(new_search: MakeSearch, cluster: ThreeNodes) -> Disturb:
    """Makes a search on the cluster whose trainings wait at these places. options: of the command."""

    def make(*places: Place, **options: object) -> DisturbedSearch:
        search = new_search(options={"max_concurrent": 1, **options})
        return DisturbedSearch(search=search, places=places, environment=cluster.environment)

    return make
