"""A model from a weight file alone: which network it belongs to follows from what it says, or from its shapes."""

from __future__ import annotations

import os
from pathlib import Path

from minicnn.errors import DescriptionError, WeightFileError
from minicnn.layers.base import Shape
from minicnn.models.architectures import ARCHITECTURES
from minicnn.models.files import describe, load
from minicnn.models.matching import load_arrays, match_layers
from minicnn.models.model import Model, Origin
from minicnn.models.specs import LayerSpec, build_network
from minicnn.network.network import Network
from minicnn.weightfiles import WeightFile, read_weights
from minicnn.weightfiles.stored import kind_name


def model_of_file(path: str | os.PathLike, name: str | os.PathLike | None = None) -> Model:
    """Load the model that a weight file belongs to, with batch normalization where it is.

    Parameters
    ----------
    path : path
        A weight file of any format, or a model file.
    name : str or path, optional
        The model, as for `minicnn.load`. Without it a model file, or an ONNX file, says it itself; for others it is the registered
        architecture whose shapes are the file's.

    Raises
    ------
    WeightFileError
        If the file cannot be read, or fits no network.
    UnknownNameError, DescriptionError
        If there is no such model.
    """
    if name is not None:
        return load(name, path, fold=False)
    file = read_weights(path)
    if file.description is not None:
        return load(path, fold=False)
    if (fitting := fitting_name(file)) is not None:
        return load(fitting, path, fold=False)
    try:
        if (described := described_network(file)) is not None:
            network, shape = described
            network = network.with_parameters(load_arrays(file, network, shape))
            return Model(
                network, Path(path).stem, input_size=(shape[0], shape[1]), origin=Origin(Path(path), fold=False, metadata=file.metadata)
            )
    except WeightFileError as error:
        raise WeightFileError(f"{path}: {error}") from None
    counts = {kind: sum(layer.kind == kind for layer in file.layers) for kind in dict.fromkeys(layer.kind for layer in file.layers)}
    found = ", ".join(f"{count} {kind_name(kind, count)}" for kind, count in counts.items())
    raise WeightFileError(
        f"{path} fits none of the models {', '.join(ARCHITECTURES)}: it has {found or 'no layers'}. Describe its network in a TOML file "
        "and name "
        "that (--model FILE.toml)"
    )


def fitting_name(file: WeightFile) -> str | None:
    """Name the registered architecture whose shapes are the file's, or at least begin so if the file has no top; None if there is none.

    Those that ship with weights, and so need no file, come last.
    """
    without_top = None
    for name in sorted(ARCHITECTURES, key=lambda name: ARCHITECTURES[name].shipped_weights is not None):
        description = describe(name)
        try:
            pairs = match_layers(file, description.network, description.input_shape)
        except WeightFileError:
            continue
        if len(pairs) == len(description.network.arrays):
            return name
        without_top = without_top or name
    return without_top


def described_network(file: WeightFile) -> tuple[Network, Shape] | None:
    """Build the network that a file itself describes, without weights, and tell its input's shape; None if the file describes none.

    Raises
    ------
    WeightFileError
        If what it describes makes no sense.
    """
    if file.steps is None or file.input_shape is None:
        return None
    short = {
        "convolution": "conv",
        "batch_norm": "norm",
        "max_pool": "pool",
        "average_pool": "pool",
        "global_average_pool": "gap",
        "dense": "fc",
    }
    specs: dict[str, LayerSpec] = {}
    counts: dict[str, int] = {}
    try:
        for step in file.steps:
            word = short.get(step.word, step.word)
            counts[word] = counts.get(word, 0) + 1
            specs[f"{word}{counts[word]}"] = LayerSpec.of(step.word, step.options)
        return build_network(specs, file.input_shape), file.input_shape
    except DescriptionError as error:
        raise WeightFileError(f"the network in the file does not fit together: {error}") from None
