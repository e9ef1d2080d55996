"""Where reading an ONNX file begins: a walk along its nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.onnx.axes import BATCH, IMAGE, UNKNOWN, VECTOR, Axes
from minicnn.weightfiles.onnx.folding import folded, shape_of
from minicnn.weightfiles.onnx.network import ReadNetwork
from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.operators import OPERATORS
from minicnn.weightfiles.onnx.refusals import RefusedError
from minicnn.weightfiles.onnx.tensors import Constants
from minicnn.weightfiles.stored import WeightFile, shown

#: Protocol buffers hold less than this many bytes.
LARGEST = 1 << 31

#: More nodes than any network in a line has, and more pixels than any image has on a side.
MOST_NODES, MOST_PIXELS = 10_000, 1 << 20

#: What can be done about a network that cannot be read.
ADVICE = "Else give its weights in another format (.safetensors, .pth, .h5) and describe the network in a .toml, with layers of your own"

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
                f"its network has {len(inputs)} inputs and {len(self.graph.output)} outputs ({names}); expected one of each. Export it "
                "anew, with images as its only input and the logits as its only output"
            )
        if len(self.graph.node) > MOST_NODES:
            raise WeightFileError(f"its network has {len(self.graph.node):,} nodes; expected at most {MOST_NODES:,}")
        self.opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)
        if self.opset < OLDEST:
            raise WeightFileError(f"it is made for version {self.opset} of ONNX' operators; expected {OLDEST} or later. Export it again")
        self.input, self.output = inputs[0], self.graph.output[0].name
        self.type = self.input.type.tensor_type
        self.nodes = needed_nodes(self.graph.node, self.output)

    def result(self) -> WeightFile:
        """Walk to the end, for each way in which the input's axes may lie, and tell what was found."""
        errors = []
        for layout in self.layouts():
            walk = _Walk(self, layout)
            try:
                network = walk.to_the_end()
            except WeightFileError as error:
                errors.append((walk.steps_taken, error))
            else:
                return self.weight_file(network, layout)
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

    def weight_file(self, network: ReadNetwork, layout: Axes) -> WeightFile:
        if network.steps and network.steps[-1].word == "sigmoid":
            raise WeightFileError(
                "its network ends in a sigmoid: each output is a probability by itself; expected one score for each class. Export it "
                "without that layer"
            )
        if not network.layers:
            raise WeightFileError("its network has no layers with weights; expected convolutions or dense layers")
        metadata = {name: text for name, text in (("producer", self.model.producer_name), ("name", self.graph.name)) if text}
        metadata |= {entry.key: entry.value for entry in self.model.metadata_props}
        channels_first = layout.groups != LAYOUTS[1]
        usual = "torch" if self.model.producer_name == "pytorch" and channels_first else None
        height, width, channels = (layout.sizes.get(label, UNKNOWN) for label in "HWC")
        return WeightFile(
            "ONNX",
            network.layers,
            metadata,
            channels_first if network.channels_first is None else network.channels_first,
            network.preprocessing or usual,
            network.steps,
            (height, width, channels) if min(height, width, channels) > 0 else None,
        )


class _Walk:
    """A walk along the nodes."""

    def __init__(self, reader: _Reader, layout: Axes) -> None:
        self.reader, self.constants = reader, reader.constants
        self.current = reader.input.name
        self.network = ReadNetwork(layout, takes_bytes=reader.type.elem_type in BYTES)
        self.shapes = {self.current: layout.shape}
        self.steps_taken = 0

    def to_the_end(self) -> ReadNetwork:
        """Read the whole network."""
        node = None
        for node in self.reader.nodes:
            try:
                self.take(node)
            except RefusedError as error:
                raise refusal(node, str(error)) from None
            self.steps_taken += 1
        if self.current != self.reader.output:
            raise WeightFileError(f"its network gives {shown(self.reader.output)!r}, which is not what its last node gives. {ADVICE}")
        try:
            self.network.finish()
        except RefusedError as error:
            raise refusal(node, str(error)) from None
        return self.network

    def take(self, proto: Any) -> None:
        """Read one node."""
        if proto.domain not in ("", "ai.onnx"):
            raise RefusedError(f"is not one of ONNX' own operators, but of {shown(proto.domain)!r}; export the model without such")
        if not proto.output:
            raise RefusedError("has no output")
        inputs = list(proto.input)
        if self.follow_constants(proto, inputs):
            return
        if proto.op_type in COMMUTATIVE and len(inputs) == 2 and inputs[1] == self.current:
            inputs.reverse()
        if inputs[:1] != [self.current] or any(name and name not in self.constants for name in inputs[1:]):
            raise RefusedError("does not simply follow the node before it; minicnn reads networks in a line, without branches")
        if proto.op_type not in OPERATORS:
            raise RefusedError(f"is nothing that minicnn has a layer for; expected layers in a line, of {', '.join(OPERATORS)}")
        node = Node(proto, inputs, self.constants, self.reader.opset)
        OPERATORS[proto.op_type](self.network, node)
        node.check_attributes()
        self.current = proto.output[0]
        self.shapes[self.current] = self.network.axes.shape

    def follow_constants(self, proto: Any, inputs: list[str]) -> bool:
        """Compute a node that takes only constants, or the shape of something; tell whether it is one."""
        node = Node(proto, inputs, self.constants, self.reader.opset)
        if proto.op_type == "Constant":
            self.constants[proto.output[0]] = constant(node)
        elif proto.op_type == "Shape" and inputs and (inputs[0] in self.shapes or inputs[0] in self.constants):
            self.constants[proto.output[0]] = shape_of(node, self.shapes.get(inputs[0]) or list(self.constants[inputs[0]].shape))
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


def refusal(node: Any, why: str) -> WeightFileError:
    """The error that names a node, and what is wrong with it."""
    name = node.name or (node.output[0] if node.output else "")
    return WeightFileError(f"its node {shown(name)!r} ({shown(node.op_type)}) {why}. {ADVICE}")
