"""Keras' HDF5 weight files, in the four layouts that are in use.

    ==================  =======================================================================================
    applications file   /LAYER/..., listed by the root's attribute `layer_names` and each group's `weight_names`
    full model          the same under /model_weights; long lists are split into `layer_names0`, `layer_names1` ...
                        The root's attribute `model_config` says what the network is
    .weights.h5         (Keras 3) .../conv2d_1/vars/0 and 1, numbered by kind, no lists
    2015                (Keras 0.x on Theano) /layer_3/param_0 and param_1, counted by `nb_layers` and `nb_params`
    ==================  =======================================================================================

Kernels are stored as (height, width, input channels, filters), dense weights as (inputs, outputs), which is what minicnn uses itself. In
the layout of 2015 kernels are (filters, input channels, height, width) and turned by 180 degrees, as Theano convolves rather than
correlates, and images are flattened as C, H, W.

Kernels of depthwise convolutions are (height, width, channels, filters of each channel). Keras 2 calls them depthwise_kernel, Keras 3
numbers their layers apart; in lists that Keras 3 wrote they look like others.

Batch normalization's arrays are gamma, beta, moving_mean and moving_variance; the first two may be missing. Where arrays have no names and
there are three of them, the first is taken for beta; see `_check_shifts`.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.hdf5.reading import Hdf5, natural_groups, opened
from minicnn.weightfiles.keras.arrays import Places, listed_places, read_arrays
from minicnn.weightfiles.keras.configuration import read_model
from minicnn.weightfiles.keras.entries import Entry
from minicnn.weightfiles.keras.names import EPSILON, NAMES, NORM_NAMES
from minicnn.weightfiles.keras.walk import read_network
from minicnn.weightfiles.stored import DESCRIPTION, OTHER, Order, StoredLayer, WeightFile, check_arrays, shown, stored_layer
from minicnn.weightfiles.torch_layout import channels_last

#: The group of a full model that holds its weights, and the attribute that says what it is.
WEIGHTS, CONFIGURATION = "model_weights", "model_config"

#: What to do about layers that the arrays alone do not tell.
WHOLE_MODEL = "Save the whole model (model.save('NAME.keras')), which says what it is"

#: What Keras 2 calls a depthwise kernel, and Keras 3 the groups of depthwise convolutions.
DEPTHWISE, DEPTHWISE_GROUP = "depthwise_kernel", re.compile("(.*/)?depthwise_conv2d(_[0-9]+)?")

#: A share of negative numbers that gamma, which begins at 1, does not reach.
MANY = 0.2

#: Groups whose numbers tell the order of each kind of layers: those of the layers of one model.
IN_ORDER = re.compile("(layers|_layer_checkpoint_dependencies)/[a-z0-9_]+/vars")


def read_keras(path: Path) -> WeightFile:
    """Read weights from an HDF5 file in one of Keras' layouts, and what the network is, where it says that.

    Raises
    ------
    WeightFileError
        If it is damaged, or holds something else.
    """
    with opened(path) as file:
        metadata = file.metadata()
        described = DESCRIPTION in metadata
        root = WEIGHTS if file.is_group(WEIGHTS) else ""
        if root and CONFIGURATION in metadata and not described:
            if metadata.get("backend") == "theano":
                raise WeightFileError(
                    "it was written by Keras on Theano, whose convolutions turn their kernels; save it again with Keras on TensorFlow"
                )
            text = metadata.pop(CONFIGURATION)  # a model that is made of the file has a description of its own
            return read_configured(file, "Keras, full model", text, metadata, partial(listed_places, root=root))
        if (names := file.text_list(root, "layer_names")) is not None:
            layers = list(_listed_layers(file, root, names, described))
            usual = None if described else EPSILON  # our own files have it in the description
            return WeightFile(f"Keras, {'full model' if root else 'applications'}", layers, metadata, usual_epsilon=usual)
        if (count := file.number("", "nb_layers", most=1000)) is not None:
            return WeightFile("Keras, layout of 2015", list(_layers_of_2015(file, count)), metadata, channels_first=True)
        return _numbered_file(file, metadata)


def read_configured(file: Hdf5, form: str, text: str, metadata: dict[str, str], find_places: Callable[..., Places]) -> WeightFile:
    """Read a network as its configuration says it is.

    Parameters
    ----------
    file : Hdf5
        Its weights.
    form : str
        The format's name.
    text : str
        The configuration, JSON.
    metadata : dict of str to str
    find_places : function
        From `file=` and `model=` to where the arrays are.

    Raises
    ------
    WeightFileError
        If the two do not go together, or there are layers that our networks do not have.
    """
    model = read_model(text)
    places: list[Places] = []

    def read(entry: Entry, names: Sequence[str]) -> dict[str, np.ndarray]:
        if not places:  # only when the walk has come to a layer with arrays
            places.append(find_places(file=file, model=model))
        return read_arrays(file, places[0], entry, names)

    version = metadata.get("keras_version", "").partition(".")[0]
    return read_network(model, read, int(version) if version in ("2", "3") else None, form, metadata)


def _listed_layers(file: Hdf5, root: str, names: Sequence[str], described: bool) -> Iterator[StoredLayer]:
    """Read the layers that the lists name, in the order of the model; with `described` the file is one of ours."""
    for name in names:
        place = f"{root}/{name}"
        weight_names = file.text_list(place, "weight_names") if file.is_group(place) else None
        if weight_names is None:
            raise WeightFileError(f"it is damaged: layer {shown(name)} is no group with a list 'weight_names'; get the file again")
        arrays = [file.array(f"{place}/{weight_name}", name) for weight_name in weight_names]
        if described and arrays and not any(":" in weight_name for weight_name in weight_names):
            yield _other_layer(name, weight_names, arrays)
        elif arrays:
            yield _layer(name, weight_names, arrays)


def _numbered_file(file: Hdf5, metadata: dict[str, str]) -> WeightFile:
    """Read Keras 3's files of weights alone, whose arrays have numbers for names."""
    groups = [place for place in natural_groups(file, "vars", skipped="optimizer") if "/seed_generator/" not in place]
    if not groups:
        raise WeightFileError(
            "it is an HDF5 file without Keras weights: it has neither a list 'layer_names' nor groups named 'vars'. "
            f"It holds {', '.join(map(shown, file.members(''))) or 'nothing'}"
        )
    found = {}
    for place in groups:
        if numbers := sorted(file.members(place), key=int if all(name.isdecimal() for name in file.members(place)) else str):
            name = place.removesuffix("/vars")
            found[name] = [file.array(f"{place}/{number}", name) for number in numbers]
    three = {name: arrays for name, arrays in found.items() if len(arrays) == 3 and all(array.ndim == 1 for array in arrays)}
    names = ("beta", "moving_mean", "moving_variance")
    if three:
        _check_shifts(found, three)
        metadata = {**metadata, "assumed": f"the three arrays of a batch normalization, which have no names, are {', '.join(names)}"}
    layers = [
        _layer(name, names if name in three else [DEPTHWISE if DEPTHWISE_GROUP.fullmatch(name) else ""] * len(arrays), arrays)
        for name, arrays in found.items()
    ]
    order: Order = "kind" if all(IN_ORDER.fullmatch(f"{name}/vars") for name in found) else "alphabet"
    return WeightFile("Keras, Keras 3", layers, metadata, order=order, usual_epsilon=EPSILON)


def _check_shifts(layers: Mapping[str, Sequence[np.ndarray]], three: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Raise WeightFileError unless the first of three arrays of batch normalizations is beta, the shift, by all that the file tells.

    It is if the convolutions have no biases, as somebody has to shift; or if many of the numbers are negative, as gamma begins at 1.
    """
    kernels = [arrays for arrays in layers.values() if any(array.ndim == 4 for array in arrays)]
    first = np.concatenate([arrays[0] for arrays in three.values()])
    if not (kernels and all(len(arrays) == 1 for arrays in kernels)) and not (first < 0).mean() > MANY:
        raise WeightFileError(
            f"layer {shown(next(iter(three)))} has 3 arrays and does not name them: its first can be gamma or beta. {WHOLE_MODEL}"
        )


def _layers_of_2015(file: Hdf5, count: int) -> Iterator[StoredLayer]:
    """Read so many layers of the layout of 2015; those without parameters only have a number."""
    for index in range(count):
        name = f"layer_{index}"
        array_count = file.number(name, "nb_params") if file.is_group(name) else None
        if array_count is None:
            raise WeightFileError(f"it is damaged: {name} is no group with a number 'nb_params'; get the file again")
        if array_count not in (0, 2):
            raise WeightFileError(f"layer {name} has {array_count} arrays; expected a kernel and a bias")
        if array_count:
            weight, bias = (file.array(f"{name}/param_{i}", name) for i in range(2))
            weight = channels_last(weight[:, :, ::-1, ::-1]) if weight.ndim == 4 else weight
            yield stored_layer(name, {"weight": weight, "bias": bias})


def _layer(name: str, array_names: Sequence[str], arrays: Sequence[np.ndarray]) -> StoredLayer:
    """Put a layer's arrays together: a kernel and perhaps a bias, or one-dimensional ones of batch normalization."""
    if any(array.ndim > 1 for array in arrays):
        if len(arrays) > 2:
            shapes = ", ".join(str(array.shape) for array in arrays)
            raise WeightFileError(
                f"layer {shown(name)} has arrays of shape {shapes}; expected a kernel and a bias, or those of batch normalization. "
                f"{WHOLE_MODEL}"
            )
        return _weighted_layer(name, array_names[0], arrays)
    known = {
        ours: i
        for ours, keras in NORM_NAMES.items()
        for i, text in enumerate(array_names)
        if text.rpartition("/")[2].split(":")[0] == keras
    }
    if len(known) != len(arrays):  # without names, the order tells, unless one of gamma and beta is missing
        known = {ours: i for i, ours in enumerate({4: NORM_NAMES, 2: ("mean", "variance")}.get(len(arrays), ()))}
    if len(known) != len(arrays):
        raise WeightFileError(
            f"layer {shown(name)} has {len(arrays)} arrays of one axis and does not name them; expected a kernel and a bias, or "
            f"{', '.join(NORM_NAMES.values())}. {WHOLE_MODEL}"
        )
    return stored_layer(name, {ours: arrays[i] for ours, i in known.items()})


def _weighted_layer(name: str, kernel_name: str, arrays: Sequence[np.ndarray]) -> StoredLayer:
    """Put a kernel and perhaps a bias together; by the kernel's name, or by a longer bias, it is depthwise, and becomes one of ours."""
    weight, biases = arrays[0], arrays[1:]
    known = kernel_name.rpartition("/")[2]
    filters = math.prod(weight.shape[2:])  # if it is depthwise
    if weight.ndim == 4 and (known.startswith(DEPTHWISE) or any(bias.shape == (filters,) != weight.shape[3:] for bias in biases)):
        weight = weight.reshape(*weight.shape[:2], 1, filters)
        return dataclasses.replace(stored_layer(name, dict(zip(NAMES, (weight, *biases)))), depthwise=True)
    return dataclasses.replace(stored_layer(name, dict(zip(NAMES, arrays))), depthwise=None if known == "kernel" else False)


def _other_layer(name: str, array_names: Sequence[str], arrays: Sequence[np.ndarray]) -> StoredLayer:
    """Put the arrays of a layer together that Keras has no names for."""
    by_name = dict(zip(array_names, arrays))
    if len(by_name) != len(arrays):
        raise WeightFileError(f"it is damaged: layer {shown(name)} lists an array twice; get the file again")
    check_arrays(name, by_name)
    return StoredLayer(name, OTHER, by_name)
