"""Where the arrays of a model's layers are, by Keras' own rules, so that it does not matter in which order the layers were made.

In a full model (.h5) each layer of the outermost model has a group of its name, with a list of its arrays. Those of a layer that is itself
a model are all in its one group: first what is trained, layer by layer, then the rest, which is moving means and all of frozen layers.

In a .keras file a model's layers are in its group `layers`, called by their class in snake_case, the second one with _1 and so on:
`layers/functional/layers/conv2d_1/vars/0` is the first array of the second convolution of a model in the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.hdf5.reading import Hdf5
from minicnn.weightfiles.keras.entries import Entry
from minicnn.weightfiles.keras.pixels import given_statistics
from minicnn.weightfiles.stored import shown

#: Generators of random numbers keep where they are in these.
RANDOM_STATES = ("StateVar", "seed_generator_state")

#: What the kernels of layers are called that may have biases.
KERNELS = {
    "Conv2D": ("kernel",),
    "Dense": ("kernel",),
    "Conv2DTranspose": ("kernel",),
    "DepthwiseConv2D": ("depthwise_kernel",),
    "SeparableConv2D": ("depthwise_kernel", "pointwise_kernel"),
}

#: What the one array of other layers is called.
FACTORS = {"PReLU": "alpha", "LayerScale": "gamma"}

#: The settings that say whether a normalization has these.
SHIFTS = {"gamma": "scale", "beta": "center"}


class Variable(NamedTuple):
    """An array that a layer has, by its Keras name, and whether it is trained."""

    entry: Entry
    name: str
    trained: bool


#: Where each array of each layer is.
Places = Mapping[tuple[Entry, str], str]


def variables(entry: Entry) -> Iterator[Variable]:
    """List a layer's arrays, or those of all layers in a model, in Keras' order. Layers that we do not know have none."""
    trained = entry.flag("trainable", True)
    for layer in entry.layers:
        yield from (variable._replace(trained=variable.trained and trained) for variable in variables(layer))
    if (kernels := KERNELS.get(entry.class_name)) is not None:
        yield from (Variable(entry, kernel, trained) for kernel in kernels)
        if entry.flag("use_bias", True):
            yield Variable(entry, "bias", trained)
    elif entry.class_name in FACTORS:
        yield Variable(entry, FACTORS[entry.class_name], trained)
    elif entry.class_name == "LayerNormalization":
        yield from (Variable(entry, name, trained) for name, flag in SHIFTS.items() if entry.flag(flag, True))
    elif entry.class_name == "BatchNormalization":
        yield from (Variable(entry, name, trained) for name, flag in SHIFTS.items() if entry.flag(flag, True))
        yield Variable(entry, "moving_mean", False)
        yield Variable(entry, "moving_variance", False)
    elif entry.class_name == "Normalization" and given_statistics(entry) is None:
        yield from (Variable(entry, name, False) for name in ("mean", "variance", "count"))


def listed_places(file: Hdf5, root: str, model: Entry) -> Places:
    """Find the arrays in the groups of a full model.

    Raises
    ------
    WeightFileError
        If a layer has other arrays than its configuration says.
    """
    places = {}
    for entry in model.layers:
        wanted = list(variables(entry))
        if not wanted:
            continue
        group = f"{root}/{entry.name}"
        listed = file.text_list(group, "weight_names") if file.is_group(group) else None
        if listed is None:
            raise WeightFileError(f"it is damaged: layer {shown(entry.name)} is no group with a list 'weight_names'; get the file again")
        names = [name for name in listed if _last(name) not in RANDOM_STATES]
        wanted.sort(key=lambda variable: not variable.trained)
        _compare_counts(entry, names, wanted)
        for variable, name in zip(wanted, names):
            if _last(name) != variable.name and _last(name) in {other.name for other in wanted}:
                raise entry.refusal(f"has an array {shown(name)} where {variable.name} of {shown(variable.entry.name)!r} is expected")
            places[variable.entry, variable.name] = f"{group}/{name}"
    return places


def numbered_places(file: Hdf5, model: Entry, group: str = "") -> Places:
    """Find the arrays in the groups of a .keras file; raises WeightFileError as `listed_places`."""
    places: dict[tuple[Entry, str], str] = {}
    counts: dict[str, int] = {}
    for entry in model.layers:
        kind = _snake_case(entry.class_name)
        number = counts[kind] = counts.get(kind, -1) + 1
        place = f"{group}/layers/{kind}_{number}" if number else f"{group}/layers/{kind}"
        if entry.layers:
            places |= numbered_places(file, entry, place)
        elif wanted := list(variables(entry)):
            _compare_counts(entry, file.members(f"{place}/vars") if file.is_group(f"{place}/vars") else [], wanted)
            places |= {(entry, variable.name): f"{place}/vars/{i}" for i, variable in enumerate(wanted)}
    return places


def read_arrays(file: Hdf5, places: Places, entry: Entry, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read those of a layer's arrays that it has."""
    return {name: file.array(places[entry, name], entry.name) for name in names if (entry, name) in places}


def _compare_counts(entry: Entry, found: Sequence[str], wanted: Sequence[Variable]) -> None:
    if len(found) != len(wanted):
        names = ", ".join(variable.name for variable in wanted[:8])
        raise entry.refusal(f"has {len(found)} arrays in the file, where its settings want {len(wanted)} ({names})")


def _last(name: str) -> str:
    """The last part of an array's name: "conv/kernel:0" -> "kernel"."""
    return name.rpartition("/")[2].split(":")[0]


def _snake_case(class_name: str) -> str:
    """The name that Keras makes of a class: Conv2D -> conv2d, BatchNormalization -> batch_normalization, ReLU -> re_lu."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
