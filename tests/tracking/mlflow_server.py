"""A real `mlflow server` on loopback with its own database, which can be killed and restarted."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


class MlflowServer:
    """A server on one port; artifacts go to `directory/served`, its output to `directory/server.log`."""

    def __init__(self, directory: Path, database: Path) -> None:
        self._directory, self._database = directory, database
        with closing(socket.socket()) as listener:
            listener.bind(("127.0.0.1", 0))
            self._port = listener.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self._port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the server and wait until it responds."""
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port)]
        command += ["--backend-store-uri", f"sqlite:///{self._database}", "--workers", "1"]
        command += ["--artifacts-destination", str(self._directory / "served")]
        # By default it starts eight more processes for jobs of agents, which are not used here.
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        log = self._directory / "server.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, cwd=self._directory, env=environment, start_new_session=True
            )
        until = time.monotonic() + 600
        while True:
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=5).close()
                return self.process
            except (urllib.error.URLError, OSError):
                assert self.process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.2)

    def kill(self) -> None:
        """Send SIGKILL to the server and its worker process."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=60)

    def stop(self) -> None:
        """End it in good order, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)


@contextmanager
def mlflow_server(directory: Path, database: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The address and process of a server."""
    server = MlflowServer(directory, database)
    try:
        process = server.start()
        yield server.uri, process
    finally:
        server.stop()
