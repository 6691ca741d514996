"""The student as an MLflow model: words in, BIO2 labels out. MLflow stores a copy of this file with every version.

It is run where msd_ray may not be installed, so it imports nothing of it: torch, transformers, NumPy and MLflow are
enough. It reads what `msd_ray.export` wrote (artifact `student`; safetensors and JSON, no pickle), splits long
sentences with the code of `msd_ray.features.windows` (artifact `windows`) and decodes with that of
`msd_ray.training.decoding` (artifact `decoding`). The labels are those of `msd_ray.tagging` in fp32.

`load_model(uri, model_config={"device": "cpu"})` names a device; by default it is a GPU if there is one.
"""

import inspect
import json
import logging
import runpy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from safetensors import safe_open
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import MODEL_MAPPING, AutoConfig, AutoTokenizer
from transformers.utils import logging as transformers_logging

TOKENS_A_BATCH = {"cuda": 32_768, "cpu": 4_096}  # padding counted


class StudentModel(PythonModel):
    """An exported student.

    Shape legend: B sentences of a batch, T tokens of its longest one, C labels, H width.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Read the student; MLflow calls it once."""
        directory = Path(context.artifacts["student"])
        wanted = (context.model_config or {}).get("device", "auto")
        name = ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted
        self._device = torch.device(name)
        description = json.loads((directory / "msd_ray.json").read_bytes())
        self._label_names: list[str] = description["label_names"]
        self._decode = description.get("decode", "argmax")  # older exports do not say it
        self._max_length = description["max_length"]
        self._split = runpy.run_path(context.artifacts["windows"])["split_into_windows"]
        self._decode_labels = runpy.run_path(context.artifacts["decoding"])["decode_labels"]
        self._tokenizer = _tokenizer(directory)
        self._encoder = _encoder(directory, self._device)
        with safe_open(directory / "model.safetensors", framework="pt", device=str(self._device)) as weights:
            self._weight = weights.get_tensor("msd_ray.terminal_weight")[-1]  # (C, H), of the last layer
            self._bias = weights.get_tensor("msd_ray.terminal_bias")[-1]  # (C,)

    def predict(
        self, context: PythonModelContext, model_input: list[list[str]], params: dict[str, Any] | None = None
    ) -> list[list[str]]:
        """The label of every word of every sentence, valid BIO2; a sentence is a list of words."""
        budget = self._max_length - self._tokenizer.num_special_tokens_to_add()
        windows = [
            (sentence, window)
            for sentence, words in enumerate(model_input)
            if words
            for window in self._split(self._subtokens(words), budget=budget, context=budget // 4)
        ]
        if not windows:
            return [[] for _ in model_input]
        found = self._scores([model_input[sentence][window.start : window.end] for sentence, window in windows])
        scores = np.concatenate(
            [
                part[window.first - window.start : window.last - window.start]
                for (_, window), part in zip(windows, found, strict=True)
            ]
        )
        counts = [len(words) for words in model_input]
        labels: list[list[str]] = self._decode_labels(scores, counts, self._label_names, self._decode)
        return labels

    def _subtokens(self, words: Sequence[str]) -> list[int]:
        """How many tokens each word becomes."""
        counts = [0] * len(words)
        for word in self._encode([words], add_special_tokens=False, verbose=False).word_ids():
            if word is not None:
                counts[word] += 1
        return counts

    def _scores(self, parts: Sequence[Sequence[str]]) -> list[npt.NDArray[np.float32]]:
        """Logits (words, C) as far as the length limit lets the model see; only O for a word without a token."""
        only_o = np.where(np.array(self._label_names) == "O", np.float32(0), np.float32(-np.inf))
        scores = [np.tile(only_o, (len(words), 1)) for words in parts]
        encoding = self._encode(parts, truncation=True, max_length=self._max_length)
        ids = [torch.tensor(row) for row in encoding["input_ids"]]
        order = np.argsort([-len(row) for row in ids], kind="stable")
        start = 0
        while start < len(order):
            batch = order[start : start + max(1, TOKENS_A_BATCH[self._device.type] // len(ids[order[start]]))]
            for part, logits in zip(batch, self._logits([ids[place] for place in batch]), strict=True):
                # The first sub-token of a word decides: written last, it is the one that stays.
                for place, word in reversed(list(enumerate(encoding.word_ids(int(part))))):
                    if word is not None:
                        scores[part][word] = logits[place]
            start += len(batch)
        return scores

    @torch.inference_mode()
    def _logits(self, ids: Sequence[Tensor]) -> npt.NDArray[np.float32]:
        """The logits of each token of a batch, (B, T, C)."""
        input_ids = pad_sequence(list(ids), batch_first=True, padding_value=self._tokenizer.pad_token_id)  # (B, T)
        lengths = torch.tensor([len(row) for row in ids])
        mask = torch.arange(input_ids.shape[1]) < lengths[:, None]  # (B, T)
        states = self._encoder(
            input_ids=input_ids.to(self._device), attention_mask=mask.long().to(self._device), output_hidden_states=True
        )
        products = torch.einsum("bth,ch->btc", states.hidden_states[-1], self._weight)
        logits: npt.NDArray[np.float32] = (products + self._bias).cpu().numpy()
        return logits

    def _encode(self, sentences: Sequence[Sequence[str]], **options: Any) -> Any:
        return self._tokenizer(
            [list(words) for words in sentences],
            is_split_into_words=True,
            return_attention_mask=False,
            return_token_type_ids=False,
            **options,
        )


def _tokenizer(directory: Path) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
    if getattr(tokenizer, "add_prefix_space", True) is False:  # byte-level BPE would glue the words together
        return AutoTokenizer.from_pretrained(
            directory, local_files_only=True, trust_remote_code=False, add_prefix_space=True
        )
    return tokenizer


def _encoder(directory: Path, device: torch.device) -> Any:
    """The encoder without pooler and heads, in float32, in evaluation mode."""
    config = AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
    model_class: Any = MODEL_MAPPING[type(config)]
    options = {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(model_class).parameters else {}
    with _quiet():
        model = model_class.from_pretrained(
            directory,
            config=config,
            dtype=torch.float32,
            # On processors plain products, as in training.
            attn_implementation="sdpa" if device.type == "cuda" else "eager",
            use_safetensors=True,
            local_files_only=True,
            **options,
        )
    return model.to(device).eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar, and no report of weights that are not the encoder's: the terminals."""
    level, bar = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bar:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


set_model(StudentModel())
