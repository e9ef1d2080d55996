"""Where reading an ONNX file begins: a walk along its nodes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.onnx.axes import BATCH, IMAGE, UNKNOWN, VECTOR, Axes
from minicnn.weightfiles.onnx.folding import folded, shape_of
from minicnn.weightfiles.onnx.network import ReadNetwork
from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.operators import FOR_GROUPS, JOINS, OPERATORS, Outputs
from minicnn.weightfiles.onnx.refusals import ADVICE, RefusedError, refusal
from minicnn.weightfiles.onnx.tensors import Constants
from minicnn.weightfiles.onnx.values import FILE_INPUT, Value
from minicnn.weightfiles.stored import Step, StoredLayer, WeightFile, shown

#: Protocol buffers hold less than this many bytes.
LARGEST = 1 << 31

#: More nodes than any network has that is read here, and more pixels than any image has on a side.
MOST_NODES, MOST_PIXELS = 10_000, 1 << 20

#: Earlier versions of the operators mean other things; they are of 2017.
OLDEST = 7

#: How an image's axes may lie in the input: as in PyTorch, or as in Keras.
LAYOUTS = (IMAGE, (("N",), ("H",), ("W",), ("C",)))

#: ONNX' number for floating-point numbers of 8 bits and more, and for bytes.
BYTES = (2,)

#: What may stand in a different order.
COMMUTATIVE = ("Add", "Mul", "Max")

#: Attributes that hold a constant, by the type that it has.
CONSTANTS = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}


def looks_like_onnx(start: bytes) -> bool:
    """Tell whether a file's first bytes are those of an ONNX model: the version of the format (field 1), then a text or the graph."""
    return len(start) > 3 and start[0] == 0x08 and start[1] < 0x80 and start[2] in (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)


def read_onnx(path: Path) -> WeightFile:
    """Read weights, and the network's steps, from an ONNX file.

    Raises
    ------
    WeightFileError
        If the package is not installed, the file is damaged, or the network is not of the kind that `minicnn.weightfiles.onnx` describes.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise WeightFileError("it is an ONNX file, which needs the package onnx: pip install 'minicnn-numpy[onnx]'") from None
    if path.stat().st_size >= LARGEST:
        raise WeightFileError(f"it has {path.stat().st_size:,} bytes; ONNX files have less than {LARGEST:,}")
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except (DecodeError, ValueError, RecursionError) as error:
        raise WeightFileError(f"it is no valid ONNX file ({shown(error)}); get the file again") from None
    if not all_text(model):
        raise WeightFileError("it is a damaged ONNX file, some of its names are no text; get the file again")
    return _Reader(model, path).result()


class _Reader:
    """What is read off a model's graph before the walk, and the walk."""

    def __init__(self, model: Any, path: Path) -> None:
        self.model, self.graph = model, model.graph
        self.constants = Constants({tensor.name: tensor for tensor in self.graph.initializer}, path)
        inputs = [value for value in self.graph.input if value.name not in self.constants]
        if len(inputs) != 1 or len(self.graph.output) != 1:
            names = ", ".join(repr(shown(value.name)) for value in [*inputs[:4], *self.graph.output[:4]])
            raise WeightFileError(
                f"its network has {len(inputs)} inputs and {len(self.graph.output)} outputs ({names}); expected one of each, as nothing "
                "tells which are the logits. Export it anew, with images as its only input and the logits as its only output, not those "
                "of auxiliary heads"
            )
        if len(self.graph.node) > MOST_NODES:
            raise WeightFileError(f"its network has {len(self.graph.node):,} nodes; expected at most {MOST_NODES:,}")
        self.opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)
        if self.opset < OLDEST:
            raise WeightFileError(f"it is made for version {self.opset} of ONNX' operators; expected {OLDEST} or later. Export it again")
        self.input, self.output = inputs[0], self.graph.output[0].name
        self.type = self.input.type.tensor_type
        self.nodes = needed_nodes(self.graph.node, self.output)
        self.takers = Counter(name for node in self.nodes if node.op_type != "Shape" for name in node.input)
        self.takers[self.output] += 1

    def result(self) -> WeightFile:
        """Walk to the end, for each way in which the input's axes may lie, and tell what was found."""
        errors = []
        for layout in self.layouts():
            walk = _Walk(self, layout)
            try:
                steps, layers = walk.to_the_end()
            except WeightFileError as error:
                errors.append((walk.steps_taken, error))
            else:
                return self.weight_file(walk.network, steps, layers, layout)
        raise max(errors, key=lambda entry: entry[0])[1]

    def layouts(self) -> list[Axes]:
        """Tell in which ways the axes of the input may lie, the likeliest first."""
        sizes = [dimension.dim_value for dimension in self.type.shape.dim] or [0, 0, 0, 0]
        if max(sizes) > MOST_PIXELS or min(sizes) < 0:
            raise WeightFileError(f"its network takes {sizes[:8]}, expected at most {MOST_PIXELS:,} pixels on a side")
        layouts = {4: LAYOUTS, 2: (VECTOR,)}.get(len(sizes))
        if layouts is None:
            raise WeightFileError(
                f"its network takes {len(sizes)} axes; expected images: 4 axes, that of the images, the channels, height, width"
            )
        found = []
        for groups in layouts:
            labels = [label for (label,) in groups]
            found.append(Axes(groups, {label: size or (BATCH if label == "N" else UNKNOWN) for label, size in zip(labels, sizes)}))
        return sorted(found, key=lambda axes: axes.sizes["C"] not in (1, 3, 4))

    def weight_file(self, network: ReadNetwork, steps: list[Step], layers: list[StoredLayer], layout: Axes) -> WeightFile:
        if steps and steps[-1].word == "sigmoid":
            raise WeightFileError(
                "its network ends in a sigmoid: each output is a probability by itself; expected one score for each class. Export it "
                "without that layer"
            )
        if not layers:
            raise WeightFileError("its network has no layers with weights; expected convolutions or dense layers")
        metadata = {name: text for name, text in (("producer", self.model.producer_name), ("name", self.graph.name)) if text}
        metadata |= {entry.key: entry.value for entry in self.model.metadata_props}
        channels_first = layout.groups != LAYOUTS[1]
        usual = "torch" if self.model.producer_name == "pytorch" and channels_first else None
        height, width, channels = (layout.sizes.get(label, UNKNOWN) for label in "HWC")
        return WeightFile(
            "ONNX",
            layers,
            metadata,
            channels_first if network.channels_first is None else network.channels_first,
            network.preprocessing or usual,
            steps,
            (height, width, channels) if min(height, width, channels) > 0 else None,
        )


class _Walk:
    """A walk along the nodes."""

    def __init__(self, reader: _Reader, layout: Axes) -> None:
        self.reader, self.constants = reader, reader.constants
        self.network = ReadNetwork(takes_bytes=reader.type.elem_type in BYTES)
        self.values = {reader.input.name: Value(FILE_INPUT, layout)}
        self.steps_taken = 0

    def to_the_end(self) -> tuple[list[Step], list[StoredLayer]]:
        """Read the whole network."""
        node = None
        for node in self.reader.nodes:
            try:
                self.take(node)
            except RefusedError as error:
                raise refusal(node, str(error)) from None
            self.steps_taken += 1
        if self.reader.output not in self.values:
            raise WeightFileError(f"its network gives {shown(self.reader.output)!r}, which no node computes from the images. {ADVICE}")
        try:
            return self.network.finish(self.value(self.reader.output))
        except RefusedError as error:
            raise refusal(node, str(error)) from None

    def take(self, proto: Any) -> None:
        """Read one node."""
        if proto.domain not in ("", "ai.onnx"):
            raise RefusedError(f"is not one of ONNX' own operators, but of {shown(proto.domain)!r}; export the model without such")
        if not proto.output:
            raise RefusedError("has no output")
        for name in proto.output:
            if name in self.values or name in self.constants:
                raise RefusedError(f"gives {shown(name)!r}, which there is already; get the file again")
        inputs = list(proto.input)
        if self.follow_constants(proto, inputs):
            return
        for name in inputs:
            if name and name not in self.values and name not in self.constants:
                raise RefusedError(f"takes {shown(name)!r}, which no node before it gives that is read; export the model for inference")
        value = self.computed(proto, inputs)
        given = value if isinstance(value, list) else [value]
        self.values.update({name: output for name, output in zip(proto.output, given) if name})

    def computed(self, proto: Any, inputs: list[str]) -> Outputs:
        """Read a node that takes something that is computed from the images."""
        kind, count = proto.op_type, sum(name in self.values for name in inputs)
        if kind not in FOR_GROUPS and any(name in self.values and self.values[name].axes.is_split for name in inputs):
            raise RefusedError("takes channels that are in groups, as two axes; expected them to be shuffled and put together before")
        if not count:
            raise RefusedError("takes nothing at all; get the file again")
        if kind in JOINS and count == len(inputs) and (count > 1 or kind not in OPERATORS):
            node = Node(proto, inputs, self.constants, self.reader.opset)
            value: Outputs = JOINS[kind](self.network, node, [self.value(name) for name in inputs])
        else:
            if kind not in OPERATORS:
                raise RefusedError(f"is nothing that minicnn has a layer for; expected {', '.join(sorted({*OPERATORS, *JOINS}))}")
            if kind in COMMUTATIVE and len(inputs) == 2 and inputs[0] in self.constants:
                inputs.reverse()
            if count != 1 or inputs[0] not in self.values:
                raise RefusedError("takes several tensors that are computed from the images; expected its first input alone to be one")
            node = Node(proto, inputs, self.constants, self.reader.opset)
            value = OPERATORS[kind](self.network, node, self.value(inputs[0]))
        node.check_attributes()
        return value

    def value(self, name: str) -> Value:
        """Return a computed tensor; if several take it, what waits there is done once for all, and nothing else may change its step."""
        if self.reader.takers[name] > 1:
            x = self.values[name]
            self.values[name] = replace(self.network.settle(x) if x.waits else x, alone=False)
        return self.values[name]

    def follow_constants(self, proto: Any, inputs: list[str]) -> bool:
        """Compute a node that takes only constants, or the shape of something; tell whether it is one."""
        node = Node(proto, inputs, self.constants, self.reader.opset)
        if proto.op_type == "Constant":
            self.constants[proto.output[0]] = constant(node)
        elif proto.op_type == "Shape" and inputs and (inputs[0] in self.values or inputs[0] in self.constants):
            known = self.values[inputs[0]].axes.shape if inputs[0] in self.values else list(self.constants[inputs[0]].shape)
            self.constants[proto.output[0]] = shape_of(node, known)
        elif proto.op_type == "CastLike" and inputs and inputs[0] in self.constants:
            self.constants[proto.output[0]] = self.constants[inputs[0]]
        elif inputs and all(name in self.constants or not name for name in inputs):
            self.constants[proto.output[0]] = folded(node)
        else:
            return False
        node.check_attributes()
        return True


def constant(node: Node) -> np.ndarray:
    """Read what a Constant node holds."""
    tensor = node.attribute("value", None)
    if tensor is not None:
        return node.constants.array(tensor, "value")
    for name, kind in CONSTANTS.items():
        value = node.attribute(name, None)
        if value is not None:
            return np.array(value, kind)
    raise RefusedError("holds neither a tensor nor numbers")


def all_text(message: Any) -> bool:
    """Tell whether all texts in a message are such; protocol buffers give those that are no UTF-8 as bytes."""
    for field, value in message.ListFields():
        if field.type in (field.TYPE_STRING, field.TYPE_MESSAGE):
            values = [value] if isinstance(value, (str, bytes)) or hasattr(value, "ListFields") else value
            if not all(isinstance(value, str) if field.type == field.TYPE_STRING else all_text(value) for value in values):
                return False
    return True


def needed_nodes(nodes: Any, output: str) -> list[Any]:
    """Leave out the nodes whose results nobody takes."""
    wanted, needed = {output}, []
    for node in reversed(nodes):
        if wanted & set(node.output):
            needed.append(node)
            wanted |= {name for name in node.input if name}
    return needed[::-1]
