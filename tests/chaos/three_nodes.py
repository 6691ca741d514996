"""The chaos suite's cluster: Ray nodes of this machine on loopback, with a token, in a process of their own."""

import json
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos_cluster import State
from disturbed_search import INSIDE, wait_for
from s3_server import CREDENTIALS
from tune_process import Tune

PROGRAM = str(Path(__file__).with_name("chaos_cluster.py"))
SETTLE_S = 120.0


@dataclass(frozen=True, kw_only=True)
class ThreeNodes:
    """The cluster, as a process of its own. clock: a file that says by how many seconds all its clocks are off.

    copies: where a node keeps copies of what lies in an object store.
    """

    process: Tune
    directory: Path
    environment: Mapping[str, str]
    clock: Path
    copies: Path

    @property
    def pid(self) -> int:
        return self.process.process.pid

    def state(self) -> State:
        """How it is now, or was a moment ago."""
        return State(**json.loads((self.directory / "state.json").read_text()))

    def add_node(self) -> None:
        """Start one more node; it is there a little later."""
        (self.directory / f"add-{secrets.token_hex(4)}").touch()

    def announce_end(self, seconds: float) -> None:
        """Warn that the nodes with CPUs that are there now will be reclaimed, which the caller then does."""
        scratch = self.directory / f"{secrets.token_hex(4)}.scratch"
        scratch.write_text(str(seconds))
        warning = scratch.rename(self.directory / f"drain-{scratch.stem}")
        wait_for(lambda: not warning.exists(), "the warning")

    def show_places(self, chaos: Path) -> None:
        """Trainings look for a plan beside their storage: of an object store that is beside the node's copy."""
        self.copies.mkdir(parents=True)
        (self.copies / "chaos").symlink_to(chaos)

    def wait_for_nodes(self, count: int) -> float:
        """Wait until the cluster knows of so many living nodes; for how many seconds."""
        return wait_for(lambda: self.state().nodes == count, f"{count} nodes")

    def assert_free(self) -> None:
        """Within a bound, nothing runs any more and all resources of all nodes are back."""
        first = self.state().number
        wait_for(lambda: self.state().number > first and self.state().is_free, "free resources", SETTLE_S)
        assert self.state().cpus == 2
        assert self.state().nodes == 3


@contextmanager
def three_nodes(directory: Path, *, besides_head: int = 2) -> Iterator[ThreeNodes]:
    """Start them, and end them after. directory: for what they and their clock say."""
    clock, cache = directory / "clock", directory / "cache"
    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp") as short:  # the paths of sockets have a limit
        environment = {
            "RAY_TMPDIR": short,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "CHAOS_CLOCK": str(clock),
            "MSD_RAY_CACHE": str(cache),
            **CREDENTIALS,
        }
        start = Tune(
            [str(directory), str(besides_head)],
            directory / "log",
            (PROGRAM,),
            modules=[INSIDE],
            environment=environment,
        )
        with start as process:
            process.wait_until(lambda: (directory / "state.json").exists())
            environment["RAY_ADDRESS"] = (directory / "address").read_text()
            nodes = ThreeNodes(
                process=process,
                directory=directory,
                environment=environment,
                clock=clock,
                copies=cache / "storage",
            )
            nodes.wait_for_nodes(1 + besides_head)
            yield nodes
