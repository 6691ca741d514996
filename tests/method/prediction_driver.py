"""Labels sentences with an exported student as one of several workers, by both decoders.

    python prediction_driver.py STUDENT OUTPUT RANK SIZE

Leaves what `predict_labels` gave this worker in OUTPUT-RANK.json.
"""

import json
import sys
from pathlib import Path
from typing import get_args

import torch
import torch.distributed as dist

from msd_ray.data.encode import encode_text
from msd_ray.data.load import load_target
from msd_ray.data.tensors import TextTensors
from msd_ray.method import evaluate
from msd_ray.method.decoding import Decode
from msd_ray.predict.export import load_student


def main(student: str, output: str, rank: str, size: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{output}-meeting", rank=int(rank), world_size=int(size))
    Path(f"{output}-{rank}.json").write_text(json.dumps(labels(Path(student))), encoding="utf-8")
    dist.destroy_process_group()


def labels(directory: Path) -> dict[str, list[list[str]]]:
    """By decoder, of sentences that are longer than the limit and shorter."""
    student = load_student(directory, torch.device("cpu"))
    text = encode_text(
        load_target("sample", "de", None).dev[:60], student.tokenizer, max_length=student.description.max_length
    )
    assert isinstance(student.tokenizer.pad_token_id, int)
    tensors = TextTensors(text, student.tokenizer.pad_token_id, torch.device("cpu"))
    evaluate.TOKENS_A_BATCH["cpu"] = 100  # several batches per worker
    with torch.inference_mode():
        return {
            decode: evaluate.predict_labels(
                student.tagger, text, tensors, student.description.label_names, decode=decode
            )
            for decode in get_args(Decode)
        }


if __name__ == "__main__":
    main(*sys.argv[1:])
