"""safetensors files: the length of a header (8 bytes), the header in JSON, and the tensors' numbers without gaps.

    {"__metadata__": {"format": "pt"}, "features.0.weight": {"dtype": "F32", "shape": [64, 3, 3, 3], "data_offsets": [0, 6912]}, ...}

Names and layout are PyTorch's. The header lists tensors in the order of the alphabet, not of the network, so they are sorted by the
numbers in their names.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.stored import Budget, WeightFile, natural_order, shown
from minicnn.weightfiles.torch_layout import TorchTensors, from_bfloat16

#: No header is longer, in bytes; that of a VGG19 takes 4 KB.
LONGEST_HEADER = 1 << 20

#: Type names; bfloat16 is read as its bits.
TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1"}


def read_safetensors(path: Path) -> WeightFile:
    """Read weights from a safetensors file.

    Raises
    ------
    WeightFileError
        If it is damaged, or its tensors are no layers of ours.
    """
    content = np.memmap(path, np.uint8, mode="r")
    budget = Budget(content.size)
    header, data = _header(content)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise WeightFileError("its metadata are no texts; get the file again")
    tensors, pieces = {}, []
    for name in sorted(header, key=natural_order):
        start, end = _place(name, header[name], data.size)
        pieces.append((start, end))
        tensors[name] = _tensor(data[start:end], header[name], name, budget)
    position = 0
    for start, end in sorted(pieces):
        if start != position:
            raise WeightFileError(f"its tensors overlap or leave gaps at byte {position:,}; get the file again")
        position = end
    if position != data.size:
        raise WeightFileError(f"it has {data.size - position:,} bytes after its tensors; get the file again")
    found = TorchTensors(tensors)
    return WeightFile(
        "safetensors",
        found.layers,
        {**metadata, **found.metadata},
        channels_first=True,
        preprocessing=found.preprocessing or "torch",
        order="alphabet",
    )


def _header(content: np.ndarray) -> tuple[dict, np.ndarray]:
    """Read the header; return it and the bytes after it."""
    length = int.from_bytes(content[:8].tobytes(), "little")
    if not 2 <= length <= min(content.size - 8, LONGEST_HEADER):
        raise WeightFileError(f"its header claims {length:,} bytes; expected at most {min(content.size - 8, LONGEST_HEADER):,}")

    def without_repetition(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a name comes twice")
        return dict(pairs)

    try:
        header = json.loads(content[8 : 8 + length].tobytes(), object_pairs_hook=without_repetition)
    except (ValueError, RecursionError) as error:
        raise WeightFileError(f"its header is no valid JSON ({shown(error)}); get the file again") from None
    if not isinstance(header, dict):
        raise WeightFileError("its header is no table of tensors; get the file again")
    return header, content[8 + length :]


def _place(name: str, entry: object, data_size: int) -> tuple[int, int]:
    """Check an entry of the header; return where its numbers begin and end."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise WeightFileError(f"tensor {shown(name)} is described by something else than dtype, shape and data_offsets; get the file again")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in TYPES:
        raise WeightFileError(f"tensor {shown(name)} holds {shown(dtype)}; expected F32, F16, BF16 or F64")
    if (
        not all(isinstance(numbers, list) and all(type(n) is int and 0 <= n < 1 << 48 for n in numbers) for numbers in (shape, offsets))
        or len(shape) > 8
    ):
        raise WeightFileError(f"tensor {shown(name)} has a shape or offsets that are no lists of whole numbers; get the file again")
    size = math.prod(shape) * np.dtype(TYPES[dtype]).itemsize
    if len(offsets) != 2 or offsets[1] - offsets[0] != size or offsets[1] > data_size:
        raise WeightFileError(
            f"tensor {shown(name)} of shape {tuple(shape)} claims the bytes {offsets[:2]} of {data_size:,}; get the file again"
        )
    return offsets[0], offsets[1]


def _tensor(data: np.ndarray, entry: dict, name: str, budget: Budget) -> np.ndarray:
    numbers = data.view(TYPES[entry["dtype"]]).reshape(entry["shape"])
    if entry["dtype"] != "BF16":
        return numbers
    budget.take(2 * data.size, name)
    return from_bfloat16(numbers)
