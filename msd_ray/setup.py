"""From options to a search that is ready to start: everything read, checked and encoded, nothing running yet."""

from dataclasses import dataclass

import torch

from .options import TuneOptions
from .search.parameters import JSON, Fixed
from .search.prepare import Data, Prepared, prepare
from .search.search import SearchSettings
from .search.spaces import load_space
from .search.storage import Storage
from .tracking.database import default_tracking_uri, shown_uri
from .training import RunSettings
from .training.device import resolve_precision


@dataclass(frozen=True, kw_only=True)
class Setup:
    """One language's search. conditions: what decides scores beside the space, compared when a study goes on."""

    lang: str
    data: Data
    storage: Storage
    prepared: Prepared
    settings: SearchSettings
    conditions: dict[str, JSON]
    mlflow_uri: str
    study_storage: str
    gpus: float


def set_up(options: TuneOptions, lang: str) -> Setup:
    """Read and encode the corpora, find the encoder, check space and storage.

    Raises UserError for anything that a user can mend.
    """
    space = load_space(options.space)
    gpus = options.gpus_per_trial
    if gpus is None:
        gpus = 1.0 if torch.cuda.is_available() else 0.0
    storage = Storage.open(options.storage)
    data = Data(
        dataset=options.dataset,
        lang=lang,
        directory=options.data_dir,
        limit=options.limit,
        max_length=options.max_length,
    )
    prepared = prepare(data, options.encoder, storage)
    searched = any(not isinstance(parameter, Fixed) for parameter in space.teacher.values())
    settings = SearchSettings(
        name=options.study_name(lang),
        space=space,
        run=RunSettings(
            seed=options.seed,
            epochs=options.epochs,
            batch_size=options.batch_size,
            max_length=options.max_length,
            frozen_layers=options.frozen_layers,
            precision=resolve_precision(options.precision, torch.device("cuda" if gpus else "cpu")),
        ),
        trials=options.trials,
        teacher_trials=options.teacher_trials or (-(-options.trials // 4) if searched else 1),
        seeds=options.seeds,
    )
    encoder = prepared.experiment.encoder
    return Setup(
        lang=lang,
        data=data,
        storage=storage,
        prepared=prepared,
        settings=settings,
        conditions={
            "dataset": options.dataset,
            "lang": lang,
            "limit": options.limit,
            "encoder": encoder.name,
            "encoder_digest": encoder.digest,
            "data": dict(prepared.digests),
            "workers": options.workers,
            "gpus": gpus > 0,
            "teacher_trials": settings.teacher_trials,
        },
        mlflow_uri=options.mlflow_uri or default_tracking_uri(storage.root),
        study_storage=options.study_storage or f"sqlite:///{storage.root / 'studies.db'}",
        gpus=gpus,
    )


def describe(setup: Setup, options: TuneOptions) -> list[tuple[str, str]]:
    """What would run, as lines of a name and a text: phases, trials, resources, where things go."""
    settings, prepared = setup.settings, setup.prepared
    counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in prepared.sentences.items())
    varied = {
        phase: [name for name, p in space.items() if not isinstance(p, Fixed)]
        for phase, space in (("teacher", settings.space.teacher), ("student", settings.space.student))
    }
    run = settings.run
    test = "test set" if prepared.has_test else "dev set (no test file is on disk)"
    workers = f"{options.workers} Ray Train workers" if options.workers else "its own process"
    return [
        ("study", f"{settings.name}: {options.dataset}, en to {setup.lang}"),
        ("sentences", counts),
        ("encoder", f"{prepared.experiment.encoder.name} in {prepared.experiment.encoder.directory}"),
        ("training", f"{run.epochs} epochs, batches of {run.batch_size}, {run.precision}, seed {run.seed}"),
        ("teacher phase", f"{settings.teacher_trials} trials; searched: {', '.join(varied['teacher']) or 'nothing'}"),
        ("student phase", f"{settings.trials} trials; searched: {', '.join(varied['student']) or 'nothing'}"),
        ("final phase", f"{settings.seeds} seeds, the paper's configuration and the best; scored on the {test}"),
        ("a trial", f"{workers}, {options.cpus_per_trial} CPUs and {setup.gpus:g} GPUs each"),
        ("at once", f"{options.max_concurrent or 'as many trials as fit'}"),
        ("storage", str(setup.storage.root)),
        ("studies", shown_uri(setup.study_storage)),
        ("mlflow", shown_uri(setup.mlflow_uri)),
    ]
