"""Models from files, and to files.

    =======================  ==========================================  ==============================================
    what is loaded           says what the network is                    has the weights
    =======================  ==========================================  ==============================================
    a name, "vgg16-gap"      `minicnn.models.architectures`              the package, a downloaded file, or one given beside it
    a description, .toml     itself, see `minicnn.models.descriptions`   a weight file given beside it
    a weight file            itself, or its shapes, see                  itself
                             `minicnn.models.conversion`
    =======================  ==========================================  ==============================================

A *model file* is a weight file that minicnn wrote: a Keras HDF5 file, as `minicnn.weightfiles.keras` describes, whose root has the
attribute `minicnn_description`. Batch normalization has the arrays gamma, beta, moving_mean and moving_variance.
"""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from minicnn.errors import (
    DescriptionError,
    MinicnnError,
    OutputError,
    UnknownNameError,
    WeightFileError,
)
from minicnn.files.published import PUBLISHED, cached_file, published_metadata
from minicnn.files.resources import shipped_file
from minicnn.files.writing import check_place
from minicnn.models.architectures import ARCHITECTURES, find_architecture
from minicnn.models.assumptions import told
from minicnn.models.class_files import class_names
from minicnn.models.conversion import Found, find_agreed, find_for, find_network
from minicnn.models.descriptions import (
    Description,
    check_classes,
    read_description,
    read_preprocessing,
    write_description,
    written_preprocessing,
)
from minicnn.models.guessing import guess_network
from minicnn.models.matching import load_arrays, matching_assumptions
from minicnn.models.model import Model, Origin
from minicnn.models.modules import agreed_with_modules
from minicnn.network.folding import folded
from minicnn.network.network import Network
from minicnn.pictures.photos import PREPROCESSING, Preprocessing
from minicnn.weightfiles import DESCRIPTION, WeightFile, read_weights, write_keras

#: How the names of model files end that can be written, and of descriptions.
MODEL_SUFFIXES, DESCRIPTION_SUFFIX = (".h5", ".hdf5", ".keras"), ".toml"

#: How the names of other weight files end; only a name that does not exist has to be told by its end.
WEIGHT_SUFFIXES = (*MODEL_SUFFIXES, ".onnx", ".pth", ".pt", ".safetensors", ".npz")

#: No description is longer, in bytes.
LONGEST_DESCRIPTION = 10_000_000

#: What the name of a model stands for.
Kind = Literal["registered", "description", "weight file"]

#: Class names, or where they are; see `minicnn.models.class_files`.
Classes = str | os.PathLike | Sequence[str]

#: A preprocessing, its name, or a table as in a description.
HowPrepared = str | Mapping[str, Any] | Preprocessing


def kind_of(name: str | os.PathLike) -> Kind:
    """Tell what the name of a model stands for: a registered architecture, a description (.toml), or else a weight file.

    Raises
    ------
    UnknownNameError
        If it looks like the name of an architecture, and there is none.
    """
    if not isinstance(name, (str, os.PathLike)) or not os.fspath(name):
        raise UnknownNameError(
            f"the model is {name!r}; expected the name of one, such as 'vgg16-gap', or the path of a description ({DESCRIPTION_SUFFIX}) or "
            f"a weight file ({', '.join(WEIGHT_SUFFIXES)})"
        )
    if name in ARCHITECTURES:
        return "registered"
    path = Path(name)
    if path.suffix.lower() == DESCRIPTION_SUFFIX:
        return "description"
    if path.suffix.lower() not in WEIGHT_SUFFIXES and not path.exists():
        try:
            find_architecture(str(name))
        except UnknownNameError as error:
            raise UnknownNameError(
                f"{error}; or give the path of a description ({DESCRIPTION_SUFFIX}) or a weight file ({', '.join(WEIGHT_SUFFIXES)})"
            ) from None
    return "weight file"


def describe(
    name: str | os.PathLike,
    weights: str | os.PathLike | None = None,
    *,
    classes: Classes | None = None,
    preprocessing: HowPrepared | None = None,
    key: str | None = None,
) -> Description:
    """Tell what a model is, without its weights.

    Parameters
    ----------
    name, weights, classes, preprocessing, key
        As for `load`. Without a weight file a name or a description stands for itself.

    Raises
    ------
    UnknownNameError
        If there is no such model, or not so many classes.
    DescriptionError, WeightFileError
        If a file cannot be read, or what it says makes no sense.
    """
    kind = kind_of(name)
    path = _own_path(kind, name, weights)
    file = None if path is None else read_weights(path, key)
    return _find(kind, name, path, file, classes, preprocessing).description


def describe_text(
    name: str | os.PathLike,
    weights: str | os.PathLike | None = None,
    *,
    classes: Classes | None = None,
    preprocessing: HowPrepared | None = None,
    key: str | None = None,
) -> str:
    """Write a model's description (.toml).

    Of a weight file alone that does not tell of which network it is, it is what follows from the shapes of its arrays, and its field
    `unchecked` says what has to be checked. Parameters and errors are those of `describe`.
    """
    kind = kind_of(name)
    path = _own_path(kind, name, weights)
    file = None if path is None else read_weights(path, key)
    found = _find(kind, name, path, file, classes, preprocessing, guess=True)
    description = found.description
    return write_description(
        description.network,
        description.input_shape,
        description.name,
        description.preprocessing,
        description.classes,
        {**description.unchecked, **found.assumptions},
    )


def load(
    name: str | os.PathLike = "vgg16-gap",
    weights: str | os.PathLike | None = None,
    fold: bool = True,
    *,
    classes: Classes | None = None,
    preprocessing: HowPrepared | None = None,
    key: str | None = None,
) -> Model:
    """Load a model with its weights.

    Parameters
    ----------
    name : str or path
        One of `minicnn.ARCHITECTURES` (vgg16-gap ships with its weights, those of vgg16 and vgg19 can be downloaded, the others need a
        file), a description (.toml), which needs a file, too, or a weight file that says itself of which network it is, or whose shapes
        do: a model file, ONNX, Keras' whole models, or weights of a registered architecture.
    weights : path or str, optional
        A weight file of any format that `minicnn.weightfiles` reads, with or without top, for any number of classes, or a model file of
        the same network, whose classes and preprocessing are then the model's. Or the name of a downloaded file, such as "vgg16-notop".
        Without top the network ends with its last pooling layer and has no classes. Published weights of a format have the preprocessing
        that is usual for it.
    fold : bool
        Whether batch normalization is merged into the layers below, which computes the same with fewer layers.
    classes : sequence of str, path or str, optional
        The names of the network's outputs, or where they are: a text with a name in each line, a JSON file, a folder of class folders,
        "imagenet" or "cifar10".
    preprocessing : str, dict or Preprocessing, optional
        How pixels become the network's input: one of `minicnn.PREPROCESSING`, or a table as in a description.
    key : str, optional
        Which of several networks in a PyTorch checkpoint, as for `minicnn.weightfiles.read_weights`.

    Returns
    -------
    Model
        What a file did not say, and was assumed, is in its `origin.assumptions`, and a warning.

    Raises
    ------
    UnknownNameError
        If there is no such model, or not so many classes.
    DescriptionError
        If a description makes no sense, or the preprocessing does not fit the network.
    WeightFileError
        If the weights are missing, damaged, of another network, or a model file that contradicts the description; or if they are given
        alone and do not tell of which network they are.
    """
    kind = kind_of(name)
    path = _weights_path(kind, name, weights)
    file = read_weights(path, key)
    found = _find(kind, name, path, file, classes, preprocessing)
    description = found.description
    network, names = description.network, description.classes
    try:
        arrays = load_arrays(file, network, description.input_shape, description.stated_epsilons)
        matching = matching_assumptions(file, network, description.input_shape, description.stated_epsilons)
    except WeightFileError as error:
        raise WeightFileError(f"{path}: {error}") from None
    if set(arrays) != set(network.arrays):  # without top
        network, names = Model(network).trunk.network, None
    network = network.with_parameters(arrays)
    height, width = description.input_shape[:2]
    if file.description is None and "assumed" in file.metadata:
        matching["arrays"] = file.metadata["assumed"]
    assumptions = told({**found.assumptions, **matching}, path, description.unchecked, name)
    for text in assumptions:
        warnings.warn(text, stacklevel=2)
    origin = Origin(
        path,
        None if kind == "registered" else Path(name),
        fold,
        {**published_metadata(path), **file.metadata},
        _given(description, classes, preprocessing, key),
        assumptions,
    )
    return Model(
        folded(network) if fold else network,
        description.name,
        description.preprocessing,
        names,
        input_size=height if height == width else (height, width),
        origin=origin,
    )


def _find(
    kind: Kind,
    name: str | os.PathLike,
    path: Path | None,
    file: WeightFile | None,
    classes: Classes | None,
    preprocessing: HowPrepared | None,
    guess: bool = False,
) -> Found:
    """Tell which network a name stands for, with a weight file if there is one; what was given goes before what is found."""
    given = {name for name, value in (("classes", classes), ("preprocessing", preprocessing)) if value is not None}
    if kind == "registered":
        architecture = ARCHITECTURES[str(name)]
        found = Found(_of_name(str(name))) if file is None else find_for(architecture, file, str(path))
    elif kind == "description":
        described = read_description(_read_text(Path(name)), str(name))
        found = Found(described if file is None else find_agreed(described, file, str(name), str(path), given))
    else:
        assert file is not None
        found = (guess_network if guess else find_network)(file, str(path))
    description, assumptions = found.description, {what: text for what, text in found.assumptions.items() if what not in given}
    if file is not None and file.modules and "layers" not in assumptions:
        description = agreed_with_modules(description, file, str(path), adapt=kind != "description")
    if preprocessing is not None:
        description = dataclasses.replace(description, preprocessing=read_preprocessing(preprocessing, description.input_shape[2]))
    if classes is not None:
        names = class_names(classes)
        check_classes(names, description.network, description.input_shape)
        description = dataclasses.replace(description, classes=names)
    unchecked = {what: text for what, text in description.unchecked.items() if what not in given}
    return Found(dataclasses.replace(description, unchecked=unchecked), assumptions)


def _of_name(name: str) -> Description:
    """Describe a registered architecture as it is published."""
    architecture = ARCHITECTURES[name]
    shape, classes = (architecture.input_size, architecture.input_size, 3), architecture.class_names()
    return Description(name, architecture.layers(len(classes)), shape, PREPROCESSING[architecture.preprocessing], classes)


def _given(description: Description, classes: Classes | None, preprocessing: HowPrepared | None, key: str | None) -> dict[str, Any]:
    """Return what `load` was given beside the files, such that it can be written down and given again."""
    given: dict[str, Any] = {}
    if classes is not None and description.classes is not None:
        given["classes"] = list(description.classes)
    if preprocessing is not None and description.preprocessing is not None:
        given["preprocessing"] = written_preprocessing(description.preprocessing)
    return given if key is None else {**given, "key": key}


def check_model_place(path: str | os.PathLike, overwrite: bool) -> None:
    """Raise OutputError unless a model file can be written at the path, and is found to be one by its name."""
    if not isinstance(path, (str, os.PathLike)) or Path(path).suffix.lower() not in MODEL_SUFFIXES:
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
    if not isinstance(model, Model):
        raise MinicnnError(f"{model!r} is no model; expected a minicnn.Model, such as minicnn.Model(network, 'my-network')")
    check_model_place(path, overwrite)
    network = model.network
    description = write_description(network, model.input_shape(), model.name, model.preprocessing, model.classes)
    kept = {} if model.origin is None else model.origin.metadata
    if model.origin is not None and model.origin.assumptions:
        kept = {**kept, "assumed": " ".join(model.origin.assumptions)}
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


def _own_path(kind: Kind, name: str | os.PathLike, weights: str | os.PathLike | None) -> Path | None:
    """Find the weights' file that is named: itself, or the given one, by path or as the name of a download; None if none is."""
    if weights is not None and (not isinstance(weights, (str, os.PathLike)) or not os.fspath(weights)):
        raise WeightFileError(f"the weights are {weights!r}; expected the path of a weight file, or the name of a download")
    if kind == "weight file":
        if weights is not None:
            raise WeightFileError(
                f"{name} has weights of its own, so {weights} cannot be loaded with it; name a model or a description (.toml) for it"
            )
        return Path(name)
    if weights is None:
        return None
    return cached_file(PUBLISHED[str(weights)]) if str(weights) in PUBLISHED else Path(weights)


def _weights_path(kind: Kind, name: str | os.PathLike, weights: str | os.PathLike | None) -> Path:
    """Find the weights' file: the one that is named, or else the shipped or downloaded one."""
    if (path := _own_path(kind, name, weights)) is not None:
        return path
    if kind == "description":
        read_description(_read_text(Path(name)), str(name))  # what is wrong with it comes first
        raise WeightFileError(f"{name} describes a network and holds no weights; give a file that has them (--weights FILE, weights=FILE)")
    if (shipped := ARCHITECTURES[str(name)].shipped_weights) is not None:
        return shipped_file(shipped)
    if name in PUBLISHED:
        return cached_file(PUBLISHED[str(name)])
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
