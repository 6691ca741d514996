"""The scripts in examples/ run as they are."""

import subprocess
import sys
from pathlib import Path

from students import exported

from msd_ray.data.encoders.files import EncoderFiles

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_tag_text(tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    exported(tiny_encoder, tmp_path / "student")
    shown = run("tag_text.py", str(tmp_path / "student"))
    assert " PER " in shown or " LOC " in shown
    assert "dev sentences are tagged as in the corpus" in shown
