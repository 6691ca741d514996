"""`python -m msd_ray.data`, from its arguments to its output and exit code."""

import subprocess
import sys
from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.data.__main__ import main
from msd_ray.report.corpus_table import corpus_table
from msd_ray.report.markdown import markdown_table
from msd_ray.tracking.study_reader import StudyReader
from msd_ray.tracking.uri import default_tracking_uri

MULTICONER = Path(__file__).parents[3] / "shared" / "data" / "multiconer"
needs_multiconer = pytest.mark.skipif(not MULTICONER.is_dir(), reason="needs ../shared/data/multiconer")


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_list_names_everything(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "tr").mkdir()
    (tmp_path / "tr" / "tr_dev.conll").touch()
    assert main(["list", "--data-dir", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    for words in (
        *("conll: CoNLL-2002", "wikiann: WikiAnn", "mlowner: mLOWNER", "sample: the embedded"),
        *("en de es nl ar hi zh ko ru tr", "PER LOC GRP CORP PROD CW", "PER ORG LOC MISC"),
        *("https://registry.opendata.aws/multiconer/", "CC BY 4.0", "eng|deu|esp|ned.testa", "{lang}_test.conll"),
    ):
        assert words in output
    on_disk = [
        line.split("│")[2].strip()
        for line in output.splitlines()
        if "on disk " in line.partition("│")[2].partition("│")[0]
    ]
    assert on_disk == ["nothing", "nothing", "tr", "embedded"]


@needs_multiconer
def test_check_of_the_real_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--dataset", "mlowner", "--data-dir", str(MULTICONER), "--lang", "tr"]) == 0
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines() if "│" in line
    ]
    assert rows == [
        ["tr", "train", "15,300 / 15,300", "23,305 / 23,305", "match"],
        ["tr", "dev", "800 / 800", "1,245 / 1,245", "match"],
        ["tr", "test", "- / 10,000", "- / 15,209", "not there"],
    ]


@needs_multiconer
def test_check_of_a_broken_copy(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "tr").mkdir()
    content = (MULTICONER / "tr" / "tr_dev.conll").read_text()
    (tmp_path / "tr" / "tr_dev.conll").write_text(content[: content.rindex("# id")])
    assert main(["check", "--dataset", "mlowner", "--data-dir", str(tmp_path)]) == 1
    output = capsys.readouterr().out
    assert "799 / 800" in output
    assert "MISMATCH" in output


def test_check_shows_both_ways_of_counting(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "ned.testa").write_text("-DOCSTART- -DOCSTART- O\nA N B-PER\n\nB N I-PER\n\nC N B-LOC\n")
    assert main(["check", "--dataset", "conll", "--data-dir", str(tmp_path), "--lang", "nl"]) == 1
    output = capsys.readouterr().out
    assert "3 (with -DOCSTART- 4) / 2,895" in output
    assert "2 (with I- 3) / 2,616" in output
    assert "with I-: also entities that begin with I-, as conlleval counts them." in output
    assert "Table 1 counts the -DOCSTART- lines" not in output  # not those of nl


def test_check_of_the_sample(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--dataset", "sample", "--lang", "en", "ar"]) == 0
    assert "no counts" in capsys.readouterr().out


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing of data set 'mlowner' below .*en/en_train\.conll"):
        main(["check", "--dataset", "mlowner", "--data-dir", str(tmp_path)])
    with pytest.raises(UserError, match="does not exist"):
        main(["list", "--data-dir", str(tmp_path / "nowhere")])
    with pytest.raises(UserError, match="'conll' is read from files"):
        main(["check", "--dataset", "conll"])


def test_bad_input_is_one_message_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "eng.train").write_text("EU NNP I-NP I-ORG\nrejects VBZ\n\nx\n")
    command = [sys.executable, "-m", "msd_ray.data", "check", "--dataset", "conll", "--data-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {tmp_path / 'eng.train'}:2: unknown label 'VBZ'")
    assert "Traceback" not in done.stderr


@needs_multiconer
def test_recorded_counts_are_table_1_of_a_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    uri = default_tracking_uri(tmp_path)
    arguments = ["check", "--dataset", "mlowner", "--data-dir", str(MULTICONER), "--lang", "tr", "--record", uri]
    assert main(arguments) == 0
    assert "recorded in MLflow" in capsys.readouterr().out
    with StudyReader.open(uri) as reader:
        table = markdown_table(corpus_table(reader.counts()))
    (sentences,) = (line for line in table.splitlines() if "Turkish-tr, sentences" in line)
    assert "15,300" in sentences
    assert "no file" in sentences
