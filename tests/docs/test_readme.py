"""README's commands, word for word, in a copy of the working tree; the demo runs once for all of them."""

import re
import shlex
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from readme_demo import ROOT, Clone, Demo, table

README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
BLOCKS = re.findall(r"(?:^    .*\n)+", re.sub(r"```.*?```", "", README, flags=re.DOTALL), re.MULTILINE)
STACK = "tests/local_cluster/test_stack.py"
WHERE_RUN = {
    "make demo": "the fixture demo",
    "python -m msd_ray.tune --lang ar --source en.conll --target-text ar.txt --encoder e5-small": "test_own_data",
    "make cluster": STACK,
    ". runs/cluster/env.sh": STACK,
    "ray job submit --working-dir . -- python -m msd_ray.tune --lang ar --preset quickstart": STACK,
    "make cluster-stop": STACK,
}
expensive = [
    pytest.mark.demo,
    pytest.mark.slow("make demo, whose storage all of them read"),
    pytest.mark.timeout(3600),
]


def without_remark(line: str) -> str:
    return re.sub(r"\s+# .*", "", line).strip()


def commands() -> list[str]:
    """README's blocks but the demo's table."""
    return [without_remark(line) for block in BLOCKS for line in block.splitlines() if "(Holm)" not in block]


def test_every_command_is_run_by_a_test() -> None:
    assert commands() == list(WHERE_RUN)
    assert len(PYTHON) == 1


def test_the_table_is_read() -> None:
    assert list(table(README)) == ["direct transfer (teacher)", "plain distillation (TSL)", "best found"]
    assert table(README)["direct transfer (teacher)"] == (65.87, 4.30)


class TestDemo:
    pytestmark = expensive

    def test_scores_are_those_of_the_readme(self, demo: Demo) -> None:
        """Up to the processor's rounding, which moves a mean of five seeds by less than two points."""
        shown, printed = table(README), table(demo.output)
        assert list(printed) == list(shown)
        for name, (mean, gain) in shown.items():
            assert printed[name] == pytest.approx((mean, gain), abs=2.0, nan_ok=True), name

    def test_the_printed_next_step_tags_text(self, demo: Demo) -> None:
        (command,) = re.findall(r"^tag text with it +(.*)$", demo.output, re.MULTILINE)
        assert "PER" in demo.clone.run(command, "سافرت أنغيلا ميركل إلى باريس .\n")

    def test_python(self, demo: Demo) -> None:
        """The search is complete, so the first line only reads it."""
        shown = demo.clone.run(f"python -c {shlex.quote(PYTHON[0])}")
        assert "('direct', 0." in shown
        assert "('best', 0." in shown
        assert "final-best-seed-5 ar" in shown
        assert "Entity(text='باريس', label='LOC'" in shown

    def test_an_ordinary_checkpoint(self, demo: Demo) -> None:
        (call,) = re.findall(r"`transformers\.(pipeline\(.*?\))`", README)
        code = f"from transformers import pipeline; print({call}('أنغيلا ميركل')[0]['entity'])"
        assert "-" in demo.clone.run(f"python -c {shlex.quote(code)}")

    def test_doctor(self, demo: Demo) -> None:
        (command,) = re.findall(r"`(python -m msd_ray\.doctor [^`]*)`", README)
        assert " 0 failed" in demo.clone.run(command)

    def test_licences_of_corpora(self, demo: Demo) -> None:
        assert "sample" in demo.clone.run("python -m msd_ray.data list")

    def test_pictures(self, demo: Demo, browser: object) -> None:
        (command,) = re.findall(r"`(python -m benchmarks\.pictures [^`]*)`", README)
        pictures = demo.clone.run(command).split()
        assert set(re.findall(r"\((docs/pictures/[^)]*)\)", README)) <= set(pictures)


@pytest.mark.extended
@pytest.mark.slow("loads the encoder and measures steps")
def test_own_data(clone: Clone) -> None:
    """Everything that the run would do but the training: `--dry-run` reads, checks and measures."""
    sentences = [f"Anna{n} B-DRUG\nlives O\nin O\nOslo{n} B-DISEASE\n" for n in range(40)]
    (clone.directory / "en.conll").write_text("\n".join(sentences), encoding="utf-8")
    (clone.directory / "ar.txt").write_text("تعيش آنا في أوسلو.\n" * 8, encoding="utf-8")
    (command,) = (command for command in commands() if "--source" in command)
    assert "DISEASE" in clone.run(f"{command} --dry-run")


@pytest.mark.extended
@pytest.mark.slow("builds a wheel")
def test_installation(clone: Clone, tmp_path: Path) -> None:
    """`pip install .` gives the command, the spaces and no tests; dependencies are those of this environment."""
    assert "`pip install .[e5-small]`" in README
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    here = subprocess.run(
        [sys.executable, "-c", "import torch; print(torch.__path__[0])"], capture_output=True, text=True
    )
    (site / "dependencies.pth").write_text(str(Path(here.stdout.strip()).parent), encoding="utf-8")
    clone.run(f"{python} -m pip install -q --no-deps --no-build-isolation --ignore-installed .")
    command = python.with_name("msd-ray")
    done = subprocess.run([command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1].startswith("0.")
    spaces = [str(python), "-m", "msd_ray.search.spaces", "student", "quickstart"]
    assert "quickstart:" in subprocess.run(spaces, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert not [*site.glob("tests"), *site.glob("benchmarks")]
