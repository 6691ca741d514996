"""What `ray job submit --working-dir .` uploads from a checkout with other things in it."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from ray._private.runtime_env.packaging import create_package

from msd_ray.doctor.upload import LARGE, upload_findings, uploaded_files

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tracked files, and beside them runs, corpora, models and archives: more than a gigabyte, in holes."""
    directory = tmp_path_factory.mktemp("checkout") / "msd-ray"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, directory / name)
    for name in ("my-runs/teachers/a/weights/epoch-001.safetensors", "corpora/conll/eng.train", "wikiann.tar.gz"):
        large = directory / name
        large.parent.mkdir(parents=True, exist_ok=True)
        with large.open("wb") as file:
            file.truncate(400 << 20)
    (directory / "my-space.yaml").write_text("description: my own")
    return directory


def test_a_job_gets_the_code_and_own_small_files_and_nothing_large(checkout: Path) -> None:
    names = {str(path) for path in uploaded_files(checkout)}
    assert {"msd_ray/tune.py", "search_spaces/student.yaml", "pyproject.toml", "my-space.yaml"} <= names
    tops = {name.partition("/")[0] for name in names}
    assert not tops & {"my-runs", "corpora", "wikiann.tar.gz", "tests", "docs", ".git"}
    assert sum(uploaded_files(checkout).values()) < 10 << 20


def test_what_is_counted_is_what_ray_packs(checkout: Path, tmp_path: Path) -> None:
    """By private functions of Ray, which another release may change."""
    package = tmp_path / "package.zip"
    create_package(str(checkout), package, include_gitignore=True, excludes=[".git", ".venv", "venv", "__pycache__"])
    with zipfile.ZipFile(package) as packed:
        assert {Path(name) for name in packed.namelist() if not name.endswith("/")} == set(uploaded_files(checkout))


def test_the_doctor_says_how_much_and_of_what(checkout: Path, tmp_path: Path) -> None:
    (small,) = upload_findings(checkout)
    assert small.state == "pass"
    assert "MB in " in small.what
    ignored = checkout / ".rayignore"
    text = ignored.read_text()
    ignored.write_text("")
    try:
        (large,) = upload_findings(checkout)
    finally:
        ignored.write_text(text)
    assert large.state == "warn"
    assert "my-runs (" in large.what
    assert "corpora (" in large.what
    assert str(ignored) in large.advice
    assert sum(uploaded_files(checkout).values()) < LARGE


def test_elsewhere_it_says_nothing(tmp_path: Path) -> None:
    assert list(upload_findings(tmp_path)) == []
