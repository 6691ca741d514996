"""An encoder family's own class for token classification: what transformers takes an exported student for."""

import torch
from transformers import MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING, PreTrainedModel

from msd_ray.errors import UserError

HEAD = ("classifier.bias", "classifier.weight")


def token_classifier(encoder: PreTrainedModel, *, name: str) -> type[PreTrainedModel]:
    """The class whose parameters are those of `encoder`, under `base_model_prefix`, and those of a linear `classifier`.

    encoder: without pooler and heads. name: what messages call it.
    Raises UserError where transformers has no such class for the family: the main channel's terminal has no place in
    another head, and an exported student would not load.
    """
    config = encoder.config
    where = f"encoder {name}: model_type {config.model_type!r}"
    hint = "students cannot be exported; use a BERT, RoBERTa, XLM-RoBERTa, ELECTRA or DistilBERT kind of encoder"
    found: object = MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING.get(type(config), None)
    if not (isinstance(found, type) and issubclass(found, PreTrainedModel)):
        raise UserError(f"{where} has no token classification class in transformers, so {hint}")
    with torch.device("meta"):
        parameters = found(config).state_dict().keys()
    head = sorted(parameters ^ {f"{found.base_model_prefix}.{tensor}" for tensor in encoder.state_dict()})
    if head != list(HEAD):
        raise UserError(f"{where}: {found.__name__} has more than a linear classifier ({', '.join(head)}), so {hint}")
    return found
