"""Tables 2-8: layout, best numbers, and the notes on dev, the control and missing results."""

from collections.abc import Mapping

import numpy as np
import pytest
from paper_results import every_table

from msd_ray.data.catalogue import Split
from msd_ray.report.cells import PaperCell
from msd_ray.report.paper import SCORE_TABLES, TABLE_2, TABLE_3, TABLE_4, TABLE_8
from msd_ray.report.results import Measures, Results, Scores
from msd_ray.report.table import Row, Table
from msd_ray.report.tables import paper_tables, score_table, source_table

Means = Mapping[str, Mapping[str, float]]
JITTER = (-0.011, 0.004, 0.007)  # adds up to nothing


def scores(means: Means, seeds: tuple[int, ...] = (3, 1, 2)) -> Scores:
    return {
        variant: {
            lang: {seed: mean + step for seed, step in zip(seeds, JITTER, strict=True)} for lang, mean in by.items()
        }
        for variant, by in means.items()
    }


def results(means: Means, dataset: str = "wikiann", split: Split = "test", **more: object) -> Results:
    langs = {lang for by_lang in means.values() for lang in by_lang}
    return Results(
        dataset=dataset,
        scored_splits=dict.fromkeys(langs, split),
        overall=Measures(f1=scores(means)),
        **more,  # type: ignore[arg-type]
    )


ALL_LANGS = {
    "msd": {"ar": 0.61, "hi": 0.70, "zh": 0.50},
    "no-all": {"ar": 0.50, "hi": 0.72, "zh": 0.40},
    "gold-aux": {"ar": 0.90, "hi": 0.91, "zh": 0.92},
}


def line(table: Table, label: str) -> list[str]:
    return [shown.text for shown in row(table, label).shown()]


def row(table: Table, label: str) -> Row:
    (found,) = (row for row in table.rows() if row.label == label)
    return found


def bold(table: Table) -> set[tuple[str, str]]:
    """Return (row, column) of every bold cell among ours."""
    return {
        (found.label, group.key)
        for found in table.rows()
        for group, cell in zip(table.groups, found.cells, strict=True)
        if cell.shown()[1].bold
    }


def test_columns_are_paper_ours_and_difference_a_language() -> None:
    table = score_table(TABLE_3, results(ALL_LANGS))
    assert [group.heading for group in table.groups] == ["ar", "hi", "zh", "Avg"]
    assert {group.columns for group in table.groups} == {("paper", "ours", "difference")}
    assert line(table, "MSD") == [
        *("62.88", "61.00 ± 0.96 (n=3)", "−1.88"),
        *("73.43", "70.00 ± 0.96 (n=3)", "−3.43"),
        *("57.06", "50.00 ± 0.96 (n=3)", "−7.06"),
        *("64.46", "60.33 ± 0.96 (n=3)", "−4.13"),
    ]


def test_means_deviations_and_differences_are_numpys() -> None:
    means = {"direct": {"ar": 0.4321, "hi": 0.6, "zh": 0.5}}
    cells = row(score_table(TABLE_3, results(means)), "BS (Wu and Dredze, 2019)").cells
    for cell, lang, paper in zip(cells[:3], ("ar", "hi", "zh"), (42.30, 67.60, 52.90), strict=True):
        values = 100 * np.array(list(scores(means)["direct"][lang].values()))
        assert list(cell.values()[:3]) == pytest.approx([paper, values.mean(), values.std(ddof=1)])
        assert isinstance(cell, PaperCell)
        assert cell.difference == pytest.approx(values.mean() - paper)
    average = np.mean([list(scores(means)["direct"][lang].values()) for lang in ("ar", "hi", "zh")], axis=0)
    assert list(cells[3].values()[1:3]) == pytest.approx([100 * average.mean(), 100 * average.std(ddof=1)])


def test_cited_systems_show_only_the_papers_number_and_missing_rows_are_marked() -> None:
    table = score_table(TABLE_3, results(ALL_LANGS))
    assert line(table, "RIKD (Liang et al., 2021)") == [
        *("45.96", "–", "–"),
        *("70.28", "–", "–"),
        *("50.40", "–", "–"),
        *("55.55", "–", "–"),
    ]
    assert line(table, "MSD w/o. MMD-L")[:3] == ["56.93", "–", "–"]
    assert "Not run: MSD w/o distillers, MSD w/o MMD-L, MSD w/o MMD-M, " in " ".join(table.notes)
    partly = score_table(TABLE_3, results({"msd": {"ar": 0.6, "hi": 0.7}, "direct": {"hi": 0.6}}))
    assert [group.key for group in partly.groups] == ["ar", "hi"]
    assert line(partly, "BS (Wu and Dredze, 2019)") == ["42.30", "not run", "–", "67.60", "60.00 ± 0.96 (n=3)", "−7.60"]
    assert score_table(TABLE_2, Results(dataset="conll")).groups == ()


def test_the_best_zero_shot_mean_of_a_column_is_bold_and_the_control_never() -> None:
    table = score_table(TABLE_3, results(ALL_LANGS))
    assert bold(table) == {("MSD", "ar"), ("MSD w/o. all", "hi"), ("MSD", "zh"), ("MSD", "avg")}


def test_a_single_score_is_not_best_and_ties_are_both_best() -> None:
    assert bold(score_table(TABLE_3, results({"msd": {"ar": 0.6}, "gold-aux": {"ar": 0.9}}))) == set()
    tied = {"msd": {"ar": 0.612301}, "direct": {"ar": 0.612299}, "no-all": {"ar": 0.6122}}
    assert bold(score_table(TABLE_3, results(tied))) == {("MSD", "ar"), ("BS (Wu and Dredze, 2019)", "ar")}


def test_the_papers_bold_stays_the_papers() -> None:
    for table, paper in zip(every_table()[1:], SCORE_TABLES, strict=True):
        for found in table.rows():
            printed_bold = any(printed.bold for printed in paper.rows() if printed.label == found.label)
            assert found.bold == printed_bold
            assert all(cell.shown()[0].bold == printed_bold for cell in found.cells if cell.shown()[0].text != "–")


def test_the_control_is_a_row_of_its_own_at_the_end_and_marked() -> None:
    for number, table in enumerate(every_table(), start=1):
        not_zero_shot = [row.label for row in table.rows() if row.zero_shot is False]
        assert not_zero_shot == (["gold-aux (NOT zero-shot)"] if number in (2, 3, 4) else [])
        if not_zero_shot:
            assert [row.label for row in table.sections[-1].rows] == not_zero_shot
            assert "NOT zero-shot" in table.sections[-1].heading
            assert all(not section.heading for section in table.sections[:-1])


def test_the_ablations_have_a_row_without_both_mmd_losses_that_the_paper_has_no_score_of() -> None:
    found = results(ALL_LANGS | {"no-mmd": {"ar": 0.6}})
    assert line(score_table(TABLE_3, found), "MSD w/o MMD")[:6] == [
        *("–", "60.00 ± 0.96 (n=3)", "–"),
        *("–", "not run", "–"),
    ]
    for given in (found, results(ALL_LANGS)):
        table = score_table(TABLE_3, given)
        labels = [row.label for row in table.rows()]
        assert labels.count("MSD w/o MMD") == (given is found)
        assert any("Figure 3b" in note for note in table.notes) == (given is found)
    assert labels_before_control(score_table(TABLE_3, found))[-2:] == ["MSD w/o. all", "MSD w/o MMD"]


def labels_before_control(table: Table) -> list[str]:
    return [row.label for row in table.sections[-2].rows]


def test_an_average_needs_every_language() -> None:
    means = {"msd": {"ar": 0.61, "zh": 0.50}, "direct": ALL_LANGS["msd"]}
    table = score_table(TABLE_3, results(means))
    assert line(table, "MSD")[-3:] == ["64.46", "no hi", "–"]
    assert line(table, "BS (Wu and Dredze, 2019)")[-2] == "60.33 ± 0.96 (n=3)"
    assert line(table, "MSD w/o. all")[-2] == "–"


def test_an_average_is_over_shared_seeds_with_a_note() -> None:
    f1 = {"msd": {"ar": {1: 0.5, 2: 0.7}, "hi": {1: 0.6, 3: 0.9}, "zh": {1: 0.7}}}
    table = score_table(TABLE_3, Results(dataset="wikiann", overall=Measures(f1=f1)))
    assert line(table, "MSD")[-2] == "60.00 (n=1)"
    assert any("msd" in note and "seeds that every language has" in note for note in table.notes)
    apart = {"msd": {"ar": {1: 0.5}, "hi": {2: 0.6}, "zh": {3: 0.7}}}
    table = score_table(TABLE_3, Results(dataset="wikiann", overall=Measures(f1=apart)))
    assert line(table, "MSD")[-2] == "no shared seed"
    assert not any("every language has" in note for note in score_table(TABLE_3, results(ALL_LANGS)).notes)


def test_title_headings_and_notes_name_dev_as_the_scored_split() -> None:
    on_dev = results({"msd": {"ko": 0.5, "tr": 0.6}}, dataset="mlowner", split="dev")
    for paper in (TABLE_4, TABLE_8):
        table = score_table(paper, on_dev)
        assert "DEV SET (no test file) for ko, tr" in table.title
        assert "on the test set" in table.title  # the paper's
        headings = {group.key: group.columns for group in table.groups}
        assert headings == dict.fromkeys(("ko", "tr"), ("paper (test)", "ours (dev)", "dev − test"))
        fields = {group.key: group.fields for group in table.groups}
        assert "mean_on_dev" in fields["ko"]
        assert "mean" not in fields["ko"]
        assert any(note.startswith("ko, tr: there is no test file") for note in table.notes)
    on_test = score_table(TABLE_4, results({"msd": {"ko": 0.5}}, dataset="mlowner"))
    text = " ".join([on_test.title, *on_test.headings(), *on_test.notes])
    assert "(dev)" not in text
    assert "dev set" not in text.lower()


def test_failed_runs_are_not_called_not_run() -> None:
    failed = {"msd": {"ar": 2}, "direct": {"ar": 1}}
    table = score_table(TABLE_3, results({"msd": {"ar": 0.6}}, failed=failed))
    assert line(table, "MSD")[1] == "60.00 ± 0.96 (n=3, 2 failed)"
    assert line(table, "BS (Wu and Dredze, 2019)")[1:3] == ["1 failed", "–"]


def test_a_language_that_the_paper_has_not_follows_the_average() -> None:
    table = score_table(TABLE_3, results({"msd": {"sw": 0.4}}))
    assert [group.key for group in table.groups] == ["sw"]
    assert line(table, "MSD") == ["–", "40.00 ± 0.96 (n=3)", "–"]
    every = score_table(TABLE_3, results(ALL_LANGS | {"direct": {"sw": 0.4}}))
    assert [group.key for group in every.groups] == ["ar", "hi", "zh", "avg", "sw"]


def test_table_5_has_the_teachers_english_scores_by_target_language() -> None:
    conll = results(
        {"direct": {"de": 0.7, "nl": 0.6}, "mixture": {"de": 0.7}},
        dataset="conll",
        source_f1=scores({"direct": {"de": 0.9, "nl": 0.91}, "mixture": {"de": 0.92}}),
    )
    table = source_table(conll)
    assert [group.heading for group in table.groups] == [
        "en (teacher for de)",
        "en (teacher for nl)",
    ]
    assert line(table, "BS (Wu and Dredze, 2019)")[:3] == ["91.30", "90.00 ± 0.96 (n=3)", "−1.30"]
    assert line(table, "mixture") == ["91.49", "92.00 ± 0.96 (n=3)", "+0.51", "91.49", "not run", "–"]
    assert bold(table) == {("mixture", "en-for-de")}


def test_tables_in_order_and_none_without_a_number_of_ours() -> None:
    assert [table.key for table in every_table()] == [f"table-{number}" for number in range(1, 9)]
    assert paper_tables({}) == paper_tables({"wikiann": Results(dataset="wikiann")}) == ()
    (table,) = paper_tables({"wikiann": results(ALL_LANGS)})
    assert table.key == "table-3"  # table 7 has none of these variants
    assert "61.00 ± 0.96 (n=3)" in line(table, "MSD")


def test_a_changed_score_changes_only_its_cell() -> None:
    before = score_table(TABLE_3, results(ALL_LANGS))
    after = score_table(TABLE_3, results(ALL_LANGS | {"no-all": {"ar": 0.50, "hi": 0.72, "zh": 0.41}}))
    changed = {
        (old.label, column)
        for old, new in zip(before.rows(), after.rows(), strict=True)
        for column, pair in enumerate(zip(old.shown(), new.shown(), strict=True))
        if pair[0] != pair[1]
    }
    zh, average = 7, 10
    assert changed == {("MSD w/o. all", column) for column in (zh, zh + 1, average, average + 1)}


def test_the_order_of_seeds_and_variants_does_not_matter() -> None:
    one = Results(dataset="wikiann", overall=Measures(f1=scores(ALL_LANGS)))
    reordered = {
        variant: {lang: dict(reversed(list(by_seed.items()))) for lang, by_seed in reversed(list(by_lang.items()))}
        for variant, by_lang in reversed(list(scores(ALL_LANGS).items()))
    }
    assert score_table(TABLE_3, one) == score_table(TABLE_3, Results(dataset="wikiann", overall=Measures(f1=reordered)))
