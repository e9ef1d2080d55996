"""Nodes that normalize, and the nonlinearity that has weights."""

from __future__ import annotations

import numpy as np

from minicnn.weightfiles.onnx.network import ReadNetwork, axes_text, by_channel
from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.refusals import RefusedError
from minicnn.weightfiles.onnx.values import Value


def batch_norm(network: ReadNetwork, node: Node, x: Value) -> Value:
    node.attribute("momentum", 0.9)
    if node.attribute("training_mode", 0) or node.attribute("spatial", 1) != 1:
        raise RefusedError("is in training mode, or normalizes each pixel by itself; export the model for inference")
    epsilon = node.attribute("epsilon", 1e-5)
    if not 0 < epsilon < 1:
        raise RefusedError(f"has epsilon {epsilon}, expected a small number above 0")
    if x.groups[1:2] != (("C",),):
        raise RefusedError(f"normalizes other axes than the channels, the second of {len(x.groups)}")
    arrays = {key: node.floats(i) for i, key in enumerate(("weight", "bias", "mean", "variance"), start=1)}
    channels = x.sizes["C"]
    if any(array.ndim != 1 or (channels > 0 and array.size != channels) for array in arrays.values()):
        raise RefusedError(f"has {arrays['mean'].size} means, where {channels} channels reach it")
    return network.add("batch_norm", x, options={"epsilon": epsilon}, arrays=arrays, name=node.layer_name, epsilon=epsilon)


def layer_norm(network: ReadNetwork, node: Node, x: Value) -> Value:
    """Over the channels of each pixel, which must be last."""
    epsilon = node.attribute("epsilon", 1e-5)
    node.attribute("stash_type", 1)
    if not 0 < epsilon < 1:
        raise RefusedError(f"has epsilon {epsilon}, expected a small number above 0")
    if x.groups[x.axes.index(node.attribute("axis", -1)) :] != (("C",),) or x.channels_first is not None:
        raise RefusedError(f"normalizes other axes than the channels, which must be the last of {axes_text(x.groups)}")
    weight = node.floats(1).reshape(-1)
    bias = node.floats(2).reshape(-1) if node.has_input(2) else np.zeros(weight.size, np.float32)
    channels = x.sizes["C"] if x.sizes["C"] > 0 else weight.size
    if not weight.size == bias.size == channels:
        raise RefusedError(f"has {weight.size} factors and {bias.size} shifts, where {channels} channels reach it")
    arrays = {"weight": weight, "bias": bias}
    return network.add("layer_norm", x, options={"epsilon": float(f"{epsilon:.7g}")}, arrays=arrays, name=node.layer_name)


def response_norm(network: ReadNetwork, node: Node, x: Value) -> Value:
    """Over neighboring channels."""
    size = node.attribute("size", 0)
    if x.groups[1:2] != (("C",),) or not x.axes.is_image:
        raise RefusedError(f"normalizes over the second of {axes_text(x.groups)}; expected the channels of an image")
    if size < 1 or size % 2 == 0:
        raise RefusedError(f"sums over {size} channels, expected an odd number: of an even one, the sides differ from minicnn's")
    found = {
        name: node.attribute(theirs, usual)
        for name, theirs, usual in (("alpha", "alpha", 1e-4), ("beta", "beta", 0.75), ("k", "bias", 1.0))
    }
    if min(found.values()) < 0 or found["k"] == 0:
        raise RefusedError(f"has alpha, beta and bias {list(found.values())}; expected alpha and beta of at least 0, and a bias above 0")
    options = {"size": size, **{name: float(f"{number:.7g}") for name, number in found.items()}}
    return network.add("local_response_norm", x, options=options, name=node.layer_name)


def prelu(network: ReadNetwork, node: Node, x: Value) -> Value:
    """A slope below 0 for each channel, or one for all."""
    slopes = node.floats(1)
    if x.channels_first is not None:
        raise RefusedError("has slopes for the numbers of a flattened image; expected it before the flattening")
    weight = by_channel(x, slopes) if slopes.size > 1 else slopes.reshape(1)
    return network.add("prelu", x, options={"shared": slopes.size == 1}, arrays={"weight": weight}, name=node.layer_name)
