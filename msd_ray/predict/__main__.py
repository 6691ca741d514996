"""`python -m msd_ray.predict`: tags named entities in text, one sentence per line, from files or standard input.

Lines are read as they arrive, tagged by `Tagger`, and written as JSON lines, CoNLL or marked text. The student is a
local directory, a directory on an object store, or a version of a registered model in MLflow.
"""

import argparse
import gc
import os
import sys
from collections.abc import Iterable
from io import BufferedReader
from typing import BinaryIO, cast, get_args

from msd_ray.common.errors import UserError, run_command
from msd_ray.common.option_types import address, path, place, text
from msd_ray.data.words import WordRule

from .formats import FORMATS, for_terminal
from .hub import push_to_hub
from .lines import check_files, progress, read_files
from .onnx import check_packages, export_onnx
from .tagger import Tagger, student_directory

DESCRIPTION = """\
Tag named entities in text with an exported student, one sentence per line.

Words are found as in the training text of the model: by the rules of Unicode if that was raw text; by character if its
words were characters (Chinese); else at white space, where punctuation must be separated as well. --words unicode
splits raw text for any model.
Results are written in input order as soon as input is available. A blank line gives an empty result.
Sentences longer than the model's limit are read in overlapping windows of whole words: every word gets a label."""

EXAMPLES = """\
output:
  jsonl   {"tokens": ["Angela", "Merkel", "spoke"], "labels": ["B-PER", "I-PER", "O"],
           "entities": [{"type": "PER", "start": 0, "end": 2, "text": "Angela Merkel",
                         "start_char": 0, "end_char": 13, "score": 0.98}]}
          start and end are token indices, start_char and end_char offsets in the line; ends are exclusive.
          score: mean over its words of the model's probability for the type
  conll   token, tab, label per line; a blank line after each sentence
  text    [PER Angela Merkel] spoke

examples:
  echo "Angela Merkel spoke in Paris ." | python -m msd_ray.predict --model exported/tr
  python -m msd_ray.predict --model exported/tr --words unicode --format text one.txt two.txt
  python -m msd_ray.predict --model exported/zh --lang zh --format conll < text.txt > tagged.conll
  python -m msd_ray.predict --model models:/msd-wikiann-ar@champion < text.txt
  python -m msd_ray.predict --model models:/msd-wikiann-ar/3 --mlflow-uri http://HOST:5000 < text.txt
  python -m msd_ray.predict --model exported/tr --export-onnx tr.onnx
  python -m msd_ray.predict --model exported/tr --push-to-hub OWNER/NAME --private"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns 0, also if the reader closes the output early."""
    options = command_line().parse_args(arguments)
    if sys.stdin is None or sys.stdout is None:
        raise UserError("standard input or standard output is closed")
    _check_addresses(options)
    try:
        if options.export_onnx is not None or options.push_to_hub is not None:
            _publish(options)
        else:
            _tag(options)
    except BrokenPipeError:
        _discard_output()
    except KeyboardInterrupt:
        return 130  # exit code of shells for SIGINT
    return 0


def _publish(options: argparse.Namespace) -> None:
    """Export or push the student instead of tagging."""
    if options.files:
        raise UserError("--export-onnx and --push-to-hub read no text. Omit the files.")
    if options.export_onnx is not None:
        check_packages()
    with student_directory(options.model, options.mlflow_uri) as directory:
        if options.export_onnx is not None:
            export_onnx(directory, options.export_onnx)
            print(options.export_onnx)
        if options.push_to_hub is not None:
            print(push_to_hub(directory, options.push_to_hub, private=options.private or None))


def _tag(options: argparse.Namespace) -> None:
    check_files(options.files)
    write = FORMATS[options.format]
    if sys.stdout.isatty():
        write = for_terminal(write)
    with progress(options.files) as report:
        tagger = _tagger(options)
        if not options.files and sys.stdin.isatty():
            print("Enter one sentence per line; Ctrl-D to end.", file=sys.stderr)
        for texts in read_files(options.files, cast(BufferedReader, sys.stdin.buffer)):
            _write(sys.stdout.buffer, map(write, tagger.tag(texts)))
            report(len(texts), sum(len(line.encode()) + 1 for line in texts))


def _check_addresses(options: argparse.Namespace) -> None:
    """Check and warn about addresses, of which only registered models need any."""
    if options.model.startswith("models:") or options.mlflow_uri is not None:
        from msd_ray.cli.environment import from_environment, warn_of_passwords

        warn_of_passwords({"--mlflow-uri": options.mlflow_uri})
        from_environment()  # reports a malformed address


def _tagger(options: argparse.Namespace) -> Tagger:
    gc.disable()  # collections take a fifth of the time of importing torch, and find nothing
    try:
        return _loaded(options)
    finally:
        gc.enable()


def _loaded(options: argparse.Namespace) -> Tagger:
    return Tagger.from_pretrained(
        options.model,
        lang=options.lang,
        words="characters" if options.characters else options.words,
        decode=options.decode,
        device=options.device,
        precision=options.precision,
        mlflow_uri=options.mlflow_uri,
    )


def _write(stream: BinaryIO, results: Iterable[str]) -> None:
    try:
        stream.write("".join(results).encode())
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _discard_output()
        raise UserError(f"cannot write to standard output: {error.strerror}") from error


def _discard_output() -> None:
    """Redirect the output to /dev/null: Python flushes it at exit and would report an error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def command_line() -> argparse.ArgumentParser:
    """The parser."""
    parser = argparse.ArgumentParser(
        prog="python -m msd_ray.predict",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("files", nargs="*", type=path, metavar="FILE", help="text, UTF-8 (default: standard input)")
    add(
        "--model",
        required=True,
        type=place,
        metavar="MODEL",
        help="exported student: a directory, s3://BUCKET/PREFIX/models/STUDY, or a registered model: "
        "models:/NAME@ALIAS, models:/NAME/VERSION",
    )
    add(
        "--mlflow-uri",
        type=address,
        metavar="URI",
        help="MLflow server or database of the registered model "
        "(default: MLFLOW_TRACKING_URI, else mlflow.db in MSD_RAY_STORAGE or ./runs)",
    )
    add(
        "--lang",
        type=text,
        metavar="LANG",
        help="language of the text (default: the model's); zh: one token per character",
    )
    split = parser.add_mutually_exclusive_group()
    split.add_argument(
        "--words",
        choices=get_args(WordRule),
        help="how to split text into words. unicode: raw text, separates punctuation; blanks: at white space; "
        "characters (default: as the training text of the model)",
    )
    split.add_argument("--characters", action="store_true", help="the same as --words characters")
    add(
        "--decode",
        choices=("argmax", "viterbi"),
        help="how to choose labels, always valid BIO2. argmax: each word's best label, an I- without a preceding B- "
        "becomes B-; viterbi: the best valid sequence (default: as in the search that trained the model)",
    )
    add("--format", choices=FORMATS, default="jsonl", help="output format (default: jsonl)")
    add("--device", default="auto", metavar="D", help="auto (default: a GPU if there is one), cpu, cuda")
    add("--precision", default="auto", metavar="P", help="auto (default: bf16 where it is faster), fp32, bf16")
    add("--export-onnx", type=path, metavar="FILE", help="write the model as ONNX instead of tagging (extra: onnx)")
    add("--push-to-hub", type=text, metavar="OWNER/NAME", help="upload the model to the Hugging Face hub instead")
    add("--private", action="store_true", help="make the hub's new repository private")
    return parser


if __name__ == "__main__":
    run_command(main)
