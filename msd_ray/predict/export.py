"""Exports a student as a self-contained directory, and loads it. Written atomically, verified when loaded.

DIR/config.json           configuration of the encoder family's token classification class, with the labels
DIR/model.safetensors     weights of the encoder, and of the main channel's terminal as `classifier`
DIR/tokenizer.json ...    the encoder's tokenizer files
DIR/channels.safetensors  the other channels' terminals, and omega
DIR/msd_ray.json          labels, decoding, frozen layers, length limit, data set, language, SHA-256 of the files above
DIR/README.md             the model card

`AutoModelForTokenClassification` of transformers loads the first three and ignores the others. Format 1, with the
encoder's base class and all terminals in model.safetensors, can still be loaded.
"""

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from msd_ray.common.errors import UserError
from msd_ray.common.files import sha256
from msd_ray.data.encode import LabelAt
from msd_ray.data.encoders.files import CONFIG, EncoderFiles, combine_digests, content_files
from msd_ray.data.encoders.layers import max_tokens
from msd_ray.data.encoders.loading import load_encoder, load_tokenizer, no_loading_report
from msd_ray.data.encoders.token_classification import HEAD, token_classifier, write_settings
from msd_ray.data.words import WordRule
from msd_ray.method.decoding import Decode
from msd_ray.method.device import use_attention_kernel
from msd_ray.method.tagger import MultiChannelTagger

from .classifier import check_length
from .description import CHANNELS, FORMAT, Description, read_verified
from .description import DESCRIPTION as DESCRIPTION
from .model_card import ModelCard, render

WEIGHTS, CARD = "model.safetensors", "README.md"


@dataclass(frozen=True, kw_only=True)
class LoadedStudent:
    """A tagger in evaluation mode, its tokenizer, and the description of its export."""

    tagger: MultiChannelTagger
    tokenizer: PreTrainedTokenizerFast
    description: Description


def export_student(
    directory: Path,
    *,
    encoder: EncoderFiles,
    weights_file: Path,
    label_names: Sequence[str],
    frozen_layers: int,
    max_length: int,
    card: ModelCard,
    decode: Decode = "argmax",
    label_at: LabelAt = "first",
    word_rule: WordRule | None = None,
) -> None:
    """Write a student to `directory`, replacing an older export. One writer per directory at a time.

    Args:
        weights_file: trained parameters of the selected epoch (`TrainingDirectory.weights_file`).
        decode: default decoding for tagging.
        label_at: the sub-token at which a word's label is read.
        word_rule: how text to tag is split into words; None: at white space, Chinese into characters.

    Raises:
        UserError: weights and encoder do not match, `directory` exists and is not an export, or writing fails. The
            directory is then unchanged.
    """
    directory = directory.resolve()
    if directory.exists() and not (directory / DESCRIPTION).is_file():
        raise UserError(f"{directory} exists and is not an exported student. Choose another directory.")
    tagger = _trained_tagger(encoder, weights_file, len(label_names), frozen_layers)
    # Fixed names, so that the next writer removes what a killed one left.
    partial, old = (directory.with_name(f".{directory.name}.{kind}") for kind in ("partial", "old"))
    try:
        for leftover in (partial, old):
            if leftover.exists():
                shutil.rmtree(leftover)
        partial.mkdir(parents=True)
        _write_model(partial, encoder, tagger, label_names)
        description = Description(
            format=FORMAT,
            dataset=card.dataset,
            lang=card.lang,
            label_names=tuple(label_names),
            frozen_layers=frozen_layers,
            max_length=max_length,
            decode=decode,
            label_at=label_at,
            word_rule=word_rule,
            files={path.name: sha256(path) for path in (*content_files(partial), partial / CHANNELS)},
        )
        (partial / DESCRIPTION).write_text(f"{description.model_dump_json(indent=2)}\n", encoding="utf-8")
        (partial / CARD).write_text(render(card), encoding="utf-8")
        _replace(directory, partial, old)
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot write the student to {directory}: {_first_line(error)}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def load_student(directory: Path, device: torch.device) -> LoadedStudent:
    """Load a student written by `export_student`, in evaluation mode on `device`.

    Raises:
        UserError: not an exported student, or a file is missing, changed, damaged, or a symbolic link to a target
            outside the directory.
    """
    description = read_verified(directory)
    digest = combine_digests(dict(description.files))
    files = EncoderFiles(name=f"of {directory}", directory=directory, digest=digest)
    tokenizer = load_tokenizer(files)
    with (
        no_loading_report(),
        torch.random.fork_rng(devices=[]),
    ):  # initialising the terminals must not advance the generator
        encoder = load_encoder(files, dropout=0.0)
        tagger = _tagger(encoder, len(description.label_names), description.frozen_layers, where=str(directory))
    for name, parameters in _terminals(tagger, description.format).items():
        _fill(parameters, _read(directory / name, parameters), where=str(directory / name))
    check_length(directory, description, max_tokens(encoder))
    use_attention_kernel(encoder, device)
    return LoadedStudent(
        tagger=tagger.to(device).eval(),
        tokenizer=tokenizer,
        description=description,
    )


def _trained_tagger(
    encoder: EncoderFiles, weights_file: Path, num_labels: int, frozen_layers: int
) -> MultiChannelTagger:
    """The pre-trained encoder with the trained parameters filled in."""
    with no_loading_report(), torch.random.fork_rng(devices=[]):
        tagger = _tagger(load_encoder(encoder, dropout=0.0), num_labels, frozen_layers, where=encoder.name)
    try:
        weights = load_file(weights_file)
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot read trained weights from {weights_file}: {_first_line(error)}") from error
    _fill(tagger.trained_parameters(), weights, where=str(weights_file))
    return tagger


def _tagger(encoder: PreTrainedModel, num_labels: int, frozen_layers: int, *, where: str) -> MultiChannelTagger:
    try:
        return MultiChannelTagger(encoder, num_labels, frozen_layers=frozen_layers, dropout=0.0)
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error


def _fill(parameters: Mapping[str, Tensor], values: Mapping[str, Tensor], *, where: str) -> None:
    """Copy values into parameters. Raises UserError unless names, shapes and types are identical."""
    wrong = sorted(
        parameters.keys() ^ values.keys()
        | {
            name
            for name in parameters.keys() & values.keys()
            if (parameters[name].shape, parameters[name].dtype) != (values[name].shape, values[name].dtype)
        }
    )
    if wrong:
        raise UserError(
            f"{where}: {len(wrong)} tensors (first: {wrong[0]}) are missing, unexpected or of another shape. "
            "They belong to another encoder, label set or number of frozen layers."
        )
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(values[name])


def _terminals(tagger: MultiChannelTagger, layout: int = FORMAT) -> dict[str, dict[str, Tensor]]:
    """Parameters stored in each file in addition to the encoder, by file and name: views of the tagger's parameters."""
    weight, bias, omega = tagger.terminal_weight, tagger.terminal_bias, tagger.omega
    if layout == 1:
        return {WEIGHTS: {"msd_ray.terminal_weight": weight, "msd_ray.terminal_bias": bias, "msd_ray.omega": omega}}
    return {
        WEIGHTS: dict(zip(HEAD, (bias[-1], weight[-1]), strict=True)),
        CHANNELS: {"terminal_weight": weight[:-1], "terminal_bias": bias[:-1], "omega": omega},
    }


def _read(path: Path, names: Collection[str]) -> dict[str, Tensor]:
    """Read those of the named tensors that the file has."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys() if name in names}  # noqa: SIM118 - no dictionary
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot read {path}: {_first_line(error)}") from error


def _write_model(directory: Path, encoder: EncoderFiles, tagger: MultiChannelTagger, labels: Sequence[str]) -> None:
    """Write configuration, tokenizer and all weights."""
    classifier = token_classifier(tagger.encoder, name=encoder.name)
    write_settings(directory, encoder, classifier, labels)
    terminals = _terminals(tagger)
    terminals[WEIGHTS] |= classifier.head
    for name, value in tagger.encoder.state_dict().items():
        terminals[WEIGHTS][f"{classifier.model.base_model_prefix}.{name}"] = value
    for file, tensors in terminals.items():
        save_file({name: value.contiguous() for name, value in tensors.items()}, directory / file, {"format": "pt"})
        shutil.copymode(directory / CONFIG, directory / file)  # safetensors creates files with mode 0600


def _replace(directory: Path, partial: Path, old: Path) -> None:
    """Replace the older directory by the new one; restore it if that fails."""
    if directory.exists():
        directory.rename(old)
    try:
        partial.rename(directory)
    except OSError:
        if old.exists():
            old.rename(directory)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
