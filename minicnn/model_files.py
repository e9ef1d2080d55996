"""Models from files, and to files.

    =======================  ==========================================  ==============================================
    what is loaded           says what the network is                    has the weights
    =======================  ==========================================  ==============================================
    a name, "vgg16-gap"      `minicnn.architectures`                     the package, a downloaded file, or one given beside it
    a description, .toml     itself, see `minicnn.descriptions`          a weight file given beside it
    a model file, .h5        the description in it                       itself
    =======================  ==========================================  ==============================================

A model file is a Keras HDF5 file, as `minicnn.weightfiles.keras` describes, whose root has the attribute `description`. Batch normalisation has
the arrays gamma, beta, moving_mean and moving_variance.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from minicnn.architectures import ARCHITECTURES, Architecture, find_architecture
from minicnn.classes import imagenet
from minicnn.descriptions import Description, read_description, write_description
from minicnn.errors import (
    DescriptionError,
    MinicnnError,
    OutputError,
    ShapeError,
    UnknownNameError,
    WeightFileError,
)
from minicnn.files import check_place
from minicnn.folding import folded
from minicnn.geometry import as_pair
from minicnn.images import PREPROCESSING, Preprocessing
from minicnn.initialise import he_initialised, unset
from minicnn.layer_kinds import options_of
from minicnn.layers import BatchNorm, Dense
from minicnn.model import Model, Origin
from minicnn.network import Network
from minicnn.published import PUBLISHED, cached_file, published_texts
from minicnn.resources import shipped_file
from minicnn.weightfiles import WeightFile, read_texts, read_weights, write_keras
from minicnn.weights import fitted

#: How the names of model files end, and of descriptions.
MODEL_SUFFIXES, DESCRIPTION_SUFFIX = (".h5", ".hdf5", ".keras"), ".toml"

#: No description is longer, in bytes.
LONGEST_DESCRIPTION = 10_000_000

#: The attribute that holds a model file's description.
DESCRIPTION = "description"


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
    if name in ARCHITECTURES:
        architecture = ARCHITECTURES[name]
        shape = (architecture.input_size, architecture.input_size, 3)
        return Description(architecture.name, architecture.network(), shape, PREPROCESSING[architecture.preprocessing], architecture.class_names())
    path = Path(name)
    if path.suffix.lower() == DESCRIPTION_SUFFIX:
        return read_description(_read_text(path), str(path))
    if path.suffix.lower() not in MODEL_SUFFIXES and not path.exists():
        try:
            find_architecture(str(name))
        except UnknownNameError as error:
            raise UnknownNameError(f"{error}; or give the path of a description ({DESCRIPTION_SUFFIX}) or a model file (.h5)") from None
    texts = read_texts(path)
    if DESCRIPTION not in texts:
        raise WeightFileError(
            f"{path} holds weights, but does not say of which network: name the model and give the file as its weights "
            f'(--model vgg16 --weights {path.name}; load("vgg16", weights="{path.name}"))'
        )
    return read_description(texts[DESCRIPTION], str(path))


def load(name: str | os.PathLike = "vgg16-gap", weights: str | os.PathLike | None = None, fold: bool = True) -> Model:
    """Load a model with its weights.

    Parameters
    ----------
    name : str or path
        One of `minicnn.ARCHITECTURES` (vgg16-gap ships with its weights, those of vgg16 and vgg19 can be downloaded, the others need a
        file), a description (.toml), which needs a file, too, or a model file, which needs nothing else.
    weights : path or str, optional
        A weight file of any format that `minicnn.weightfiles` reads, with or without top, or a model file of the same network. Or the name of
        a downloaded file, such as "vgg16-notop". Without top the network ends with its last pooling layer and has no classes.
    fold : bool
        Whether batch normalisation is merged into the layers below, which computes the same with fewer layers.

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
        If the weights are missing, damaged, or of another network.
    """
    description = describe(name)
    path = _weights_path(name, weights)
    network, classes = description.network, description.classes
    file = read_weights(path)
    try:
        arrays = fitted(file, network, description.input_shape)
    except WeightFileError as error:
        raise WeightFileError(f"{path}: {error}") from None
    texts = {**published_texts(path), **file.texts}
    if name not in ARCHITECTURES and DESCRIPTION in texts:
        stored = read_description(texts[DESCRIPTION], str(path))
        _check_same(description.network, stored.network, name, path)
        classes = stored.classes if classes is None else classes
    if set(arrays) != set(network.arrays):  # without top
        network, classes = Model(network).trunk.network, None
    network = network.with_parameters(arrays)
    height, width = description.input_shape[:2]
    return Model(
        folded(network) if fold else network,
        description.name,
        _preprocessing(file, description, ARCHITECTURES.get(name), path),
        classes,
        input_size=height if height == width else (height, width),
        origin=Origin(path, None if name in ARCHITECTURES else Path(name), fold, texts),
    )


def untrained(
    name: str | os.PathLike,
    classes: Sequence[str],
    weights: str | os.PathLike | None = None,
    seed: int = 0,
    size: int | tuple[int, int] | None = None,
) -> Model:
    """Make a model that is to be trained.

    Parameters
    ----------
    name : str or path
        As for `load`; an architecture that is registered, or a model file, gets as many outputs as there are classes. A model file's training
        goes on.
    classes : sequence of str
    weights : path, optional
        To start from instead of random weights, or the name of a model that has them. Layers that do not fit are left out, such as the last
        one if it has another number of outputs.
    seed : int
        For the random weights; see `minicnn.initialise`.
    size : int or (height, width), optional
        Of the photos, in pixels, if not what the network is for by itself.

    Returns
    -------
    Model
        With batch normalisation where it was.

    Raises
    ------
    MinicnnError
        If the network has another number of outputs than there are classes, or knows no preprocessing; and as `load`.
    """
    description = describe(name)
    height, width, channels = description.input_shape
    height, width = (height, width) if size is None else as_pair(size, "size", 1)
    network = description.network if name not in ARCHITECTURES else ARCHITECTURES[name].network(classes=len(classes))
    if _is_model_file(name):
        network = _with_outputs(network, len(classes))
    last, shape = list(network.shapes((height, width, channels)).items())[-1]
    if shape != (len(classes),):
        raise ShapeError(f"{name}: {last} has {shape[0] if len(shape) == 1 else shape} outputs, and there are photos of {len(classes)} classes; expected as many")
    if description.preprocessing is None:
        raise DescriptionError(f"{name} does not say how pixels become the network's input; give it a preprocessing, such as preprocessing = \"torch\"")
    network, preprocessing = he_initialised(network, seed), description.preprocessing
    if weights is not None or _is_model_file(name):
        start = _start(name, weights)
        network, preprocessing = _with_weights_of(network, start.network), start.preprocessing or preprocessing
    return Model(network, description.name, preprocessing, classes, height if height == width else (height, width))


def _with_outputs(network: Network, count: int) -> Network:
    """Return the network with so many outputs, if it ends with a dense layer."""
    name, layer = list(network.layers.items())[-1]
    if not isinstance(layer, Dense) or layer.bias.size == count:
        return network
    return Network({**network.layers, name: Dense(unset(len(layer.weight), count), unset(count))})


def _is_model_file(name: str | os.PathLike) -> bool:
    return name not in ARCHITECTURES and Path(name).suffix.lower() != DESCRIPTION_SUFFIX


def _start(name: str | os.PathLike, weights: str | os.PathLike | None) -> Model:
    """Load what a training starts from: a model that says itself what it is, or else weights for the named network."""
    if weights is None:
        return load(name, fold=False)
    try:
        return load(str(weights), fold=False)
    except (UnknownNameError, WeightFileError):
        return load(name, weights, fold=False)


def _with_weights_of(network: Network, start: Network) -> Network:
    """Return the network with all arrays of another one that are those of a layer of the same name, and fit."""
    layers = dict(network.layers)
    for name, layer in network.layers.items():
        other = start.layers.get(name)
        if type(other) is type(layer) and all(array.shape == layer.arrays[key].shape for key, array in other.arrays.items()):
            constants = {"epsilon": other.epsilon} if isinstance(layer, BatchNorm) else {}
            layers[name] = dataclasses.replace(layer, **other.arrays, **constants)
    taken = [name for name, layer in layers.items() if layer.arrays and layer is not network.layers[name]]
    if not taken:
        raise WeightFileError(f"no layer of the weights to start from, {', '.join(start.arrays)}, fits one of the network's, {', '.join(network.arrays)}")
    return Network(layers)


def _check_same(network: Network, stored: Network, name: str | os.PathLike, path: Path) -> None:
    """Raise WeightFileError if a model file is of another network than the description that it is loaded with."""
    ours, theirs = ({layer: options_of(each) for layer, each in some.layers.items()} for some in (network, stored))
    if ours != theirs:
        layer = next(layer for layer in {**ours, **theirs} if ours.get(layer) != theirs.get(layer))
        raise WeightFileError(f"{path} is of another network than {name} describes: {layer} is {theirs.get(layer)} there and {ours.get(layer)} here")


def _preprocessing(file: WeightFile, description: Description, architecture: Architecture | None, path: Path) -> Preprocessing | None:
    """Choose what the weights expect: what their file says, or what published files of its format do, or what the network's description says.

    The format tells only of networks for ImageNet, which several people have published with different preprocessing.
    """
    if "preprocessing" in file.texts:
        if file.texts["preprocessing"] not in PREPROCESSING:
            raise WeightFileError(f"{path} asks for preprocessing {file.texts['preprocessing']!r}; expected one of {', '.join(PREPROCESSING)}")
        return PREPROCESSING[file.texts["preprocessing"]]
    if file.preprocessing is not None and architecture is not None and architecture.class_names is imagenet:
        return Preprocessing(**file.preprocessing)
    return description.preprocessing


def check_model_place(path: str | os.PathLike, overwrite: bool) -> None:
    """Raise OutputError unless a model file can be written at the path, and is found to be one by its name."""
    if Path(path).suffix.lower() not in MODEL_SUFFIXES:
        raise OutputError(f"the model file is called {path}; expected a name that ends with {MODEL_SUFFIXES[0]}")
    check_place(path, overwrite)


def save(model: Model, path: str | os.PathLike, overwrite: bool = False, half: bool = False, texts: Mapping[str, str] | None = None) -> None:
    """Write a model file, which `load` reads with nothing else.

    Parameters
    ----------
    model : Model
    path : path
    overwrite : bool
        Whether a file that is there may be replaced.
    half : bool
        Whether to store weights (not biases and statistics) with 16 bits, about three digits, in half the space.
    texts : dict of str to str, optional
        What the file shall say about itself beside the description: "source" (whom to name), how it was trained, and so on. It also keeps what
        the model's own weight file said.

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
    kept = {} if model.origin is None else {key: text for key, text in model.origin.texts.items() if key != "preprocessing"}
    write_keras(path, _stored(network, half), {**kept, **(texts or {}), DESCRIPTION: description}, overwrite)


def _stored(network: Network, half: bool) -> dict[str, dict[str, np.ndarray]]:
    """Return the network's arrays as they are written."""
    stored = {}
    for layer, arrays in network.arrays.items():
        stored[layer] = {}
        for key, array in arrays.items():
            if not np.isfinite(array).all():
                raise MinicnnError(f"{layer}: {key} holds NaN or infinite values; expected finite ones. A network without weights cannot be saved")
            if half and array.ndim > 1:
                if np.abs(array).max() > np.finfo(np.float16).max:
                    raise MinicnnError(f"{layer}: {key} holds numbers up to {np.abs(array).max():.3g}, too large for 16 bits; save it with half=False")
                array = array.astype(np.float16)
            stored[layer][key] = array
    return stored


def _weights_path(name: str | os.PathLike, weights: str | os.PathLike | None) -> Path:
    """Find the file that has the weights: the given one, which may be the name of a downloaded one; the shipped or the downloaded one; or itself."""
    architecture = ARCHITECTURES.get(name)
    if architecture is None and Path(name).suffix.lower() != DESCRIPTION_SUFFIX:
        if weights is not None:
            raise WeightFileError(f"{name} has weights of its own; leave out {weights}, or load that file with the description of its network")
        return Path(name)
    if weights is not None:
        return cached_file(PUBLISHED[str(weights)]) if str(weights) in PUBLISHED else Path(weights)
    if architecture is None:
        raise WeightFileError(f"{name} describes a network and holds no weights; give a file that has them (--weights FILE, weights=FILE)")
    if architecture.shipped_weights is not None:
        return shipped_file(architecture.shipped_weights)
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
