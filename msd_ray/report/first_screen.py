"""The first screen of a page: headline scores, the table of rows with a picture, the winner's hyperparameters."""

import json
from collections.abc import Mapping
from dataclasses import replace

from msd_ray.common.text import count_of
from msd_ray.data.catalogue import DEFAULT_SOURCE, LANGUAGE_NAMES, languages_of
from msd_ray.tracking.rows import RunRow, best_run, dev_metric_of
from msd_ray.tracking.study_reader import RecordedStudy

from . import notes
from .collect import ABLATE
from .figures.final_scores import final_scores_figure
from .figures.text import number, parameter_label
from .final_runs import FinalRows, final_rows, final_runs_table
from .page import Fact, FirstScreen
from .search_figures import searched
from .statistics.summary import p_text, percent_range, signed

ABOUT = {
    "dataset": "data set",
    "source_lang": "source languages",
    "encoder": "encoder",
    "limit": "training sentences per language",
    "target_limit": "sentences of raw text",
    "epochs": "epochs",
    "student_epochs": "epochs of students",
    "select_on": "chosen on",
    "dev_limit": "dev sentences that score a trial, at most",
    "decode": "decoding",
}
"""Display name of each of the parent run's parameters that are shown as conditions of the results."""


def page_title(study: RecordedStudy) -> str:
    """Return the page's title, with names of languages: `English → Arabic`."""
    sources = languages_of(study.parent.parameters.get("source_lang", DEFAULT_SOURCE))
    names = [LANGUAGE_NAMES.get(lang, lang) for lang in (*sources, study.lang)]
    return f"{' and '.join(names[:-1])} → {names[-1]}"


def conditions(study: RecordedStudy) -> dict[str, str]:
    """Return the conditions of a study's results: data set, encoder, sentences, epochs and so on."""
    parameters = study.parent.parameters
    values = {text: parameters[name] for name, text in ABOUT.items() if name in parameters}
    return {name: "all" if value in ("null", "None") else value for name, value in values.items()}


def condition_note(study: RecordedStudy) -> tuple[str, ...]:
    """Return the conditions as a note below tables; none if the study recorded none."""
    found = ", ".join(f"{name} {value}" for name, value in conditions(study).items())
    return (f"{study.name}: {found}",) if found else ()


def winner_run(study: RecordedStudy) -> RunRow | None:
    """Return the final run of the headline's row with the highest dev F1: the student that a search exports."""
    found = final_rows(study).headline
    return None if found is None else best_run(study.runs, found.row.name, dev_metric_of(study.runs))


def first_screen(study: RecordedStudy) -> FirstScreen:
    """Build the first screen of a search or an ablation."""
    found = final_rows(study)
    what = "an ablation" if study.command == ABLATE else "a search"
    dataset = study.dataset
    return FirstScreen(
        facts=(f"{what} on {dataset}", f"study {study.name}", *_facts(study.parent.parameters)),
        headlines=_headlines(found),
        table=replace(final_runs_table(study), notes=(notes.FIRST_SCREEN,)),
        figure=final_scores_figure(found.rows),
        settings_title=f"Hyperparameters of {'MSD' if study.command == ABLATE else 'the winner'}",
        settings=_settings(study),
        more_settings=_all_settings(winner_run(study)),
    )


def _facts(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """Return the conditions of a study that a reader needs to judge its scores."""
    texts = {
        "encoder": "{}",
        "limit": "{} labelled sentences" if "target_limit" in parameters else "{} training sentences per language",
        "target_limit": "{} sentences of raw text",
        "epochs": "{} epochs",
        "student_epochs": "{} of students",
        "select_on": "chosen on {} dev",
    }
    values = {name: parameters[name] for name in texts if parameters.get(name) not in (None, "null", "None")}
    return tuple(text.format(values[name]) for name, text in texts.items() if name in values)


def _headlines(found: FinalRows) -> tuple[Fact, ...]:
    """Return the exported row's score, and its gain over the row that it has to beat."""
    if found.headline is None or found.headline.row.test is None:
        return (Fact(value="–", text="no final run has a score yet"),)
    row, test, gain = found.headline.row, found.headline.row.test, found.headline.gain
    interval = "" if test.low is None or test.high is None else f", 95 % interval {percent_range(test.low, test.high)}"
    split = "source dev" if row.scored_on_source else row.scored_split
    facts = [
        Fact(
            value=f"{100 * test.mean:.2f}",
            text=f"{split} F1 of “{row.label}”, mean of {count_of(test.n, 'seed')}{interval}",
        )
    ]
    if gain is not None and gain.difference is not None:
        over = next(other.label for other in found.rows if other.name == gain.b)
        text = f"F1 points over “{over}”, paired over {count_of(gain.n, 'seed')}, p = {p_text(gain.p)}"
        facts.append(Fact(value=signed(100 * gain.difference), text=text))
    return tuple(facts)


def _settings(study: RecordedStudy) -> dict[str, str]:
    """Return the winner's searched hyperparameters; of a study that searched none, all of its student's."""
    run = winner_run(study)
    if run is None:
        return {}
    names = [
        f"{model}.{axis.name}"
        for model in ("student", "teacher")
        for axis in sorted(searched(study.parent.parameters, model), key=lambda axis: axis.name != "learning_rate")
        if f"{model}.{axis.name}" in run.parameters
    ]
    found = names or [name for name in run.parameters if name.startswith("student.")]
    return {_name(name): _value(run.parameters[name]) for name in found}


def _all_settings(run: RunRow | None) -> dict[str, str]:
    if run is None:
        return {}
    return {
        _name(name): _value(value)
        for name, value in sorted(run.parameters.items())
        if name.startswith(("student.", "teacher."))
    }


def _name(parameter: str) -> str:
    model, _, name = parameter.partition(".")
    return f"{model}: {parameter_label(name)}"


def _value(text: str) -> str:
    """Format a recorded parameter: numbers with four digits, other text as it is."""
    try:
        return number(json.loads(text))
    except ValueError:
        return text
