"""ONNX files of networks whose layers follow each other in a line.

ONNX writes a network down as nodes that turn named tensors into others. Here each node must take what the one before it gave, and be of
a kind that minicnn has a layer for; everything else it takes must be a constant. Images are N, C, H, W.

    =======================  ===================================================================================
    Conv                     in one group, not dilated, with equal padding on opposite sides
    MaxPool, AveragePool     the same, rounding sizes down; a padding counts in means
    Gemm, MatMul, Add        a dense layer; Add only for the biases right after MatMul
    Flatten, Reshape         to one row for each image
    BatchNormalization, Relu, GlobalAveragePool, Dropout
    Softmax                  only at the end, where it is left out: our networks end in logits
    Identity                 left out
    =======================  ===================================================================================

It needs the package `onnx`, which the extra of the same name installs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.stored import (
    Step,
    StoredLayer,
    WeightFile,
    shown,
    stored_layer,
)
from minicnn.weightfiles.torch_layout import channels_last

#: Protocol buffers hold less than this many bytes.
LARGEST = 1 << 31

#: More nodes than any network in a line has.
MOST_NODES = 10_000


def looks_like_onnx(start: bytes) -> bool:
    """Tell whether a file's first bytes are those of an ONNX model: the version of the format (field 1), then a text or the graph."""
    return len(start) > 3 and start[0] == 0x08 and start[1] < 0x80 and start[2] in (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)


def read_onnx(path: Path) -> WeightFile:
    """Read weights, and the network's steps, from an ONNX file.

    Raises
    ------
    WeightFileError
        If the package is not installed, the file is damaged, or the network is not of the kind described above.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise WeightFileError("it is an ONNX file, which needs the package onnx: pip install 'minicnn-numpy[onnx]'") from None
    if path.stat().st_size >= LARGEST:
        raise WeightFileError(f"it has {path.stat().st_size:,} bytes; ONNX files have less than {LARGEST:,}")
    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, ValueError, RecursionError) as error:
        raise WeightFileError(f"it is no valid ONNX file ({shown(error)}); get the file again") from None
    return _Walk(model).result()


class _Walk:
    """A walk along the nodes, gathering layers and steps."""

    def __init__(self, model: Any) -> None:
        self.model, self.graph = model, model.graph
        self.layers: list[StoredLayer] = []
        self.steps: list[Step] = []
        self.constants = {tensor.name: tensor for tensor in self.graph.initializer}
        inputs = [value for value in self.graph.input if value.name not in self.constants]
        if len(inputs) != 1 or len(self.graph.output) != 1:
            raise WeightFileError(f"its network has {len(inputs)} inputs and {len(self.graph.output)} outputs; expected one of each")
        if len(self.graph.node) > MOST_NODES:
            raise WeightFileError(f"its network has {len(self.graph.node):,} nodes; expected at most {MOST_NODES:,}")
        self.input, self.current = inputs[0], inputs[0].name
        self.last_operation, self.ended = "", False

    def result(self) -> WeightFile:
        """Walk to the end and tell what was found."""
        for node in self.graph.node:
            self.walk(node)
        if self.current != self.graph.output[0].name:
            raise WeightFileError(f"its network gives {shown(self.graph.output[0].name)}, which is not what its last node gives")
        if not self.layers:
            raise WeightFileError("its network has no layers with weights; expected convolutions or dense layers")
        metadata = {name: text for name, text in (("producer", self.model.producer_name), ("name", self.graph.name)) if text}
        metadata |= {entry.key: entry.value for entry in self.model.metadata_props}
        preprocessing = "torch" if self.model.producer_name == "pytorch" else None
        return WeightFile("ONNX", self.layers, metadata, True, preprocessing, self.steps, self.input_shape())

    def walk(self, node) -> None:
        """Take one step."""
        if len(node.output) < 1 or (node.op_type != "Dropout" and len([name for name in node.output if name]) != 1):
            raise self.refusal(node, f"has {len(node.output)} outputs")
        if node.op_type == "Constant":
            self.constants[node.output[0]] = self.attribute(node, "value", None)
            return
        inputs = list(node.input)
        if node.op_type == "Identity" and len(inputs) == 1 and inputs[0] in self.constants:
            self.constants[node.output[0]] = self.constants[inputs[0]]
            return
        if node.op_type == "Add" and len(inputs) == 2 and inputs[1] == self.current:
            inputs.reverse()  # the sum is the same
        if inputs[:1] != [self.current] or any(name and name not in self.constants for name in inputs[1:]):
            raise self.refusal(node, "does not simply follow the node before it")
        if node.op_type not in self.STEPS or node.domain not in ("", "ai.onnx"):
            raise self.refusal(node, "is not supported")
        if self.ended:
            raise self.refusal(node, "comes after a Softmax, which must be the end")
        self.STEPS[node.op_type](self, node, inputs)
        self.current = node.output[0]

    def convolution(self, node, inputs) -> None:
        weight = self.number_array(node, inputs, 1)
        if (
            weight.ndim != 4
            or self.attribute(node, "group", 1) != 1
            or self.attribute(node, "kernel_shape", list(weight.shape[2:])) != list(weight.shape[2:])
        ):
            raise self.refusal(node, f"has a kernel of shape {weight.shape} and {self.attribute(node, 'group', 1)} groups")
        options = {**self.window(node, list(weight.shape[2:])), "filters": weight.shape[0]}
        self.add(node, "convolution", options, self.weights(node, inputs, channels_last(weight)))

    def gemm(self, node, inputs) -> None:
        flags = {"alpha": 1.0, "beta": 1.0, "transA": 0}
        if any(self.attribute(node, name, value) != value for name, value in flags.items()):
            raise self.refusal(node, "scales or transposes its input")
        weight = self.number_array(node, inputs, 1)
        self.dense(node, inputs, weight.T if self.attribute(node, "transB", 0) else weight)

    def dense(self, node, inputs, weight) -> None:
        if weight.ndim != 2:
            raise self.refusal(node, f"has weights of shape {weight.shape}")
        self.add(node, "dense", {"units": weight.shape[1]}, self.weights(node, inputs, weight))

    def add_bias(self, node, inputs) -> None:
        bias = self.number_array(node, inputs, 1)
        layer = self.layers[-1] if self.layers and self.last_operation == "MatMul" else None
        if layer is None or bias.size != layer.arrays["weight"].shape[1]:
            raise self.refusal(node, "adds something else than the biases of a MatMul before it")
        self.layers[-1] = stored_layer(layer.name, {"weight": layer.arrays["weight"], "bias": bias.reshape(-1)})
        self.last_operation = "Add"

    def batch_norm(self, node, inputs) -> None:
        if self.attribute(node, "training_mode", 0):
            raise self.refusal(node, "is in training mode")
        epsilon = self.attribute(node, "epsilon", 1e-5)
        if not 0 < epsilon < 1:
            raise self.refusal(node, f"has epsilon {epsilon}")
        arrays = {key: self.number_array(node, inputs, i) for i, key in enumerate(("weight", "bias", "mean", "variance"), start=1)}
        self.add(node, "batch_norm", {"epsilon": epsilon}, arrays, epsilon)

    def pool(self, node, inputs) -> None:
        options = self.window(node, self.attribute(node, "kernel_shape", None))
        if node.op_type == "AveragePool":
            if any(options["padding"]) and not self.attribute(node, "count_include_pad", 0):
                raise self.refusal(node, "leaves the padding out of its means")
            if options["size"] == [1, 1] == options["stride"]:
                return  # what PyTorch makes of an adaptive pool whose input has the wanted size
        self.add(node, {"MaxPool": "max_pool", "AveragePool": "average_pool"}[node.op_type], options)

    def flatten(self, node, inputs) -> None:
        if node.op_type == "Flatten" and self.attribute(node, "axis", 1) != 1:
            raise self.refusal(node, "flattens other axes than those of each image")
        if node.op_type == "Reshape" and np.size(self.array(node, inputs, 1)) != 2:
            raise self.refusal(node, "does not make one row for each image")
        if not self.steps or self.steps[-1].word != "global_average_pool":  # ours has flattened already
            self.add(node, "flatten")

    def dropout(self, node, inputs) -> None:
        self.add(node, "dropout")

    def plain(self, node, inputs) -> None:
        self.add(node, {"Relu": "relu", "GlobalAveragePool": "global_average_pool"}[node.op_type])

    def identity(self, node, inputs) -> None:
        pass

    def softmax(self, node, inputs) -> None:
        self.ended = True

    def add(self, node, word, options=None, arrays=None, epsilon=None) -> None:
        """Note a step, and the layer whose arrays it has."""
        if arrays is not None:
            self.layers.append(stored_layer(node.name or node.output[0], arrays, epsilon))
        self.steps.append(Step(word, options or {}))
        self.last_operation = node.op_type

    def weights(self, node, inputs, weight) -> dict[str, np.ndarray]:
        bias = {"bias": self.number_array(node, inputs, 2).reshape(-1)} if len(inputs) > 2 and inputs[2] else {}
        return {"weight": weight, **bias}

    def window(self, node, size: list[int] | None) -> dict[str, list[int]]:
        """Read how a convolution or a pool slides."""
        padding, stride = self.attribute(node, "pads", [0, 0, 0, 0]), self.attribute(node, "strides", [1, 1])
        default = {"dilations": [1, 1], "ceil_mode": 0, "storage_order": 0}
        unusual = any(self.attribute(node, name, value) != value for name, value in default.items())
        if unusual or self.attribute(node, "auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
            raise self.refusal(node, "is dilated, rounds up, or pads by rules")
        lists = (size, stride, padding)
        if [len(numbers) if isinstance(numbers, list) else 0 for numbers in lists] != [2, 2, 4] or padding[:2] != padding[2:]:
            raise self.refusal(node, f"has size {size}, stride {stride} and padding {padding}")
        return {"size": size, "stride": stride, "padding": padding[:2]}

    def attribute(self, node, name: str, default):
        """Read a node's attribute as a number, a text, a list or a tensor."""
        for attribute in node.attribute:
            if attribute.name == name:
                kind = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints"}.get(attribute.type)
                if kind is None:
                    raise self.refusal(node, f"has an attribute {shown(name)} of a kind that is not supported")
                value = list(getattr(attribute, kind)) if kind in ("floats", "ints") else getattr(attribute, kind)
                if default is not None and type(value) is not type(default):
                    raise self.refusal(node, f"has an attribute {shown(name)} of type {type(value).__name__}")
                return value
        return default

    def number_array(self, node, inputs, index: int) -> np.ndarray:
        """Read a constant input that must be floating-point numbers."""
        array = self.array(node, inputs, index)
        if array.dtype.kind != "f":
            raise self.refusal(node, f"has weights of type {array.dtype}, expected floating-point numbers")
        return array

    def array(self, node, inputs, index: int) -> np.ndarray:
        """Read a constant input; its claimed shape must be that of the numbers that are there."""
        from onnx import TensorProto, numpy_helper

        tensor = self.constants.get(inputs[index]) if index < len(inputs) else None
        if not isinstance(tensor, TensorProto):
            raise self.refusal(node, f"lacks its input {index}")
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data or tensor.HasField("segment"):
            raise self.refusal(node, "has its weights in another file, or in parts; save the model in one")
        count = math.prod(tensor.dims)
        width = {1: 4, 7: 8, 10: 2, 11: 8}.get(tensor.data_type, 0)
        held = {1: len(tensor.float_data), 7: len(tensor.int64_data), 10: len(tensor.int32_data), 11: len(tensor.double_data)}
        if (
            not width
            or min(tensor.dims, default=1) < 1
            or (len(tensor.raw_data) != count * width if tensor.raw_data else held[tensor.data_type] != count)
        ):
            raise self.refusal(node, f"has an input {shown(inputs[index])} of shape {tuple(tensor.dims)} that does not hold such numbers")
        return numpy_helper.to_array(tensor)

    def input_shape(self) -> tuple[int, int, int] | None:
        """The input's height, width and channels, if all are numbers."""
        dimensions = [dimension.dim_value for dimension in self.input.type.tensor_type.shape.dim]
        if len(dimensions) != 4 or min(dimensions[1:]) < 1:
            return None
        return dimensions[2], dimensions[3], dimensions[1]

    def refusal(self, node, why: str) -> WeightFileError:
        """The error that names a node, and what there is instead."""
        name = shown(node.name or (node.output[0] if node.output else ""))
        return WeightFileError(
            f"its node {name!r} ({shown(node.op_type)}) {why}; expected layers in a line, of {', '.join(self.STEPS)} in their plain forms"
        )

    STEPS: ClassVar[dict[str, Callable]] = {
        "Conv": convolution,
        "BatchNormalization": batch_norm,
        "Relu": plain,
        "MaxPool": pool,
        "AveragePool": pool,
        "GlobalAveragePool": plain,
        "Flatten": flatten,
        "Reshape": flatten,
        "Gemm": gemm,
        "MatMul": lambda self, node, inputs: self.dense(node, inputs, self.number_array(node, inputs, 1)),
        "Add": add_bias,
        "Dropout": dropout,
        "Softmax": softmax,
        "Identity": identity,
    }
