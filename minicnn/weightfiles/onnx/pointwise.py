"""Nodes that make each number of the one at the same place: nonlinearities, and arithmetic with constants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from minicnn.weightfiles.onnx.network import ReadNetwork
from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.refusals import RefusedError
from minicnn.weightfiles.onnx.values import Value


def nonlinearity(word: str, **options: tuple[str, float]) -> Callable[[ReadNetwork, Node, Value], Value]:
    """Make the reader of a node that is a layer by itself, whose options are attributes with these names and defaults."""

    def read(network: ReadNetwork, node: Node, x: Value) -> Value:
        found = {ours: float(f"{node.attribute(theirs, default):.7g}") for ours, (theirs, default) in options.items()}
        return network.add(word, x, options=found, name=node.layer_name)

    return read


def clip(network: ReadNetwork, node: Node, x: Value) -> Value:
    lowest, highest = node.number(1, "min"), node.number(2, "max")
    six = highest == 6
    if lowest != 0 or not (six or highest is None or highest >= np.finfo(np.float32).max):
        raise RefusedError(f"clips to {lowest} to {highest}, expected 0 and nothing, as a ReLU does, or 0 and 6")
    return network.add("relu6" if six else "relu", x, name=node.layer_name)


def largest(network: ReadNetwork, node: Node, x: Value) -> Value:
    if len(node.inputs) != 2 or np.any(node.floats(1)) or node.floats(1).size != 1:
        raise RefusedError("takes the larger of two, expected zero as the other, as in a ReLU")
    return network.add("relu", x, name=node.layer_name)


def hard_sigmoid(network: ReadNetwork, node: Node, x: Value) -> Value:
    if node.attribute("beta", 0.5) != 0.5:
        raise RefusedError(f"is {node.attribute('beta', 0.5)} at 0, expected 0.5")
    slope = float(f"{node.attribute('alpha', 0.2):.7g}")
    return network.add("hard_sigmoid", x, options={} if abs(slope - 1 / 6) < 1e-6 else {"slope": slope}, name=node.layer_name)


def gelu(network: ReadNetwork, node: Node, x: Value) -> Value:
    formula = node.attribute("approximate", b"none")
    if formula not in (b"none", b"tanh"):
        raise RefusedError(f"approximates by {formula!r}, expected none or tanh")
    return network.add("gelu", x, options={"approximate": formula.decode()}, name=node.layer_name)


def dropout(network: ReadNetwork, node: Node, x: Value) -> Value:
    node.attribute("seed", 0)
    ratio = node.number(1, "ratio")
    if node.has_input(2) and np.any(node.constant(2)):
        raise RefusedError("is in training mode; export the model for inference")
    options = {} if ratio is None or not 0 <= ratio < 1 else {"rate": float(f"{ratio:.7g}")}
    return network.add("dropout", x, options=options, name=node.layer_name)


def affine(network: ReadNetwork, node: Node, x: Value) -> Value:
    one, zero = np.ones(()), np.zeros(())
    with np.errstate(all="ignore"):  # what is not finite is refused later
        number = node.floats(1).astype(np.float64)
        scales = {"Add": (one, number), "Sub": (one, -number), "Mul": (number, zero), "Div": (1 / number, zero)}
    return network.scale(x, *scales[node.kind])


def cast(network: ReadNetwork, node: Node, x: Value) -> Value:
    if node.kind == "Cast" and node.attribute("to", 0) not in (1, 10, 11, 16):
        raise RefusedError("turns numbers into others than floating-point ones")
    node.attribute("saturate", 1)
    return x


def softmax(network: ReadNetwork, node: Node, x: Value) -> Value:
    if x.ended:
        raise RefusedError("comes after another; expected one Softmax, at the end")
    axis = x.axes.index(node.attribute("axis", -1 if node.opset >= 13 else 1))
    together = x.groups[axis : axis + 1] if node.opset >= 13 else x.groups[axis:]  # older ones take all axes from this one on
    if [label for group in together for label in group] != ["C"]:
        raise RefusedError(f"is over the axis {axis} of {len(x.groups)}; expected that of the classes")
    return replace(network.settle(x), ended=True)
