"""`msd_ray.report` on real studies: every number comes from MLflow, and two reports are equal byte for byte."""

import csv
import re
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from small_ablation import ablate
from small_search import RUN, SmallSearch, write_corpora

from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.report.__main__ import main
from msd_ray.search.prepare import Data, prepare, read
from msd_ray.storage.layout import Storage
from msd_ray.tracking.uri import default_tracking_uri

GOLD = "gold-aux (NOT zero-shot)"
VARIANTS = ("msd", "no-all", "direct", "gold-aux")


@pytest.fixture(scope="module")
def storage(tiny_encoder: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a search and an ablation of Arabic."""
    directory = tmp_path_factory.mktemp("report")
    corpora = write_corpora(directory / "corpora", langs=("en", "ar"))
    search = SmallSearch(root=directory / "storage", encoder=tiny_encoder.directory, data_dir=corpora)
    search.run()
    data = Data(dataset="wikiann", lang="ar", directory=corpora, limit=None, max_length=RUN.max_length)
    prepared = prepare(data, read(data), tiny_encoder, Storage.at(search.root))
    ablate(prepared, corpora, variants=VARIANTS, seeds=2)
    return search.root


def report(storage: Path, out: Path) -> Path:
    assert main(["--lang", "ar", "--storage", str(storage), "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def reported(storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(storage, tmp_path_factory.mktemp("out") / "report")


def table(out: Path, key: str) -> dict[str, dict[str, str]]:
    """Return a table's CSV rows by label."""
    with (out / "tables" / f"{key}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["row"]: row for row in rows}


def final_run(storage: Path, row: str, seed: int) -> tuple[MlflowClient, str]:
    client = MlflowClient(default_tracking_uri(storage))
    experiment = client.get_experiment_by_name("msd-wikiann-ar")
    assert experiment is not None
    (run,) = client.search_runs(
        [experiment.experiment_id], f"tags.study = 'ablation' and tags.row = '{row}' and tags.seed = '{seed}'"
    )
    return client, run.info.run_id


def test_all_formats_of_all_tables_and_the_page_are_there(reported: Path) -> None:
    expected = {
        ".": {"table-3", "variants-wikiann", "deduplicated-wikiann", "english-wikiann"},
        "ablation": {f"{key}-wikiann-ar" for key in ("final-runs", "pairwise", "bootstrap", "types", "spans")},
        "wikiann-ar": {f"{key}-wikiann-ar" for key in ("final-runs", "types", "spans")} | {"deduplicated-wikiann"},
    }
    for folder, keys in expected.items():
        files = [path for path in (reported / "tables" / folder).iterdir() if path.is_file()]
        assert {path.stem for path in files if path.suffix == ".csv"} == keys
        for suffix in (".md", ".tex"):
            assert {path.stem for path in files if path.suffix == suffix} == {*keys, "tables"}
    assert {path.name for path in reported.glob("*.html")} == {"ablation.html", "wikiann-ar.html"}


def test_rows_that_were_never_run_are_one_line(reported: Path) -> None:
    assert set(table(reported, "variants-wikiann")) == {"MSD", "MSD w/o all (TSL)", "direct transfer (teacher)", GOLD}
    text = (reported / "tables" / "variants-wikiann.md").read_text(encoding="utf-8")
    assert text.count("Not run: MSD w/o distillers, MSD w/o MMD-L") == 1
    assert "not run" not in text
    for page in reported.glob("*.html"):
        assert ">not run<" not in page.read_text(encoding="utf-8")


def test_a_number_changed_in_mlflow_changes_the_table(storage: Path, reported: Path, tmp_path: Path) -> None:
    client, run_id = final_run(storage, "msd", 1)
    metrics = client.get_run(run_id).data.metrics
    before, step = metrics["test/f1"], 99
    other = client.get_run(final_run(storage, "msd", 2)[1]).data.metrics["test/f1"]
    client.log_metric(run_id, "test/f1", 0.875, step=step)
    changed = report(storage, tmp_path / "changed")
    client.log_metric(run_id, "test/f1", before, step=step + 1)
    for key in ("variants-wikiann", "table-3"):
        assert float(table(changed, key)["MSD"]["ar.mean"]) == pytest.approx(100 * (0.875 + other) / 2)
        assert table(changed, key)["MSD"]["ar.mean"] != table(reported, key)["MSD"]["ar.mean"]


def test_a_run_that_is_not_there_is_not_run(storage: Path, tmp_path: Path) -> None:
    client = MlflowClient(default_tracking_uri(storage))
    runs = [final_run(storage, "direct", seed)[1] for seed in (1, 2)]
    for run_id in runs:
        client.delete_run(run_id)
    without = report(storage, tmp_path / "without")
    for run_id in runs:
        client.restore_run(run_id)
    assert "direct transfer (teacher)" not in table(without, "variants-wikiann")
    text = (without / "tables" / "variants-wikiann.md").read_text(encoding="utf-8")
    assert re.search(r"Not run: .*direct transfer \(teacher\)", text)


def test_the_same_database_gives_the_same_bytes(storage: Path, reported: Path, tmp_path: Path) -> None:
    again = report(storage, tmp_path / "again")
    files = [path.relative_to(reported) for path in sorted(reported.rglob("*")) if path.is_file()]
    assert files == [path.relative_to(again) for path in sorted(again.rglob("*")) if path.is_file()]
    for name in files:
        assert (again / name).read_bytes() == (reported / name).read_bytes(), name


def test_msd_is_compared_over_seeds_and_sentences(reported: Path) -> None:
    rows = table(reported, "ablation/bootstrap-wikiann-ar")
    low, difference, high = (float(rows["MSD w/o all (TSL)"][f"f1.{name}"]) for name in ("low", "difference", "high"))
    assert low <= difference <= high
    assert rows["MSD w/o all (TSL)"]["seeds.n"] == "2"
    assert rows["MSD"]["f1.difference"] == ""
    assert "MSD w/o MMD-L" not in rows


def test_each_study_has_only_its_own_files_in_mlflow(storage: Path, reported: Path) -> None:
    client = MlflowClient(default_tracking_uri(storage))
    experiment = client.get_experiment_by_name("msd-wikiann-ar")
    assert experiment is not None
    for study in ("ablation", "wikiann-ar"):
        (parent,) = client.search_runs([experiment.experiment_id], f"tags.kind = 'study' and tags.study = '{study}'")
        uploaded = {file.path for file in client.list_artifacts(parent.info.run_id, "report")}
        assert uploaded == {f"report/{study}.html", "report/tables"}
        tables = {Path(file.path).name for file in client.list_artifacts(parent.info.run_id, "report/tables")}
        assert tables == {path.name for path in (reported / "tables" / study).iterdir()}


def test_without_options_all_studies_are_written_into_the_storage(storage: Path, reported: Path) -> None:
    assert main(["--storage", str(storage)]) == 0
    for name in ("ablation.html", "wikiann-ar.html"):
        assert (storage / "report" / name).read_bytes() == (reported / name).read_bytes()


def test_one_study_alone(storage: Path, tmp_path: Path) -> None:
    assert main(["--study", "wikiann-ar", "--storage", str(storage), "--out", str(tmp_path / "one")]) == 0
    assert [path.name for path in (tmp_path / "one").glob("*.html")] == ["wikiann-ar.html"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lang", "de"], "--lang de: no study is recorded. Recorded studies: ablation, wikiann-ar"),
        (["--study", "nothing"], "--study nothing: is not recorded. Recorded studies: ablation, wikiann-ar"),
    ],
)
def test_missing_studies_give_a_message(storage: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        main([*arguments, "--storage", str(storage)])


def test_no_database_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mlflow\.db does not exist"):
        main(["--lang", "ar", "--storage", str(tmp_path)])
