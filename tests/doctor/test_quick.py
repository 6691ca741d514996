"""The checks of a search's start: what they say of the storage's disk space."""

from itertools import islice
from pathlib import Path

from msd_ray.doctor.disk import Trainings
from msd_ray.doctor.finding import Finding
from msd_ray.doctor.quick import Places, quick_findings
from msd_ray.storage.layout import Storage

FAR_TOO_MUCH = Trainings(checkpoint=10**18, epochs=1, teachers=1, students=1)


def space(storage: Storage) -> Finding:
    places = Places(storage=storage, study_storage="", mlflow_uri="", trainings=FAR_TOO_MUCH)
    _, finding = islice(quick_findings(places), 2)
    assert finding.state == "fail"
    return finding


def test_a_directory_and_the_copies_of_an_object_store_are_advised_apart(s3: str, tmp_path: Path) -> None:
    finding = space(Storage.at(tmp_path / "runs"))
    assert finding.what.startswith(f"{tmp_path / 'runs'} has ")
    assert "--storage" in finding.advice
    finding = space(Storage.at(s3))
    assert finding.what.startswith(f"{Storage.at(s3).root}, for copies, has ")
    assert "MSD_RAY_CACHE" in finding.advice
