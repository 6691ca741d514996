"""Options of a user's own files: which belong together, and what they imply."""

from collections.abc import Mapping
from typing import Any

from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import OWN

from .declaration import declared
from .option_table import OwnData


def implied_by_own_data(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a command line with a user's own files implies: the data set, and what selects.

    Raises:
        UserError: options of own files without each other, or with those of the catalogue.
    """
    files = [one.flag for name, one in declared(OwnData).items() if name in given]
    if not files:
        if given.get("dataset") == OWN:
            raise UserError(f"--dataset {OWN} needs --source and --target-text. See docs/own-data.md.")
        return {}
    if "source" not in given:
        raise UserError(f"{files[0]} needs --source: labelled sentences of the source language.")
    if "target_text" not in given:
        raise UserError("--source needs --target-text: text of the target language, one sentence per line.")
    if given.get("dataset", OWN) != OWN:
        raise UserError(f"--dataset {given['dataset']} and --source exclude each other. Omit one.")
    if "data_dir" in given:
        raise UserError("--data-dir applies to data sets of the catalogue, and --source gives own files. Omit one.")
    langs = given.get("lang", ())
    if len(langs) > 1:
        raise UserError(
            f"--target-text is text of one language, but --lang names {', '.join(langs)}. Start one search each."
        )
    if "target_dev" in given:
        return {"dataset": OWN}
    if given.get("select_on") == "target":
        raise UserError(
            "--select-on target needs labelled sentences of the target. Give --target-dev, or --select-on source."
        )
    return {"dataset": OWN, "select_on": given.get("select_on", "source")}
