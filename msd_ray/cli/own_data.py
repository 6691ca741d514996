"""Options of a user's own files: which belong together, and what they imply."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import OWN
from msd_ray.data.own_files import OwnFiles

FILES = ("source", "source_dev", "target_text", "target_dev", "target_test")


def with_own_data(given: Mapping[str, Any]) -> dict[str, Any]:
    """Add the data set `own` to the values of the command line, and what selects, if they name a user's own files.

    Raises:
        UserError: options of own files without each other, or with those of the catalogue.
    """
    files = [f"--{name.replace('_', '-')}" for name in FILES if given.get(name) is not None]
    if not files:
        if given.get("dataset") == OWN:
            raise UserError(f"--dataset {OWN} needs --source and --target-text. See docs/own-data.md.")
        return dict(given)
    if given.get("source") is None:
        raise UserError(f"{files[0]} needs --source: labelled sentences in English.")
    if given.get("target_text") is None:
        raise UserError("--source needs --target-text: text of the target language, one sentence per line.")
    if given.get("dataset", OWN) != OWN:
        raise UserError(f"--dataset {given['dataset']} and --source exclude each other. Omit one.")
    if given.get("data_dir") is not None:
        raise UserError("--data-dir applies to data sets of the catalogue, and --source gives own files. Omit one.")
    langs = given.get("lang", ())
    if len(langs) > 1:
        raise UserError(
            f"--target-text is text of one language, but --lang names {', '.join(langs)}. Start one search each."
        )
    selection = {}
    if given.get("target_dev") is None:
        if given.get("select_on") == "target":
            raise UserError(
                "--select-on target needs labelled sentences of the target. Give --target-dev, or --select-on source."
            )
        selection = {"select_on": given.get("select_on", "source")}
    return {**given, "dataset": OWN, **selection}


def own_files(values: Mapping[str, Path | None]) -> OwnFiles | None:
    """The files by option; None without `--source`."""
    source, target_text = values["source"], values["target_text"]
    if source is None or target_text is None:
        return None
    return OwnFiles(
        source=source,
        source_dev=values["source_dev"],
        target_text=target_text,
        target_dev=values["target_dev"],
        target_test=values["target_test"],
    )
