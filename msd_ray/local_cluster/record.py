"""What runs: the file that a started cluster leaves, so that it can be found, described and ended."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from msd_ray.common.errors import UserError
from msd_ray.common.files import write_json

from .layout import Layout, Ports
from .processes import Process, boot_id

MARK = "MSD_RAY_LOCAL_CLUSTER"
"""Environment variable of everything that a cluster starts; its value is the cluster's identity."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A server that was started. stop_signal: what ends it in good order."""

    name: str
    process: Process
    stop_signal: int


@dataclass(frozen=True, kw_only=True)
class Record:
    """A cluster. scratch: a temporary directory, for Ray's sessions."""

    identity: str
    boot: str
    since: str
    ports: Ports
    scratch: Path
    services: tuple[Service, ...] = ()

    def running(self) -> tuple[Service, ...]:
        """The services that run."""
        if self.boot != boot_id():
            return ()
        return tuple(service for service in self.services if service.process.alive)

    def with_service(self, service: Service) -> "Record":
        """The same with one more."""
        return replace(self, services=(*self.services, service))

    def write(self, layout: Layout) -> None:
        """Keep it."""
        write_json(layout.record, {**asdict(self), "scratch": str(self.scratch)})


def read_record(layout: Layout) -> Record | None:
    """The cluster that was started here and not ended. Raises UserError for a file that is no such record."""
    try:
        found: dict[str, Any] = json.loads(layout.record.read_text(encoding="utf-8"))
        return Record(
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
            f"{layout.record} is no record of a cluster ({error}): end what still runs by hand, and remove the file"
        ) from error
