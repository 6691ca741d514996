"""Writes E5S1 files: the layout once more, from the writing side, for tests of the reader and of the conversion."""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
HIDDEN, LAYERS, HEADS, FFN, POSITIONS, TYPES = 32, 2, 4, 64, 16, 2
PIECES = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), ("a", -3.0), ("▁ab", -2.5)]
PIECES += [("b", -3.5), ("ß", -5.0), ("~", -4.0), ("～", -4.5), ("<mask>", 0.0)]
NORMALISATION = {"\t": " ", "\x01": "", "½": "1⁄2"}


def quantise(values: Floats) -> bytes:
    """Weights, a multiple of 32 of them, -> blocks of a float16 scale and 16 bytes, one weight after another."""
    blocks = b""
    for block in values.reshape(-1, 32):
        scale = np.float16(np.abs(block).max() / 7)
        nibbles = [int(np.clip(round(float(v) / float(scale)), -8, 7)) + 8 for v in block]
        blocks += scale.tobytes() + bytes(nibbles[i] | nibbles[i + 16] << 4 for i in range(16))
    return blocks


def dequantised(blocks: bytes) -> Floats:
    """The weights that `blocks` stand for, one after another."""
    values: list[float] = []
    for start in range(0, len(blocks), 18):
        scale = float(np.frombuffer(blocks[start : start + 2], np.float16)[0])
        content = blocks[start + 2 : start + 18]
        values += [((byte & 15) - 8) * scale for byte in content] + [((byte >> 4) - 8) * scale for byte in content]
    return np.array(values, np.float32)


def random_tensors(seed: int = 0) -> dict[str, Floats]:
    """Every tensor of a tiny model under its E5S1 name."""
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "emb.word": (len(PIECES), HIDDEN),
        "emb.pos": (POSITIONS, HIDDEN),
        "emb.type": (TYPES, HIDDEN),
        "emb.ln.w": (HIDDEN,),
        "emb.ln.b": (HIDDEN,),
    }
    for layer in range(LAYERS):
        for part in ("q", "k", "v", "ao"):
            shapes[f"l{layer}.{part}.w"] = (HIDDEN, HIDDEN)
            shapes[f"l{layer}.{part}.b"] = (HIDDEN,)
        shapes |= {f"l{layer}.fi.w": (FFN, HIDDEN), f"l{layer}.fi.b": (FFN,), f"l{layer}.fo.w": (HIDDEN, FFN)}
        shapes |= {f"l{layer}.{part}": (HIDDEN,) for part in ("fo.b", "aln.w", "aln.b", "oln.w", "oln.b")}
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def is_blocks(name: str) -> bool:
    """The matrices are in blocks; positions, types, biases and norms are plain."""
    return name == "emb.word" or (name.endswith(".w") and "ln" not in name)


def write_e5s1(path: Path, tensors: dict[str, Floats]) -> None:
    """Write a file of the tiny shape above."""
    header = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, HEADS, FFN, len(PIECES), POSITIONS, TYPES, 1e-12, 32)
    texts = [piece.encode() for piece, _ in PIECES]
    offsets = [sum(map(len, texts[:i])) for i in range(len(texts) + 1)]
    header += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, offsets[-1])
    header += struct.pack(f"<{len(offsets)}I", *offsets) + struct.pack(f"<{len(PIECES)}f", *(s for _, s in PIECES))
    header += b"".join(texts)
    table = b"".join(
        struct.pack(f"<IB{len(to)}I", ord(char), len(to), *map(ord, to)) for char, to in NORMALISATION.items()
    )
    header += struct.pack("<iI", len(NORMALISATION), len(table)) + table
    contents = {name: quantise(t) if is_blocks(name) else t.tobytes() for name, t in tensors.items()}
    offset = len(header) + 4 + sum(2 + len(name) + 21 for name in tensors)
    directory = struct.pack("<i", len(tensors))
    for name, tensor in tensors.items():
        entry = struct.pack("<BIQQ", is_blocks(name), tensor.size, offset, len(contents[name]))
        directory += struct.pack("<H", len(name)) + name.encode() + entry
        offset += len(contents[name])
    path.write_bytes(header + directory + b"".join(contents.values()))
