from pathlib import Path

import numpy as np
import pytest
from e5s1_writer import NORMALISATION, PIECES, dequantised, is_blocks, quantise, random_tensors, write_e5s1

from msd_ray.data.encoders import e5s1


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.bin"
    write_e5s1(path, random_tensors())
    return path


def test_reads_header_and_tokenizer(file: Path) -> None:
    read = e5s1.read(file)
    assert (read.shape.hidden, read.shape.layers, read.shape.heads, read.shape.ffn) == (32, 2, 4, 64)
    assert (read.shape.vocabulary, read.shape.positions, read.shape.types) == (len(PIECES), 16, 2)
    assert read.shape.layer_norm_eps == pytest.approx(1e-12)
    assert read.vocabulary.pieces == PIECES
    assert (read.vocabulary.bos, read.vocabulary.pad, read.vocabulary.eos, read.vocabulary.unk) == (0, 1, 2, 3)
    assert read.vocabulary.normalisation == NORMALISATION


def test_every_tensor_is_what_the_slow_twin_makes_of_it(file: Path) -> None:
    read = e5s1.read(file)
    tensors = random_tensors()
    assert set(read.entries) == set(tensors)
    for name, tensor in tensors.items():
        expected = dequantised(quantise(tensor)).reshape(tensor.shape) if is_blocks(name) else tensor
        np.testing.assert_array_equal(read.tensor(name, *tensor.shape), expected)


def test_dequantise_orders_nibbles_low_half_first() -> None:
    block = np.float16(0.5).tobytes() + bytes([0x0F, *[0x88] * 14, 0x90])
    values = e5s1.dequantise(np.frombuffer(block, np.uint8))
    expected = np.zeros(32)
    expected[0], expected[16] = (15 - 8) * 0.5, (0 - 8) * 0.5
    expected[15], expected[31] = (0 - 8) * 0.5, (9 - 8) * 0.5
    np.testing.assert_array_equal(values, expected)


def test_missing_tensor_and_wrong_size(file: Path) -> None:
    read = e5s1.read(file)
    with pytest.raises(e5s1.FormatError, match=r"emb\.nothing"):
        read.tensor("emb.nothing", 3)
    with pytest.raises(e5s1.FormatError, match=r"emb\.pos"):
        read.tensor("emb.pos", 16, 31)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04" + bytes(100), "not an E5S1"),
        (b"E5S1" + bytes([2, 0, 0, 0]) + bytes(100), "version"),
        (b"E5S1", "ends"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(content)
    with pytest.raises(e5s1.FormatError, match=message):
        e5s1.read(path)


def test_a_file_cut_in_its_header_is_refused(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(e5s1.FormatError, match="ends at byte 200"):
        e5s1.read(file)
