"""Keras' HDF5 weight files, in the four layouts that are in use.

    ==================  =======================================================================================
    applications file   /LAYER/..., listed by the root's attribute `layer_names` and each group's `weight_names`
    full model          the same under /model_weights; long lists are split into `layer_names0`, `layer_names1` ...
    .weights.h5         (Keras 3) .../conv2d_1/vars/0 and 1, numbered by kind, no lists
    2015                (Keras 0.x on Theano) /layer_3/param_0 and param_1, counted by `nb_layers` and `nb_params`
    ==================  =======================================================================================

Kernels are stored as (height, width, input channels, filters), dense weights as (inputs, outputs), which is what minicnn uses itself. In
the layout of 2015 kernels are (filters, input channels, height, width) and turned by 180 degrees, as Theano convolves rather than
correlates, and images are flattened as C, H, W.

Batch normalization's arrays are gamma, beta, moving_mean and moving_variance; the first two may be missing.

Model files, which minicnn writes, have the layout of applications files, with Keras' names for arrays: kernel:0, bias:0, gamma:0 and so
on. A layer that Keras has no names for keeps its own, without the :0. Only these files, known by the attribute `minicnn_description`, may
hold such layers.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from minicnn.errors import WeightFileError
from minicnn.files.writing import staged_file
from minicnn.weightfiles.hdf5.reading import Hdf5, natural_groups, opened
from minicnn.weightfiles.stored import (
    BATCH_NORM,
    DESCRIPTION,
    OTHER,
    StoredLayer,
    WeightFile,
    check_arrays,
    kind_of_arrays,
    shown,
    stored_layer,
)
from minicnn.weightfiles.torch_layout import channels_last

#: What Keras calls a layer's arrays, in its order, by minicnn's names.
NAMES = {"weight": "kernel", "bias": "bias"}
NORM_NAMES = {"weight": "gamma", "bias": "beta", "mean": "moving_mean", "variance": "moving_variance"}

#: What batch normalization adds to the variance, in Keras, unless told otherwise.
EPSILON = 1e-3


def read_keras(path: Path) -> WeightFile:
    """Read weights from an HDF5 file in one of Keras' layouts.

    Raises
    ------
    WeightFileError
        If it is damaged, or holds something else.
    """
    with opened(path) as file:
        metadata = file.metadata()
        described = DESCRIPTION in metadata
        root = "model_weights" if file.is_group("model_weights") else ""
        if (names := file.text_list(root, "layer_names")) is not None:
            layout, layers = "full model" if root else "applications", _listed_layers(file, root, names, described)
        elif (count := file.number("", "nb_layers", most=1000)) is not None:
            return WeightFile("Keras, layout of 2015", list(_layers_of_2015(file, count)), metadata, channels_first=True)
        else:
            layout, layers = "Keras 3", _numbered_layers(file)
        usual = None if described else EPSILON  # our own files have it in the description
        return WeightFile(f"Keras, {layout}", _with_epsilons(list(layers), metadata), metadata, usual_epsilon=usual)


def write_keras(
    path: str | os.PathLike,
    arrays: Mapping[str, Mapping[str, np.ndarray]],
    metadata: Mapping[str, str],
    overwrite: bool = False,
) -> None:
    """Write weights in the layout of Keras' applications files.

    Parameters
    ----------
    path : path
    arrays : dict
        {layer: {"weight": array, "bias": array}}, in order, of batch normalization also "mean" and "variance"; stored in their own type.
        Of other layers any arrays, by their attributes' names.
    metadata : dict of str to str
        What the file says about itself. With other layers it can be read again only if it has `DESCRIPTION`.
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    OutputError
        If the file exists, or cannot be written.
    WeightFileError
        If an array is empty, or holds something else than floating-point numbers.
    """
    for layer, by_name in arrays.items():
        check_arrays(layer, by_name)
    with staged_file(path, overwrite) as beside, h5py.File(beside, "w") as file:
        file.attrs.update(dict(sorted(metadata.items())))  # the same file, however often it is loaded and written
        file.attrs["layer_names"] = list(arrays)
        for layer, by_name in arrays.items():
            group = file.create_group(layer)
            names = _names_in_file(by_name)
            group.attrs["weight_names"] = list(names.values())
            for name, in_file in names.items():
                group[in_file] = by_name[name]


def _names_in_file(arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Choose the names of a layer's arrays, by minicnn's: Keras' names in its order, or for other layers their own."""
    kind = kind_of_arrays(arrays)
    if kind is None:
        return {name: name for name in arrays}
    return {name: f"{keras}:0" for name, keras in (NORM_NAMES if kind == BATCH_NORM else NAMES).items() if name in arrays}


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


def _numbered_layers(file: Hdf5) -> Iterator[StoredLayer]:
    """Read the layers of Keras 3's files, whose arrays have numbers for names."""
    groups = natural_groups(file, "vars", skipped="optimizer")
    if not groups:
        raise WeightFileError(
            "it is an HDF5 file without Keras weights: it has neither a list 'layer_names' nor groups named 'vars'. "
            f"It holds {', '.join(map(shown, file.members(''))) or 'nothing'}"
        )
    for place in groups:
        if numbers := sorted(file.members(place), key=int if all(name.isdecimal() for name in file.members(place)) else str):
            name = place.removesuffix("/vars")
            yield _layer(name, [""] * len(numbers), [file.array(f"{place}/{number}", name) for number in numbers])


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
                f"layer {shown(name)} has arrays of shape {shapes}; expected a kernel and a bias, or those of batch normalization"
            )
        return stored_layer(name, dict(zip(NAMES, arrays)))
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
            f"{', '.join(NORM_NAMES.values())}"
        )
    return stored_layer(name, {ours: arrays[i] for ours, i in known.items()})


def _other_layer(name: str, array_names: Sequence[str], arrays: Sequence[np.ndarray]) -> StoredLayer:
    """Put the arrays of a layer together that Keras has no names for."""
    by_name = dict(zip(array_names, arrays))
    if len(by_name) != len(arrays):
        raise WeightFileError(f"it is damaged: layer {shown(name)} lists an array twice; get the file again")
    check_arrays(name, by_name)
    return StoredLayer(name, OTHER, by_name)


def _with_epsilons(layers: list[StoredLayer], metadata: Mapping[str, str]) -> list[StoredLayer]:
    """Add the epsilon of batch normalization where the model's configuration says it."""
    try:
        listed = json.loads(metadata.get("model_config", "{}"))["config"]
        listed = listed if isinstance(listed, list) else listed["layers"]
        epsilons = {entry["config"]["name"]: float(entry["config"]["epsilon"]) for entry in listed if "epsilon" in entry["config"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return layers
    return [dataclasses.replace(layer, epsilon=epsilons.get(layer.name)) if layer.kind == BATCH_NORM else layer for layer in layers]
