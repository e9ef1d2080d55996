"""NumPy archives of weights, as D. Frossard published VGG16's: conv1_1_W, conv1_1_b, ... fc8_W, fc8_b, laid out as ours are.

The pixels are those of Keras' VGG16, 0-255 with the mean color taken off, but in the order R, G, B.
"""

from __future__ import annotations

import io
import math

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.files import npy
from minicnn.weightfiles.archives import Archive
from minicnn.weightfiles.stored import WeightFile, natural_order, shown, stored_layer

FIELDS = {"W": "weight", "b": "bias"}

#: No header of an array is longer, in bytes.
LONGEST_HEADER = 1024


def read_npz(archive: Archive) -> WeightFile:
    """Read weights from a NumPy archive.

    Raises
    ------
    WeightFileError
        If it is damaged, or its arrays are not named so.
    """
    grouped: dict[str, dict[str, np.ndarray]] = {}
    for member in sorted(archive.members, key=natural_order):
        layer, _, field = member.removesuffix(".npy").rpartition("_")
        if field not in FIELDS or not layer:
            raise WeightFileError(
                f"it is a NumPy archive with an array {shown(member)!r}; expected only those named as conv1_1_W and conv1_1_b "
                "(vgg16_weights.npz)"
            )
        grouped.setdefault(layer, {})[FIELDS[field]] = _array(archive.content(member), member)
    layers = [stored_layer(layer, arrays) for layer, arrays in grouped.items()]
    return WeightFile("NumPy archive", layers, preprocessing="caffe-rgb")


def _array(content: np.ndarray, name: str) -> np.ndarray:
    """View the array in a .npy file. Pickled objects are refused, whatever they are."""
    stream = io.BytesIO(content[:LONGEST_HEADER].tobytes())
    try:
        shape, by_columns, dtype = npy.read_header(stream)
    except npy.DAMAGED:
        raise WeightFileError(f"its array {shown(name)} has no valid header; get the file again") from None
    if dtype.kind != "f":
        raise WeightFileError(f"its array {shown(name)} holds {dtype}, expected floating-point numbers")
    start, size = stream.tell(), math.prod(shape) * dtype.itemsize
    if any(side < 1 for side in shape) or start + size != content.size:
        raise WeightFileError(f"its array {shown(name)} claims the shape {shape} in {content.size:,} bytes; get the file again")
    return content[start : start + size].view(dtype).reshape(shape, order="F" if by_columns else "C")
