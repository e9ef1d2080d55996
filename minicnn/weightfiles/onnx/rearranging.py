"""Nodes that give the same numbers other axes, or another order."""

from __future__ import annotations

from dataclasses import replace

from minicnn.weightfiles.onnx.axes import Axes
from minicnn.weightfiles.onnx.network import ReadNetwork
from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.refusals import RefusedError
from minicnn.weightfiles.onnx.values import Value


def flatten(network: ReadNetwork, node: Node, x: Value) -> Value:
    axis = node.attribute("axis", 1)
    return network.arrange(x, x.axes.merged(x.axes.index(axis)), node.layer_name)


def reshape(network: ReadNetwork, node: Node, x: Value) -> Value:
    target, allow_zero = node.integers(1, "shape") or [], bool(node.attribute("allowzero", 0))
    if target == [-1]:
        return network.arrange(x, x.axes.in_one())
    sizes = x.axes.resolved(target, allow_zero)
    if x.axes.is_split:
        return _shuffled(network, node, x, sizes)
    if (axes := x.axes.split(sizes)) is not None:
        return replace(x, axes=axes)
    return network.arrange(x, x.axes.reshaped(target, allow_zero), node.layer_name)


def _shuffled(network: ReadNetwork, node: Node, x: Value, target: list[int]) -> Value:
    """Put groups of channels together again: a shuffle if their order is another one now."""
    groups = list(x.groups)
    place = min(groups.index(("G",)), groups.index(("K",)))
    pair = groups[place : place + 2]
    axes = Axes((*groups[:place], ("C",), *groups[place + 2 :]), {label: size for label, size in x.sizes.items() if label not in "GK"})
    if sorted(pair) != [("G",), ("K",)] or axes.shape != target or not axes.is_image:
        raise RefusedError("takes channels in groups apart in another way than a channel shuffle does (a reshape, a transpose, a reshape)")
    if pair == [("G",), ("K",)]:
        return replace(x, axes=axes)
    return network.add("channel_shuffle", x, axes=axes, options={"groups": x.sizes["G"]}, name=node.layer_name)


def squeeze(network: ReadNetwork, node: Node, x: Value) -> Value:
    places = node.integers(1, "axes")
    if places is None:
        places = [i for i, size in enumerate(x.axes.shape) if size == 1]
    return network.arrange(x, x.axes.without(places), node.layer_name)


def unsqueeze(network: ReadNetwork, node: Node, x: Value) -> Value:
    return network.arrange(x, x.axes.with_new(node.integers(1, "axes") or []))


def transpose(network: ReadNetwork, node: Node, x: Value) -> Value:
    order = list(range(len(x.groups)))[::-1]
    return network.arrange(x, x.axes.transposed(node.attribute("perm", order)))
