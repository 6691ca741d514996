"""Set up searches from options: read and check all inputs, write nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from msd_ray.common.errors import UserError
from msd_ray.common.shell import command, is_installed
from msd_ray.common.text import count_of, has_password
from msd_ray.data.catalogue import DEFAULT_SOURCE, dataset_named
from msd_ray.data.encode import effective_label_at
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_tokenizer
from msd_ray.data.encoders.sources import resolve
from msd_ray.data.encoders.token_classification import check_encoder
from msd_ray.method.settings import RunSettings, to_json
from msd_ray.predict.export import DESCRIPTION
from msd_ray.search.final import remaining
from msd_ray.search.parameters import JSON, Fixed, Parameter
from msd_ray.search.prepare import Data, Prepared, ReadCorpora, prepare, read
from msd_ray.search.scored_files import check_scored_files
from msd_ray.search.search import SearchSettings
from msd_ray.search.spaces import load_space
from msd_ray.search.warm_start import WarmStart
from msd_ray.storage.layout import Storage
from msd_ray.tracking.champion import registered_name
from msd_ray.tracking.uri import default_tracking_uri, shown_uri, ui_command

from .options import TuneOptions
from .search_settings import (
    gpus_per_trial,
    points_of,
    precision_of,
    rows_of,
    search_settings,
    study_storage_of,
    teacher_trials,
)
from .study_file import study_file

SELECTION = {
    "target": "epochs and configurations by F1 on the target's dev set",
    "source": "epochs and configurations by F1 on the source's dev set; no label of the target is read",
    "none": "the last epochs' average; configurations by F1 on the source's dev set; no label of the target is read",
}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Search for one language.

    conditions: what determines scores besides the space; compared on resuming a study. study_file: content of the file
        that describes the study (`--config`).
    """

    lang: str
    data: Data
    corpora: ReadCorpora
    encoder: EncoderFiles
    storage: Storage
    settings: SearchSettings
    conditions: dict[str, JSON]
    mlflow_uri: str
    study_storage: str
    gpus: float
    study_file: str
    precision_note: str = ""

    @cached_property
    def prepared(self) -> Prepared:
        """Encoded corpora, written into the storage on first use. Raises UserError if that fails."""
        return prepare(self.data, self.corpora, self.encoder, self.storage, study=self.settings.name)

    @property
    def parameters(self) -> dict[str, JSON]:
        """Parameters of the parent run in MLflow, apart from the command's own; constant over a study's lifetime."""
        run = to_json(self.settings.run)
        return {**self.conditions, **{name: run[name] for name in ("epochs", "student_epochs") if name in run}}

    @property
    def dev_note(self) -> str | None:
        """Note below the table: which dev sentences scored the trials; None if all of them did."""
        limit, dev = self.data.dev_limit, len(self.corpora.dev)
        if limit is None or dev <= limit:
            return None
        return f"Trials were scored on {limit:,} of {dev:,} dev sentences (--dev-limit), these runs on all."


def set_up(options: TuneOptions) -> tuple[Setup, ...]:
    """Read and check space, corpora and encoder, the cheapest first. Writes only the caches of encoder and hub.

    Returns: one setup per language.
    Raises: UserError for wrong options and unreadable inputs.
    """
    space = load_space(options.space)
    storage = Storage.at(options.storage)
    if options.own is None:
        dataset_named(options.dataset)  # before its name becomes part of a path
    teacher_trials(options, space)
    rows_of(options, space)
    if storage.store is not None:
        _check_databases(options)
    for lang in options.lang:
        registered_name(options.dataset, lang)
        _check_model_place(storage.model(options.study_name(lang)))
    data = [_data(options, lang) for lang in options.lang]
    corpora = [read(one) for one in data]
    for one, texts in zip(data, corpora, strict=True):
        check_scored_files(one, texts, source=options.scores_source)
    encoder = resolve(options.encoder)
    check_encoder(
        encoder,
        frozen_layers=options.frozen_layers,
        max_length=options.max_length,
        frozen_prefix=options.frozen_prefix,
    )
    label_at = effective_label_at(options.label_at, load_tokenizer(encoder))
    data = [replace(one, label_at=label_at) for one in data]
    gpus, study_storage, text = gpus_per_trial(options), study_storage_of(options, storage), study_file(options)
    precision, precision_note = precision_of(options, gpus)
    setups = []
    for one, texts in zip(data, corpora, strict=True):
        settings = search_settings(options, one.lang, space=space, precision=precision, study_storage=study_storage)
        setups.append(
            Setup(
                lang=one.lang,
                data=one,
                corpora=texts,
                encoder=encoder,
                storage=storage,
                settings=settings,
                conditions=_conditions(options, one, texts, encoder, settings),
                mlflow_uri=options.mlflow_uri or default_tracking_uri(storage.root),
                study_storage=study_storage,
                gpus=gpus,
                study_file=text,
                precision_note=precision_note,
            )
        )
    return tuple(setups)


def _conditions(
    options: TuneOptions, data: Data, corpora: ReadCorpora, encoder: EncoderFiles, settings: SearchSettings
) -> dict[str, JSON]:
    """What determines scores besides the space."""
    return {
        "dataset": data.dataset,
        "lang": data.lang,
        "limit": data.limit,
        "encoder": encoder.name,
        "encoder_digest": encoder.digest,
        "data": dict(corpora.digests),
        "workers": options.workers,
        "gpus": gpus_per_trial(options) > 0,
        "select_on": data.select_on,
        "dev_limit": data.dev_limit,
        "decode": data.decode,
        **({} if data.target_limit is None else {"target_limit": data.target_limit}),
        # Studies from before there was a choice have no such condition, nor have those where there is none.
        **({} if data.label_at == "first" else {"label_at": data.label_at}),
        "teacher_trials": settings.teacher_trials,
        **({"labels": list(corpora.source.labels)} if data.own else {}),
        **({"source_lang": data.source} if data.source != DEFAULT_SOURCE else {}),
    }


def _data(options: TuneOptions, lang: str) -> Data:
    return Data(
        dataset=options.dataset,
        lang=lang,
        sources=options.source_lang,
        directory=options.data_dir,
        limit=options.limit,
        target_limit=options.target_limit,
        max_length=options.max_length,
        select_on=options.select_on,
        dev_limit=options.dev_limit,
        decode=options.decode,
        own=options.own,
    )


def _check_databases(options: TuneOptions) -> None:
    """Raise UserError if an object store is given without databases, whose defaults are in the storage."""
    missing = [
        option
        for option, given in (("--study-storage", options.study_storage), ("--mlflow-uri", options.mlflow_uri))
        if given is None
    ]
    if missing:
        raise UserError(
            f"--storage {options.storage} holds no databases: give {' and '.join(missing)} too, for example "
            "--study-storage postgresql://USER@HOST/DATABASE --mlflow-uri http://HOST:5000; for a driver that always "
            "runs on one machine sqlite:///FILE does for both"
        )


def _check_model_place(directory: Path) -> None:
    """Raise UserError if the directory of the exported student is taken: the export comes last."""
    if directory.exists() and not (directory / DESCRIPTION).is_file():
        raise UserError(
            f"{directory} exists and is not an exported student, but the best student is exported there. "
            "Move it, or give another --name or --storage."
        )


def _searched(parameters: Mapping[str, Parameter]) -> list[str]:
    return [name for name, parameter in parameters.items() if not isinstance(parameter, Fixed)]


def _epochs(run: RunSettings) -> str:
    if run.of_student.epochs == run.epochs:
        return count_of(run.epochs, "epoch")
    return f"{count_of(run.epochs, 'epoch')} (students: {run.of_student.epochs})"


def describe(setup: Setup, options: TuneOptions, work: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Description of a study as pairs of name and text: data, the command's own `work`, resources, storage."""
    run = setup.settings.run
    precision = f"{run.precision} ({setup.precision_note})" if setup.precision_note else run.precision
    counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in setup.corpora.counts.items())
    process = f"on {count_of(options.workers, 'Ray Train worker')}" if options.workers else "in its own process"
    each = f"{count_of(options.cpus_per_trial, 'CPU')} and {count_of(setup.gpus, 'GPU')}"
    return [
        ("study", f"{setup.settings.name}: {options.dataset}, {setup.data.direction}"),
        ("sentences", counts),
        *([("entity types", _entity_types(setup))] if options.own else []),
        *(("files", note) for note in (*setup.corpora.source.notes, *setup.corpora.target.notes)),
        ("encoder", f"{setup.encoder.name} in {setup.encoder.directory}"),
        (
            "training",
            f"{_epochs(run)}, batches of {run.batch_size}, {precision}, seed {run.seed}",
        ),
        *work,
        ("a trial", f"{process}{', each' if options.workers > 1 else ''} with {each}"),
        ("at once", count_of(options.max_concurrent, "trial") if options.max_concurrent else "as many trials as fit"),
        ("storage", setup.storage.place),
        ("studies", shown_uri(setup.study_storage)),
        ("mlflow", shown_uri(setup.mlflow_uri)),
        *_dashboards(setup),
    ]


def _dashboards(setup: Setup) -> list[tuple[str, str]]:
    """Commands that show the databases in a browser while the search runs; none for a URI with a password."""
    commands = []
    show_runs = ui_command(setup.mlflow_uri)
    if show_runs is not None and not has_password(setup.mlflow_uri):
        commands.append(("mlflow ui", show_runs))
    if is_installed("optuna-dashboard") and not has_password(setup.study_storage):
        commands.append(("optuna-dashboard", command("optuna-dashboard", setup.study_storage)))
    return commands


def describe_phases(setup: Setup) -> list[tuple[str, str]]:
    """Description of the phases of a search."""
    settings, space, warm = setup.settings, setup.settings.space, setup.settings.warm_start
    teachers = min(settings.teacher_trials, points_of(space.teacher, space.first_teachers) or settings.teacher_trials)
    known = [*space.first_students, *(trial.parameters for trial in warm.students)]
    students = min(settings.trials, points_of(space.student, known) or settings.trials)
    after = remaining(settings)
    return [
        ("teacher phase", _phase(teachers, _searched(space.teacher))),
        ("student phase", _phase(students, _searched(space.student))),
        *([("warm start", _warm(warm))] if warm.studies else []),
        ("selection", SELECTION[setup.data.select_on]),
        (
            "final phase",
            f"{', '.join(settings.rows)}: {count_of(settings.seeds, 'seed')} each, {describe_split(setup)}",
        ),
        (
            "after the search",
            f"at most {count_of(after.teachers, 'teacher')} and {count_of(after.students, 'student')} are trained to "
            "confirm the best configurations and for the final phase",
        ),
    ]


def describe_split(setup: Setup) -> str:
    """Split on which final runs are scored."""
    target = setup.corpora.target
    if not target.has_test and not target.has_dev:
        return "scored on the source's dev set, because there are no target labels"
    return f"scored on the {'test set' if target.has_test else 'dev set (no test file is on disk)'}"


def _entity_types(setup: Setup) -> str:
    return ", ".join(label[2:] for label in setup.corpora.source.labels if label.startswith("B-"))


def _phase(trials: int, searched: list[str]) -> str:
    return f"{count_of(trials, 'trial')}; searched: {', '.join(searched) or 'nothing'}"


def _warm(warm_start: WarmStart) -> str:
    counts = f"{count_of(len(warm_start.students), 'student')} and {count_of(len(warm_start.teachers), 'teacher')}"
    return f"{counts} of {', '.join(warm_start.studies)}, tried after the paper's"
