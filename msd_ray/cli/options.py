"""Options of `msd_ray.tune`: command line, presets, environment and defaults merged and validated."""

import re
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from msd_ray.common.errors import UserError
from msd_ray.common.limits import require_plain
from msd_ray.data.catalogue import LANGUAGE_NAMES, dataset_named, did_you_mean
from msd_ray.data.locate import check_language
from msd_ray.method.variants import FINAL_ROWS

from .declaration import check_values, declared
from .environment import from_environment
from .option_table import PRESETS, OwnData, Places, Resources, Search, Study, Training
from .own_data import implied_by_own_data
from .parser import CommandParser, add_help, add_schema

COMMAND = "python -m msd_ray.tune"
DESCRIPTION = """\
Search for the best zero-shot named entity tagger for a language without
labelled training sentences, and score it on the test set.

A teacher is trained on labelled English, a student on the teacher's outputs
for unlabelled sentences of the target language. Phases:

  teacher   search the teacher's hyperparameters
  student   search the student's hyperparameters, then repeat the best
            configurations with more seeds (confirm)
  final     train the best configuration and the baselines with several
            seeds, and score them on the test set

Every trial is recorded in MLflow. To resume a search, run the same command
again; to extend it, give a larger --trials, --hours or --patience."""

_TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*")
"""Form of a language tag (BCP 47): `sw`, `bem`, `zh-Hans`."""

EXAMPLES = """\
examples:
  The whole pipeline on the bundled corpus, in a few minutes, without downloads:
    python -m msd_ray.tune --lang ar --preset quickstart
  A full search on MultiCoNER Turkish:
    python -m msd_ray.tune --lang tr --dataset mlowner \\
        --data-dir data/multiconer --space student --trials 40
  Three WikiAnn languages on the cluster at RAY_ADDRESS, two trials per GPU:
    python -m msd_ray.tune --lang ar hi zh \\
        --gpus-per-trial 0.5 --max-concurrent 16
"""
SHARED = (OwnData, Training, Places, Resources)
"""Options that `tune` and `ablate` share besides those of the study."""


@dataclass(frozen=True, kw_only=True)
class TuneOptions(Study, OwnData, Search, Training, Places, Resources):
    """Options of one search. None: decided later, from the machine or the space."""

    groups: ClassVar[tuple[type, ...]] = (Study, Search, *SHARED)
    """Classes of the command's own options, in the order of the help."""

    def __post_init__(self) -> None:
        """Raise UserError for a wrong value."""
        check_values(self)
        if self.write_config is not None:
            _check_write_config(self.write_config, dry_run=self.dry_run)
        gpus = self.gpus_per_trial
        if gpus is not None and gpus > 1 and not float(gpus).is_integer():
            raise UserError(f"--gpus-per-trial {gpus:g} is not a whole number. Give one, or the share of one GPU.")
        if self.workers > self.batch_size:
            raise UserError(
                f"--workers {self.workers} is more than --batch-size {self.batch_size}. "
                f"Give at most --workers {self.batch_size}."
            )
        if (self.average_epochs or 1) > self.epochs:
            raise UserError(
                f"--average-epochs {self.average_epochs} is more than --epochs {self.epochs}. "
                f"Give at most --average-epochs {self.epochs}."
            )
        for lang in self.languages:  # before it becomes part of a path
            require_plain(lang, "--lang" if lang in self.lang else "--source-lang")
        for lang in set(self.lang) & set(self.source_lang):
            name = LANGUAGE_NAMES.get(lang, lang)
            raise UserError(f"--lang {lang}: {name} is a source language of teachers. Name another language.")
        if self.name is not None:
            require_plain(self.name, "--name")

    @property
    def languages(self) -> tuple[str, ...]:
        """Source and target languages."""
        return (*self.source_lang, *self.lang)

    @property
    def final_rows(self) -> int:
        """Upper bound on the number of taggers that are trained with every seed."""
        return len(self.rows or FINAL_ROWS) + self.confirm

    @property
    def scores_source(self) -> bool:
        """Whether final runs are scored on the source's test set, too."""
        return False

    def study_name(self, lang: str) -> str:
        """Name of the study of one language: `--name`, or DATASET-LANG, after other sources than English's codes."""
        if self.name is None:
            sources = () if self.source_lang == Study.source_lang else self.source_lang
            return "-".join((self.dataset, *sources, lang))
        return self.name if len(self.lang) == 1 else f"{self.name}-{lang}"


def parse(arguments: Sequence[str] | None = None) -> TuneOptions:
    """Read the command line. Raises UserError for a wrong option or value, SystemExit for --help."""
    return TuneOptions(**given_values(command_line(), TuneOptions, arguments))


def command_line() -> CommandParser:
    """The parser. Omitted options are absent from its namespace; errors raise UserError instead of exiting."""
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=f"{_presets()}\n{EXAMPLES}")
    section = parser.add_options("search", TuneOptions, Study, Search)
    add_settings(parser, TuneOptions)
    add_schema(section, lambda: schema_of(TuneOptions))
    add_help(section)
    return parser


def add_settings(parser: CommandParser, options: type[TuneOptions]) -> None:
    """Add the options of `SHARED`."""
    parser.add_options("own data, in place of --dataset (docs/own-data.md)", options, OwnData)
    parser.add_options("training", options, Training)
    parser.add_options("storage and tracking", options, Places)
    parser.add_options("resources, on the Ray cluster at RAY_ADDRESS or, if unset, this machine", options, Resources)


def given_values(
    parser: CommandParser,
    options: type[TuneOptions],
    arguments: Sequence[str] | None,
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Values of environment, study file and command line, each with its preset; a later one overrides.

    Raises: UserError for a wrong or missing option.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    given, stored, start = parser.read(words), {}, []
    if "config" in given:
        from .study_file import read_study_file  # imports pydantic

        stored = read_study_file(given["config"], options)
        start = PRESETS[stored["preset"]].split() if "preset" in stored else []
    own = implied_by_own_data({**stored, **given})
    if "preset" in given:
        given = parser.read([*PRESETS[given["preset"]].split(), *words])
    values = {**defaults, **from_environment(), **parser.read(start), **stored, **given, **own}
    if missing := [
        one.flag for name, one in declared(options).items() if one.default is MISSING and name not in values
    ]:
        parser.error(f"the following arguments are required: {', '.join(missing)}")
    return values


def check_languages(options: TuneOptions) -> None:
    """Raise UserError for a language that the data set lacks; with own files, for what is not a language code.

    To be called before anything is imported that takes seconds. No hub is asked.
    """
    for lang in options.languages:
        if options.own is None:
            check_language(dataset_named(options.dataset), lang, options.data_dir)
        elif not _TAG.fullmatch(lang):
            flag = "--lang" if lang in options.lang else "--source-lang"
            raise UserError(
                f"{flag} {lang}: is not a language code{did_you_mean(lang)}. "
                "Give a code of two or three letters, such as sw, bem or zh-Hans."
            )


def schema_of(options: type[TuneOptions]) -> dict[str, Any]:
    """The JSON Schema of a command's study files."""
    from .study_file import json_schema  # imports pydantic

    return json_schema(options)


def _check_write_config(given: str, *, dry_run: bool) -> None:
    """Raise UserError for a `--write-config` that would not be written, or would replace a file."""
    if not dry_run:
        raise UserError("--write-config needs --dry-run: a study file is written of what would run. Add --dry-run.")
    if given != "-" and Path(given).exists():
        raise UserError(f"--write-config {given}: exists. Give another name, or remove it.")


def _presets() -> str:
    lines = ["presets:"]
    for name, options in PRESETS.items():
        # An option and its values stay on one line.
        whole = options.replace(" ", "\xa0").replace("\xa0--", " --")
        lines += textwrap.wrap(
            f"{name:<11} {whole}", width=78, initial_indent="  ", subsequent_indent=" " * 14, break_on_hyphens=False
        )
    return "\n".join(lines).replace("\xa0", " ") + "\n"
