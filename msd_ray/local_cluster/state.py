"""State of a running cluster, stored in a file so that later commands can show and stop it."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from msd_ray.common.errors import UserError
from msd_ray.common.files import write_json

from .layout import Layout, Ports
from .processes import Process, boot_id

MARK = "MSD_RAY_LOCAL_CLUSTER"
"""Environment variable of all processes of a cluster; its value is `ClusterState.identity`."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A started server. stop_signal: signal for a graceful shutdown."""

    name: str
    process: Process
    stop_signal: int


@dataclass(frozen=True, kw_only=True)
class ClusterState:
    """A cluster. boot: `processes.boot_id`. since: start time. scratch: temporary directory for Ray's sessions."""

    identity: str
    boot: str
    since: str
    ports: Ports
    scratch: Path
    services: tuple[Service, ...] = ()

    def running(self) -> tuple[Service, ...]:
        """The services that are running."""
        if self.boot != boot_id():
            return ()
        return tuple(service for service in self.services if service.process.alive)

    def with_service(self, service: Service) -> "ClusterState":
        """Copy with one more service."""
        return replace(self, services=(*self.services, service))

    def write(self, layout: Layout) -> None:
        """Write the state file."""
        write_json(layout.state_file, {**asdict(self), "scratch": str(self.scratch)})


def read_state(layout: Layout) -> ClusterState | None:
    """Read the state file; None if there is none. Raises UserError if it is invalid."""
    try:
        found: dict[str, Any] = json.loads(layout.state_file.read_text(encoding="utf-8"))
        return ClusterState(
            identity=found["identity"],
            boot=found["boot"],
            since=found["since"],
            ports=Ports(**found["ports"]),
            scratch=Path(found["scratch"]),
            services=tuple(
                Service(name=one["name"], process=Process(**one["process"]), stop_signal=one["stop_signal"])
                for one in found["services"]
            ),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{layout.state_file}: not a state file of a cluster ({error}). Stop its servers, then remove it."
        ) from error
