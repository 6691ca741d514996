"""Tables that are not in the paper, against plain arithmetic and the statistical tests."""

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from msd_ray.method.variants import VARIANTS, ZERO_SHOT
from msd_ray.report.beyond import deduplicated_table, english_table, span_error_table, type_table, variants_table
from msd_ray.report.comparison import ROW_LABELS
from msd_ray.report.pairwise import pairwise_table
from msd_ray.report.results import Measures, Results, Scores
from msd_ray.report.statistics.span_errors import SpanErrors
from msd_ray.report.table import Row, Section, Table

SEEDS = range(5)
Values = npt.NDArray[np.float64]


def drawn(start: int, variants: tuple[str, ...] = tuple(VARIANTS), langs: tuple[str, ...] = ("ko", "tr")) -> Scores:
    """Return scores that differ by variant, language and seed; the control's are the highest."""
    rng = np.random.default_rng(start)
    return {
        variant: {
            lang: {seed: float(rng.uniform(0.4, 0.6)) + 0.3 * (variant == "gold-aux") for seed in SEEDS}
            for lang in langs
        }
        for variant in variants
    }


def results(**more: object) -> Results:
    return Results(
        dataset="mlowner",
        scored_splits={"ko": "dev", "tr": "dev"},
        overall=Measures(precision=drawn(1), recall=drawn(2), f1=drawn(3)),
        **more,  # type: ignore[arg-type]
    )


def row(table: Table, label: str) -> Row:
    (found,) = (found for found in table.rows() if found.label == label)
    return found


def texts(table: Table, variant: str) -> list[str]:
    return [shown.text for shown in row(table, VARIANTS[variant].label).shown()]


def mean(scores: Scores, variant: str, lang: str) -> float:
    return 100 * float(np.mean(list(scores[variant][lang].values())))


def all_tables(given: Results) -> list[Table]:
    return [
        variants_table(given),
        english_table(given),
        deduplicated_table(given),
        *(build(given, "ko") for build in (type_table, span_error_table, pairwise_table)),
    ]


def test_every_title_and_heading_names_dev_as_the_scored_split() -> None:
    for table in all_tables(results()):
        assert "DEV SET (no test file)" in table.title
        assert any("(dev)" in heading for heading in table.headings())
        assert any("there is no test file" in note for note in table.notes)
    for table in all_tables(Results(dataset="mlowner", overall=Measures(f1=drawn(3)))):
        assert "test set" in table.title
        assert not any("(dev)" in heading for heading in table.headings())


def test_the_control_has_its_own_section_and_is_not_bold_although_highest() -> None:
    for table in all_tables(results(f1_deduplicated=drawn(5), source_f1=drawn(6))):
        for section in table.sections:
            marked = "NOT zero-shot" in section.heading
            for found in section.rows:
                assert ("NOT zero-shot" in found.label) == marked == (found.zero_shot is False)
                assert not (marked and any(shown.bold for shown in found.shown()))


def test_f1_with_its_interval_and_without_repeated_sentences() -> None:
    deduplicated = drawn(5)
    given = results(f1_deduplicated=deduplicated)
    table = deduplicated_table(given)
    for variant in VARIANTS:
        cells = texts(table, variant)
        assert len(cells) == 2 * 4
        for place, lang in enumerate(("ko", "tr")):
            f1, interval, without, difference = cells[4 * place : 4 * place + 4]
            assert f1.startswith(f"{mean(given.f1, variant, lang):.2f} ± ")
            assert without.startswith(f"{mean(deduplicated, variant, lang):.2f} ± ")
            expected = mean(deduplicated, variant, lang) - mean(given.f1, variant, lang)
            assert difference == f"{expected:+.2f}".replace("-", "−")
            values = 100 * np.array(list(given.f1[variant][lang].values()))
            low, high = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
            assert interval == f"{low:.2f} to {high:.2f}"


def test_the_best_with_and_without_repeated_sentences_is_bold() -> None:
    given = results(f1_deduplicated=drawn(5))
    table = deduplicated_table(given)
    for column, scores in ((0, given.f1), (2, given.f1_deduplicated)):
        best = max(ZERO_SHOT, key=lambda variant, scores=scores: mean(scores, variant, "ko"))  # type: ignore[misc]
        bold = [found.label for found in table.rows() if found.shown()[column].bold]
        assert bold == [VARIANTS[best].label]


def test_runs_that_did_not_record_a_number_are_not_called_not_run() -> None:
    f1 = {name: by_lang for name, by_lang in drawn(3).items() if name != "tsl-mmd"}
    table = deduplicated_table(Results(dataset="mlowner", overall=Measures(f1=f1), failed={"tsl-mmd": {"tr": 3}}))
    assert texts(table, "msd")[2:4] == ["not recorded", "–"]
    assert texts(table, "tsl-mmd") == [
        *("not run", "not run", "not run", "–"),
        *("3 failed", "3 failed", "3 failed", "–"),
    ]


def values_of(section: Section) -> Values:
    """Return the numbers of a section's rows: n, difference, raw and corrected p of both tests; NaN if missing."""
    return np.array([[value for cell in found.cells for value in cell.values()] for found in section.rows], dtype=float)


def test_pairs_are_all_pairs_with_both_tests() -> None:
    given = results()
    primary, secondary, control = pairwise_table(given, "tr").sections
    pairs = list(combinations(ZERO_SHOT, 2))
    labels = [found.label for found in (*primary.rows, *secondary.rows)]
    assert labels == [f"{VARIANTS[a].label} − {VARIANTS[b].label}" for a, b in pairs]
    assert len(control.rows) == len(ZERO_SHOT)
    values = np.concatenate([values_of(primary), values_of(secondary)])
    for (a, b), (n, difference, t, _, wilcoxon, _) in zip(pairs, values, strict=True):
        first, second = (np.array([given.f1[name]["tr"][seed] for seed in SEEDS]) for name in (a, b))
        assert n == len(SEEDS)
        assert difference == pytest.approx(100 * (first - second).mean())
        assert t == pytest.approx(stats.ttest_rel(first, second).pvalue)
        assert wilcoxon == pytest.approx(stats.wilcoxon(first, second).pvalue)


def test_msd_against_every_other_zero_shot_variant_is_the_corrected_family() -> None:
    table = pairwise_table(results(), "tr")
    primary, secondary, control = table.sections
    assert [found.label for found in primary.rows] == [
        f"MSD − {VARIANTS[name].label}" for name in ZERO_SHOT if name != "msd"
    ]
    assert (primary.heading, secondary.heading) == (
        "Primary: MSD against every other zero-shot variant",
        "Secondary, not corrected: the other pairs",
    )
    values = values_of(primary)
    for raw, corrected in ((2, 3), (4, 5)):
        order = np.argsort(values[:, raw], kind="stable")
        stepped = np.minimum(1, np.maximum.accumulate(values[order, raw] * np.arange(len(values), 0, -1)))
        assert values[order, corrected] == pytest.approx(stepped)
    for section in (secondary, control):
        assert np.isnan(values_of(section)[:, [3, 5]]).all()
        assert not np.isnan(values_of(section)[:, [2, 4]]).any()
        assert {found.shown()[3].text for found in section.rows} == {"–"}
    assert any("their p values are not corrected" in note for note in table.notes)


def test_other_pairs_and_the_control_do_not_change_the_correction() -> None:
    primary = pairwise_table(results(), "ko").sections[0]
    f1 = {name: by_lang for name, by_lang in drawn(3).items() if name != "gold-aux"}
    without = pairwise_table(Results(dataset="mlowner", overall=Measures(f1=f1)), "ko")
    assert len(without.sections) == 2
    assert without.sections[0].rows == primary.rows
    assert "Not run: gold-aux (NOT zero-shot)." in without.notes
    others = pairwise_table(Results(dataset="mlowner", overall=Measures(f1=drawn(3, ("no-all", "direct")))), "ko")
    assert [section.heading for section in others.sections] == ["Secondary, not corrected: the other pairs"]


def test_the_smallest_wilcoxon_p_is_named_and_reached() -> None:
    f1 = {"msd": {"ko": {s: 0.6 + s / 100 for s in SEEDS}}, "direct": {"ko": {s: 0.4 + s / 90 for s in SEEDS}}}
    table = pairwise_table(Results(dataset="mlowner", overall=Measures(f1=f1)), "ko")
    assert any("over 5 seeds cannot be below 0.0625" in note for note in table.notes)
    (found,) = table.rows()
    n, difference, t, t_holm, wilcoxon, wilcoxon_holm = (shown.text for shown in found.shown())
    assert (n, difference, t, wilcoxon, wilcoxon_holm) == ("5", "+19.78", "<0.0001", "0.0625", "0.0625")
    assert t_holm == t


def test_one_seed_gives_a_difference_and_no_p() -> None:
    f1 = {"msd": {"ko": {0: 0.6}}, "direct": {"ko": {0: 0.5, 1: 0.4}}, "no-all": {"ko": {7: 0.1}}}
    table = pairwise_table(Results(dataset="mlowner", overall=Measures(f1=f1)), "ko")
    assert [[shown.text for shown in found.shown()] for found in table.rows()] == [
        ["0", "–", "n/a", "n/a", "n/a", "n/a"],
        ["1", "+10.00", "n/a", "n/a", "n/a", "n/a"],
        ["0", "–", "n/a", "–", "n/a", "–"],
    ]


def test_types_have_precision_recall_and_f1_in_the_catalogues_order_with_others_last() -> None:
    person = Measures(precision=drawn(7), recall=drawn(8), f1=drawn(9))
    table = type_table(results(types={"ZZZ": Measures(), "PER": person}), "ko")
    names = ["seeds", "all", "PER", "LOC", "GRP", "CORP", "PROD", "CW", "ZZZ"]
    assert [group.key for group in table.groups] == names
    cells = texts(table, "no-all")
    assert cells[0] == "5"
    for place, scores in enumerate((drawn(1), drawn(2), drawn(3), drawn(7), drawn(8), drawn(9)), start=1):
        assert cells[place].startswith(f"{mean(scores, 'no-all', 'ko'):.2f} ± ")
        assert "n=" not in cells[place]
    assert set(cells[7:]) == {"not recorded"}


def test_a_number_of_fewer_seeds_shows_their_number() -> None:
    person = Measures(f1={"msd": {"ko": {0: 0.5, 1: 0.7}}})
    assert texts(type_table(results(types={"PER": person}), "ko"), "msd")[6] == "60.00 ± 14.14 (n=2)"


def test_span_errors_are_means_of_counts() -> None:
    def errors(correct: int) -> SpanErrors:
        return SpanErrors(correct=correct, boundary=2, type=3, boundary_and_type=4, missed=5, spurious=6)

    f1 = {"msd": {"ko": {0: 0.5, 1: 0.6}}}
    given = Results(
        dataset="mlowner",
        overall=Measures(f1=f1),
        span_errors={"msd": {"ko": {0: errors(10), 1: errors(13)}}},
        failed={"msd": {"ko": 1}},
    )
    table = span_error_table(given, "ko")
    assert [group.heading for group in table.groups] == [
        "",
        "correct",
        "boundary",
        "type",
        "both",
        "missed",
        "spurious",
    ]
    assert texts(table, "msd") == [
        *("2, 1 failed", "11.5 ± 2.1", "2.0 ± 0.0", "3.0 ± 0.0", "4.0 ± 0.0", "5.0 ± 0.0", "6.0 ± 0.0")
    ]
    assert [found.label for found in table.rows()] == ["MSD"]
    assert any(note.startswith("Not run: MSD w/o distillers, ") for note in table.notes)


def test_variants_have_an_average_where_there_are_several_languages() -> None:
    given = results()
    table = variants_table(given)
    assert [group.heading for group in table.groups] == ["ko (dev)", "tr (dev)", "Avg (dev)"]
    average = (mean(given.f1, "msd", "ko") + mean(given.f1, "msd", "tr")) / 2
    assert texts(table, "msd")[2].startswith(f"{average:.2f} ± ")
    table = variants_table(Results(dataset="sample", overall=Measures(f1=drawn(3, langs=("ar",)))))
    assert [group.heading for group in table.groups] == ["ar"]
    assert len(table.sections[0].rows[0].cells) == 1


def test_english_scores_are_only_the_teachers() -> None:
    source = drawn(6, variants=("direct", "mixture"))
    table = english_table(results(source_f1=source))
    assert [found.label for found in table.rows()] == [VARIANTS["direct"].label, VARIANTS["mixture"].label]
    assert texts(table, "mixture")[1].startswith(f"{mean(source, 'mixture', 'tr'):.2f} ± ")


def test_rows_that_were_never_run_are_one_line() -> None:
    empty = Results(dataset="mlowner")
    for table in (type_table(empty, "ko"), span_error_table(empty, "ko"), pairwise_table(empty, "ko")):
        assert list(table.rows()) == []
        assert sum(note.startswith("Not run: MSD, ") for note in table.notes) == 1


def test_rows_of_a_search_have_its_labels() -> None:
    given = Results(dataset="sample", overall=Measures(f1=drawn(3, ("tsl", "best"), ("ar",))), labels=ROW_LABELS)
    table = type_table(given, "ar")
    assert [found.label for found in table.rows()] == ["plain distillation (TSL)", "best found"]
    assert "Not run: direct transfer (teacher), paper's configuration, average of the best." in table.notes
