"""Whether a search can use an encoder: told before anything starts, not by its first trial."""

from msd_ray.common.errors import UserError

from .files import EncoderFiles
from .layers import encoder_parts, max_tokens
from .loading import load_encoder, load_tokenizer
from .token_classification import token_classifier


def check_encoder(files: EncoderFiles, *, frozen_layers: int, max_length: int) -> None:
    """Load tokenizer and model once, weights included.

    Raises UserError when that fails, when no layer is left to train, when a student could not be exported, or when the
    encoder has fewer positions than `max_length` tokens.
    """
    load_tokenizer(files)
    model = load_encoder(files, dropout=0.0)
    token_classifier(model, name=files.name)
    layers = len(encoder_parts(model).layers)
    if frozen_layers >= layers:
        raise UserError(
            f"--frozen-layers {frozen_layers} leaves nothing to train of encoder {files.name}, "
            f"which has {layers} layers: {layers - 1} at most"
        )
    positions = max_tokens(model)
    if positions is not None and max_length > positions:
        raise UserError(f"--max-length {max_length}: encoder {files.name} takes {positions} tokens at most")
