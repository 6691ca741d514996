"""What the doctor says of a user's own files."""

from dataclasses import replace
from pathlib import Path

import pytest

from msd_ray.data.own_files import OwnFiles
from msd_ray.doctor.corpora import corpora_findings
from msd_ray.search.prepare import Data


@pytest.fixture
def data(tmp_path: Path) -> Data:
    (tmp_path / "en.conll").write_text("Aspirin B-DRUG\nhelps O\n\n" * 20)
    (tmp_path / "ar.txt").write_text("دواء مفيد.\n", encoding="utf-8")
    own = OwnFiles(source=(tmp_path / "en.conll",), target_text=tmp_path / "ar.txt")
    return Data(dataset="own", lang="ar", directory=None, limit=None, max_length=48, select_on="source", own=own)


def test_no_target_labels_are_a_warning(data: Data) -> None:
    (finding,) = corpora_findings(data)
    assert finding.state == "warn"
    assert "own, en to ar: source train 18, target train 1, source dev 2 sentences" in str(finding)
    assert "no target labels, so final runs are scored on source dev" in str(finding)


def test_a_test_file_without_labels_is_a_failure(data: Data, tmp_path: Path) -> None:
    assert data.own is not None
    (tmp_path / "test.conll").write_text("دواء\n", encoding="utf-8")
    (finding,) = corpora_findings(replace(data, own=replace(data.own, target_test=tmp_path / "test.conll")))
    assert finding.state == "fail"
    assert "test.conll:1: expected a row" in str(finding)
    assert "Final runs are scored on this file" in str(finding)


def test_a_malformed_file_is_a_failure_with_its_line(data: Data, tmp_path: Path) -> None:
    (tmp_path / "ar.txt").write_text("word\tB-PER\n")
    (finding,) = corpora_findings(data)
    assert finding.state == "fail"
    assert "ar.txt:1: labelled text" in str(finding)
    assert "docs/own-data.md" in str(finding)
