"""Run a command from Python: options as keyword arguments, results as objects."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msd_ray.common.errors import UserError

from .options import TuneOptions

if TYPE_CHECKING:
    from msd_ray.report.study_result import StudyResult


def run_from_python(
    main: Callable[[list[str]], int], parse: Callable[[Sequence[str]], TuneOptions], values: Mapping[str, Any]
) -> "StudyResult":
    """Run `tune` or `ablate` for one language, and read its results from MLflow.

    Args:
        main: of the command.
        parse: reads its options.
        values: options by name; `lang` is one language.

    Raises:
        UserError: wrong options or data, or the command ended without a result.
        KeyboardInterrupt: it was interrupted.
    """
    words = as_words(values)
    options = parse(words)
    if len(options.lang) > 1:
        raise UserError(f"lang={list(options.lang)}: several languages. Call it once for each.")
    code = main(words)
    if code > 128:  # ended by a signal
        raise KeyboardInterrupt
    name = options.study_name(options.lang[0])
    if code != 0:
        raise UserError(f"study {name}: is not complete; the reason is printed above. Call it again to resume.")
    from msd_ray.report.study_result import load_study  # imports torch

    return load_study(name, storage=options.storage, mlflow_uri=options.mlflow_uri)


def as_words(values: Mapping[str, Any]) -> list[str]:
    """Options given as Python values, as words of a command line: `trials=4, rows=["direct", "best"]`.

    None and False omit an option. A name that is none is reported when the words are parsed.
    """
    words = []
    for name, value in values.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, list | tuple):
            words += [flag, *map(str, value)]
        elif value is True:
            words.append(flag)
        elif value is not None and value is not False:
            words.append(f"{flag}={value}")
    return words
