"""The scripts in examples/ run as they are."""

import subprocess
import sys
from pathlib import Path

import pytest
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


SEARCHES = """
import sys
sys.path.insert(0, sys.argv[1])
import bundled_corpus, compare_studies, own_data

small = dict(encoder=sys.argv[2], frozen_layers=2, limit=8, target_limit=8, epochs=1, student_epochs=1)
small |= dict(average_epochs=1, trials=1, teacher_trials=1, space="quickstart", workers=0, confirm=1, seeds=2)
small |= dict(rows=["direct", "best"], storage="runs")
bundled_corpus.main(**small)
own_data.main("en.conll", "ar.txt", "ar", **small)
compare_studies.main(["sample-ar", "own-ar"], "runs")
"""


@pytest.mark.slow("two whole searches on Ray")
@pytest.mark.cluster
@pytest.mark.timeout(1800)
def test_searches(tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    """The bundled corpus, a user's own files, and the comparison of both studies."""
    sentences = [f"Anna{n} B-DRUG\nlives O\nin O\nOslo{n} B-DISEASE\n" for n in range(40)]
    (tmp_path / "en.conll").write_text("\n".join(sentences), encoding="utf-8")
    (tmp_path / "ar.txt").write_text("تعيش آنا في أوسلو.\n" * 8, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", SEARCHES, str(EXAMPLES), str(tiny_encoder.directory)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=1500,
    )
    assert done.returncode == 0, done.stderr
    shown = done.stdout
    assert "best found                   " in shown
    assert "gain of best over direct: " in shown
    assert "final-best-seed-2" in shown, "the trials"
    assert "own-ar: selected and scored on English dev" in shown
    assert "sample-ar            direct transfer (teacher)    " in shown
    assert "own-ar               direct transfer (teacher)    " in shown
