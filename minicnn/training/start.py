"""What a training starts from: random weights, or those of another network, as far as they fit.

A new last layer on trained ones starts with zeros: every class is as likely as every other. With random weights its answers, and so the
first gradients, would be large and wrong, and spoil the layers below before it has learned anything itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minicnn.errors import DescriptionError, ShapeError, WeightFileError, listed
from minicnn.files.published import PUBLISHED
from minicnn.geometry import as_pair
from minicnn.layers import BatchNorm, Dense, Layer
from minicnn.layers.options import placeholder
from minicnn.models.architectures import ARCHITECTURES
from minicnn.models.classes import ClassNames
from minicnn.models.descriptions import Description
from minicnn.models.files import HowPrepared, Kind, describe, kind_of, load
from minicnn.models.model import Model
from minicnn.network.initialize import he_initialized
from minicnn.network.network import Network
from minicnn.pictures.photos import Preprocessing
from minicnn.weightfiles import read_weights


@dataclass(frozen=True, eq=False)
class Start:
    """A model that is to be trained.

    Attributes
    ----------
    model : Model
        With batch normalization where it was, and with the classes in the order of its outputs.
    source : Model or None
        Whose weights it has; None if all are random.
    fresh : tuple of str
        The layers whose weights are new.
    """

    model: Model
    source: Model | None
    fresh: tuple[str, ...]

    def __str__(self) -> str:
        if self.source is None:
            return "random weights"
        origin = self.source.origin
        name = self.source.name if origin is None else origin.weights.name
        return f"the weights of {name}{f', new ones in {listed(self.fresh)}' if self.fresh else ''}"


def start_training(
    name: str | os.PathLike,
    classes: Sequence[str],
    weights: str | os.PathLike | None = None,
    seed: int = 0,
    size: int | tuple[int, int] | None = None,
    *,
    preprocessing: HowPrepared | None = None,
    key: str | None = None,
) -> Start:
    """Make a model that is to be trained.

    Parameters
    ----------
    name : str or path
        As for `minicnn.load`. An architecture that is registered, or a model file, gets as many outputs as there are classes. A model
        file's training goes on; the others have random weights.
    classes : sequence of str
        If they are those of the description, or of the weights, only in another order, that order is kept.
    weights : path, optional
        To start from instead of random weights, or the name of a model that has them. Layers that do not fit are left out, and so is the
        last one if the classes are others, or the description has them in another order; a dense last layer then starts with zeros.
    seed : int
        For the random weights; see `minicnn.network.initialize`.
    size : int or (height, width), optional
        Of the photos, in pixels, if not what the network is for by itself.
    preprocessing, key
        As for `minicnn.load`; without a preprocessing it is the description's, the weights' or the architecture's.

    Returns
    -------
    Start

    Raises
    ------
    ShapeError
        If the network has another number of outputs than there are classes.
    DescriptionError
        If the network knows no preprocessing, or its description names other classes.
    WeightFileError
        If no layer of the weights fits.
    MinicnnError
        As for `minicnn.load`.
    """
    kind = kind_of(name)
    description = describe(name, preprocessing=preprocessing, key=key if kind == "weight file" else None)
    channels = description.input_shape[2]
    height, width = description.input_shape[:2] if size is None else as_pair(size, "size", 1)
    stated = description.classes if kind == "description" else None
    if stated is not None and not _same_names(stated, classes):
        raise DescriptionError(
            f"{name} names the classes {listed(stated)}, and there are photos of {listed(classes)}; let them be the same, or leave the "
            "classes out of the description"
        )
    network = _outputs_for(kind, name, description, height if height == width else None, len(classes))
    last, shape = list(network.shapes((height, width, channels)).items())[-1]
    if shape != (len(classes),):
        raise ShapeError(
            f"{name}: {last} has {shape[0] if len(shape) == 1 else shape} outputs, and there are photos of {len(classes)} "
            f"class{'es' * (len(classes) > 1)}; expected as many"
        )
    source = _source(kind, name, weights, key)
    network = he_initialized(network if source is None else _with_own_layers_of(network, source.network), seed)
    fresh = tuple(network.arrays)
    named = [names for names in (stated, None if source is None else source.classes) if names is not None]
    ordered: Sequence[str] = next((names for names in named if _same_names(names, classes)), classes)
    if source is not None:
        same_outputs = source.classes is None or list(source.classes) == list(ClassNames(ordered))
        network, fresh = _with_weights_of(network, source.network, () if same_outputs else (last,))
    chosen = description.preprocessing if preprocessing is not None else _preprocessing(kind, name, description, source)
    return Start(Model(network, description.name, chosen, ordered, height if height == width else (height, width)), source, fresh)


def _outputs_for(kind: Kind, name: str | os.PathLike, description: Description, side: int | None, count: int) -> Network:
    """Build the network with so many outputs, as far as that may be chosen, without weights."""
    if kind == "registered":
        return ARCHITECTURES[str(name)].network(side, count)
    last, layer = list(description.network.layers.items())[-1]
    if kind == "description" or not isinstance(layer, Dense) or layer.bias.size == count:
        return description.network
    return description.network.with_parameters({last: {"weight": placeholder(len(layer.weight), count), "bias": placeholder(count)}})


def _source(kind: Kind, name: str | os.PathLike, weights: str | os.PathLike | None, key: str | None) -> Model | None:
    """Load what the training starts from: a model that says itself what it is, or else weights for the named network."""
    if kind == "weight file" or weights is None:
        return load(name, weights, fold=False, key=key) if kind == "weight file" else None
    if str(weights) in ARCHITECTURES:
        return load(str(weights), fold=False)
    if str(weights) not in PUBLISHED and read_weights(weights, key).description is not None:
        return load(weights, fold=False)
    return load(name, weights, fold=False, key=key)


def _with_own_layers_of(network: Network, source: Network) -> Network:
    """Return the network with another one's arrays in layers of one's own that do not say what they start from."""
    silent = [name for name, layer in network.layers.items() if layer.arrays and type(layer).initial_arrays is Layer.initial_arrays]
    return network.with_parameters({name: source.layers[name].arrays for name in silent if name in source.layers})


def _with_weights_of(network: Network, source: Network, without: Sequence[str]) -> tuple[Network, tuple[str, ...]]:
    """Return the network with another one's arrays where a layer has the same name and they fit; and the names of all other layers."""
    taken: dict[str, dict[str, Any]] = {}
    for name, arrays in network.arrays.items():
        layer, other = network.layers[name], source.layers.get(name)
        if other is None or type(other) is not type(layer) or name in without:
            continue
        if all(array.shape == arrays[key].shape for key, array in other.arrays.items()):
            taken[name] = {**other.arrays, **({"epsilon": other.epsilon} if isinstance(other, BatchNorm) else {})}
    fresh = tuple(name for name in network.arrays if name not in taken)
    if not taken:
        raise WeightFileError(
            f"no layer of the weights to start from, {listed(tuple(source.arrays))}, fits one of the network's, {listed(fresh)}"
        )
    last, top = list(network.layers.items())[-1]
    if last in fresh and isinstance(top, Dense):
        taken[last] = {"weight": np.zeros_like(top.weight)}
    return network.with_parameters(taken), fresh


def _preprocessing(kind: Kind, name: str | os.PathLike, description: Description, source: Model | None) -> Preprocessing:
    """Choose what a description says, or else what the weights have been trained with, or else what is usual for the architecture."""
    theirs = None if source is None else source.preprocessing
    found = [
        choice
        for choice in ((description.preprocessing, theirs) if kind == "description" else (theirs, description.preprocessing))
        if choice is not None
    ]
    fitting = next((choice for choice in found if len(choice.names) == description.input_shape[2]), None)
    if fitting is None:
        raise DescriptionError(
            f"{name} does not say how pixels become the network's input; give it a preprocessing, such as --preprocessing torch "
            '(preprocessing="torch"; in a description preprocessing = "torch")'
        )
    return fitting


def _same_names(one: Sequence[str], other: Sequence[str]) -> bool:
    """Tell whether two lists hold the same class names, in whatever order."""
    return sorted(ClassNames(one)) == sorted(ClassNames(other))
