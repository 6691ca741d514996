"""Export and loading of students; damaged and invalid directories."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from students import CARD, FROZEN, LABELS, MAX_LENGTH, exported, trained_tagger, weights_file
from transformers import AutoModel, AutoTokenizer

from msd_ray.common.errors import UserError
from msd_ray.common.files import sha256
from msd_ray.data.encode import encode_text
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_tokenizer
from msd_ray.data.sentences import Text
from msd_ray.data.tensors import TextTensors
from msd_ray.method.evaluate import predict_labels
from msd_ray.predict.export import export_student, load_student
from msd_ray.predict.tagging import tag

CPU = torch.device("cpu")
SENTENCES = [
    ["Angela", "Merkel", "in", "Paris"],
    ["bir", "van", "de"],
    ["в", "на", "من", "في", "में", ",", "."],
    ["the"],
    ["x", "y", "z", "w", "v", "u", "t"],
]


@pytest.fixture(scope="module")
def student(tiny_encoder: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("exported") / "student"
    exported(tiny_encoder, directory)
    return directory


@pytest.fixture
def copy(student: Path, tmp_path: Path) -> Path:
    return shutil.copytree(student, tmp_path / "copy")


def test_a_loaded_student_has_the_same_logits_and_labels(tiny_encoder: EncoderFiles, student: Path) -> None:
    before = trained_tagger(tiny_encoder)
    random_state = torch.get_rng_state()
    loaded = load_student(student, CPU)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert (
        loaded.description.label_names,
        loaded.description.max_length,
        loaded.description.lang,
        loaded.description.dataset,
    ) == (LABELS, MAX_LENGTH, "tr", "sample")
    assert not loaded.tagger.training

    text = encode_text([Text(tuple(s)) for s in SENTENCES], load_tokenizer(tiny_encoder), max_length=MAX_LENGTH)
    tensors = TextTensors(text, 0, CPU)
    batch = tensors.batch(torch.arange(len(SENTENCES)).numpy())
    with torch.inference_mode():
        expected = before(batch.input_ids, batch.attention_mask)
        found = loaded.tagger(batch.input_ids, batch.attention_mask)
        labels = predict_labels(before, text, tensors, LABELS)
    assert torch.equal(found.logits, expected.logits)
    assert torch.equal(found.cls, expected.cls)
    assert torch.equal(loaded.tagger.omega, before.omega)
    assert tag(loaded, SENTENCES, precision="fp32") == labels
    assert len({label for words in labels for label in words}) > 2, "the labels vary, so that they can tell"


def test_the_decoder_of_the_study_is_exported(tiny_encoder: EncoderFiles, student: Path, tmp_path: Path) -> None:
    exported(tiny_encoder, tmp_path / "viterbi", decode="viterbi")
    loaded = load_student(tmp_path / "viterbi", CPU)
    assert loaded.description.decode == "viterbi"
    default = load_student(student, CPU)
    assert default.description.decode == "argmax"
    sentences = [words * 2 for words in SENTENCES]
    by_viterbi = tag(loaded, sentences, precision="fp32")
    assert by_viterbi == tag(default, sentences, precision="fp32", decode="viterbi")
    assert by_viterbi != tag(default, sentences, precision="fp32")
    assert tag(loaded, sentences, precision="fp32", decode="argmax") == tag(default, sentences, precision="fp32")


def test_a_description_without_a_decoder_is_read(copy: Path) -> None:
    description = json.loads((copy / "msd_ray.json").read_text())
    assert description.pop("decode") == "argmax"
    (copy / "msd_ray.json").write_text(json.dumps(description))
    assert load_student(copy, CPU).description.decode == "argmax"


def test_an_export_in_format_1_is_read(tiny_encoder: EncoderFiles, copy: Path) -> None:
    """All terminals in model.safetensors, whose other tensors and configuration were the encoder's."""
    expected = tag(load_student(copy, CPU), SENTENCES, precision="fp32")
    tagger = trained_tagger(tiny_encoder)
    state = {name: value.clone() for name, value in tagger.state_dict().items()}
    tensors = {
        name.removeprefix("encoder.") if "encoder." in name else f"msd_ray.{name}": state[name] for name in state
    }
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    shutil.copyfile(tiny_encoder.directory / "config.json", copy / "config.json")
    (copy / "channels.safetensors").unlink()
    names = [path.name for path in copy.iterdir() if path.name not in ("msd_ray.json", "README.md")]
    _edit(format=1, files={name: sha256(copy / name) for name in names})(copy)
    loaded = load_student(copy, CPU)
    assert tag(loaded, SENTENCES, precision="fp32") == expected
    assert all(torch.equal(value, state[name]) for name, value in loaded.tagger.state_dict().items())


def test_the_directory_is_self_contained(
    tiny_encoder: EncoderFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = EncoderFiles(
        name="gone", directory=shutil.copytree(tiny_encoder.directory, tmp_path / "encoder"), digest=tiny_encoder.digest
    )
    exported(gone, tmp_path / "student")
    shutil.rmtree(gone.directory)
    (tmp_path / "student.safetensors").unlink()
    monkeypatch.setenv("MSD_RAY_CACHE", "/proc/no-cache")  # neither read nor written
    moved = (tmp_path / "student").rename(tmp_path / "moved")
    assert [len(words) for words in tag(load_student(moved, CPU), SENTENCES)] == [len(s) for s in SENTENCES]


def test_exported_files(student: Path, tiny_encoder: EncoderFiles) -> None:
    names = {path.name for path in student.iterdir()}
    assert names == {"config.json", "model.safetensors", "channels.safetensors", "msd_ray.json", "README.md"} | {
        path.name for path in tiny_encoder.directory.iterdir() if path.name.startswith("tokenizer")
    }
    assert sorted(path.name for path in student.parent.iterdir()) == ["student", "student.safetensors"]
    modes = {path.stat().st_mode & 0o777 for path in student.iterdir() if path.name != "tokenizer.json"}
    assert len(modes) == 1, "weights can be read by whoever can read the rest"
    description = json.loads((student / "msd_ray.json").read_text())
    assert description["label_names"] == list(LABELS)
    assert (description["format"], description["frozen_layers"], description["max_length"]) == (2, FROZEN, MAX_LENGTH)
    assert (description["dataset"], description["lang"]) == ("sample", "tr")
    assert str(tiny_encoder.directory) not in "".join(
        path.read_text() for path in student.iterdir() if path.suffix in (".json", ".md")
    )


def test_transformers_reads_the_encoder(student: Path, tiny_encoder: EncoderFiles) -> None:
    tagger = trained_tagger(tiny_encoder)
    model = AutoModel.from_pretrained(student, add_pooling_layer=False)
    state = model.state_dict()
    assert state.keys() == tagger.encoder.state_dict().keys()
    assert all(torch.equal(state[name], value) for name, value in tagger.encoder.state_dict().items())
    assert AutoTokenizer.from_pretrained(student).tokenize("the") == ["the"]


def test_an_older_export_is_replaced(tiny_encoder: EncoderFiles, copy: Path) -> None:
    (copy / "left.txt").write_text("of the older one")
    killed = copy.with_name(".copy.partial")
    killed.mkdir()
    (killed / "model.safetensors").touch()
    exported(tiny_encoder, copy, lang="ar")
    assert load_student(copy, CPU).description.lang == "ar"
    assert not (copy / "left.txt").exists()
    assert sorted(path.name for path in copy.parent.iterdir()) == ["copy", "copy.safetensors"]


def test_a_directory_that_is_not_an_export_is_not_replaced(tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    with pytest.raises(UserError, match="exists and is not an exported student"):
        exported(tiny_encoder, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years"


def test_a_failed_export_keeps_the_older_one(tiny_encoder: EncoderFiles, copy: Path, tmp_path: Path) -> None:
    tagger = trained_tagger(tiny_encoder)
    weights = weights_file(tagger, tmp_path / "weights")
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    tensors = load_file(weights)
    wrong = {
        "missing": {name: value for name, value in tensors.items() if name != "omega"},
        "unexpected": {**tensors, "surprise": torch.zeros(1)},
        "shape": {**tensors, "terminal_bias": torch.zeros(1)},
        "type": {**tensors, "terminal_bias": tensors["terminal_bias"].half()},
    }
    for name, content in wrong.items():
        save_file(content, tmp_path / name)
    (tmp_path / "cut").write_bytes(weights.read_bytes()[:-100])
    for name in (*wrong, "cut", "absent"):
        with pytest.raises(UserError, match=rf"{name}: (1 tensors|\S+)"):
            export_student(
                copy,
                encoder=tiny_encoder,
                weights_file=tmp_path / name,
                label_names=LABELS,
                frozen_layers=FROZEN,
                max_length=MAX_LENGTH,
                card=CARD,
            )
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    assert not list(tmp_path.glob(".copy.*"))


def test_a_place_that_cannot_be_written(tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    weights = weights_file(trained_tagger(tiny_encoder), tmp_path / "weights")
    with pytest.raises(UserError, match="cannot write the student to"):
        export_student(
            weights / "below a file",
            encoder=tiny_encoder,
            weights_file=weights,
            label_names=LABELS,
            frozen_layers=FROZEN,
            max_length=MAX_LENGTH,
            card=CARD,
        )


def _edit(**changes: object) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        path = directory / "msd_ray.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return edit


def _flip_last_byte(directory: Path) -> None:
    content = bytearray((directory / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (directory / "model.safetensors").write_bytes(content)


def _cut_weights(directory: Path) -> None:
    os.truncate(directory / "model.safetensors", 1000)


def _link_out(directory: Path) -> None:
    outside = directory.with_name("outside.safetensors")
    (directory / "model.safetensors").rename(outside)
    (directory / "model.safetensors").symlink_to(outside)


def _pickle_instead(directory: Path) -> None:
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_flip_last_byte, r"model\.safetensors is damaged or was changed"),
        (_cut_weights, r"model\.safetensors is damaged"),
        (_pickle_instead, r"model\.safetensors is missing"),
        (_link_out, r"model\.safetensors is a symbolic link that leads out"),
        (lambda d: (d / "tokenizer.json").unlink(), r"tokenizer\.json is missing"),
        (lambda d: (d / "config.json").unlink(), r"config\.json is missing"),
        (lambda d: (d / "config.json").write_text("{}"), r"config\.json is damaged"),
        (lambda d: (d / "vocab.txt").write_text("x"), r"vocab\.txt is not part of the export"),
        (lambda d: (d / "msd_ray.json").unlink(), r"not an exported student: it has no msd_ray\.json"),
        (lambda d: (d / "msd_ray.json").write_text("{"), r"msd_ray\.json: .*JSON"),
        (lambda d: (d / "msd_ray.json").write_bytes(b"\xff"), r"msd_ray\.json: .*JSON"),
        (_edit(format=3), r"unsupported format; this version reads 1 and 2"),
        (_edit(format=1), r"model\.safetensors: 3 tensors \(first: msd_ray.omega\) are missing"),
        (lambda d: (d / "channels.safetensors").unlink(), r"channels\.safetensors is missing"),
        (_edit(max_length="24"), r"msd_ray\.json: max_length: "),
        (_edit(max_length=513), r"max_length 513 exceeds the encoder's 512 positions"),
        (_edit(label_names=["B-PER", "I-PER"]), r"include O"),
        (_edit(label_names=["O", "O"]), r"labels must differ"),
        (_edit(label_names=["O", "PER"]), r"msd_ray\.json: label_names\.1: "),
        (_edit(label_names=["O", "B-PER", "I-PER"]), r"model\.safetensors: 2 tensors .*another encoder, label set"),
        (_edit(frozen_layers=3), r"channels\.safetensors: 3 tensors"),
        (_edit(frozen_layers=6), r"expected 0 to 5 frozen layers, found 6"),
        (_edit(files={}), r"channels\.safetensors is not part of the export"),
        (_edit(decode="beam"), r"msd_ray\.json: decode: "),
        (_edit(surprise=1), r"msd_ray\.json: surprise: "),
    ],
)
def test_damaged_directories(copy: Path, damage: Callable[[Path], object], message: str) -> None:
    load_student(copy, CPU)
    damage(copy)
    with pytest.raises(UserError, match=message):
        load_student(copy, CPU)


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: not a directory"):
        load_student(tmp_path / "nowhere", CPU)


def test_a_symbolic_link_to_the_directory_is_accepted(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "champion").symlink_to(copy)
    assert load_student(tmp_path / "champion", CPU).description.label_names == LABELS
