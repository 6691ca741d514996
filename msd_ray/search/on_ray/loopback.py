"""Whether a cluster listens on loopback only, checked before Ray is imported.

Ray replaces 127.0.0.1 in an address by the machine's own, and then waits for ever for a cluster that does not listen
there.
"""

import ipaddress
import socket

_TIMEOUT_S = 5.0


def only_on_loopback(address: str) -> bool:
    """Whether HOST:PORT is a loopback address that answers, while the machine's own address does not."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal() or not is_loopback(host):
        return False
    return _answers(host, int(port)) and not _answers(_own_address(), int(port))


def is_loopback(host: str) -> bool:
    """Whether the name or address is a loopback one."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), _TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _own_address() -> str:
    """The machine's address for others; its host name if it has no route to any."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way_out:
        try:
            way_out.connect(("192.0.2.1", 9))  # a documentation address: only the route is looked up, nothing is sent
            return str(way_out.getsockname()[0])
        except OSError:
            return socket.gethostname()
