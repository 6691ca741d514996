"""Tiny random encoders of several families, each with a byte-level tokenizer, as transformers saves them."""

from collections.abc import Mapping
from pathlib import Path

import torch
import transformers
from tokenizers import ByteLevelBPETokenizer

from msd_ray.data.encoders.files import EncoderFiles

SIZES = {
    "vocab_size": 300,
    "num_hidden_layers": 3,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}
DISTIL = {"vocab_size": 300, "n_layers": 3, "dim": 32, "n_heads": 4, "hidden_dim": 48}
# As mDeBERTa-v3: relative positions alone, in buckets, shared by the layers; a convolution beside the first one.
DEBERTA = SIZES | {
    "relative_attention": True,
    "position_buckets": 8,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "type_vocab_size": 0,
    "conv_kernel_size": 3,
    "conv_act": "gelu",
}
# A window of 4 tokens in two of the three layers.
MODERN = SIZES | {"local_attention": 4, "max_position_embeddings": 512, "cls_token_id": 0, "sep_token_id": 2}

FAMILIES: Mapping[str, Mapping[str, object]] = {
    "Bert": SIZES,
    "Roberta": SIZES,
    "XLMRoberta": SIZES,
    "Camembert": SIZES,
    "Electra": SIZES | {"embedding_size": 32},
    "DistilBert": DISTIL,
    "MPNet": SIZES,
    "DebertaV2": DEBERTA,
    "ModernBert": MODERN,
}
"""Settings by the beginning of the family's class names."""


def random_encoder(directory: Path, family: str, head: str = "Model", **settings: object) -> EncoderFiles:
    """A random model of a family. Its tokenizer is RoBERTa's."""
    options = {**FAMILIES[family], "id2label": {0: "a"}, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    config = getattr(transformers, family + "Config")(**options | settings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = getattr(transformers, family + head)(config)
        with torch.no_grad():  # as after training: no weight of a normalisation is 1, no bias 0
            for parameter in model.parameters():
                parameter.add_(0.05 * torch.randn(parameter.shape))
        model.save_pretrained(directory)
    trained = ByteLevelBPETokenizer()
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(["one two two"], vocab_size=300, special_tokens=specials)
    trained.save_model(str(directory))
    transformers.RobertaTokenizer.from_pretrained(directory).save_pretrained(directory)
    return EncoderFiles(name=family, directory=directory, digest="0" * 64)
