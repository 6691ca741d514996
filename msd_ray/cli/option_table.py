"""All options of `tune`, `ablate` and `doctor`, each declared once, by groups of the help."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from msd_ray.common.option_types import address, place
from msd_ray.data.catalogue import DEFAULT_SOURCE
from msd_ray.data.encode import LabelAt
from msd_ray.data.own_files import OwnFiles
from msd_ray.method.decoding import Decode
from msd_ray.method.settings import DropoutMasks, FrozenPrefix, LossMean, Pairing, SelectOn

from .declaration import Option, option

TEACHER_TRIALS = 5
"""Teacher trials where the space searches the teacher.

Independent of --trials: a student study depends on its teachers, so a larger --trials could not extend it otherwise.
"""
AVERAGE_EPOCHS = 3
"""Epochs whose weights are averaged, if there are so many."""

PRESETS = {
    # The paper's experiment: one configuration, five seeds.
    "paper": "--space paper --trials 1 --teacher-trials 1 --epochs 10 --average-epochs 1 --dropout-masks torch "
    "--label-at first "
    "--seeds 5 --confirm 1 --rows direct tsl paper best",
    # A few minutes on two CPU cores.
    "quickstart": "--dataset sample --encoder e5-small --space quickstart --trials 4 --teacher-trials 2 --epochs 4 "
    "--average-epochs 2 --limit 500 --batch-size 8 "
    # Students read twice as many sentences half as often: raw text is what there is most of.
    "--target-limit 1000 --student-epochs 2 "
    # No early stopping: which of several concurrent trials is pruned depends on the order of their reports.
    "--grace-epochs 4 "
    # A trial takes half a minute; starting a worker group would take as long.
    "--workers 0 --confirm 1 --seeds 5 "
    # Without the row `paper`: its learning rates assume 6,250 steps, and in 252 steps the model barely learns.
    "--rows direct tsl best",
}
"""Options in place of `--preset NAME`; those on the command line override them."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """Languages, corpora and encoder of a study."""

    lang: tuple[str, ...] = field(
        metadata={"option": Option("target languages, separated by spaces or commas: ar hi zh", metavar="CODE")}
    )
    source_lang: tuple[str, ...] = option(
        (DEFAULT_SOURCE,),
        "source languages; several: teachers train on the sentences of all of them",
        metavar="CODE",
        shown_default=DEFAULT_SOURCE,
    )
    dataset: str = option("wikiann", "data set: conll, wikiann, mlowner or sample", metavar="NAME")
    data_dir: Path | None = option(
        None,
        "directory of the corpus files; required for conll and mlowner; without it, wikiann is downloaded from the "
        "Hugging Face hub",
        metavar="DIR",
    )
    encoder: str = option(
        "google-bert/bert-base-multilingual-cased",
        "encoder: a name on the Hugging Face hub, a directory, or e5-small, which is not downloaded from the hub",
        type=place,
        metavar="NAME",
    )
    seeds: int = option(5, "seeds of each row of the final table", bounds=(1, 1_000))
    name: str | None = option(
        None,
        "name of the study; an existing study is resumed",
        metavar="NAME",
        shown_default="DATASET-LANG, of ablate DATASET-LANG-ablation",
    )
    config: Path | None = option(
        None,
        "study file: YAML with options, named as here, and the search space (docs/study-file.md); options on the "
        "command line override it",
        metavar="FILE",
        once=True,
    )
    dry_run: bool = option(False, "read and check everything, print what would run, and exit", once=True)
    write_config: str | None = option(
        None,
        "with --dry-run: write the study file of what would run to FILE; -: to standard output",
        type=place,
        metavar="FILE",
        once=True,
    )


@dataclass(frozen=True, kw_only=True)
class OwnData:
    """A user's own files, in place of a data set of the catalogue (docs/own-data.md)."""

    source: tuple[Path, ...] | None = option(
        None,
        "labelled sentences in --source-lang: files, or directories with a training and a dev file, read as one corpus",
        metavar="FILE",
    )
    source_dev: Path | None = option(
        None, "labelled sentences in --source-lang that select", metavar="FILE", shown_default="a tenth of --source"
    )
    target_text: Path | None = option(
        None, "text of the target language, raw or in words; no label in it is read", metavar="FILE"
    )
    target_dev: Path | None = option(None, "labelled sentences of the target language that select", metavar="FILE")
    target_test: Path | None = option(
        None, "labelled sentences of the target language to score final runs on", metavar="FILE"
    )

    @property
    def own(self) -> OwnFiles | None:
        """The files; None without them."""
        if self.source is None or self.target_text is None:
            return None
        return OwnFiles(
            source=self.source,
            source_dev=self.source_dev,
            target_text=self.target_text,
            target_dev=self.target_dev,
            target_test=self.target_test,
        )


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is searched, how long, and what the final phase trains."""

    space: str = option(
        "student", "search space: paper, quickstart, student, joint, wide, or a YAML file", type=place, metavar="NAME"
    )
    trials: int = option(20, "total student trials", bounds=(1, 100_000))
    teacher_trials: int | None = option(
        None,
        "total teacher trials",
        bounds=(1, 10_000),
        shown_default=f"{TEACHER_TRIALS}, or 1 where the space fixes the teacher",
    )
    rows: tuple[str, ...] | None = option(
        None,
        "rows of the final table: direct (the teacher), tsl (plain distillation), paper (the paper's "
        "configuration), best (required), average (mean of the weights of the best configurations' students)",
        metavar="ROW",
        shown_default="all, but average only if all students start from the encoder",
    )
    confirm: int = option(
        3,
        "repeat the N best configurations with two more seeds before choosing the best; row average uses the same "
        "N; 1 turns this off",
        bounds=(1, 100),
    )
    select_on: SelectOn = option(
        "target",
        "dev set that selects epochs and configurations: target or source; none: take the average of the last "
        "epochs and rank configurations on source dev",
    )
    dev_limit: int = option(
        2000, "score trials on a fixed sample of N dev sentences; final runs use all", bounds=(1, 100_000_000)
    )
    hours: float | None = option(
        None,
        "limit of wall-clock time, final runs included, summed over all starts of the search: no trial starts that "
        "would exceed it",
        bounds=(0.001, 100_000),
        shown_default="no limit",
    )
    patience: int | None = option(
        None,
        "start no more student trials after N in a row without improvement",
        bounds=(1, 100_000),
        shown_default="no limit",
    )
    summary: Path | None = option(None, "also write the final table to FILE as JSON", metavar="FILE")
    grace_epochs: int = option(
        2, "first epoch after which ASHA may prune a trial; N = --epochs: never prune", bounds=(1, 1_000)
    )
    warm_start: tuple[str, ...] | None = option(
        None,
        "first try the best configurations of these studies, after the paper's; they are copied when the search starts",
        metavar="STUDY",
    )
    warm_start_trials: int = option(
        3, "configurations to take from each --warm-start study and phase", bounds=(1, 1_000)
    )
    retry_failed: bool = option(
        False, "retry failed trials; teacher trials only if no student trial has started", once=True
    )
    preset: str | None = option(
        None, "set several options at once, see below; options on the command line override it", choices=tuple(PRESETS)
    )


@dataclass(frozen=True, kw_only=True)
class Training:
    """One training of a teacher or student."""

    epochs: int = option(10, "epochs per training", bounds=(1, 1_000))
    student_epochs: int | None = option(
        None, "epochs per training of a student", bounds=(1, 1_000), shown_default="--epochs"
    )
    limit: int | None = option(
        None, "use only N training sentences per language", bounds=(1, 100_000_000), shown_default="all"
    )
    target_limit: int | None = option(
        None, "use only N sentences of the target's raw text", bounds=(1, 100_000_000), shown_default="--limit"
    )
    batch_size: int = option(32, "sentences per step", bounds=(1, 4_096))
    max_length: int = option(128, "tokens per sentence; longer sentences are truncated", bounds=(8, 512))
    frozen_layers: int = option(3, "number of lowest layers that are not trained", bounds=(0, 100))
    average_epochs: int | None = option(
        None,
        "also score the mean of the weights of the last N epochs as a candidate; 1 turns this off",
        bounds=(1, 1_000),
        shown_default=f"{AVERAGE_EPOCHS}, or --epochs if that is less",
    )
    label_at: LabelAt = option(
        "text",
        "sub-token that carries a word's label: its first one with text, or its first one, as in the paper, which may "
        "be a bare word mark",
    )
    pairing: Pairing = option(
        "length", "source sentences to compare with each target batch in the MMD losses: of similar length, or random"
    )
    loss_mean: LossMean = option(
        "batch",
        "divide a batch's loss by its own number of words, or by the epoch's mean number of words per batch, which "
        "weights all words equally",
    )
    dropout_masks: DropoutMasks = option(
        "fast", "generator of dropout masks on CPUs: PyTorch's, or one about ten times as fast"
    )
    frozen_prefix: FrozenPrefix = option(
        "train",
        "run embeddings and frozen layers in each training step, with dropout, or once per corpus, without dropout",
    )
    decode: Decode = option(
        "argmax",
        "decode scores to valid BIO2 labels: the best label of each word, where an I- without a preceding label of "
        "its type becomes B-; or the best valid sequence",
    )
    precision: Literal["auto", "fp32", "bf16"] = option(
        "auto",
        "precision of matrix multiplications",
        shown_default="auto, which is bf16 where the hardware is faster with it",
    )
    seed: int = option(
        0, "random seed of the search; final runs use the seeds that follow it", bounds=(0, 2**31 - 2_000)
    )


@dataclass(frozen=True, kw_only=True)
class Places:
    """Storage and databases."""

    storage: str = option(
        "runs",
        "storage of artifacts: a directory, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX",
        type=place,
        metavar="PLACE",
        environment="MSD_RAY_STORAGE",
    )
    mlflow_uri: str | None = option(
        None,
        "MLflow server (http://HOST:PORT) or database",
        type=address,
        metavar="URI",
        environment="MLFLOW_TRACKING_URI",
        shown_default="mlflow.db in --storage",
    )
    study_storage: str | None = option(
        None,
        "Optuna's database: sqlite:///FILE or postgresql://...",
        type=address,
        metavar="URL",
        environment="MSD_RAY_STUDY_STORAGE",
        shown_default="studies.db in --storage",
    )
    mlflow_minutes: float = option(10.0, "minutes to wait for an unavailable MLflow after training", bounds=(0, 10_000))


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Resources of trials, on the Ray cluster at RAY_ADDRESS or, if that is unset, on this machine."""

    max_concurrent: int | None = option(
        None, "maximum number of concurrent trials", bounds=(1, 10_000), shown_default="as many as fit"
    )
    workers: int = option(1, "Ray Train workers per trial; 0: train in the trial's own process", bounds=(0, 1_024))
    cpus_per_trial: int = option(1, "CPUs per worker", bounds=(1, 1_024))
    gpus_per_trial: float | None = option(
        None,
        "GPUs per worker; 0.5: two trials share a GPU",
        bounds=(0, 64),
        shown_default="1 if this machine has a GPU, else 0",
    )
    stall_minutes: float = option(
        60.0,
        "restart a trial that has reported no progress for X minutes, at most twice; stop the search if none reports "
        "progress for 4X minutes",
        bounds=(0.1, 10_000),
    )
    wait_hours: float | None = option(
        None,
        "stop the search if no trial gets resources for X hours; pending trials do not fail",
        bounds=(0.001, 100_000),
        shown_default="no limit on a cluster, which may grow; --stall-minutes on this machine",
    )
