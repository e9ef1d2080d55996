"""What every reader gives back: named layers, in the file's order, with arrays as minicnn lays them out.

Kernels are (height, width, input channels, filters), dense weights (inputs, outputs). Arrays keep the file's number type, and are views of
the file where that is possible, so that a reader takes next to no memory; whoever uses them makes them float32 (`minicnn.models.matching`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from minicnn.errors import WeightFileError

CONVOLUTION, DENSE, BATCH_NORM = KINDS = ("convolution", "dense", "batch_norm")

#: What people call the kinds.
KIND_NAMES = {CONVOLUTION: "convolution", DENSE: "dense layer", BATCH_NORM: "batch normalization"}

#: A compressed file may hold this many times its own size, and some more; weights hardly shrink.
MOST_EXPANSION, EXPANSION_SLACK = 20, 1 << 20

#: What says of a file that minicnn wrote it: the text with the network's description, see `minicnn.models.descriptions`.
DESCRIPTION = "minicnn_description"

#: What the networks that torchvision and timm publish expect.
TORCH_PREPROCESSING = {"colors": "rgb", "scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "deviation": (0.229, 0.224, 0.225)}


@dataclass(frozen=True, eq=False)
class StoredLayer:
    """A layer of a weight file.

    Attributes
    ----------
    name : str
        What the file calls it.
    kind : str
        One of `KINDS`.
    arrays : dict of str to array
        "weight" and "bias", of batch normalization also "mean" and "variance". A layer may lack its biases, a normalization its weight, too.
    epsilon : float or None
        Of batch normalization, where the file says it.
    """

    name: str
    kind: str
    arrays: Mapping[str, np.ndarray]
    epsilon: float | None = None


@dataclass(frozen=True, eq=False)
class Step:
    """A step of a network as a file describes it.

    Attributes
    ----------
    word : str
        "convolution", "relu", "max_pool" and so on, as in descriptions of networks.
    options : dict
        Such as {"size": [3, 3], "stride": [1, 1], "padding": [1, 1]}.
    """

    word: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class WeightFile:
    """All that a weight file says.

    Attributes
    ----------
    format : str
        For people, such as "PyTorch, zip".
    layers : sequence of StoredLayer
    texts : dict of str to str
        What the file says about itself.
    channels_first : bool
        Whether its networks flatten images as C, H, W before their first dense layer, where ours flatten H, W, C.
    preprocessing : dict or None
        What published files of this format expect, {"colors", "scale", "mean", "deviation"}; None if that depends on the network.
    steps : sequence of Step or None
        The whole network, where the file describes it.
    input_shape : (height, width, channels) or None
        The network's input, where the file says it.
    by_alphabet : bool
        Whether the layers are sorted by name, because the file does not tell their order.
    usual_epsilon : float or None
        Of batch normalization, in programs that write this format, where the file does not say it.
    """

    format: str
    layers: Sequence[StoredLayer]
    texts: Mapping[str, str] = field(default_factory=dict)
    channels_first: bool = False
    preprocessing: Mapping[str, object] | None = None
    steps: Sequence[Step] | None = None
    input_shape: tuple[int, int, int] | None = None
    by_alphabet: bool = False
    usual_epsilon: float | None = None

    @property
    def description(self) -> str | None:
        """The description of the network, if minicnn wrote the file."""
        return self.texts.get(DESCRIPTION)


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
                f"{shown(what)} claims {size:,} bytes in a file of {self.file_size:,}; expected weights, which hardly shrink when compressed"
            )


def kind_name(kind: str) -> str:
    """Return what people call a kind of layer."""
    return KIND_NAMES.get(kind, kind)


def stored_layer(name: str, arrays: Mapping[str, np.ndarray], epsilon: float | None = None) -> StoredLayer:
    """Make a layer of the arrays that a file holds for it.

    Raises
    ------
    WeightFileError
        If they are of no kind of layer that minicnn has.
    """
    for key, array in arrays.items():
        if array.dtype.kind != "f" or array.dtype.itemsize > 8:
            raise WeightFileError(f"layer {shown(name)}: its {key} holds {array.dtype}, expected floating-point numbers")
    kind = BATCH_NORM if "mean" in arrays else {4: CONVOLUTION, 2: DENSE}.get(arrays["weight"].ndim if "weight" in arrays else 0)
    known = {"weight", "bias", "mean", "variance"} if kind == BATCH_NORM else {"weight", "bias"}
    outputs = arrays["mean" if kind == BATCH_NORM else "weight"].shape[-1:] if kind else ()
    vectors = [array for key, array in arrays.items() if kind == BATCH_NORM or key == "bias"]
    complete = kind is not None and set(arrays) <= known and (kind != BATCH_NORM or "variance" in arrays)
    if not complete or any(vector.shape != outputs for vector in vectors) or any(0 in array.shape for array in arrays.values()):
        shapes = ", ".join(f"{key} {array.shape}" for key, array in arrays.items())
        raise WeightFileError(
            f"layer {shown(name)} has arrays of shape {shapes or 'nothing'}; expected a kernel and a bias, or those of batch normalization"
        )
    return StoredLayer(name, kind, arrays, epsilon)


def shown(name: object) -> str:
    """Return a name from a file, a number or an error as one line that can be printed, cut if it is long; of other things only what they are."""
    text = str(name) if isinstance(name, (str, bytes, int, Exception)) else f"a {type(name).__name__}"
    text = "".join(character if character.isprintable() else "?" for character in text[:80])
    return text.encode("utf-8", "replace").decode()


def natural_order(name: str) -> list[tuple[int, str]]:
    """Sort "conv2d", "conv2d_2", "conv2d_10" in this order."""
    return [(int(part[:18]), part) if part.isdecimal() and part.isascii() else (-1, part) for part in re.split(r"([0-9]+)", name)]
