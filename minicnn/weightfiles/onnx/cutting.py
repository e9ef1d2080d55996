"""Nodes that add to a tensor or take parts of it: pixels at the borders, rows and columns, channels."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from minicnn.weightfiles.onnx.axes import Axes
from minicnn.weightfiles.onnx.network import ReadNetwork
from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.refusals import RefusedError
from minicnn.weightfiles.onnx.values import Value
from minicnn.weightfiles.onnx.windows import MOST_PADDING

#: No axis is longer; ends from here on mean "to the end".
FAR = 1 << 31


def pad(network: ReadNetwork, node: Node, x: Value) -> Value:
    """Zeros around the image wait for a window that has them as its padding; where they are fewer than none, pixels are cut off."""
    pads, value = node.integers(1, "pads") or [], node.number(2, "value")
    places = node.integers(3, "axes") if node.has_input(3) else list(range(len(x.groups)))
    if node.attribute("mode", b"constant") != b"constant" or value:
        raise RefusedError("pads with other numbers than zeros")
    if places is None or len(pads) != 2 * len(places) or not all(abs(pixels) <= MOST_PADDING for pixels in pads):
        raise RefusedError(f"pads by {pads[:8]}, expected a number of at most {MOST_PADDING} for the beginning and the end of each axis")
    x = x if x.padding else network.settle(x)
    borders = {x.axes.index(place): ends for place, *ends in zip(places, pads, pads[len(places) :]) if any(ends)}
    labels = {place: x.groups[place] for place in borders}
    if not all(label in (("H",), ("W",), ("C",)) for label in labels.values()):
        raise RefusedError("pads other axes than height, width and channels")
    x = _cropped(network, node, x, {labels[place][0]: [max(-end, 0) for end in ends] for place, ends in borders.items()})
    padding, sizes, more = dict(x.padding), dict(x.sizes), [0, 0]
    for place, ends in borders.items():
        (label,), (start, end) = labels[place], [max(end, 0) for end in ends]
        if label == "C":
            more = [start, end]
        elif start or end:
            before = padding.get(label, (0, 0))
            padding[label] = before[0] + start, before[1] + end
        sizes[label] += start + end if sizes[label] > 0 else 0
    x = _with_channels(network, node, x, more)
    return replace(x, axes=Axes(x.groups, sizes), padding=padding)


def _with_channels(network: ReadNetwork, node: Node, x: Value, more: list[int]) -> Value:
    """Add channels of zeros before and after those that there are; the padding is left to the caller."""
    if not any(more):
        return x
    if not x.axes.is_image:
        raise RefusedError("adds zeros to rows of numbers; expected that for images alone")
    return network.add("pad_channels", replace(x, padding={}), options={"before": more[0], "after": more[1]}, name=node.layer_name)


def _cropped(network: ReadNetwork, node: Node, x: Value, cut: dict[str, list[int]]) -> Value:
    """Cut pixels off at the sides, and channels."""
    if any(cut.get("C", [0, 0])):
        before, after = cut["C"]
        x = taken(network, node, x, before, x.sizes["C"] - after)
    sides = [cut.get(label, [0, 0]) for label in "HW"]
    if not any(map(any, sides)):
        return x
    sizes = {**x.sizes}
    for label, ends in zip("HW", sides):
        sizes[label] -= sum(ends) if sizes[label] > 0 else 0
        if sizes[label] == 0 or 0 < x.sizes[label] <= sum(ends):
            raise RefusedError("cuts off all of the image")
    return network.add("cropping", x, axes=Axes(x.groups, sizes), options={"sides": sides}, name=node.layer_name)


def taken(network: ReadNetwork, node: Node, x: Value, start: int, stop: int) -> Value:
    """Take channels from one up to, not including, another."""
    if x.sizes["C"] < 1 or not 0 <= start < stop <= x.sizes["C"]:
        raise RefusedError(f"takes the channels from {start} up to {stop} of {x.sizes['C']}; expected a fixed number of channels, and some")
    if not x.axes.is_image:
        raise RefusedError("takes a part of rows of numbers; expected that for images alone")
    if (start, stop) == (0, x.sizes["C"]):
        return x
    axes = Axes(x.groups, {**x.sizes, "C": stop - start})
    return network.add("take_channels", x, axes=axes, options={"start": start, "stop": stop}, name=node.layer_name)


def split(network: ReadNetwork, node: Node, x: Value) -> list[Value]:
    """Several tensors of some channels each."""
    axis, count = x.axes.index(node.attribute("axis", 0)), len(node.outputs)
    if node.attribute("num_outputs", count) != count:
        raise RefusedError(f"has {count} outputs and says that it has {node.attribute('num_outputs', count)}; get the file again")
    if x.groups[axis] != ("C",) or x.sizes["C"] < 1:
        raise RefusedError("splits another axis than the channels, or an open number of them")
    whole = x.sizes["C"]
    parts = node.integers(1, "split")
    if parts is None:
        size = -(-whole // count)  # the last may be smaller
        parts = [size] * (count - 1) + [whole - size * (count - 1)]
    if len(parts) != len(node.outputs) or sum(parts) != whole or min(parts) < 1:
        raise RefusedError(f"splits {whole} channels into {parts[:8]} for {len(node.outputs)} outputs; expected parts that are all of them")
    return [taken(network, node, x, stop - size, stop) for size, stop in zip(parts, itertools.accumulate(parts))]


def cut(network: ReadNetwork, node: Node, x: Value) -> Value:
    """Slice: pixels cut off at the sides, every so many rows and columns, some channels, or all colors in the other order."""
    starts, ends = node.integers(1, "starts") or [], node.integers(2, "ends") or []
    places = node.integers(3, "axes") or list(range(len(starts)))
    steps = node.integers(4, "steps") or [1] * len(starts)
    if not len(starts) == len(ends) == len(places) == len(steps):
        raise RefusedError("has starts and ends of different number; get the file again")
    parts = {x.axes.index(place): part for place, *part in zip(places, starts, ends, steps)}
    if len(parts) != len(places):
        raise RefusedError("takes parts of one axis twice; get the file again")
    cuts, strides = {}, {"H": 1, "W": 1}
    for place, (start, end, step) in parts.items():
        group = x.groups[place]
        label = group[0] if group in (("C",), ("H",), ("W",)) else ""
        size = x.sizes[label] if label else x.axes.shape[place]
        if label == "C" and step == -1 and (start == -1 or start >= size - 1) and (end < -size or end <= -FAR):
            x = network.reverse_colors(x)
            continue
        before, after = _ends(start, end, size)
        if step < 1 or (step > 1 and label not in strides):
            raise RefusedError(f"takes every {step}th of an axis; expected that of height and width")
        if not label and (before or after):
            raise RefusedError("takes a part of another axis than height, width or channels")
        if label:
            cuts[label] = [before, after]
        if label in strides:
            strides[label] = step
    return _every(network, node, _cropped(network, node, x, cuts), [strides["H"], strides["W"]])


def _ends(start: int, end: int, size: int) -> tuple[int, int]:
    """Tell how many a part leaves out before and after it, of so many, or of an open number if that does not matter."""
    if size > 0:
        start, end = (min(max(place + size if place < 0 else place, 0), size) for place in (start, end))
        return start, size - end
    if start < 0 or 0 <= end < FAR - 1:
        raise RefusedError("takes a part that depends on an open size; export the model with a fixed height and width")
    return start, 0 if end >= 0 else -end


def _every(network: ReadNetwork, node: Node, x: Value, stride: list[int]) -> Value:
    """Take every so many rows and columns: what a max pool of single pixels does."""
    if stride == [1, 1]:
        return x
    sizes = {label: -(-x.sizes[label] // step) if x.sizes[label] > 0 else x.sizes[label] for label, step in zip("HW", stride)}
    options = {"size": [1, 1], "stride": stride, "padding": [0, 0]}
    return network.add("max_pool", x, axes=Axes(x.groups, {**x.sizes, **sizes}), options=options, name=node.layer_name)


def gather(network: ReadNetwork, node: Node, x: Value) -> Value:
    """Take channels by their numbers: all in the other order, or some that follow each other; or all numbers, in another shape."""
    axis, indices = x.axes.index(node.attribute("axis", 0)), node.constant(1)
    if len(x.groups) == 1 and x.axes.shape == [indices.size] and np.array_equal(indices.reshape(-1), np.arange(indices.size)):
        return network.arrange(x, x.axes.reshaped(indices.shape))
    order = node.integers(1, "indices") or []
    channels = x.sizes["C"]
    if x.groups[axis] != ("C",) or channels < 1 or indices.ndim > 1:
        raise RefusedError("takes parts of another axis than the channels, or of an open number of them")
    order = [place + channels if place < 0 else place for place in order]
    if order == [2, 1, 0] and channels == 3:
        return network.reverse_colors(x)
    if not order or order != list(range(order[0], order[0] + len(order))):
        raise RefusedError("takes channels in another order; expected such as follow each other")
    part = taken(network, node, x, order[0], order[-1] + 1)
    return part if indices.ndim else replace(part, axes=part.axes.without([axis]))
