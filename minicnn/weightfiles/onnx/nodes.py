"""One node of an ONNX graph: its attributes and constant inputs, read strictly."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.onnx.names import layer_name
from minicnn.weightfiles.onnx.refusals import RefusedError, refusal
from minicnn.weightfiles.onnx.tensors import Constants
from minicnn.weightfiles.stored import shown

#: The kinds of attributes that are read, by ONNX' numbers: a float, an integer, a text, a tensor, several floats, several integers.
KINDS = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints"}


class Node:
    """A node, and what is constant of what it takes.

    Parameters
    ----------
    proto : NodeProto
    inputs : sequence of str
        The names of its inputs, those that are computed first.
    constants : Constants
    opset : int
        The version of ONNX' operators that the file was made for.
    """

    def __init__(self, proto: Any, inputs: list[str], constants: Constants, opset: int):
        self._proto = proto
        self.kind, self.inputs, self.constants, self.opset = proto.op_type, inputs, constants, opset
        self.outputs = list(proto.output)
        self.layer_name = layer_name(proto, inputs[1] if len(inputs) > 1 and inputs[1] in constants else "")
        self._attributes = {attribute.name: attribute for attribute in proto.attribute}
        self._read: set[str] = set()

    def attribute(self, name: str, default: Any) -> Any:
        """Read an attribute as a number, a text, a list or a tensor, of the default's type unless that is None."""
        self._read.add(name)
        if name not in self._attributes:
            return default
        kind = KINDS.get(self._attributes[name].type)
        if kind is None:
            raise RefusedError(f"has an attribute {shown(name)} of a kind that is not supported")
        value = getattr(self._attributes[name], kind)
        value = list(value) if kind in ("floats", "ints") else value
        if default is not None and type(value) is not type(default):
            raise RefusedError(f"has an attribute {shown(name)} of type {type(value).__name__}, expected {type(default).__name__}")
        return value

    def check_attributes(self) -> None:
        """Raise RefusedError if the node has attributes that nobody asked for, as they may change what it does."""
        for name in self._attributes:
            if name not in self._read:
                raise RefusedError(f"has an attribute {shown(name)} that is not known; save the model for a usual version of ONNX (opset)")

    def refusal(self, why: str) -> WeightFileError:
        """Make the error that names the node, and what is wrong with it."""
        return refusal(self._proto, why)

    def has_input(self, index: int) -> bool:
        """Tell whether an optional input is there."""
        return index < len(self.inputs) and bool(self.inputs[index])

    def constant(self, index: int) -> np.ndarray:
        """Return a constant input."""
        if not self.has_input(index):
            raise RefusedError(f"lacks its input {index}")
        return self.constants[self.inputs[index]]

    def floats(self, index: int) -> np.ndarray:
        """Return a constant input that must be floating-point numbers."""
        array = self.constant(index)
        if array.dtype.kind != "f":
            raise RefusedError(f"takes numbers of type {array.dtype}, expected floating-point numbers")
        return array

    def number(self, index: int, name: str) -> float | None:
        """Return a single number, given as an input, or in older files as an attribute; None if it is not there."""
        value = self.constant(index) if self.has_input(index) else self.attribute(name, None)
        if value is not None and np.size(value) != 1:
            raise RefusedError(f"has {np.size(value)} numbers as its {name}, expected one")
        return None if value is None else float(np.reshape(value, ()))

    def integers(self, index: int, name: str) -> list[int] | None:
        """Return a list of integers, given as an input, or in older files as an attribute; None if it is not there."""
        if not self.has_input(index):
            return self.attribute(name, [0]) if name in self._attributes else None
        array = self.constant(index)
        if array.dtype.kind != "i" or array.size > 64:
            raise RefusedError(f"has {array.size} numbers of type {array.dtype} as its {name}, expected a few integers")
        return [int(number) for number in array.reshape(-1)]
