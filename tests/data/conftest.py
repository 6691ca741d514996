"""Fixtures of the data tests: corpus files, a hub, a tokenizer."""

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from transformers import PreTrainedTokenizerFast

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_tokenizer

WriteFile = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> WriteFile:
    """Writes a text below the test's directory, byte for byte: `write("ar/train", text, encoding="latin-1")`."""

    def write_file(name: str, text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(encoding))
        return path

    return write_file


@pytest.fixture
def write_parquet(tmp_path: Path) -> WriteFile:
    """Writes rows of tokens and class numbers with the hub's columns: `write_parquet("sw/x.parquet", rows)`."""

    def write_file(name: str, rows: list[tuple[list[str], list[int]]]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = {
            "tokens": pa.array([tokens for tokens, _ in rows], pa.list_(pa.string())),
            "ner_tags": pa.array([tags for _, tags in rows], pa.list_(pa.int64())),
            "langs": pa.array([["sw"] * len(tokens) for tokens, _ in rows], pa.list_(pa.string())),
            "spans": pa.array([[] for _ in rows], pa.list_(pa.string())),
        }
        parquet.write_table(pa.table(columns), path)
        return path

    return write_file


class HubStandIn(http.server.BaseHTTPRequestHandler):
    """Serves files of one data set repository as the hub's resolve endpoint does; everything else is a 404."""

    root: Path
    requests: list[str]
    commit = "0123456789abcdef0123456789abcdef01234567"

    def _respond(self, *, with_body: bool) -> None:
        self.requests.append(f"{self.command} {self.path}")
        prefix = "/datasets/unimelb-nlp/wikiann/resolve/main/"
        path = self.root / self.path.removeprefix(prefix)
        if not self.path.startswith(prefix) or not path.is_file():
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("X-Repo-Commit", self.commit)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("ETag", f'"{len(content)}-{path.name}"')
        self.send_header("X-Repo-Commit", self.commit)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def do_HEAD(self) -> None:
        self._respond(with_body=False)

    def do_GET(self) -> None:
        self._respond(with_body=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A running stand-in: its address and the requests it got; it serves the files below `tmp_path / "hub"`."""
    requests: list[str] = []
    handler = type("Handler", (HubStandIn,), {"root": tmp_path / "hub", "requests": requests})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", requests
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def tiny_tokenizer(tiny_encoder: EncoderFiles) -> PreTrainedTokenizerFast:
    return load_tokenizer(tiny_encoder)
