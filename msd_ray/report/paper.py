"""Every number of the paper's tables, as printed: F1 in percent with two decimals, and Table 1's counts.

Ma et al. (2022), "WIDER & CLOSER: Mixture of Short-channel Distillers for Zero-shot Cross-lingual Named Entity
Recognition" (EMNLP 2022). Table 1's counts come from the catalogue, against which loaded files are checked.

Some printed averages differ from the averages of the printed cells: most are truncated instead of rounded, two cannot
result from their cells. They are kept as printed; `average_of_cells` computes the average.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType

from msd_ray.data.catalogue import DATASETS, SPLITS, Counts, Split


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperRow:
    """One row: F1 in percent for each of the table's columns, and their printed average if the table has one.

    variant: name of this package's variant, None for a system that it does not implement. bold: printed in bold.
    """

    label: str
    values: tuple[Decimal, ...]
    average: Decimal | None = None
    variant: str | None = None
    bold: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperTable:
    """One table of F1 scores. sections: the rows between its rules; langs: its columns."""

    number: int
    dataset: str
    corpus: str
    langs: tuple[str, ...]
    sections: tuple[tuple[PaperRow, ...], ...]

    def rows(self) -> tuple[PaperRow, ...]:
        """Return the rows of all sections."""
        return tuple(row for section in self.sections for row in section)


def average_of_cells(row: PaperRow) -> Decimal:
    """Return the average of a row's printed cells, rounded half up to two decimals."""
    return (sum(row.values, Decimal()) / len(row.values)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def _row(label: str, numbers: str, variant: str | None = None, *, bold: bool = False) -> PaperRow:
    """Build a row from its cells and, last, its average."""
    *values, average = (Decimal(number) for number in numbers.split())
    return PaperRow(label=label, values=tuple(values), average=average, variant=variant, bold=bold)


TABLE_1: Mapping[tuple[str, str, Split], Counts] = MappingProxyType(
    {
        (dataset, lang, split): DATASETS[dataset].counts[lang, split]
        for dataset in ("conll", "wikiann", "mlowner")
        for lang in DATASETS[dataset].languages
        for split in SPLITS
    }
)
"""(data set, language, split) -> sentences and entities, in the order of the rows of Table 1."""

_CONLL_CORPUS = "the CoNLL data sets (Sang, 2002; Sang and Meulder, 2003)"
_WIKIANN_CORPUS = "the WikiAnn data set (Pan et al., 2017)"
_MLOWNER_CORPUS = "the mLOWNER data set (Malmasi et al., 2022)"

TABLE_2 = PaperTable(
    number=2,
    dataset="conll",
    corpus=_CONLL_CORPUS,
    langs=("de", "es", "nl"),
    sections=(
        (
            _row("Wiki (Tsai et al., 2016)", "48.12 60.55 61.56 56.74"),
            _row("WS (Ni et al., 2017)", "58.50 65.10 65.40 63.00"),
            _row("BWET (Xie et al., 2018)", "57.76 72.37 71.25 67.13"),
            _row("ADV (Keung et al., 2019)", "71.90 74.30 77.60 74.60"),
            _row("BS (Wu and Dredze, 2019)", "69.59 74.96 77.57 73.57", "direct"),
            _row("TSL (Wu et al., 2020a)", "73.16 76.75 80.44 76.78"),
            _row("Unitrans (Wu et al., 2020b)", "74.82 79.31 82.90 79.01"),
            _row("AdvPicker (Chen et al., 2021)", "75.01 79.00 82.90 78.97"),
            _row("RIKD (Liang et al., 2021)", "75.48 77.84 82.46 78.59"),
            _row("TOF (Zhang et al., 2021b)", "76.57 80.35 82.79 79.90"),
            _row("MTMT (Li et al., 2022)", "76.80 81.82 83.41 80.67"),
        ),
        (_row("MSD", "77.56 81.92 85.11 81.53", "msd", bold=True),),
        (
            _row("MSD w/o. distillers", "75.31 79.34 83.16 79.27", "no-distillers"),
            _row("MSD w/o. MMD-L", "76.68 80.27 84.07 80.34", "no-mmd-lang"),
            _row("MSD w/o. MMD-M", "77.12 79.81 84.36 80.43", "no-mmd-model"),
            _row("MSD w/o. all", "74.17 77.82 81.31 77.76", "no-all"),
        ),
    ),
)

TABLE_3 = PaperTable(
    number=3,
    dataset="wikiann",
    corpus=_WIKIANN_CORPUS,
    langs=("ar", "hi", "zh"),
    sections=(
        (
            _row("BS (Wu and Dredze, 2019)", "42.30 67.60 52.90 54.27", "direct"),
            _row("TSL (Wu et al., 2020a)", "43.12 69.54 48.12 53.59"),
            _row("RIKD (Liang et al., 2021)", "45.96 70.28 50.40 55.55"),
            _row("MTMT (Li et al., 2022)", "52.77 70.76 52.26 58.60"),
        ),
        (_row("MSD", "62.88 73.43 57.06 64.46", "msd", bold=True),),
        (
            _row("MSD w/o. distillers", "54.52 70.22 52.46 59.06", "no-distillers"),
            _row("MSD w/o. MMD-L", "56.93 71.50 56.68 61.70", "no-mmd-lang"),
            _row("MSD w/o. MMD-M", "58.65 72.11 56.53 62.43", "no-mmd-model"),
            _row("MSD w/o. all", "43.17 68.07 49.25 53.49", "no-all"),
        ),
    ),
)

TABLE_4 = PaperTable(
    number=4,
    dataset="mlowner",
    corpus=_MLOWNER_CORPUS,
    langs=("ko", "ru", "tr"),
    sections=(
        (
            _row("BS (Wu and Dredze, 2019)", "51.78 52.33 58.85 54.32", "direct"),
            _row("TSL (Wu et al., 2020a)", "53.91 54.26 61.15 56.44"),
            _row("AdvPicker (Chen et al., 2021)", "56.22 55.65 63.17 58.34"),
        ),
        (_row("MSD", "61.67 58.06 67.80 62.51", "msd", bold=True),),
        (
            _row("MSD w/o. distillers", "57.23 56.81 65.14 59.72", "no-distillers"),
            _row("MSD w/o. MMD-L", "57.88 57.24 67.83 60.98", "no-mmd-lang"),
            _row("MSD w/o. MMD-M", "59.12 58.08 67.41 61.53", "no-mmd-model"),
            _row("MSD w/o. all", "54.37 54.03 61.55 56.65", "no-all"),
        ),
    ),
)

TABLE_5 = PaperTable(
    number=5,
    dataset="conll",
    corpus=_CONLL_CORPUS,
    langs=("en",),
    sections=(
        (
            PaperRow(label="BS (Wu and Dredze, 2019)", values=(Decimal("91.30"),), variant="direct"),
            PaperRow(label="mixture", values=(Decimal("91.49"),), variant="mixture", bold=True),
        ),
    ),
)

TABLE_6 = PaperTable(
    number=6,
    dataset="conll",
    corpus=_CONLL_CORPUS,
    langs=("de", "es", "nl"),
    sections=(
        (
            _row("AdvPicker", "75.01 79.00 82.90 78.97"),
            _row("TSL w. MMD", "75.02 78.83 82.73 78.86", "tsl-mmd"),
            _row("MSD w/o. distillers", "75.31 79.34 83.16 79.27", "no-distillers", bold=True),
        ),
    ),
)

TABLE_7 = PaperTable(
    number=7,
    dataset="wikiann",
    corpus=_WIKIANN_CORPUS,
    langs=("ar", "hi", "zh"),
    sections=(
        (
            _row("AdvPicker", "53.12 69.88 51.09 57.69"),
            _row("TSL w. MMD", "53.47 70.09 50.12 57.89", "tsl-mmd"),
            _row("MSD w/o. distillers", "54.52 70.22 52.46 59.06", "no-distillers", bold=True),
        ),
    ),
)

TABLE_8 = PaperTable(
    number=8,
    dataset="mlowner",
    corpus=_MLOWNER_CORPUS,
    langs=("ko", "ru", "tr"),
    sections=(
        (
            _row("AdvPicker", "56.22 55.65 63.17 58.34"),
            _row("TSL w. MMD", "56.68 56.28 63.13 58.69", "tsl-mmd"),
            _row("MSD w/o. distillers", "57.23 56.81 65.14 59.72", "no-distillers", bold=True),
        ),
    ),
)

SCORE_TABLES: tuple[PaperTable, ...] = (TABLE_2, TABLE_3, TABLE_4, TABLE_5, TABLE_6, TABLE_7, TABLE_8)
