"""Models from files, and to files.

    =======================  ==========================================  ==============================================
    what is loaded           says what the network is                    has the weights
    =======================  ==========================================  ==============================================
    a name, "vgg16-gap"      `minicnn.models.architectures`                     the package, a downloaded file, or one given beside it
    a description, .toml     itself, see `minicnn.models.descriptions`          a weight file given beside it
    a model file, .h5        the description in it                       itself
    =======================  ==========================================  ==============================================

A model file is a Keras HDF5 file, as `minicnn.weightfiles.keras` describes, whose root has the attribute `minicnn_description`. Batch
normalization has the arrays gamma, beta, moving_mean and moving_variance.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from minicnn.errors import (
    DescriptionError,
    MinicnnError,
    OutputError,
    UnknownNameError,
    WeightFileError,
    listed,
)
from minicnn.files.published import PUBLISHED, cached_file, published_metadata
from minicnn.files.resources import shipped_file
from minicnn.files.writing import check_place
from minicnn.models.architectures import ARCHITECTURES, find_architecture
from minicnn.models.classes import imagenet
from minicnn.models.descriptions import Description, read_description, write_description
from minicnn.models.matching import load_arrays
from minicnn.models.model import Model, Origin
from minicnn.models.specs import LayerSpec
from minicnn.network.folding import folded
from minicnn.network.network import Network
from minicnn.pictures.photos import PREPROCESSING
from minicnn.weightfiles import DESCRIPTION, read_metadata, read_weights, write_keras

#: How the names of model files end, and of descriptions.
MODEL_SUFFIXES, DESCRIPTION_SUFFIX = (".h5", ".hdf5", ".keras"), ".toml"

#: No description is longer, in bytes.
LONGEST_DESCRIPTION = 10_000_000

#: What the name of a model stands for.
Kind = Literal["registered", "description", "model file"]


def kind_of(name: str | os.PathLike) -> Kind:
    """Tell what the name of a model stands for: a registered architecture, a description (.toml), or else a model file.

    Raises
    ------
    UnknownNameError
        If it looks like the name of an architecture, and there is none.
    """
    if name in ARCHITECTURES:
        return "registered"
    path = Path(name)
    if path.suffix.lower() == DESCRIPTION_SUFFIX:
        return "description"
    if path.suffix.lower() not in MODEL_SUFFIXES and not path.exists():
        try:
            find_architecture(str(name))
        except UnknownNameError as error:
            raise UnknownNameError(f"{error}; or give the path of a description ({DESCRIPTION_SUFFIX}) or a model file (.h5)") from None
    return "model file"


def describe(name: str | os.PathLike) -> Description:
    """Tell what a model is, without its weights.

    Parameters
    ----------
    name : str or path
        One of `minicnn.ARCHITECTURES`, a description (.toml) or a model file.

    Raises
    ------
    UnknownNameError
        If there is no such model.
    DescriptionError, WeightFileError
        If the file cannot be read, or its description makes no sense.
    """
    kind, path = kind_of(name), Path(name)
    if kind == "registered":
        architecture = ARCHITECTURES[str(name)]
        shape, classes = (architecture.input_size, architecture.input_size, 3), architecture.class_names()
        return Description(architecture.name, architecture.layers(len(classes)), shape, PREPROCESSING[architecture.preprocessing], classes)
    if kind == "description":
        return read_description(_read_text(path), str(path))
    metadata = read_metadata(path)
    if DESCRIPTION not in metadata:
        raise WeightFileError(
            f"{path} holds weights, but does not say of which network: name the model and give the file as its weights "
            f'(--model vgg16 --weights {path.name}; load("vgg16", weights="{path.name}"))'
        )
    return read_description(metadata[DESCRIPTION], str(path))


def load(name: str | os.PathLike = "vgg16-gap", weights: str | os.PathLike | None = None, fold: bool = True) -> Model:
    """Load a model with its weights.

    Parameters
    ----------
    name : str or path
        One of `minicnn.ARCHITECTURES` (vgg16-gap ships with its weights, those of vgg16 and vgg19 can be downloaded, the others need a
        file), a description (.toml), which needs a file, too, or a model file, which needs nothing else.
    weights : path or str, optional
        A weight file of any format that `minicnn.weightfiles` reads, with or without top, or a model file of the same network, whose
        classes and preprocessing are then the model's. Or the name of a downloaded file, such as "vgg16-notop". Without top the network
        ends with its last pooling layer and has no classes. Published weights of a format have the preprocessing that is usual for it.
    fold : bool
        Whether batch normalization is merged into the layers below, which computes the same with fewer layers.

    Returns
    -------
    Model

    Raises
    ------
    UnknownNameError
        If there is no such model.
    DescriptionError
        If a description makes no sense.
    WeightFileError
        If the weights are missing, damaged, of another network, or a model file that contradicts the description.
    """
    kind, description = kind_of(name), describe(name)
    path = _weights_path(kind, name, weights)
    file = read_weights(path)
    if file.description is not None and kind != "model file":
        description = _agreed(kind, description, read_description(file.description, str(path), build=False), name, path)
    elif file.preprocessing is not None and kind == "registered" and ARCHITECTURES[str(name)].class_names is imagenet:
        description = dataclasses.replace(description, preprocessing=PREPROCESSING[file.preprocessing])
    network, classes = description.network, description.classes
    try:
        arrays = load_arrays(file, network, description.input_shape, description.stated_epsilons)
    except WeightFileError as error:
        raise WeightFileError(f"{path}: {error}") from None
    if set(arrays) != set(network.arrays):  # without top
        network, classes = Model(network).trunk.network, None
    network = network.with_parameters(arrays)
    height, width = description.input_shape[:2]
    return Model(
        folded(network) if fold else network,
        description.name,
        description.preprocessing,
        classes,
        input_size=height if height == width else (height, width),
        origin=Origin(path, None if kind == "registered" else Path(name), fold, {**published_metadata(path), **file.metadata}),
    )


def _agreed(kind: Kind, description: Description, stored: Description, name: str | os.PathLike, path: Path) -> Description:
    """Return what the network is by its description and by the model file that has its weights, or raise WeightFileError if these disagree.

    What is registered with an architecture about classes and preprocessing is only what is usual; the file's own goes before.
    """
    ours, theirs = list(description.layers.items()), list(stored.layers.items())
    without_top = all(spec.word != "dense" for spec in stored.layers.values())
    advice = f"{path} says itself what it is: load it alone (--model {path})"
    if theirs != (ours[: len(theirs)] if without_top else ours):
        pairs = enumerate(itertools.zip_longest(theirs, ours), start=1)
        number, there, here = next((number, there, here) for number, (there, here) in pairs if there != here)
        raise WeightFileError(
            f"{path} is of another network than {name}: layer {number} is {_called(there)} there and {_called(here)} here. {advice}"
        )
    for field in ("classes", "preprocessing") if kind == "description" else ():
        here, there = getattr(description, field), getattr(stored, field)
        if here is not None and there is not None and (list(here) != list(there) if field == "classes" else here != there):
            shown = [listed(value) if field == "classes" else value for value in (there, here)]
            raise WeightFileError(f"{path} has other {field} than {name}: {shown[0]} there and {shown[1]} here. {advice}")
    return dataclasses.replace(
        description,
        input_shape=stored.input_shape if kind == "registered" else description.input_shape,
        classes=stored.classes or description.classes,
        preprocessing=stored.preprocessing or description.preprocessing,
    )


def _called(layer: tuple[str, LayerSpec] | None) -> str:
    """Write a layer's name, kind and options in one line."""
    return "missing" if layer is None else f"{layer[0]} ({layer[1]})"


def check_model_place(path: str | os.PathLike, overwrite: bool) -> None:
    """Raise OutputError unless a model file can be written at the path, and is found to be one by its name."""
    if Path(path).suffix.lower() not in MODEL_SUFFIXES:
        raise OutputError(f"the model file is called {path}; expected a name that ends with {MODEL_SUFFIXES[0]}")
    check_place(path, overwrite)


def save(
    model: Model, path: str | os.PathLike, overwrite: bool = False, half: bool = False, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a model file, which `load` reads with nothing else.

    Parameters
    ----------
    model : Model
    path : path
    overwrite : bool
        Whether a file that is there may be replaced.
    half : bool
        Whether to store weights (not biases and statistics) with 16 bits, about three digits, in half the space.
    metadata : dict of str to str, optional
        What the file shall say about itself beside the description: "source" (whom to name), how it was trained, and so on. It also keeps
        what the model's own weight file said.

    Raises
    ------
    DescriptionError
        If the network has layers that a description cannot hold.
    MinicnnError
        If there are weights that are not finite, or too large for 16 bits.
    OutputError
        If the file exists, or cannot be written, or is called so that it could not be loaded.
    """
    check_model_place(path, overwrite)
    network = model.network
    description = write_description(network, model.input_shape(), model.name, model.preprocessing, model.classes)
    kept = {} if model.origin is None else model.origin.metadata
    write_keras(path, _stored(network, half), {**kept, **(metadata or {}), DESCRIPTION: description}, overwrite)


def _stored(network: Network, half: bool) -> dict[str, dict[str, np.ndarray]]:
    """Return the network's arrays as they are written."""
    stored: dict[str, dict[str, np.ndarray]] = {}
    for layer, arrays in network.arrays.items():
        stored[layer] = {}
        for key, array in arrays.items():
            if not np.isfinite(array).all():
                raise MinicnnError(
                    f"{layer}: {key} holds NaN or infinite values; expected finite ones. A network without weights cannot be saved"
                )
            if half and array.ndim > 1:
                if np.abs(array).max() > np.finfo(np.float16).max:
                    raise MinicnnError(
                        f"{layer}: {key} holds numbers up to {np.abs(array).max():.3g}, too large for 16 bits; save it with half=False"
                    )
                array = array.astype(np.float16)
            stored[layer][key] = array
    return stored


def _weights_path(kind: Kind, name: str | os.PathLike, weights: str | os.PathLike | None) -> Path:
    """Find the weights' file: the given one, by path or as the name of a download; else the shipped or downloaded one; or itself."""
    if kind == "model file":
        if weights is not None:
            raise WeightFileError(
                f"{name} is a model file and has weights of its own, so {weights} cannot be loaded with it; name a model or a "
                "description (.toml) for it"
            )
        return Path(name)
    if weights is not None:
        return cached_file(PUBLISHED[str(weights)]) if str(weights) in PUBLISHED else Path(weights)
    if kind == "description":
        raise WeightFileError(f"{name} describes a network and holds no weights; give a file that has them (--weights FILE, weights=FILE)")
    if (shipped := ARCHITECTURES[str(name)].shipped_weights) is not None:
        return shipped_file(shipped)
    if name in PUBLISHED:
        return cached_file(PUBLISHED[name])
    raise WeightFileError(f"{name} does not ship with weights; give a weight file (--weights FILE, weights=FILE), or use vgg16-gap")


def _read_text(path: Path) -> str:
    """Read a description's file; every way in which that fails becomes one clear error."""
    if path.exists() and not path.is_file():
        raise DescriptionError(f"{path} is no ordinary file; expected the description of a network")
    try:
        if path.stat().st_size > LONGEST_DESCRIPTION:
            raise DescriptionError(f"{path} has {path.stat().st_size:,} bytes; expected a short text that describes a network")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DescriptionError(f"{path} is no text in UTF-8; expected the description of a network") from None
    except FileNotFoundError:
        raise DescriptionError(f"there is no file {path}; expected the description of a network") from None
    except OSError as error:
        raise DescriptionError(f"{path} cannot be read: {error.strerror or error}") from None
