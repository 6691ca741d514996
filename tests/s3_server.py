"""A local S3 server (moto's), and a front before it that answers as a server in trouble does."""

import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pyarrow import fs

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "of-no-value", "AWS_REGION": "us-east-1"}
BUCKET = "experiments"


@contextmanager
def s3_server() -> Iterator[str]:
    """Start a server with the bucket `BUCKET`; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env={**os.environ, **CREDENTIALS},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(process, port)
        endpoint = f"http://127.0.0.1:{port}"
        client(endpoint, allow_bucket_creation=True).create_dir(BUCKET)
        yield endpoint
    finally:
        process.kill()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(1200):
        assert process.poll() is None, "the server ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server did not start")


def client(endpoint: str, **options: bool) -> fs.FileSystem:
    """The server as pyarrow sees it."""
    return fs.S3FileSystem(
        access_key=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        secret_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region=CREDENTIALS["AWS_REGION"],
        endpoint_override=endpoint,
        **options,
    )


class Front(socketserver.ThreadingTCPServer):
    """Passes connections on to `behind`. answers: statuses that the next ones get instead; refuse: all of them."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        host, _, port = behind.removeprefix("http://").rpartition(":")
        self.behind = (host, int(port))
        self.answered = 0
        self._answers: list[int] = []
        self._refuse: int | None = None
        self._open: list[socket.socket] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, *statuses: int, always: int | None = None) -> None:
        """From now on: these statuses, one a connection, and then `always` if it is given."""
        self._answers, self._refuse = list(statuses), always
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # one that is kept for the next request would get past this
        self._open.clear()

    @property
    def waiting(self) -> int:
        """Statuses that nobody got yet."""
        return len(self._answers)

    def next_status(self) -> int | None:
        return self._answers.pop(0) if self._answers else self._refuse

    def passed_on(self, connection: socket.socket) -> None:
        self._open.append(connection)


class _Handler(socketserver.BaseRequestHandler):
    server: Front
    request: socket.socket

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (part := self.request.recv(65536)):
                return
            head += part
        status = self.server.next_status()
        if status is None:
            self._pass_on(head)
            return
        self.server.answered += 1
        self.request.settimeout(0.2)
        with suppress(OSError):
            while self.request.recv(65536):
                pass  # a client that is still sending would not listen
        self.request.sendall(f"HTTP/1.1 {status} -\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    def _pass_on(self, head: bytes) -> None:
        with socket.create_connection(self.server.behind) as behind, suppress(OSError):
            self.server.passed_on(self.request)
            behind.sendall(head)
            back = threading.Thread(target=_pour, args=(behind, self.request), daemon=True)
            back.start()
            _pour(self.request, behind)
            back.join()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def front_of(endpoint: str) -> Iterator[Front]:
    """A front before the server at `endpoint`."""
    front = Front(endpoint)
    threading.Thread(target=front.serve_forever, daemon=True).start()
    try:
        yield front
    finally:
        front.shutdown()
        front.server_close()
