"""Nodes that make one number of several pixels."""

from __future__ import annotations

from dataclasses import replace

from minicnn.weightfiles.onnx.axes import IMAGE, Axes
from minicnn.weightfiles.onnx.network import ReadNetwork, expect
from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.refusals import RefusedError
from minicnn.weightfiles.onnx.values import Value
from minicnn.weightfiles.onnx.windows import pads_itself, sliding

#: Steps that give no number below zero, so that zeros around the image never win a max pool.
NEVER_NEGATIVE = ("relu", "relu6")


def pool(network: ReadNetwork, node: Node, x: Value) -> Value:
    expect(x, IMAGE, "the channels first")
    size = node.attribute("kernel_shape", [0])
    rounds_up = bool(node.attribute("ceil_mode", 0))
    node.attribute("storage_order", 0)  # of a second output, which nobody takes
    means, counts_padding = node.kind == "AveragePool", bool(node.attribute("count_include_pad", 0))
    partial = means and not counts_padding and (rounds_up or pads_itself(x, node, size))
    if x.padding and (rounds_up or partial or not (means or network.word(x) in NEVER_NEGATIVE) or _covers(sliding(x, node, size)[0])):
        x = network.settle(x)
    options, sizes = sliding(x, node, size)
    if "dilation" in options:
        raise RefusedError(f"is dilated (by {options['dilation'][:4]}); minicnn's pools are not")
    if _covers(options):
        raise RefusedError(f"has padding {options['padding']} and windows of size {size}; the padding must be smaller")
    if partial:
        options["count_include_pad"] = False
    axes = Axes(IMAGE, {**x.sizes, **sizes})
    if means and size == [1, 1] and options["stride"] == [1, 1]:  # PyTorch's adaptive pools may do nothing
        return replace(x, axes=axes)
    return network.add("average_pool" if means else "max_pool", replace(x, padding={}), axes=axes, options=options, name=node.layer_name)


def _covers(options: dict) -> bool:
    """Tell whether a window may lie in the padding alone."""
    sides = [side if isinstance(side, list) else [side] for side in options["padding"]]
    return any(max(side) >= length for side, length in zip(sides, options["size"]))


def global_pool(network: ReadNetwork, node: Node, x: Value) -> Value:
    if x.groups[:2] != (("N",), ("C",)):
        raise RefusedError("pools over other axes than height and width")
    return _pool_all(network, node, x, set(range(2, len(x.groups))), keep=True)


def reduce(network: ReadNetwork, node: Node, x: Value) -> Value:
    places, keep = node.integers(1, "axes"), bool(node.attribute("keepdims", 1))
    node.attribute("noop_with_empty_axes", 0)
    if not places:
        raise RefusedError("pools over all axes, expected height and width")
    return _pool_all(network, node, x, {x.axes.index(place) for place in places}, keep)


def _pool_all(network: ReadNetwork, node: Node, x: Value, places: set[int], keep: bool) -> Value:
    """Make one number of each channel: the mean or the largest over the height and width, which such axes must be."""
    labels = {label for place in places for label in x.groups[place]}
    if labels != ({"H", "W"} if x.axes.is_image else set()):
        raise RefusedError("pools over other axes than height and width")
    groups = tuple(() if i in places else group for i, group in enumerate(x.groups) if keep or i not in places)
    axes = Axes(groups, {label: x.sizes[label] for label in "NC"})
    if not x.axes.is_image:
        return replace(x, axes=axes)
    if "Mean" in node.kind or "Average" in node.kind:
        return network.add("global_average_pool", x, axes=axes, name=node.layer_name)
    size = [x.sizes["H"], x.sizes["W"]]
    if min(size) < 1:
        raise RefusedError("takes the largest of a whole image; export the model with a fixed height and width")
    largest = network.add("max_pool", x, options={"size": size, "stride": size, "padding": [0, 0]}, name=node.layer_name)
    return network.add("flatten", largest, axes=axes)
