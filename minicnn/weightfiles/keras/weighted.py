"""Convolutions and dense layers.

===================  ==========================================================================================
Conv2D               a convolution; of the one pixel that a pool over the whole image leaves, a dense layer
DepthwiseConv2D      a convolution with as many groups as channels; its kernel (height, width, channels, multiplier)
                     has all filters of the first channel first, as ours
SeparableConv2D      that, and then a convolution of one pixel
Conv2DTranspose      a transposed convolution
Dense                a dense layer; of an image, whose pixels Keras takes one by one, a convolution of one pixel
===================  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from minicnn.weightfiles.keras.activations import activate
from minicnn.weightfiles.keras.entries import Entry
from minicnn.weightfiles.keras.gathered import Gathered
from minicnn.weightfiles.keras.reached import Reached, Sides
from minicnn.weightfiles.keras.sliding import padding_rule, shortest, slide


def convolution(net: Gathered, entry: Entry, x: Reached) -> Reached:
    groups, filters = entry.sides("groups", 1)[0], entry.count("filters")
    if x.form == "pixel" and entry.sides("kernel_size", None) == [1, 1] and groups == 1:
        return activate(net, entry, dense_layer(net, entry, x, filters, _kernel(net, entry, "kernel")))
    x.check_image(entry)
    return activate(net, entry, _convolve(net, entry, x, filters, groups, {"weight": _kernel(net, entry, "kernel"), **_bias(net, entry)}))


def depthwise(net: Gathered, entry: Entry, x: Reached) -> Reached:
    return activate(net, entry, _by_channel(net, entry, x, _bias(net, entry), entry.name))


def separable(net: Gathered, entry: Entry, x: Reached) -> Reached:
    x = _by_channel(net, entry, x, {}, f"{entry.name}_depthwise")
    return activate(net, entry, _pixel_by_pixel(net, entry, x, entry.count("filters"), _kernel(net, entry, "pointwise_kernel")))


def transposed(net: Gathered, entry: Entry, x: Reached) -> Reached:
    """Padding "valid" gives at least as many pixels as the stride says, "same" exactly as many."""
    x.check_image(entry)
    size, stride, filters = entry.sides("kernel_size", None), entry.sides("strides", 1), entry.count("filters")
    if entry.config.get("output_padding") is not None or entry.sides("dilation_rate", 1) != [1, 1] or entry.sides("groups", 1) != [1, 1]:
        raise entry.refusal("has an output_padding, a dilation_rate or groups, which are not supported in a Conv2DTranspose")
    over = [k - s for k, s in zip(size, stride)]
    cut = [max(more, 0) if padding_rule(entry) == "same" else 0 for more in over]
    rows, columns = ((pixels // 2, pixels - pixels // 2) for pixels in cut)
    sides: Sides = (rows, columns)
    options = {"filters": filters, "size": size, "stride": stride, "padding": shortest(sides)}
    if min(over) < 0:
        options["output_padding"] = [max(-more, 0) for more in over]
    arrays = {"weight": _kernel(net, entry, "kernel"), **_bias(net, entry)}
    height, width = (None if side is None else (side - 1) * s + max(k, s) - less for side, k, s, less in zip(x.shape, size, stride, cut))
    return activate(net, entry, replace(net.add_layer(entry, "transposed_convolution", options, x, arrays), shape=(height, width, filters)))


def dense(net: Gathered, entry: Entry, x: Reached) -> Reached:
    if x.form != "row" and net.channels_first:
        raise entry.refusal("takes an image C, H, W along another axis than that of the channels; expected a Flatten before it")
    make = _pixel_by_pixel if x.form == "image" else dense_layer
    return activate(net, entry, make(net, entry, x, entry.count("units"), _kernel(net, entry, "kernel")))


def dense_layer(net: Gathered, entry: Entry, x: Reached, units: int, weight: np.ndarray) -> Reached:
    """Add a dense layer, of the kernel of one or of a convolution of one pixel."""
    if weight.ndim == 4 and weight.shape[:2] == (1, 1):
        weight = weight.reshape(weight.shape[2:])
    given = net.add_layer(entry, "dense", {"units": units}, x, {"weight": weight, **_bias(net, entry)})
    return replace(given, shape=(1, 1, units), by_channel=False)


def _pixel_by_pixel(net: Gathered, entry: Entry, x: Reached, filters: int, weight: np.ndarray) -> Reached:
    """Add a convolution of one pixel, of the kernel of one or of a dense layer."""
    if weight.ndim == 2:
        weight = weight.reshape(1, 1, *weight.shape)
    options = {"filters": filters, "size": [1, 1], "stride": [1, 1], "padding": [0, 0]}
    given = net.add_layer(entry, "convolution", options, x, {"weight": weight, **_bias(net, entry)})
    return replace(given, shape=(*x.shape[:2], filters))


def _by_channel(net: Gathered, entry: Entry, x: Reached, bias: Mapping[str, np.ndarray], name: str) -> Reached:
    """Add a depthwise convolution."""
    x.check_image(entry)
    weight, size = _kernel(net, entry, "depthwise_kernel"), entry.sides("kernel_size", None)
    multiplier = entry.sides("depth_multiplier", 1)[0]
    if weight.ndim != 4 or weight.shape[:2] != tuple(size) or weight.shape[3] != multiplier or not weight.size:
        expected = f"({size[0]}, {size[1]}, channels, {multiplier})"
        raise entry.refusal(f"has a depthwise kernel of shape {weight.shape}, where its settings want {expected}")
    channels = weight.shape[2]
    arrays = {"weight": weight.reshape(*size, 1, channels * multiplier), **bias}
    return _convolve(net, replace(entry, name=name), x, channels * multiplier, channels, arrays)


def _convolve(net: Gathered, entry: Entry, x: Reached, filters: int, groups: int, arrays: Mapping[str, np.ndarray]) -> Reached:
    """Add a convolution."""
    size, stride, dilation = entry.sides("kernel_size", None), entry.sides("strides", 1), entry.sides("dilation_rate", 1)
    padding, (height, width) = slide(entry, x, size, stride, dilation)
    options = {"filters": filters, "size": size, "stride": stride, "padding": shortest(padding)}
    if dilation != [1, 1]:
        options["dilation"] = dilation
    if groups > 1:
        options["groups"] = groups
    return replace(net.add_layer(entry, "convolution", options, x, arrays), shape=(height, width, filters))


def _kernel(net: Gathered, entry: Entry, name: str) -> np.ndarray:
    return net.read(entry, (name,))[name]


def _bias(net: Gathered, entry: Entry) -> dict[str, np.ndarray]:
    return net.read(entry, ("bias",))


READERS = {
    "Conv2D": convolution,
    "DepthwiseConv2D": depthwise,
    "SeparableConv2D": separable,
    "Conv2DTranspose": transposed,
    "Dense": dense,
}
