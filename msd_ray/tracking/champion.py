"""Tags of a version in the model registry, and the rule for promotion to champion.

Versions are compared by the dev F1 of their own weights: entity-level F1 on the target dev set, which also selected
epoch and seed. Unlike a mean over seeds, which is recorded as well, it does not depend on the number of seeds. Two
versions are compared only if their dev sets are identical (by digest of the sentences); their encoders may differ.

Tags of a version:

    study  row  configuration  seed  encoder  dataset  lang     origin of the student
    zero_shot                                                   false: trained with target labels
    data.<part>                                                 digest of the sentences, for each part of the data
    content_sha256                                              digest of weights, tokenizer, labels and limits
    dev_f1                                                      of these weights, 0..1; determines promotion
    dev_f1_mean  dev_f1_n  scored_split                         means, sample standard deviations and numbers of the
    test_f1_mean  test_f1_sd  test_f1_n                         seeds of the row (`dev` twice if there is no test set)
    promoted  reason                                            whether it was promoted at registration; why
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from msd_ray.common.errors import UserError

from .experiments import PREFIX

ALIAS = "champion"
_NAME = re.compile(r"[\w-][\w.-]*")


def registered_name(dataset: str, lang: str) -> str:
    """Name of the registered model and the experiment. Raises UserError for names that MLflow does not support."""
    name = f"{PREFIX}{dataset}-{lang}"
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} is not a valid name for a registered model. Use letters, digits, `.`, `_` and `-`.")
    return name


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A student to register.

    Attributes:
        run_id: MLflow run of its training.
        content_sha256: hash of everything that determines its predictions.
        dev_f1: F1 of these weights, 0..1.
        scored_on_source: whether the target has no labels, so that `dev` is the source's.
        scores: F1 of the configuration over seeds, 0..1, by tag name (`test_f1_mean`, `test_f1_sd`, ...).
        data_digests: digests of the sentences by part; must include the dev set, which comparisons need.
    """

    dataset: str
    lang: str
    study: str
    run_id: str
    row: str
    configuration: str
    seed: int
    encoder: str
    zero_shot: bool
    content_sha256: str
    dev_f1: float
    scored_split: str
    scores: Mapping[str, float]
    data_digests: Mapping[str, str]
    scored_on_source: bool = False

    def tags(self) -> dict[str, str]:
        """Tags of its version, without the promotion decision."""
        return {
            "study": self.study,
            "row": self.row,
            "configuration": self.configuration,
            "seed": str(self.seed),
            "encoder": self.encoder,
            "dataset": self.dataset,
            "lang": self.lang,
            "zero_shot": str(self.zero_shot).lower(),
            "content_sha256": self.content_sha256,
            "dev_f1": repr(self.dev_f1),
            "scored_split": self.scored_split,
            **{name: f"{value:g}" if name.endswith("_n") else repr(value) for name, value in self.scores.items()},
            **{f"data.{part}": digest for part, digest in self.data_digests.items()},
        }

    def description(self, decision: "Decision") -> str:
        """The version's description in the MLflow UI."""
        split, scores = self.scored_split, self.scores
        deviation = f" ± {100 * scores[f'{split}_f1_sd']:.2f}" if f"{split}_f1_sd" in scores else ""
        over_seeds = (
            f"{100 * scores[f'{split}_f1_mean']:.2f}{deviation} over {scores[f'{split}_f1_n']:g} seeds"
            if f"{split}_f1_mean" in scores
            else "not run"
        )
        source = " No target labels: both are on the source's dev set." if self.scored_on_source else ""
        zero_shot = "" if self.zero_shot else " NOT zero-shot: target labels reached its training."
        return (
            f"{decision.reason}\n\nStudent of study {self.study}, row {self.row} (configuration {self.configuration}), "
            f"seed {self.seed}. F1 on dev {100 * self.dev_f1:.2f}; its configuration's {split} F1 {over_seeds}."
            f"{source}{zero_shot} Run {self.run_id}."
        )


@dataclass(frozen=True, kw_only=True)
class Decision:
    """promoted: whether the candidate gets the alias. reason: a sentence that says why, or why not."""

    promoted: bool
    reason: str


def decide_promotion(candidate: Candidate, champion: str, tags: Mapping[str, str]) -> Decision:
    """Decide whether the candidate replaces the current champion.

    Args:
        champion: the champion's version; empty if there is none.
        tags: tags of that version.
    """
    if not candidate.zero_shot:
        return _rejected("Not the champion: target labels reached its training, so it is not zero-shot.")
    score = f"dev F1 {100 * candidate.dev_f1:.2f}"
    if not champion:
        return Decision(promoted=True, reason=f"Champion with {score}: there was none before.")
    try:
        reached = float(tags.get("dev_f1", ""))
    except ValueError:
        return _rejected(f"Not the champion: version {champion}, which is, has no dev F1 to compare {score} with.")
    if not _same_dev_set(candidate, tags):
        return _rejected(
            f"Not the champion: {score} was not measured on the dev set of version {champion}, which is; "
            "the two cannot be compared."
        )
    if not candidate.dev_f1 > reached:
        return _rejected(f"Not the champion: {score} does not beat the {100 * reached:.2f} of version {champion}.")
    return Decision(
        promoted=True, reason=f"Champion with {score}: it beats the {100 * reached:.2f} of version {champion}."
    )


def _same_dev_set(candidate: Candidate, tags: Mapping[str, str]) -> bool:
    """Whether both were scored on the same dev set: target dev, or source dev if neither was selected on target dev."""
    part = "target_dev" if "target_dev" in candidate.data_digests else "source_dev"
    selected_on_target = "data.target_dev" in tags
    return selected_on_target == (part == "target_dev") and tags.get(f"data.{part}") == candidate.data_digests[part]


def _rejected(reason: str) -> Decision:
    return Decision(promoted=False, reason=reason)
