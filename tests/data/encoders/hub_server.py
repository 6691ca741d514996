"""A stand-in for the Hugging Face hub on loopback: the routes that its client uses to fetch and push a repository."""

import base64
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
        self.commits: list[str] = []  # messages
        self.created: list[dict[str, object]] = []
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

    def do_POST(self) -> None:
        path = urlparse(self.path).path
        self.server.requests.append(path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        parts = path.strip("/").split("/")
        if self.server.status != 200:
            self._send(self.server.status, b"{}", {})
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self._send_json({"errors": [], "warnings": []})
        elif parts[:2] == ["api", "models"] and parts[4] == "preupload":
            files = [file["path"] for file in json.loads(body)["files"]]
            self._send_json({"files": [{"path": p, "uploadMode": "regular", "shouldIgnore": False} for p in files]})
        elif parts[:2] == ["api", "models"] and parts[4] == "commit":
            self._commit(self.server.directory / parts[2] / parts[3], body)
        else:
            self._not_found("EntryNotFound")

    def _create(self, wanted: dict[str, object]) -> None:
        self.server.created.append(wanted)
        repository = self.server.directory / str(wanted["organization"]) / str(wanted["name"])
        body = json.dumps({"url": f"{self.server.url}/{wanted['organization']}/{wanted['name']}"}).encode()
        self._send(409 if repository.is_dir() else 200, body, {"Content-Type": "application/json"})
        repository.mkdir(parents=True, exist_ok=True)

    def _commit(self, repository: Path, body: bytes) -> None:
        for item in map(json.loads, body.splitlines()):
            if item["key"] == "header":
                self.server.commits.append(item["value"]["summary"])
            else:
                (repository / item["value"]["path"]).write_bytes(base64.b64decode(item["value"]["content"]))
        url = f"{self.server.url}/{repository.parent.name}/{repository.name}/commit/{COMMIT}"
        self._send_json({"commitUrl": url, "commitOid": COMMIT})

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
        self._send_json(body)

    def _file(self, path: Path) -> None:
        if not path.is_file():
            self._not_found("EntryNotFound")
            return
        self._send(200, path.read_bytes(), {"ETag": f'"{_etag(path)}"', "X-Repo-Commit": COMMIT})

    def _send_json(self, body: object) -> None:
        self._send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

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
