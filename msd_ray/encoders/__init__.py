"""Pre-trained encoders: from a name to local files, and from files to a fast tokenizer and a model.

`sources` turns a name into files (`e5_small`, `e5_tokenizer` and `e5s1` make the embedded default),
`files` says what files there are and which content they have, `cache` where the user's cache is;
`loading` loads, `layers` names a loaded model's parts, `check` sees that a search can use it.
"""

from msd_ray.encoders.check import check_encoder
from msd_ray.encoders.files import EncoderFiles
from msd_ray.encoders.layers import EncoderParts, encoder_parts, max_tokens
from msd_ray.encoders.loading import encoder_skeleton, load_encoder, load_tokenizer
from msd_ray.encoders.sources import resolve

__all__ = [
    "EncoderFiles",
    "EncoderParts",
    "check_encoder",
    "encoder_parts",
    "encoder_skeleton",
    "load_encoder",
    "load_tokenizer",
    "max_tokens",
    "resolve",
]
