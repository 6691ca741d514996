"""Check the languages of a command before anything is imported that takes seconds, and before a hub is asked."""

import re

from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import dataset_named, did_you_mean
from msd_ray.data.locate import check_language

from .options import TuneOptions

_TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*")
"""Form of a language tag (BCP 47): `sw`, `bem`, `zh-Hans`."""


def check_languages(options: TuneOptions) -> None:
    """Raise UserError for a language that the data set lacks; with own files, for what is not a language code."""
    for lang in options.languages:
        if options.own is None:
            check_language(dataset_named(options.dataset), lang, options.data_dir)
        elif not _TAG.fullmatch(lang):
            flag = "--lang" if lang in options.lang else "--source-lang"
            raise UserError(
                f"{flag} {lang}: is not a language code{did_you_mean(lang)}. "
                "Give a code of two or three letters, such as sw, bem or zh-Hans."
            )
