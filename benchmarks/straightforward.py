"""A straightforward training loop like those of released scripts, the baseline of `benchmarks.training`.

Every sentence is padded to the maximum length. The loop uses fp32, transformers' default attention, a list of linear
classifiers and torch's AdamW with default options, reads the loss in every step, and runs the teacher on both batches
of a student's step. The losses are msd_ray's; only the loop differs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset
from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerFast, get_linear_schedule_with_warmup

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.layers import encoder_parts
from msd_ray.data.encoders.loading import load_encoder
from msd_ray.data.sentences import Sentence, Text
from msd_ray.method.losses import distillation_loss, layer_weights, student_loss, teacher_loss
from msd_ray.method.mmd import mmd2
from msd_ray.method.settings import OptimizerSettings, RunSettings, StudentSettings, TeacherSettings

IGNORED = -100
Batch = tuple[Tensor, Tensor, Tensor]
"""input_ids, attention_mask, labels, each (B, max_length)."""


class LayerClassifiers(nn.Module):
    """An encoder with a linear classifier on each layer above the frozen ones, and omega as in `MultiChannelTagger`."""

    def __init__(self, encoder: PreTrainedModel, num_labels: int, *, frozen_layers: int, dropout: float) -> None:
        super().__init__()
        parts = encoder_parts(encoder)
        for frozen in (parts.embeddings, *parts.layers[:frozen_layers]):
            for parameter in frozen.parameters():
                parameter.requires_grad = False
        self.encoder = encoder
        self.channels = len(parts.layers) - frozen_layers
        self.dropout = nn.Dropout(dropout)
        self.classifiers = nn.ModuleList(
            nn.Linear(encoder.config.hidden_size, num_labels) for _ in range(self.channels)
        )
        self.omega = nn.Parameter(torch.empty(self.channels - 1).uniform_(-1.0, 1.0))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (K, B, T, C) and the last layer's [CLS] vectors (B, H)."""
        out = self.encoder(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        hidden = out.hidden_states[-self.channels :]
        logits = [classifier(self.dropout(h)) for classifier, h in zip(self.classifiers, hidden, strict=True)]
        return torch.stack(logits), out.last_hidden_state[:, 0]


def padded_batches(
    sentences: Sequence[Sentence | Text],
    tokenizer: PreTrainedTokenizerFast,
    label_names: Sequence[str],
    run: RunSettings,
) -> Iterator[Batch]:
    """Yield shuffled batches forever, every sentence padded or truncated to `run.max_length`.

    Labels are -100 except at a word's first sub-token; for text without labels they are 0 there.
    """
    encoding, labels = encode(sentences, tokenizer, label_names, run.max_length, padding="max_length")
    columns = (encoding["input_ids"], encoding["attention_mask"], labels)
    dataset = TensorDataset(*(torch.tensor(column) for column in columns))
    loader = DataLoader(dataset, batch_size=run.batch_size, shuffle=True, drop_last=True)
    while True:
        yield from loader


def encode(
    sentences: Sequence[Sentence | Text],
    tokenizer: PreTrainedTokenizerFast,
    label_names: Sequence[str],
    max_length: int,
    *,
    padding: Literal["max_length"] | bool = False,
) -> tuple[BatchEncoding, list[list[int]]]:
    """Return token ids and masks, truncated to `max_length`, and a label per token, as in `padded_batches`."""
    encoding = tokenizer(
        [list(sentence.tokens) for sentence in sentences],
        is_split_into_words=True,
        padding=padding,
        truncation=True,
        max_length=max_length,
    )
    labels = []
    for row, sentence in enumerate(sentences):
        words = encoding.word_ids(row)
        firsts = [word is not None and word != before for before, word in zip([None, *words], words, strict=False)]
        names = sentence.labels if isinstance(sentence, Sentence) else [label_names[0]] * len(sentence.tokens)
        labels.append(
            [label_names.index(names[word]) if first else IGNORED for word, first in zip(words, firsts, strict=True)]
        )
    return encoding, labels


@dataclass(kw_only=True)
class Training:
    """A model with its optimizer and schedule."""

    model: LayerClassifiers
    optimizer: torch.optim.AdamW
    schedule: LambdaLR
    clip: float

    @classmethod
    def start(
        cls, encoder: EncoderFiles, num_labels: int, settings: OptimizerSettings, run: RunSettings, device: torch.device
    ) -> "Training":
        """Load the pre-trained encoder with new classifiers on the device."""
        model = LayerClassifiers(
            load_encoder(encoder, dropout=settings.dropout),
            num_labels,
            frozen_layers=run.frozen_layers,
            dropout=settings.dropout,
        ).to(device)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        schedule: LambdaLR = get_linear_schedule_with_warmup(optimizer, 100, 1000)  # type: ignore[no-untyped-call]
        return cls(model=model, optimizer=optimizer, schedule=schedule, clip=run.clip)

    def update(self, loss: Tensor) -> float:
        """Take one optimizer step and return the loss as a number."""
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        self.schedule.step()
        return loss.item()


def teacher_step(training: Training, batch: Batch, settings: TeacherSettings) -> float:
    """Take one step of a teacher on labelled source sentences (Eq. 10) and return its loss."""
    training.model.train()
    input_ids, attention_mask, labels = _on_device(batch, training)
    logits, _ = training.model(input_ids, attention_mask)
    weights = layer_weights(training.model.omega)
    return training.update(teacher_loss(logits, labels, weights, settings.alpha).total)


def student_step(
    training: Training, teacher: LayerClassifiers, target: Batch, source: Batch, settings: StudentSettings
) -> float:
    """Take one step of a student (Eq. 15), with the teacher run on both batches, and return its loss."""
    training.model.train()
    teacher.eval()
    target_ids, target_mask, labels = _on_device(target, training)
    source_ids, source_mask, _ = _on_device(source, training)
    with torch.no_grad():
        teacher_logits, _ = teacher(target_ids, target_mask)
        _, teacher_cls = teacher(source_ids, source_mask)
    logits, target_cls = training.model(target_ids, target_mask)
    _, source_cls = training.model(source_ids, source_mask)
    distillation = distillation_loss(
        logits,
        teacher_logits.softmax(dim=-1),
        labels != IGNORED,
        layer_weights(training.model.omega),
        settings.beta,
    )
    loss = student_loss(
        distillation,
        mmd2(teacher_cls, source_cls),
        mmd2(teacher_cls, target_cls),
        settings.alpha_prime,
        settings.beta_prime,
    )
    return training.update(loss.total)


def _on_device(batch: Batch, training: Training) -> Batch:
    device = training.model.omega.device
    input_ids, attention_mask, labels = batch
    return input_ids.to(device), attention_mask.to(device), labels.to(device)
