"""A teacher's steps with `transformers.Trainer`, the baseline without a loop of one's own.

It trains one classifier, on the last layer, where a teacher has one per layer above the frozen ones. Encoder, frozen
layers, sentences, batch size and precision are the same. Batches are padded to their longest sentence and grouped by
length with Trainer's sampler.
"""

import tempfile
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import (
    AutoModelForTokenClassification,
    DataCollatorForTokenClassification,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_pt_utils import LengthGroupedSampler
from transformers.utils.import_utils import is_accelerate_available

from msd_ray.data.batches import padding_share
from msd_ray.data.encoders.layers import encoder_parts
from msd_ray.data.encoders.loading import load_tokenizer, no_loading_report, no_progress_bar
from msd_ray.data.encoders.refusals import check_directory
from msd_ray.method.loop import spread
from msd_ray.method.settings import TeacherSettings

from .straightforward import encode

if TYPE_CHECKING:
    from .speeds import Bench


def is_trainer_available() -> bool:
    """Return whether accelerate, which Trainer requires, is installed."""
    return bool(is_accelerate_available())


class TrainerRounds:
    """Rounds of `bench.steps` steps, spread evenly over the lengths of an epoch's batches.

    model: the trained model. padding: share in an epoch's batches, 0..1.
    """

    def __init__(self, bench: "Bench", settings: TeacherSettings) -> None:
        tokenizer = load_tokenizer(bench.encoder)
        encoding, labels = encode(bench.source.train, tokenizer, bench.labels, bench.run.max_length)
        examples = [
            {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": row}
            for ids, row in zip(encoding["input_ids"], labels, strict=True)
        ]
        lengths = np.array([len(example["input_ids"]) for example in examples])
        sampler = LengthGroupedSampler(
            bench.run.batch_size, lengths=lengths.tolist(), generator=torch.Generator().manual_seed(bench.run.seed)
        )
        order = np.array(list(sampler))
        full = len(order) // bench.run.batch_size
        batches = np.split(order[: full * bench.run.batch_size], full)
        self.padding = padding_share(lengths, batches)
        chosen = spread(batches, lambda batch: int(lengths[batch].sum()), bench.steps)
        self._sentences = sum(map(len, chosen))
        self._clock = _Clock(bench.device)
        self._directory = tempfile.TemporaryDirectory()  # nothing is saved, but Trainer requires a directory
        arguments = TrainingArguments(
            output_dir=self._directory.name,
            num_train_epochs=1,
            per_device_train_batch_size=bench.run.batch_size,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            max_grad_norm=bench.run.clip,
            train_sampling_strategy="group_by_length",
            bf16=bench.run.precision == "bf16",
            use_cpu=bench.device.type == "cpu",
            dataloader_pin_memory=bench.device.type == "cuda",
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        self.model = _model(bench)
        self._trainer = _SpreadTrainer(
            model=self.model,
            args=arguments,
            train_dataset=examples,
            data_collator=DataCollatorForTokenClassification(tokenizer),
            callbacks=[self._clock],
        )
        self._trainer.remove_callback(PrinterCallback)
        self._trainer.batches = [batch.tolist() for batch in chosen]

    def sentences_per_second(self) -> float:
        """Take a round's steps and return their speed, without setup such as creating the optimizer."""
        self._trainer.train()
        return self._sentences / self._clock.seconds

    def __enter__(self) -> "TrainerRounds":
        return self

    def __exit__(self, *_: object) -> None:
        self._directory.cleanup()


class _SpreadTrainer(Trainer):
    """Trainer on chosen batches."""

    batches: list[list[int]]

    def get_train_dataloader(self) -> Any:
        """Return a loader of the chosen batches."""
        examples: Any = self.train_dataset
        loader: DataLoader[Any] = DataLoader(
            examples,
            batch_sampler=self.batches,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )
        return self.accelerator.prepare(loader)


class _Clock(TrainerCallback):
    """Measures the seconds of the last epoch."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._started = 0.0
        self.seconds = 0.0

    def on_epoch_begin(self, *_: object, **__: object) -> None:
        self._started = self._now()

    def on_epoch_end(self, *_: object, **__: object) -> None:
        self.seconds = self._now() - self._started

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()


def _model(bench: "Bench") -> PreTrainedModel:
    """Load the encoder with one new classifier and default dropout; embeddings and lowest layers are frozen."""
    check_directory(bench.encoder.directory)
    with no_loading_report(), no_progress_bar():
        model = AutoModelForTokenClassification.from_pretrained(
            bench.encoder.directory,
            num_labels=len(bench.labels),
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
        )
    assert isinstance(model, PreTrainedModel)
    encoder = model.base_model
    assert isinstance(encoder, PreTrainedModel)
    parts = encoder_parts(encoder)
    for frozen in (parts.embeddings, *parts.layers[: bench.run.frozen_layers]):
        frozen.requires_grad_(False)
    return model
