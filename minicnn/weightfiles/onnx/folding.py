"""What follows from constants and shapes alone is computed right away, so that only the images are left to follow.

Exporters compute shapes in the graph: the first number of a tensor's shape, then -1, put together, is where a Reshape flattens. Sizes
that are open stay so, see `minicnn.weightfiles.onnx.axes`. Only small arrays are computed; those of any size are viewed in another shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.onnx.axes import BATCH, UNKNOWN
from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.refusals import RefusedError
from minicnn.weightfiles.onnx.tensors import MOST_DIMENSIONS

#: The largest array that is computed.
MOST_NUMBERS = 1 << 16

#: Numpy's types by ONNX' numbers.
TYPES = {1: np.float32, 6: np.int32, 7: np.int64, 10: np.float16, 11: np.float64}


def shape_of(node: Node, shape: list[int]) -> np.ndarray:
    """Return what a Shape node gives."""
    return np.array(shape[slice(node.attribute("start", 0), node.attribute("end", len(shape)))], np.int64)


def folded(node: Node) -> np.ndarray:
    """Compute a node all of whose inputs are constants."""
    if node.kind not in FOLDED:
        raise RefusedError("is not supported, even between constants; simplify the model first (python -m onnxsim IN.onnx OUT.onnx)")
    with np.errstate(all="ignore"):
        try:
            return FOLDED[node.kind](node)
        except WeightFileError:
            raise
        except (ValueError, IndexError, TypeError, OverflowError):
            raise RefusedError("takes constants that do not go together; get the file again") from None


def _small(node: Node, index: int) -> np.ndarray:
    array = node.constant(index)
    if array.size > MOST_NUMBERS:
        raise RefusedError(f"computes with {array.size:,} numbers, expected at most {MOST_NUMBERS:,}; save the model with folded constants")
    return array


def _cast(node: Node) -> np.ndarray:
    kind = TYPES.get(node.attribute("to", 0))
    array = node.constant(0)
    if kind is None:
        raise RefusedError(f"turns constants into type {node.attribute('to', 0)}, expected floating-point numbers or integers")
    if array.dtype.kind == np.dtype(kind).kind:
        return array  # how exactly the numbers are stored is all the same, and sizes that are open must keep their 64 bits
    array = _small(node, 0)
    if array.dtype.kind == "i" and (array < UNKNOWN + 2).any():
        raise RefusedError("computes with sizes that are not fixed; export the model with a fixed height and width")
    return array.astype(kind)


def _arithmetic(operation: Callable) -> Callable[[Node], np.ndarray]:
    """Make of a NumPy function one that computes a node; what is computed with open sizes is open."""

    def compute(node: Node) -> np.ndarray:
        arrays = [_small(node, index) for index in range(len(node.inputs))]
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
        if shape not in [array.shape for array in arrays]:
            raise RefusedError("spreads constants over each other")
        result = operation(*arrays)
        for array in arrays:
            if array.dtype.kind == "i":
                result = np.where(np.isin(array, (BATCH, UNKNOWN)), UNKNOWN, result)
        return result

    return compute


def _divide(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    if left.dtype.kind != "i":
        return left / right
    return abs(left) // abs(right) * np.sign(left) * np.sign(right)  # ONNX rounds towards 0, NumPy down


def _concat(node: Node) -> np.ndarray:
    arrays = [_small(node, index) for index in range(len(node.inputs))]
    if sum(array.size for array in arrays) > MOST_NUMBERS:
        raise RefusedError("puts many constants together")
    return np.concatenate(arrays, node.attribute("axis", 0))


def _gather(node: Node) -> np.ndarray:
    places = _small(node, 1)
    axis = node.attribute("axis", 0)
    if places.size * _small(node, 0).size > MOST_NUMBERS:
        raise RefusedError("takes many constants")
    return np.take(node.constant(0), places, axis)


def _slice(node: Node) -> np.ndarray:
    array = _small(node, 0)
    starts, ends = node.integers(1, "starts") or [], node.integers(2, "ends") or []
    axes, steps = node.integers(3, "axes") or list(range(len(starts))), node.integers(4, "steps") or [1] * len(starts)
    parts = [slice(None)] * array.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        outside = step < 0 and end < -array.shape[axis]
        parts[axis] = slice(start, None if outside else end, step)
    return array[tuple(parts)]


def _reshape(node: Node) -> np.ndarray:
    array, shape = node.constant(0), node.integers(1, "shape") or []
    if node.attribute("allowzero", 0) == 0:
        shape = [array.shape[i] if size == 0 else size for i, size in enumerate(shape)]
    return array.reshape(shape)


def _squeeze(node: Node) -> np.ndarray:
    places = node.integers(1, "axes")
    return np.squeeze(node.constant(0), None if places is None else tuple(places))


def _unsqueeze(node: Node) -> np.ndarray:
    return np.expand_dims(node.constant(0), tuple(node.integers(1, "axes") or ()))


def _transpose(node: Node) -> np.ndarray:
    array = node.constant(0)
    return array.transpose(node.attribute("perm", list(range(array.ndim))[::-1]))


def _small_shape(node: Node, index: int) -> list[int]:
    shape = node.integers(index, "shape") or []
    if len(shape) > MOST_DIMENSIONS or min(shape, default=1) < 1 or math.prod(shape) > MOST_NUMBERS:
        raise RefusedError("fills an array of another size than a few fixed numbers")
    return shape


def _filled(node: Node) -> np.ndarray:
    shape, value = _small_shape(node, 0), node.attribute("value", None)
    return np.full(shape, np.float32(0) if value is None else node.constants.array(value, "value").reshape(()))


def _expand(node: Node) -> np.ndarray:
    array, shape = _small(node, 0), _small_shape(node, 1)
    if math.prod(np.broadcast_shapes(array.shape, tuple(shape))) > MOST_NUMBERS:
        raise RefusedError("fills a large array")
    return np.broadcast_to(array, np.broadcast_shapes(array.shape, tuple(shape)))


FOLDED: dict[str, Callable[[Node], np.ndarray]] = {
    "Identity": lambda node: node.constant(0),
    "Cast": _cast,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "ConstantOfShape": _filled,
    "Expand": _expand,
    "Add": _arithmetic(np.add),
    "Sub": _arithmetic(np.subtract),
    "Mul": _arithmetic(np.multiply),
    "Div": _arithmetic(_divide),
    "Max": _arithmetic(np.maximum),
    "Min": _arithmetic(np.minimum),
    "Neg": _arithmetic(np.negative),
    "Sqrt": _arithmetic(np.sqrt),
    "Reciprocal": _arithmetic(np.reciprocal),
}
