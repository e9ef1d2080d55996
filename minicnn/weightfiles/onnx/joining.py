"""Nodes that several computed tensors flow into."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minicnn.weightfiles.onnx.axes import UNKNOWN, Axes
from minicnn.weightfiles.onnx.network import ReadNetwork, axes_text
from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.products import gated_by_itself
from minicnn.weightfiles.onnx.refusals import RefusedError
from minicnn.weightfiles.onnx.values import Value


def add(network: ReadNetwork, node: Node, values: list[Value]) -> Value:
    sizes = _agreed(values, ())
    return network.add("add", *values, axes=Axes(values[0].groups, sizes), name=node.layer_name) if len(values) > 1 else values[0]


def concatenate(network: ReadNetwork, node: Node, values: list[Value]) -> Value:
    first = values[0]
    if first.groups[first.axes.index(node.attribute("axis", 0))] != ("C",):
        raise RefusedError(f"puts tensors together along another axis than the channels, of {axes_text(first.groups)}")
    if (whole := _put_together_again(network, values)) is not None:
        return whole
    sizes, counts = _agreed(values, "C"), [x.sizes["C"] for x in values]
    sizes["C"] = sum(counts) if min(counts) > 0 else UNKNOWN
    return network.add("concatenate", *values, axes=Axes(first.groups, sizes), name=node.layer_name) if len(values) > 1 else first


def _put_together_again(network: ReadNetwork, values: list[Value]) -> Value | None:
    """Return a tensor all of whose channels these are, in order, each scaled in its own way; None if they are something else."""
    parts = [(network.taken(x, "take_channels"), network.options(x)) for x in values]
    if not all(taken for taken, _ in parts) or any(x.padding or x.groups != values[0].groups for x in values):
        return None
    whole, place = parts[0][0][0], 0
    for (source,), options in parts:
        if (
            source.step != whole.step
            or source.waits
            or source.reverses_colors
            or source.groups != values[0].groups
            or options["start"] != place
        ):
            return None
        place = options["stop"]
    if place != whole.sizes["C"]:
        return None
    counts = [x.sizes["C"] for x in values]
    scales, shifts = (
        np.concatenate(
            [np.full(count, neutral) if array is None else np.broadcast_to(array, count) for array, count in zip(arrays, counts)]
        )
        for arrays, neutral in (([x.scale for x in values], 1.0), ([x.shift for x in values], 0.0))
    )
    shape = [-1 if group == ("C",) else 1 for group in whole.groups]
    return network.scale(replace(whole, alone=False), scales.reshape(shape), shifts.reshape(shape))


def multiply(network: ReadNetwork, node: Node, values: list[Value]) -> Value:
    """An image times a gate, one number for each channel; or a tensor times what was made of it, which is a nonlinearity."""
    if len(values) != 2:
        raise RefusedError(f"multiplies {len(values)} tensors; expected an image and a gate")
    for x, factor in (values, values[::-1]):
        if (found := gated_by_itself(network, node, x, factor)) is not None:
            return found
    image, gate = values if values[0].axes.is_image and values[0].sizes["H"] * values[0].sizes["W"] != 1 else values[::-1]
    if gate.axes.is_image and gate.sizes["H"] == gate.sizes["W"] == 1:
        groups = tuple(tuple(label for label in group if label not in "HW") for group in gate.groups)
        gate = network.add("flatten", gate, axes=Axes(groups, {label: gate.sizes[label] for label in "NC"}))
    aligned = tuple(group if group in (("N",), ("C",)) else () for group in image.groups)
    if not image.axes.is_image or gate.axes.is_image or gate.groups != aligned or gate.sizes["C"] != image.sizes["C"]:
        shapes = " and ".join(axes_text(x.groups) for x in values)
        raise RefusedError(
            f"multiplies tensors with the axes {shapes}; expected an image and a gate of as many channels, with one number for each"
        )
    _refuse_flat(values)
    return network.add("multiply", image, gate, name=node.layer_name)


def _agreed(values: list[Value], differing: str | tuple) -> dict[str, int]:
    """Return the sizes that all have, but for some labels; raise RefusedError unless they are equal, as nothing is spread."""
    sizes = dict(values[0].sizes)
    for x in values:
        same = x.groups == values[0].groups and all(
            label in differing or x.sizes[label] == sizes[label] or UNKNOWN in (x.sizes[label], sizes[label]) for label in sizes
        )
        if not same:
            shapes = " and ".join(f"{axes_text(x.groups)} of sizes {list(x.sizes.values())}" for x in values[:4])
            raise RefusedError(f"takes the axes {shapes}; expected tensors of the same axes and sizes")
        sizes = {label: max(size, x.sizes[label]) for label, size in sizes.items()}
    _refuse_flat(values)
    return sizes


def _refuse_flat(values: list[Value]) -> None:
    if any(x.channels_first is not None for x in values):
        raise RefusedError("takes the numbers of a flattened image; expected a dense layer between")
