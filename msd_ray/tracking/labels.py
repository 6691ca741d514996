"""Names, tags and notes of a study's runs, by which the MLflow UI can filter and group them.

A run's page shows neither its parent nor its experiment, and charts may mix runs of several languages. Every run
therefore carries study, data set and language as tags, and its name ends with the language.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from msd_ray.data.catalogue import DEFAULT_SOURCE, LANGUAGE_NAMES, languages_of

from .provenance import source_tags

TUNE, ABLATE = "tune", "ablate"
# MLflow's filters have neither OR nor an IN for tags, so the two rows of the paper's claim share a tag.
CLAIM: Mapping[str, str] = {"msd": "msd-tsl", "no-all": "msd-tsl"}

_PURPOSE = {
    TUNE: "A search for the best student",
    ABLATE: "An ablation: the paper's variants side by side",
}
_RUNS = {
    TUNE: "teachers and students of the search (phases `teacher` and `student`, one run per trial), the best ones with "
    "more seeds (phase `confirm`), then the final runs (phase `final`, several seeds of each row): a teacher applied "
    "to the target (row `direct`), plain distillation (`tsl`), the paper's configuration (`paper`), the best one found "
    "(`best`), the average of the weights of the best (`average`), as far as they were asked for",
    ABLATE: "each variant (tag `row`) with several seeds (phase `final`); a run tagged `zero_shot` = `false` has seen "
    "gold labels of the target's training sentences and is a control, no result",
}
_TRIALS = {
    "teacher": "Teacher trial {number} of the search",
    "student": "Student trial {number} of the search",
    "confirm": "One of the best configurations with another seed",
    "final": "Final run, scored on the test set, or on dev without a test file",
}
"""What the runs of a phase are, for their descriptions."""


@dataclass(frozen=True, kw_only=True)
class StudyLabels:
    """The study that the runs belong to. sources: languages, joined by `+`. command: `tune` or `ablate`."""

    study: str
    dataset: str
    lang: str
    sources: str = DEFAULT_SOURCE
    command: str

    @property
    def _direction(self) -> str:
        named = (f"{LANGUAGE_NAMES.get(lang, lang)} (`{lang}`)" for lang in languages_of(self.sources))
        return f"from {' and '.join(named)} to `{self.lang}`"

    @property
    def _own(self) -> dict[str, str]:
        return {"study": self.study, "dataset": self.dataset, "lang": self.lang, "command": self.command}

    def parent_tags(self) -> dict[str, str]:
        """Tags of the study's parent run."""
        return {"kind": "study", **self._own}

    def child_tags(self, key: str, tags: Mapping[str, str]) -> dict[str, str]:
        """All tags of a child run: `tags` and those common to the study's runs.

        Runs of a search are tagged as zero-shot; for runs of an ablation the caller sets `zero_shot`.
        """
        zero_shot = {"zero_shot": "true"} if self.command == TUNE else {}
        claim = {"claim": CLAIM[tags["row"]]} if tags.get("row") in CLAIM else {}
        return {**zero_shot, **claim, **tags, **self._own, "kind": "run", "key": key, "phase": key.split("/")[0]}

    def description(self, key: str, tags: Mapping[str, str]) -> dict[str, str]:
        """Source and description of a new child run; users may edit the description in the UI."""
        phase, row, seed = key.split("/")[0], tags.get("row"), tags.get("seed")
        what = _TRIALS.get(phase, phase).format(number=tags.get("trial", "?"))
        if row is not None:
            what = f"{what}: row `{row}`, seed {seed}"
        where = f"Study `{self.study}`, data set {self.dataset}, {self._direction}"
        return {"mlflow.note.content": f"**{what}**. {where}.", **source_tags(self.command)}

    def name(self, name: str) -> str:
        """A child run's name, with the language: `student-3 ar`."""
        return f"{name} {self.lang}"

    def note(self) -> str:
        """The parent's note (Markdown): a description of the study and its runs, with filters."""
        purpose = _PURPOSE.get(self.command, f"A study of `{self.command}`")
        lines = [
            f"**{purpose}**: data set {self.dataset}, {self._direction}.",
            f"Below this run: {_RUNS[self.command]}." if self.command in _RUNS else "",
            "For the search box of the experiment's page (`docs/mlflow.md` has more):",
            "\n".join(f"- {meaning}: `{condition}`" for meaning, condition in self.filters().items()),
            "F1, precision and recall are entity-level, between 0 and 1; the F1 of the dev set that chooses "
            "(`dev_target/f1`, or `dev_source/f1`) is of the chosen epoch.",
        ]
        return "\n\n".join(line for line in lines if line)

    def filters(self) -> dict[str, str]:
        """The filters of the note, by description."""
        study = f"tags.study = '{self.study}'"
        final = f"{study} and tags.phase = 'final'"
        if self.command == TUNE:
            return {
                "finished student trials (sort by the dev F1)": (
                    f"{study} and tags.phase = 'student' and attributes.status = 'FINISHED'"
                ),
                "the best configuration's seeds": f"{final} and tags.row = 'best'",
                "all rows (group by tag `row`)": final,
            }
        return {"all rows (group by tag `row`)": final, "MSD against TSL": f"{final} and tags.claim = 'msd-tsl'"}
