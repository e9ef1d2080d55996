"""Normalizations, and factors for each channel; those at the beginning, which only scale pixels, are the network's preprocessing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from minicnn.weightfiles.keras.entries import Entry, written
from minicnn.weightfiles.keras.gathered import Gathered
from minicnn.weightfiles.keras.names import EPSILON, NORM_NAMES
from minicnn.weightfiles.keras.pixels import given_statistics
from minicnn.weightfiles.keras.reached import Reached


def batch_norm(net: Gathered, entry: Entry, x: Reached) -> Reached:
    _check_axis(net, entry, x)
    epsilon, momentum = entry.number("epsilon", EPSILON), entry.number("momentum", 0.99)
    options: dict[str, Any] = {"epsilon": epsilon}
    if 0 <= momentum <= 1:
        options["momentum"] = round(1 - momentum, 12)  # Keras' is the share of the past
    return net.add_layer(entry, "batch_norm", options, x, _arrays(net, entry, NORM_NAMES), epsilon)


def layer_norm(net: Gathered, entry: Entry, x: Reached) -> Reached:
    _check_axis(net, entry, x)
    x.check_order(entry)
    if entry.flag("rms_scaling", False):
        raise entry.refusal("has rms_scaling, which is not supported")
    epsilon = entry.number("epsilon", EPSILON)
    arrays = _arrays(net, entry, {"weight": "gamma", "bias": "beta"})
    if not arrays:
        raise entry.refusal("has neither a scale nor a shift, which is not supported")
    return net.add_layer(entry, "layer_norm", {"epsilon": epsilon}, x, arrays)


def prelu(net: Gathered, entry: Entry, x: Reached) -> Reached:
    x.check_order(entry)
    slopes = net.read(entry, ("alpha",))["alpha"]
    channel = 0 if x.form == "row" else net.channel_axis - 1
    if any(length != 1 for axis, length in enumerate(slopes.shape) if axis != channel) or slopes.ndim != (1 if x.form == "row" else 3):
        raise entry.refusal(f"has slopes of shape {slopes.shape}, not one for each channel; expected shared_axes of height and width")
    if x.form == "row" and slopes.size == 1 and net.flattened_by_channel:
        raise entry.refusal("has one slope for all numbers of a row, which is not supported with images C, H, W")
    options = {"shared": True} if slopes.size == 1 else {}
    return net.add_layer(entry, "prelu", options, x, {"weight": slopes.reshape(-1)})


def layer_scale(net: Gathered, entry: Entry, x: Reached) -> Reached:
    """Of ConvNeXt in Keras' applications: a factor for each number along the last axis."""
    if "projection_dim" not in entry.config:
        raise entry.refusal("is not that of Keras' applications, which has a projection_dim")
    if net.channels_first and x.form != "row":
        raise entry.refusal("scales another axis (the last) than that of the channels")
    x.check_order(entry)
    return net.add_layer(entry, "scale", {"start": entry.number("init_values", 1e-6)}, x, _arrays(net, entry, {"weight": "gamma"}))


def pixels(net: Gathered, entry: Entry, x: Reached) -> Reached:
    """Take a layer that scales pixels into the preprocessing."""
    if x.source >= 0 or x.form != "image":
        raise entry.refusal("scales numbers within the network; expected it at the beginning, where it scales pixels")
    if entry.class_name == "Rescaling":
        return replace(x, pixels=x.pixels.rescaled(entry))
    statistics, channels = given_statistics(entry), net.channel_axis
    axis = entry.config.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if axis not in (None, channels, channels - 4) or isinstance(axis, bool):
        raise entry.refusal(f"normalizes along other axes ({written(axis)}) than that of the channels, {channels}")
    if statistics is None:
        arrays = net.read(entry, ("mean", "variance"))
        statistics = arrays["mean"].astype(np.float64).reshape(-1), arrays["variance"].astype(np.float64).reshape(-1)
    return replace(x, pixels=x.pixels.normalized(entry, *statistics))


def _check_axis(net: Gathered, entry: Entry, x: Reached) -> None:
    axis = entry.config.get("axis", -1)
    if not net.is_channel_axis(axis, x):
        wanted = 1 if x.form == "row" else net.channel_axis
        raise entry.refusal(f"normalizes along another axis ({written(axis)}) than that of the channels, {wanted}")


def _arrays(net: Gathered, entry: Entry, names: dict[str, str]) -> dict[str, np.ndarray]:
    """Read those of a layer's arrays that it has, by our names, from Keras'."""
    found = net.read(entry, tuple(names.values()))
    return {ours: found[keras] for ours, keras in names.items() if keras in found}


READERS = {
    "BatchNormalization": batch_norm,
    "LayerNormalization": layer_norm,
    "PReLU": prelu,
    "LayerScale": layer_scale,
    "Rescaling": pixels,
    "Normalization": pixels,
}
