"""Exports a student to ONNX: token ids and attention mask to the logits of its labels.

The graph is that of the student's token classification class in transformers. Its metadata hold what else tagging
needs: the labels in the order of the logits, the length limit, and where a word's label is read.
"""

import importlib.util
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, cast

from msd_ray.common.errors import UserError

from .description import read_verified

PACKAGES = ("onnx", "onnxscript")
INPUTS, OUTPUT = ("input_ids", "attention_mask"), "logits"
LARGEST_FILE = 2_000_000_000
"""Bytes of weights in the file itself; protobuf cannot have 2 GiB. More go to `FILE.data`."""


def check_packages() -> None:
    """Raise UserError if a package that exporting needs is not installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"--export-onnx: {' and '.join(missing)} not installed. Install the extra: pip install 'msd-ray[onnx]'"
        )


def export_onnx(directory: Path, target: Path) -> None:
    """Write an exported student as an ONNX file, replacing an older one.

    Inputs: input_ids and attention_mask, int64 (B, T) with any B and T. Output: logits, float32 (B, T, C). Metadata:
    `labels` (a JSON list), `max_length`, `label_at` (the sub-token at which a word's label is read: `first`, or `text`,
    the first that is no bare `▁`), `lang`, `dataset`.

    Args:
        directory: of the exported student.
        target: the file; for weights of more than 2 GB there will be a second one, `TARGET.data`.

    Raises:
        UserError: not an exported student, a package is missing, or the file cannot be written.
    """
    check_packages()
    if target.is_dir() or not target.absolute().parent.is_dir():
        what = "is a directory" if target.is_dir() else f"{target.absolute().parent} is not a directory"
        raise UserError(f"--export-onnx {target}: {what}. Give the name of a file in an existing directory.")
    description = read_verified(directory)
    program = _program(directory)
    program.model.metadata_props.update(
        labels=json.dumps(description.label_names, ensure_ascii=False),
        max_length=str(description.max_length),
        label_at=description.label_at,
        lang=description.lang,
        dataset=description.dataset,
    )
    size = sum((directory / name).stat().st_size for name in description.files)
    try:
        with tempfile.TemporaryDirectory(prefix=".onnx-", dir=target.absolute().parent) as scratch:
            program.save(Path(scratch) / target.name, external_data=size > LARGEST_FILE)
            for path in sorted(Path(scratch).iterdir(), reverse=True):  # the data first
                shutil.move(path, target.absolute().with_name(path.name))
    except OSError as error:
        raise UserError(f"--export-onnx {target}: cannot write it: {error.strerror or error}") from error


def _program(directory: Path) -> Any:
    """The exported graph and its weights."""
    import torch
    from torch import Tensor, nn
    from transformers import AutoModelForTokenClassification

    from msd_ray.data.encoders.loading import no_progress_bar

    with no_progress_bar():
        model = AutoModelForTokenClassification.from_pretrained(
            directory, local_files_only=True, trust_remote_code=False, use_safetensors=True, attn_implementation="eager"
        )

    class Logits(nn.Module):
        """The model with a tensor as its output."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
            return cast(Tensor, self.model(input_ids=input_ids, attention_mask=attention_mask).logits)

    # Two tensors: the exporter takes the same one for a single input.
    ids, mask = torch.full((2, 8), 5), torch.ones((2, 8), dtype=torch.int64)
    axes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    return torch.onnx.export(
        Logits().eval(),
        (ids, mask),
        input_names=INPUTS,
        output_names=(OUTPUT,),
        dynamic_shapes=(axes, axes),
        dynamo=True,
        verbose=False,
    )
