"""A real `mlflow server` on loopback, over a database of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def mlflow_server(directory: Path, database: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Its address and process; artifacts go to `directory/served`, what it prints to `directory/server.log`."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{database}", "--workers", "1"]
    command += ["--artifacts-destination", str(directory / "served")]
    # Left alone it starts eight more processes for jobs of agents, none of which is ever given one here.
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = directory / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=directory, env=environment)
    uri = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 600
        while True:
            try:
                urllib.request.urlopen(f"{uri}/health", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.2)
        yield uri, process
    finally:
        process.terminate()
        process.wait(timeout=60)
