"""Compare Viterbi with argmax decoding on a labelled dev set, from the same logits of one exported student.

`python -m benchmarks.decoding --model DIR` prints the number of sentences with a stray `I-` before repair, both
decoders' precision, recall and F1, and their speeds next to the encoder's. As in a search, words beyond the length
limit are scored as O. Nothing is trained.
"""

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, get_args

import numpy as np
import torch

from msd_ray.common.errors import UserError, run_command
from msd_ray.data.encode import EncodedSentences, encode_sentences
from msd_ray.data.load import load_target
from msd_ray.data.tensors import TextTensors
from msd_ray.method.decoding import Decode, by_sentence, decode_labels
from msd_ray.method.device import autocast, resolve_precision
from msd_ray.method.entity_scores import EntityScores
from msd_ray.method.evaluate import Float32, score, word_scores
from msd_ray.predict.export import LoadedStudent, load_student

Result = TypeVar("Result")
REPEATS = 3  # a decoder's time is the shortest of these runs


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and return 0. Raises UserError if the model or the corpus is missing, or their labels differ."""
    options = _parser().parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = resolve_precision(options.precision, device)
    student = load_student(options.model, device)
    dataset, lang = options.dataset or student.description.dataset, options.lang or student.description.lang
    sentences = _dev_set(student, dataset, lang, options.data_dir)
    tensors = TextTensors(sentences, student.tokenizer.pad_token_id, device)
    with torch.inference_mode(), autocast(device, precision):
        scores, seconds = _timed(
            lambda: word_scores(student.tagger, sentences, tensors, student.description.label_names)
        )
    found = {decode: _decoded(student, sentences, scores, decode) for decode in get_args(Decode)}
    unrepaired = by_sentence(
        np.array(student.description.label_names, dtype=object)[scores.argmax(axis=1)], sentences.word_counts
    )
    stray, count = sum(a != b for a, b in zip(unrepaired, found["argmax"][0], strict=True)), len(sentences)
    other = sum(a != b for a, b in zip(found["argmax"][0], found["viterbi"][0], strict=True))
    print("command   python -m benchmarks.decoding", shlex.join(sys.argv[1:] if arguments is None else arguments))
    print(f"text      {dataset}, {lang} dev: {count} sentences, {len(scores)} words, {sentences.cut_words} cut off")
    print(f"encoder   {count / seconds:.0f} sentences per second ({device.type}, {precision})")
    print(f"argmax    {stray} of {count} sentences ({stray / count:.1%}) have a stray I-, repaired below")
    print(f"viterbi   other labels than argmax in {other} sentences ({other / count:.1%})\n")
    print("| decoder | precision | recall | F1 | sentences per second |")
    print("|---|---|---|---|---|")
    for decode, (labels, seconds) in found.items():
        print(_row(decode, score(labels, sentences, student.description.label_names), count / seconds))
    return 0


def _row(decode: str, scores: EntityScores, speed: float) -> str:
    figures = " | ".join(f"{100 * value:.2f}" for value in (scores.precision, scores.recall, scores.f1))
    return f"| {decode} | {figures} | {speed:.0f} |"


def _decoded(
    student: LoadedStudent, sentences: EncodedSentences, scores: Float32, decode: Decode
) -> tuple[list[list[str]], float]:
    """Return the labels and the seconds of the fastest run."""
    runs = [
        _timed(lambda: decode_labels(scores, sentences.word_counts, student.description.label_names, decode))
        for _ in range(REPEATS)
    ]
    return runs[0][0], min(seconds for _, seconds in runs)


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def _dev_set(student: LoadedStudent, dataset: str, lang: str, data_dir: Path | None) -> EncodedSentences:
    dev = load_target(dataset, lang, data_dir).dev
    unknown = {label for sentence in dev for label in sentence.labels} - set(student.description.label_names)
    if unknown:
        raise UserError(
            f"{dataset}, {lang} dev: has labels that the model does not know: {', '.join(sorted(unknown))}. Use the "
            f"model's data set, {student.description.dataset}"
        )
    return encode_sentences(
        dev,
        student.tokenizer,
        student.description.label_names,
        max_length=student.description.max_length,
        label_at=student.description.label_at,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decoding",
        description="Score an exported student on a labelled dev set with argmax and Viterbi decoding.",
    )
    add = parser.add_argument
    add("--model", type=Path, required=True, metavar="DIR", help="directory of an exported student")
    add("--dataset", metavar="NAME", help="default: the model's")
    add("--data-dir", type=Path, metavar="DIR", help="directory of its files")
    add("--lang", metavar="CODE", help="language of the dev set (default: the model's)")
    add("--precision", default="auto", metavar="P", help="auto (default; bf16 where it is faster), fp32 or bf16")
    return parser


if __name__ == "__main__":
    run_command(main)
