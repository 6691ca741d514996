"""The real hub client against a local stand-in: a process of its own, for the client reads its settings once."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

WriteFile = Callable[..., Path]

LOAD = """
from msd_ray.data.load import load_target, load_test
target = load_target("wikiann", "sw", None)
print(target.train, target.dev, target.has_test, load_test("wikiann", "sw", None), *target.files, sep="\\n")
"""


def python(*arguments: str, endpoint: str, cache: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith("HF_") and "PROXY" not in key.upper()
    }
    environment = {
        **inherited,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        **settings,
    }
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, timeout=120, check=False
    )


def test_wikiann_comes_from_the_hub_and_stays_in_its_cache(
    hub: tuple[str, list[str]], write_parquet: WriteFile, tmp_path: Path
) -> None:
    endpoint, requests = hub
    write_parquet("hub/sw/train-00000-of-00001.parquet", [(["Jomo", "Kenyatta"], [1, 2])])
    write_parquet("hub/sw/validation-00000-of-00001.parquet", [(["Nairobi"], [5])])
    write_parquet("hub/sw/test-00000-of-00001.parquet", [(["UM"], [3])])
    first = python("-c", LOAD, endpoint=endpoint, cache=tmp_path / "cache")
    assert first.returncode == 0, first.stderr
    train, dev, has_test, test, *files = first.stdout.splitlines()
    assert train == "(Text(tokens=('Jomo', 'Kenyatta')),)"
    assert dev == "(Sentence(tokens=('Nairobi',), labels=('B-LOC',)),)"
    assert has_test == "True"
    assert test == "(Sentence(tokens=('UM',), labels=('B-ORG',)),)"
    assert all(Path(file).is_relative_to(tmp_path / "cache") for file in files)
    assert sum(request.startswith("GET") for request in requests) == 3

    offline = python("-c", LOAD, endpoint=endpoint, cache=tmp_path / "cache", HF_HUB_OFFLINE="1")
    again = python("-c", LOAD, endpoint=endpoint, cache=tmp_path / "cache")
    assert again.stdout == offline.stdout == first.stdout
    assert sum(request.startswith("GET") for request in requests) == 3


def test_a_hub_that_must_not_be_asked(tmp_path: Path) -> None:
    """Of one that does not answer see `tests/bad_input/test_bad_data.py`."""
    check = ("-m", "msd_ray.data", "check", "--dataset", "wikiann", "--lang", "ar")
    done = python(*check, endpoint="http://127.0.0.1:9", cache=tmp_path / "cache", HF_HUB_OFFLINE="1")
    assert done.returncode == 2
    assert "error: cannot reach the hub for ar/train-00000-of-00001.parquet of unimelb-nlp/wikiann" in done.stderr
    assert "--data-dir" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("yo", "error: the hub has no yo/train-00000-of-00001.parquet of unimelb-nlp/wikiann"),
        ("qq", "error: data set 'wikiann' has no language 'qq': choose one of en, ar, hi, zh, ace, "),
    ],
)
def test_a_language_that_the_hub_lacks(hub: tuple[str, list[str]], tmp_path: Path, lang: str, said: str) -> None:
    check = ("-m", "msd_ray.data", "check", "--dataset", "wikiann", "--lang", lang)
    done = python(*check, endpoint=hub[0], cache=tmp_path / "cache")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert bool(hub[1]) is (lang == "yo"), "no request for a language that is none"
