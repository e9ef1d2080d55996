"""Keras' activations, as layers of their own or as the last thing that another layer does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from minicnn.weightfiles.keras.entries import Entry, written
from minicnn.weightfiles.keras.gathered import Gathered
from minicnn.weightfiles.keras.reached import Reached
from minicnn.weightfiles.stored import shown

#: Keras' activations that are layers of ours, by their names, with the options that they have by default.
ACTIVATIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "relu": ("relu", {}),
    "relu6": ("relu6", {}),
    "leaky_relu": ("leaky_relu", {"slope": 0.2}),
    "elu": ("elu", {}),
    "sigmoid": ("sigmoid", {}),
    "tanh": ("tanh", {}),
    "silu": ("silu", {}),
    "swish": ("silu", {}),
    "gelu": ("gelu", {}),
}

#: Those with another slope in Keras 2, which had no hard_swish.
HARD: Mapping[int, Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    2: {"hard_sigmoid": ("hard_sigmoid", {"slope": 0.2})},
    3: {"hard_sigmoid": ("hard_sigmoid", {}), "hard_silu": ("hard_swish", {}), "hard_swish": ("hard_swish", {})},
}

#: Activations that are written as layers.
LAYERS = ("ReLU", "LeakyReLU", "ELU", "Softmax")


def activate(net: Gathered, entry: Entry, x: Reached, name: str | None = None) -> Reached:
    """Add a layer's own activation."""
    given = entry.config.get("activation")
    if isinstance(given, dict):  # a layer, or a function
        config, kind = given.get("config"), given.get("class_name")
        if kind in LAYERS and isinstance(config, dict):
            return READERS[kind](net, replace(entry, class_name=kind, name=name or f"{entry.name}_{kind.lower()}", config=config), x)
        given = config if kind == "function" and given.get("module") in (None, "builtins", "keras.activations") else kind
    if given in (None, "linear"):
        return x
    if not isinstance(given, str):
        raise entry.refusal(f"has the activation {written(given)}, which is not supported")
    if given in ("softmax", "softmax_v2"):
        if net.channels_first and x.form != "row":
            raise entry.refusal("is taken along another axis (the last) than that of the channels")
        return x.waits("softmax", entry if name else replace(entry, name=f"{entry.name}_softmax"))
    if any(given in known for known in HARD.values()) and net.keras not in HARD:
        raise entry.refusal(
            f"has the activation {shown(given)}, which Keras 2 and Keras 3 compute differently, and the file does not say which wrote it"
        )
    known = {**ACTIVATIONS, **HARD.get(net.keras or 0, {})}
    if given not in known:
        raise entry.refusal(f"has the activation {shown(given)}, which is not supported")
    word, options = known[given]
    return net.add(entry, word, options, x, name=name or f"{entry.name}_{word}")


def activation(net: Gathered, entry: Entry, x: Reached) -> Reached:
    return activate(net, entry, x, entry.name)


def relu(net: Gathered, entry: Entry, x: Reached) -> Reached:
    for key, usual in (("max_value", (None, 6)), ("threshold", (None, 0))):
        if entry.config.get(key) not in usual:
            raise entry.refusal(f"has {key} {written(entry.config[key])}, which is not supported")
    bounded = entry.config.get("max_value") is not None
    slope = 0.0 if entry.config.get("negative_slope") is None else entry.number("negative_slope", 0.0)
    if x.pending and bounded and not slope:  # it is x + 3 that waits
        return x.waits("relu6", entry)
    x = net.settle(x)
    if slope and bounded:
        raise entry.refusal(f"has max_value 6 and negative_slope {slope:g}, which is not supported")
    if slope:
        return net.add(entry, "leaky_relu", {"slope": slope}, x)
    return net.add(entry, "relu6" if bounded else "relu", {}, x)


def leaky_relu(net: Gathered, entry: Entry, x: Reached) -> Reached:
    """Keras 2 calls the slope alpha, Keras 3 negative_slope; by default it is 0.3 here."""
    return net.add(entry, "leaky_relu", {"slope": entry.number("negative_slope", entry.number("alpha", 0.3))}, x)


def elu(net: Gathered, entry: Entry, x: Reached) -> Reached:
    return net.add(entry, "elu", {"alpha": entry.number("alpha", 1.0)}, x)


def softmax(net: Gathered, entry: Entry, x: Reached) -> Reached:
    axis = entry.config.get("axis", -1)
    if not net.is_channel_axis(axis, x):
        raise entry.refusal(f"is taken along another axis ({written(axis)}) than that of the channels")
    return x.waits("softmax", entry)


READERS = {
    "Activation": activation,
    "ReLU": relu,
    "LeakyReLU": leaky_relu,
    "ELU": elu,
    "Softmax": softmax,
}
