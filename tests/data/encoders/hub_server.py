"""A stand-in for the Hugging Face hub on loopback: the routes that its client uses to fetch a model repository."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer(ThreadingHTTPServer):
    """Serves `directory / owner / name` as the repository `owner/name`; `requests` are the paths asked for."""

    def __init__(self, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.directory = directory
        self.requests: list[str] = []
        self.status = 200  # another one is the answer to everything

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubServer

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urlparse(self.path).path
        self.server.requests.append(path)
        parts = path.strip("/").split("/")
        if self.server.status != 200:
            self._send(self.server.status, b"{}", {})
        elif parts[:2] == ["api", "models"]:
            self._api(self.server.directory / parts[2] / parts[3], parts[4:])
        elif len(parts) == 5 and parts[2] == "resolve":
            self._file(self.server.directory / parts[0] / parts[1] / parts[4])
        else:
            self._not_found("EntryNotFound")

    def _api(self, repository: Path, route: list[str]) -> None:
        if not repository.is_dir():
            self._not_found("RepoNotFound")
            return
        names = sorted(path.name for path in repository.iterdir())
        body: object = {
            "id": "/".join(repository.parts[-2:]),
            "sha": COMMIT,
            "siblings": [{"rfilename": n} for n in names],
        }
        if route and route[0] == "tree":
            body = [
                {"type": "file", "path": n, "size": (repository / n).stat().st_size, "oid": _etag(repository / n)}
                for n in names
            ]
        self._send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _file(self, path: Path) -> None:
        if not path.is_file():
            self._not_found("EntryNotFound")
            return
        self._send(200, path.read_bytes(), {"ETag": f'"{_etag(path)}"', "X-Repo-Commit": COMMIT})

    def _not_found(self, code: str) -> None:
        self._send(404, b"{}", {"X-Error-Code": code, "X-Error-Message": "not found"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


def _etag(path: Path) -> str:
    return hashlib.sha1(path.read_bytes()).hexdigest()


@contextmanager
def serve(directory: Path) -> Iterator[HubServer]:
    """Run the server in a thread for as long as the context lasts."""
    with HubServer(directory) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
