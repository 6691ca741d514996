"""The table of a search's final runs: rows, gains and p values of the printed table."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from msd_ray.report.comparison import comparisons, summary_metrics, summary_rows
from msd_ray.report.csv_files import csv_table
from msd_ray.report.final_runs import final_rows, final_runs_table
from msd_ray.report.first_screen import first_screen
from msd_ray.report.latex import latex_table
from msd_ray.report.markdown import markdown_table
from msd_ray.report.page import render
from msd_ray.report.search_page import search_page, search_results, search_tables
from msd_ray.report.table import Table
from msd_ray.tracking.rows import RunRow, State
from msd_ray.tracking.study_reader import RecordedStudy

SCORES = {"direct": [0.30, 0.31, 0.33], "tsl": [0.41, 0.44, 0.42], "best": [0.50, 0.49, 0.52]}
DIGESTS = {row: f"0000000{number}" for number, row in enumerate(SCORES)}


def run(
    row: str, seed: int, f1: float, *, state: State = "COMPLETE", digest: str | None = None, split: str = "test",
    dev: str = "dev_target/f1", more: dict[str, float] | None = None,
) -> RunRow:  # fmt: skip
    return RunRow(
        run_id=f"{row}-{seed}-{digest}",
        key=f"final/{row}/{digest}/seed-{seed}",
        name="",
        phase="final",
        state=state,
        status="FINISHED",
        parameters={},
        metrics={dev: f1 + 0.1, f"{split}/f1": f1, **(more or {})},
        tags={
            "row": row,
            "seed": str(seed),
            "scored_split": split,
            "configuration": digest or DIGESTS.get(row, "ffffffff"),
        },
    )


def study(runs: list[RunRow], tagged: dict[str, str] | None = None) -> RecordedStudy:
    tags = {f"configuration.{row}": digest for row, digest in (DIGESTS if tagged is None else tagged).items()}
    parent = RunRow(
        run_id="p", key="study", name="s", phase="study", state=None, status="FINISHED", parameters={}, metrics={},
        tags=tags,
    )  # fmt: skip
    return RecordedStudy(name="s", dataset="wikiann", lang="ar", command="tune", parent=parent, runs=tuple(runs))


def runs(**more: object) -> list[RunRow]:
    return [run(row, seed, f1, **more) for row, f1s in SCORES.items() for seed, f1 in enumerate(f1s)]  # type: ignore[arg-type]


def shown(table: Table) -> dict[str, list[str]]:
    return {row.label: [cell.text for cell in row.shown()] for row in table.rows()}


def test_it_has_the_numbers_of_the_printed_table() -> None:
    table = final_runs_table(study(runs()), "s: 5 epochs")
    assert list(shown(table)) == ["direct transfer (teacher)", "plain distillation (TSL)", "best found"]
    rows = summary_rows(runs(), list(SCORES), dev_metric="dev_target/f1")
    metrics = summary_metrics(rows, comparisons(rows))
    values = {
        row.label: dict(
            zip(
                [f"{group.key}.{field}" for group in table.groups for field in group.fields],
                [value for cell in row.cells for value in cell.values()],
                strict=True,
            )
        )
        for row in table.rows()
    }
    for row in rows:
        own = values[row.label]
        for field in ("mean", "sd", "low", "high"):
            assert own[f"f1.{field}"] == pytest.approx(100 * metrics[f"final/{row.name}/test_f1_{field}"])
            assert own[f"dev.{field}"] == pytest.approx(100 * metrics[f"final/{row.name}/dev_target_f1_{field}"])
        if row.name != "best":
            assert own["gain.difference"] == pytest.approx(100 * metrics[f"gain/best-{row.name}/difference"])
            assert own["p.holm"] == metrics[f"gain/best-{row.name}/p"]
    p = stats.ttest_rel(SCORES["best"], SCORES["direct"]).pvalue
    assert values["direct transfer (teacher)"]["p.holm"] == pytest.approx(2 * p)
    text = shown(table)["plain distillation (TSL)"]
    assert text[:2] == ["52.33 ± 1.53", "42.33 ± 1.53"]
    assert text[3:5] == ["3", "+8.00"]
    assert shown(table)["best found"][4:] == ["–", "–"]
    assert "test set" in table.title
    assert table.notes[-1] == "s: 5 epochs"


def test_the_best_mean_is_bold() -> None:
    bold = [row.label for row in final_runs_table(study(runs())).rows() if row.cells[1].shown()[0].bold]
    assert bold == ["best found"]


def test_rows_that_failed_or_never_ran_are_there_and_other_rows_are_not() -> None:
    of_rows = [each for each in runs() if each.tags["row"] != "tsl"]
    failed = [run("tsl", 0, 0.1, state="FAIL")]
    assert shown(final_runs_table(study(of_rows + failed)))["plain distillation (TSL)"] == [
        *("1 failed", "1 failed", "–", "1 failed", "–", "–")
    ]
    assert shown(final_runs_table(study(of_rows)))["plain distillation (TSL)"] == [
        *("not run", "not run", "–", "not run", "–", "–")
    ]
    assert "paper's configuration" not in shown(final_runs_table(study(of_rows)))


def test_runs_of_a_configuration_that_was_best_once_do_not_count() -> None:
    before = [run("best", seed, 0.9, digest="eeeeeeee") for seed in range(3)]
    assert shown(final_runs_table(study(before + runs()))) == shown(final_runs_table(study(runs())))


def test_a_study_of_an_earlier_version() -> None:
    """One or two rows, no digests in the parent run, and missing metrics."""
    old = {"test/f1_source_selected": 0.1, "dev_source/f1": 0.9, "teacher/dev_target_f1": 0.2, "teacher/test_f1": 0.2}
    paper = [run("paper", seed, f1, more=old) for seed, f1 in enumerate((0.4, 0.41))]
    table = final_runs_table(study(paper, {}))
    (label,) = shown(table)
    assert label == "paper's configuration"
    assert table.groups[0].heading == "dev F1 (target)"
    assert shown(table)[label][0] == "50.50 ± 0.71"
    best = [run("best", seed, f1, more=old) for seed, f1 in enumerate((0.5, 0.52))]
    assert shown(final_runs_table(study(paper + best, {})))[label][4] == f"{100 * np.mean([0.1, 0.11]):+.2f}"


def test_headings_name_the_selecting_and_the_scored_split() -> None:
    table = final_runs_table(study(runs(split="dev", dev="dev_source/f1")))
    assert [group.heading for group in table.groups][:2] == ["dev F1 (source)", "F1 on dev"]
    assert "DEV SET (no test file)" in table.title
    assert "mean_on_dev" in table.groups[1].fields
    assert any(note.startswith("ar: there is no test file") for note in table.notes)


def test_the_headline_is_the_exported_row_and_its_gain_over_direct_transfer() -> None:
    found = final_rows(study(runs())).headline
    assert found is not None
    assert found.row.name == "best"
    assert found.gain is not None
    assert (found.gain.b, found.gain.n) == ("direct", 3)
    assert found.gain.difference == pytest.approx(np.mean(np.subtract(SCORES["best"], SCORES["direct"])))
    exported = study(runs(), DIGESTS | {})
    exported.parent.tags["winner"] = "tsl"  # type: ignore[index]
    again = final_rows(exported).headline
    assert again is not None
    assert again.row.name == "tsl"
    assert final_rows(study([])).headline is None


def test_the_page_of_a_search_begins_with_it() -> None:
    search = study(runs())
    page = search_page(search, {}, (), lambda _: None, lambda _: None)
    assert page.title == "English → Arabic"
    assert page.first is not None
    assert shown(page.first.table) == shown(final_runs_table(search))
    assert [fact.value for fact in page.first.headlines] == ["50.33", "+19.00"]
    assert [section.anchor for section in page.sections] == [
        "errors"
    ]  # without trials no search, without vectors no domains
    html = render(page)
    assert "best found" in html
    for table in search_tables(search, search_results(search, lambda _: None)):
        assert markdown_table(table)
        assert latex_table(table)
        assert csv_table(table)


def test_a_search_without_final_runs_has_a_page() -> None:
    page = search_page(study([]), {}, (), lambda _: None, lambda _: None)
    assert page.first is not None
    assert page.first.figure is None
    assert "no final run has a score yet" in render(page)


def test_sentences_and_epochs_of_teachers_and_students_are_told_apart() -> None:
    def facts(**parameters: str) -> tuple[str, ...]:
        searched = study(runs())
        return first_screen(replace(searched, parent=replace(searched.parent, parameters=parameters))).facts[2:]

    assert facts(limit="500", epochs="4") == ("500 training sentences per language", "4 epochs")
    more = facts(limit="500", target_limit="1000", epochs="4", student_epochs="2")
    assert more == ("500 labelled sentences", "1000 sentences of raw text", "4 epochs", "2 of students")
