"""The constants of an ONNX file: its tensors, in the file itself or in one that lies beside it, as arrays.

What a tensor claims is compared with what is there before anything is read. Data in another file is mapped, not read, and that file
must be an ordinary one in the same folder, whatever the name that the tensor gives.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.onnx.refusals import RefusedError
from minicnn.weightfiles.stored import Budget, shown
from minicnn.weightfiles.torch_layout import from_bfloat16

#: How numbers are stored, by ONNX' number for their type, and the field that holds them where they are not in raw bytes.
TYPES = {
    1: ("<f4", "float_data"),
    6: ("<i4", "int32_data"),
    7: ("<i8", "int64_data"),
    10: ("<f2", "int32_data"),
    11: ("<f8", "double_data"),
    16: ("<u2", "int32_data"),
}
BFLOAT16 = 16

#: More dimensions than any tensor here has.
MOST_DIMENSIONS = 16


class Constants(Mapping[str, np.ndarray]):
    """Named constants; a tensor becomes an array when somebody asks for it.

    Parameters
    ----------
    tensors : dict of str to TensorProto
    path : path
        The file that they are from.
    """

    def __init__(self, tensors: Mapping[str, Any], path: Path):
        self._tensors, self._path = dict(tensors), path
        self._arrays: dict[str, np.ndarray] = {}
        self._files: dict[str, tuple[np.ndarray, Budget]] = {}

    def __setitem__(self, name: str, array: np.ndarray) -> None:
        self._arrays[name] = array

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            self._arrays[name] = self.array(self._tensors[name], name)
        return self._arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self._arrays or name in self._tensors

    def __iter__(self) -> Iterator[str]:
        return iter({**self._arrays, **self._tensors})

    def __len__(self) -> int:
        return len({**self._arrays, **self._tensors})

    def array(self, tensor: Any, name: str) -> np.ndarray:
        """Read a tensor; the shape that it claims must be that of the numbers that are there."""
        from onnx import TensorProto, numpy_helper

        what = f"takes {shown(name)!r}, a constant of shape {tuple(tensor.dims[:MOST_DIMENSIONS])}"
        if tensor.HasField("segment"):
            raise RefusedError(f"{what} that is stored in parts; save the model with whole tensors")
        if tensor.data_type not in TYPES or len(tensor.dims) > MOST_DIMENSIONS or min(tensor.dims, default=1) < 1:
            raise RefusedError(f"{what} and type {tensor.data_type}, expected floating-point numbers or integers")
        kind, field = TYPES[tensor.data_type]
        count = math.prod(tensor.dims)
        if tensor.data_location == TensorProto.EXTERNAL:
            array = self._mapped(tensor, np.dtype(kind), count, what).reshape(tuple(tensor.dims))
            return from_bfloat16(array) if tensor.data_type == BFLOAT16 else array
        raw, width = tensor.raw_data, np.dtype(kind).itemsize  # asked for once, as each time is a copy
        size = len(raw) / width if raw else len(getattr(tensor, field))
        if size != count:
            raise RefusedError(f"{what} that holds {size:,.0f} numbers; get the file again")
        if raw:
            array = np.frombuffer(raw, kind).reshape(tuple(tensor.dims))
            return from_bfloat16(array) if tensor.data_type == BFLOAT16 else array
        try:
            array = numpy_helper.to_array(tensor)
        except (ValueError, OverflowError, TypeError):
            raise RefusedError(f"{what} that holds numbers of another type; get the file again") from None
        return array.astype(np.float32) if tensor.data_type == BFLOAT16 else array

    def _mapped(self, tensor: Any, kind: np.dtype, count: int, what: str) -> np.ndarray:
        """View a tensor's numbers in the file that it names."""
        entries = {entry.key: entry.value for entry in tensor.external_data}
        try:
            offset, length = (int(entries.get(key) or default) for key, default in (("offset", 0), ("length", count * kind.itemsize)))
        except ValueError:
            raise RefusedError(f"{what} at no readable place of another file; get the files again") from None
        file, budget = self._file(entries.get("location", ""))
        if offset < 0 or length != count * kind.itemsize or offset + length > file.size:
            raise RefusedError(
                f"{what} at byte {offset:,} of {shown(entries['location'])!r}, with {length:,} bytes, where the file has {file.size:,}; "
                "get both files again, they must be of one export"
            )
        budget.take(length, what)
        return np.frombuffer(file.data, kind, count, offset)

    def _file(self, location: str) -> tuple[np.ndarray, Budget]:
        """Map the file of such a name beside the model's."""
        if location not in self._files:
            file = np.memmap(beside(self._path, location), np.uint8, "r")
            self._files[location] = file, Budget(file.size)
        return self._files[location]


def beside(path: Path, location: str) -> Path:
    """Find the file that a model names for its weights: an ordinary one in its own folder, not reached through links out of it.

    Raises
    ------
    WeightFileError
        If it is missing, or lies elsewhere.
    """
    if not location.isprintable() or location in ("", ".", "..") or any(mark in location for mark in '/\\:"'):
        raise WeightFileError(
            f"its weights lie in {shown(location)!r}, expected a plain file name; save the model with its data in the same folder"
        )
    found = path.parent / location
    try:
        missing = not os.path.lexists(found)
        real = found.resolve()
        inside = real.parent in (path.parent.resolve(), path.resolve().parent)
        ordinary = inside and real.is_file()
        size = real.stat().st_size if ordinary else 0
    except (OSError, RuntimeError, ValueError):
        missing, inside, ordinary, size = True, False, False, 0
    if missing:
        raise WeightFileError(
            f"its weights lie in another file, {shown(location)!r}, which is missing; put it beside {shown(path.name)!r}, in the same "
            "folder and under this name"
        )
    if not ordinary or not size:
        found_instead = "is empty" if ordinary else ("is no ordinary file" if inside else "is a link out of its folder")
        raise WeightFileError(f"its weights lie in {shown(location)!r} beside it, which {found_instead}; put the file itself there")
    return real
