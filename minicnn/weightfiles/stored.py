"""What every reader gives back: named layers, in the file's order, with arrays as minicnn lays them out.

Kernels are (height, width, input channels, filters), dense weights (inputs, outputs). Arrays keep the file's number type, and are views
of the file where that is possible, so that a reader takes next to no memory; `minicnn.models.matching` makes them float32.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from minicnn.errors import WeightFileError, printable

#: The kinds of layers that every format can hold, by their words in descriptions of networks.
CONVOLUTION, DENSE, BATCH_NORM = KINDS = ("convolution", "dense", "batch_norm")

#: Any other layer, with arrays of any names and shapes; which one, only a network tells that has a layer of this name.
OTHER = "other"

#: What people call them, one and several.
KIND_NAMES = {
    CONVOLUTION: ("convolution", "convolutions"),
    DENSE: ("dense layer", "dense layers"),
    BATCH_NORM: ("batch normalization", "batch normalizations"),
    OTHER: ("other layer", "other layers"),
}

#: How the layers of a file are sorted, see `WeightFile`.
Order = Literal["run", "kind", "definition", "alphabet"]

#: A compressed file may hold this many times its own size, and some more; weights hardly shrink.
MOST_EXPANSION, EXPANSION_SLACK = 20, 1 << 20

#: The metadata by which a file says that minicnn wrote it: the network's description, see `minicnn.models.descriptions`.
DESCRIPTION = "minicnn_description"


@dataclass(frozen=True, eq=False)
class StoredLayer:
    """A layer of a weight file.

    Attributes
    ----------
    name : str
        What the file calls it.
    kind : str
        One of `KINDS`, or `OTHER`.
    arrays : dict of str to array
        "weight" and "bias", of batch normalization also "mean" and "variance". A layer may lack its biases, a normalization its weight,
        too. Of other kinds whatever the layer has, by its own names.
    epsilon : float or None
        Of batch normalization, where the file says it.
    depthwise : bool or None
        Whether the file says that it is a depthwise convolution; None if it may be one, and its kernel then is (height, width, channels,
        filters of each channel), as Keras has it.
    """

    name: str
    kind: str
    arrays: Mapping[str, np.ndarray]
    epsilon: float | None = None
    depthwise: bool | None = False


@dataclass(frozen=True, eq=False)
class Step:
    """A step of a network as a file describes it.

    Attributes
    ----------
    word : str
        "convolution", "relu", "max_pool" and so on, as in descriptions of networks.
    options : dict
        Such as {"size": [3, 3], "stride": [1, 1], "padding": [1, 1]}.
    name : str
        What the file calls it; empty if it does not say.
    inputs : tuple of int
        The places of the steps that it takes, from 0 on, all before its own, or -1 for the network's input; empty for the step before.
    """

    word: str
    options: Mapping[str, object] = field(default_factory=dict)
    name: str = ""
    inputs: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Module:
    """A part of a network as a file describes it that does not tell where it runs: a module of PyTorch.

    Attributes
    ----------
    name : str
        What the file calls it, as the layer of its weights if it has some.
    said : str
        What it is, for people, by the file's words.
    own : bool
        Whether its class is PyTorch's own, of which it is known what it computes.
    word : str or None
        "convolution", "relu" and so on, as in descriptions of networks; None if it is none of these.
    options : dict
        Those that the file says.
    """

    name: str
    said: str
    own: bool = True
    word: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class WeightFile:
    """All that a weight file says.

    Attributes
    ----------
    format : str
        For people, such as "PyTorch, zip".
    layers : sequence of StoredLayer
    metadata : dict of str to str
        What the file says about itself.
    channels_first : bool
        Whether its networks flatten images as C, H, W before their first dense layer, where ours flatten H, W, C.
    preprocessing : str or dict or None
        The name of what published files of this format expect, see `minicnn.pictures.photos.PREPROCESSING`, or what the file itself says,
        as a table of descriptions: {"colors": "rgb", "scale": 1.0, "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}; None if neither is
        known.
    steps : sequence of Step or None
        The whole network, where the file describes it.
    input_shape : (height, width, channels) or None
        The network's input, where the file says it.
    order : str
        How the layers are sorted: "run", as they run; "kind", those of each kind as they run; "definition", as the program that wrote the
        file has defined them, which need not be how they run; "alphabet", by name, because the file does not tell an order.
    usual_epsilon : float or None
        Of batch normalization, in programs that write this format, where the file does not say it.
    modules : sequence of Module
        The parts of the network, in the order in which the program that wrote the file has defined them, where the file says them.
    """

    format: str
    layers: Sequence[StoredLayer]
    metadata: Mapping[str, str] = field(default_factory=dict)
    channels_first: bool = False
    preprocessing: str | Mapping[str, object] | None = None
    steps: Sequence[Step] | None = None
    input_shape: tuple[int, int, int] | None = None
    order: Order = "run"
    usual_epsilon: float | None = None
    modules: Sequence[Module] = ()

    @property
    def description(self) -> str | None:
        """The description of the network, if minicnn wrote the file."""
        return self.metadata.get(DESCRIPTION)


class Budget:
    """Memory that the arrays of a file may take; guards against files that claim to hold far more than they do.

    Parameters
    ----------
    file_size : int
    """

    def __init__(self, file_size: int):
        self.file_size = file_size
        self.left = MOST_EXPANSION * file_size + EXPANSION_SLACK

    def take(self, size: int, what: str) -> None:
        """Raise WeightFileError if there is not so much left."""
        self.left -= size
        if self.left < 0:
            raise WeightFileError(
                f"{shown(what)} claims {size:,} bytes in a file of {self.file_size:,}; expected weights, which hardly shrink when "
                "compressed"
            )


def kind_name(kind: str, count: int = 1) -> str:
    """Name a kind of layer for people, in the plural unless the count is 1: "dense layer", "dense layers"."""
    return KIND_NAMES[kind][count != 1]


def stored_layer(name: str, arrays: Mapping[str, np.ndarray], epsilon: float | None = None) -> StoredLayer:
    """Make a layer of the arrays that a file holds for it.

    Raises
    ------
    WeightFileError
        If they are of none of the `KINDS`, or the epsilon is none.
    """
    check_arrays(name, arrays)
    if epsilon is not None and not 0 < epsilon < math.inf:
        raise WeightFileError(f"layer {shown(name)} has epsilon {epsilon:g}; expected a finite number above 0. Get the file again")
    kind = kind_of_arrays(arrays)
    if kind is None:
        shapes = ", ".join(f"{key} {array.shape}" for key, array in arrays.items())
        raise WeightFileError(
            f"layer {shown(name)} has arrays of shape {shapes or 'nothing'}; expected a kernel and a bias, or those of batch normalization"
        )
    return StoredLayer(name, kind, arrays, epsilon)


def kind_of_arrays(arrays: Mapping[str, np.ndarray]) -> str | None:
    """Tell by names and shapes which of the `KINDS` a layer's arrays are of; None if of none."""
    kind = BATCH_NORM if "mean" in arrays else {4: CONVOLUTION, 2: DENSE}.get(arrays["weight"].ndim if "weight" in arrays else 0)
    if kind is None:
        return None
    if kind == BATCH_NORM:
        known, vectors = {"weight", "bias", "mean", "variance"}, list(arrays.values())
        outputs, complete = arrays["mean"].shape[-1:], "variance" in arrays
    else:
        known, vectors = {"weight", "bias"}, [array for key, array in arrays.items() if key == "bias"]
        outputs, complete = arrays["weight"].shape[-1:], True
    return kind if complete and set(arrays) <= known and all(vector.shape == outputs for vector in vectors) else None


def check_arrays(name: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise WeightFileError unless all arrays of a layer can be attributes and hold floating-point numbers of at most 64 bits."""
    for key, array in arrays.items():
        if not key.isidentifier():
            raise WeightFileError(f"layer {shown(name)} has an array called {shown(key)!r}; expected a name that an attribute can have")
        if array.dtype.kind != "f" or array.dtype.itemsize > 8:
            raise WeightFileError(f"layer {shown(name)}: its {shown(key)} holds {array.dtype}, expected floating-point numbers")
        if array.size == 0:
            raise WeightFileError(
                f"layer {shown(name)}: its {shown(key)} has shape {array.shape} and is empty; expected an array of numbers"
            )


def shown(name: object) -> str:
    """Return a name from a file, a number or an error as one printable line, cut if it is long; for other things only their type."""
    text = str(name) if isinstance(name, (str, bytes, int, Exception)) else f"a {type(name).__name__}"
    return printable(text[:80])


def natural_order(name: str) -> list[tuple[int, str]]:
    """Sort "conv2d", "conv2d_2", "conv2d_10" in this order."""
    return [(int(part[:18]), part) if part.isdecimal() and part.isascii() else (-1, part) for part in re.split(r"([0-9]+)", name)]
