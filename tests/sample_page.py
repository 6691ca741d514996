"""A small report with every kind of content, including hostile texts, for tests of the page."""

import math
from decimal import Decimal

import numpy as np
import plotly.graph_objects as go

from msd_ray.report.cells import PaperCell, TextCell, points
from msd_ray.report.comparison import SummaryRow
from msd_ray.report.figures import FigureWithData
from msd_ray.report.figures.confusion import confusion_figure
from msd_ray.report.figures.domains import MEASURES, PAIRS, DomainDistance, domains_figure
from msd_ray.report.marked_sentences import SentenceList, TaggedSentence
from msd_ray.report.page import Fact, FirstScreen, Page, Section
from msd_ray.report.statistics.summary import Summary, summarise
from msd_ray.report.table import Cell, Group, Row, Table
from msd_ray.report.table import Section as TableSection

ATTACK = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"


def page() -> Page:
    """Return the report."""
    return Page(
        title="MSD on mLOWNER: English to Korean and Turkish",
        first=FirstScreen(
            facts=("an ablation", "e5-small", ATTACK),
            headlines=(Fact(value="58.31", text="test F1 of MSD"), Fact(value=ATTACK, text=ATTACK)),
            table=hostile_table(),
            figure=curves(),
            settings_title="Hyperparameters",
            settings={"student: learning rate": "0.0002", ATTACK: ATTACK},
            more_settings={"student: warm-up share": "0.1"},
        ),
        paragraphs=("Nine variants, five seeds each. Every number was read from MLflow's run `6f1c`.",),
        notes=("Scored on the dev split: no test file was there.",),
        sections=(
            Section(
                heading="Scores",
                anchor="scores",
                paragraphs=("F1 in percent, mean and sample standard deviation.",),
                tables=(score_table(), long_table()),
            ),
            Section(heading="Figures", anchor="figures", figures=(curves(), confusion(), distances())),
            Section(heading="Worst sentences", anchor="worst-sentences", sentence_lists=(sentences(),)),
            Section(heading=f"Study {ATTACK}", anchor="hostile", paragraphs=(ATTACK, f"`{ATTACK}`"), notes=(ATTACK,),
                    tables=(hostile_table(),), figures=(hostile_figure(),)),
        ),
        footer="Made by `msd_ray` 0.1.0.",
    )  # fmt: skip


def ours(mean: float) -> Summary:
    """Five seeds around a mean."""
    return summarise([mean + 0.004 * step for step in (-1.0, -0.5, 0.0, 0.5, 1.0)])


def score_table() -> Table:
    """A table like the paper's; two cells give the reason for a missing number."""
    rows = (
        ("MSD", "61.67", ours(0.5831), "67.80", ours(0.6412), True),
        ("MSD w/o distillers", "57.23", ours(0.5733), "65.14", None, True),
        ("MSD w/o MMD-L", "57.88", None, "67.83", ours(0.6801), True),
        ("gold-aux (NOT zero-shot)", None, ours(0.6650), None, ours(0.7011), False),
        ("TSL", "9.90", ours(0.1023), "61.15", ours(0.61), True),
    )

    def cell(paper: str | None, summary: Summary | None, best: bool) -> Cell:
        return PaperCell(paper=None if paper is None else Decimal(paper), ours=summary, best=best)

    first, last = (
        tuple(
            Row(label=label, cells=(cell(ko, our_ko, label == "MSD"), cell(tr, our_tr, False)), zero_shot=zero_shot)
            for label, ko, our_ko, tr, our_tr, zero_shot in part
        )
        for part in (rows[:4], rows[4:])
    )
    columns = ("paper", "ours", "difference")
    return Table(
        key="table-4",
        title="Table 4: entity-level F1 (%) on mLOWNER",
        label_heading="Method",
        groups=tuple(Group(key=lang, heading=lang, columns=columns, fields=("p",) * 7) for lang in ("ko", "tr")),
        sections=(TableSection(rows=first), TableSection(heading="Cited by the paper", rows=last)),
        notes=("Dev in place of test.",),
    )


def long_table() -> Table:
    """Sixty rows with labels that are numbers, differences of either sign, and texts."""
    rows = tuple(
        Row(label=str(number), cells=(points(10 * math.sin(number)), TextCell(text=f"trial {number % 7}")))
        for number in range(60)
    )
    groups = (
        Group(key="difference", heading="Difference", columns=("",), fields=("difference",)),
        Group(key="name", heading="Name", columns=("",), fields=()),
    )
    return Table(key="trials", title="Every trial", label_heading="Trial", groups=groups,
                 sections=(TableSection(rows=rows),))  # fmt: skip


def hostile_table() -> Table:
    """A table with markup in every text, and a word that is wider than a phone."""
    groups = (Group(key="x", heading=ATTACK, columns=("",), fields=()),)
    rows = (Row(label=ATTACK, cells=(TextCell(text=ATTACK),)), Row(label="w" * 90, cells=(TextCell(text="x" * 90),)))
    return Table(key="hostile", title=ATTACK, label_heading=ATTACK, groups=groups,
                 sections=(TableSection(heading=ATTACK, rows=rows),), notes=(ATTACK,))  # fmt: skip


def curves() -> FigureWithData:
    """Four learning curves."""
    figure = go.Figure()
    rows: list[tuple[str, ...]] = []
    for number, name in enumerate(("MSD", "MSD w/o distillers", "MSD w/o MMD-L", "TSL w. MMD")):
        values = [60 + 3 * number + 6 * (1 - math.exp(-epoch / 3)) for epoch in range(1, 11)]
        figure.add_scatter(x=list(range(1, 11)), y=values, name=name, mode="lines+markers")
        rows += [(name, str(epoch), f"{value:.2f}") for epoch, value in enumerate(values, start=1)]
    figure.update_layout(xaxis_title="epoch", yaxis_title="dev F1 (%)")
    return FigureWithData(
        figure=figure,
        title="Dev F1 by epoch",
        alt="Four rising curves; TSL w. MMD ends highest.",
        columns=("variant", "epoch", "F1"),
        rows=tuple(rows),
    )


def confusion() -> FigureWithData:
    """A heat map with a colour bar."""
    counts = np.array([[90, 3, 4, 8], [2, 120, 9, 14], [5, 11, 60, 20], [7, 9, 12, 0]])
    return present(confusion_figure(["PER", "LOC", "CORP"], counts, scope="mlowner ko, dev"))


def distances() -> FigureWithData:
    """Three panels, stacked on a phone."""
    return present(
        domains_figure(
            [
                DomainDistance(variant=variant, pair=pair, measure=measure, values=(0.2, 0.25))
                for variant in ("msd", "no-all")
                for pair in PAIRS
                for measure in MEASURES
            ],
            scope="mlowner ko, dev",
        )
    )


def present(figure: FigureWithData | None) -> FigureWithData:
    """The figure, which has data."""
    assert figure is not None
    return figure


def hostile_figure() -> FigureWithData:
    """A figure with markup in every text."""
    figure = go.Figure(go.Bar(x=[ATTACK, "b"], y=[1, 2], name=ATTACK, text=[ATTACK, "b"]))
    figure.update_layout(xaxis_title=ATTACK, showlegend=True)
    rows = ((ATTACK, "1"), ("b", "no score"))
    return FigureWithData(figure=figure, title=ATTACK, alt=ATTACK, columns=("name", "value"), rows=rows)


def sentences() -> SentenceList:
    """English, Arabic and Chinese sentences with every verdict, and markup as tokens."""

    def tagged(text: str, gold: str, predicted: str, remark: str = "") -> TaggedSentence:
        return TaggedSentence(
            tokens=tuple(text.split()), gold=tuple(gold.split()), predicted=tuple(predicted.split()), remark=remark
        )

    listed = (
        tagged("The University of Bonn moved to Cologne in May", "O B-ORG I-ORG I-ORG O O B-LOC O O",
               "O B-ORG O B-LOC O O B-PER O B-LOC", "1 boundary, 1 type, 1 spurious"),
        tagged("ولد محمد صلاح في نجريج بمصر", "O B-PER I-PER O B-LOC B-LOC", "O B-PER I-PER O O B-ORG",
               "1 missed, 1 type"),
        tagged("北 京 大 学 位 于 海 淀 区", "B-ORG I-ORG I-ORG I-ORG O O B-LOC I-LOC I-LOC",
               "B-LOC I-LOC O O O O B-LOC I-LOC I-LOC"),
        TaggedSentence(tokens=("see", ATTACK, "&amp;", "<b>bold</b>"), gold=("O", "B-PER", "O", "O"),
                       predicted=("O", "O", "O", "B-LOC"), remark=ATTACK),
        *(tagged(f"Bonn {number}", "B-LOC O", "O O", "folded after five") for number in range(4)),
    )  # fmt: skip
    return SentenceList(title="Sentences with the most errors", sentences=listed)


def final_rows(second: str = "best") -> list[SummaryRow]:
    """Three rows with three seeds each; the last has no score."""
    scores: dict[str, dict[int, float]] = {
        "direct": {1: 0.3, 2: 0.32, 3: 0.4},
        second: {1: 0.5, 2: 0.52, 3: 0.6},
        "tsl": {},
    }
    return [
        SummaryRow(
            name=name,
            label=name,
            seeds=len(by_seed),
            failed=0,
            zero_shot=True,
            scored_split="test",
            dev_metric="dev_target/f1",
            dev=None,
            test=summarise(list(by_seed.values())) if by_seed else None,
            test_by_seed=by_seed,
        )
        for name, by_seed in scores.items()
    ]
