"""Whether a file's arrays have the shapes of a layer's.

Three things may be otherwise there, and are turned:

- Files whose networks flatten images as C, H, W have the rows of their first dense layer, and the numbers of a batch normalization before
  it, in that order; ours flatten H, W, C.
- A convolution over all that reaches it is a dense layer, written differently; where a file has such ones at its end in place of the
  network's dense layers, they are taken for these.
- Kernels of depthwise convolutions are (height, width, channels, filters of each channel) in Keras, where ours are (height, width, 1,
  filters).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.layers import Conv2D, Layer
from minicnn.layers.base import Shape
from minicnn.network.graph import INPUT
from minicnn.network.network import Network
from minicnn.weightfiles import StoredLayer
from minicnn.weightfiles.stored import BATCH_NORM, CONVOLUTION, DENSE, shown

#: What arrays are that a file leaves out, because the layer does without them.
LEFT_OUT = {"weight": 1.0, "bias": 0.0, "mean": 0.0, "variance": 1.0}

#: What to do about a file that does not fit.
ADVICE = "Name the model that the file was made for (--model), or describe its network in a text (.toml)"


@dataclass(frozen=True, eq=False)
class Pair:
    """A layer of a network and the file's layer for it, whose arrays are in order but have not been read."""

    name: str
    layer: Layer
    stored: StoredLayer


def flattened(network: Network, name: str, input_shape: Shape) -> Shape | None:
    """Tell the shape of the image whose numbers, flattened, reach a layer; None if others do."""
    below = network.inputs[name][0]
    while below != INPUT and network.layers[below].described("elementwise"):
        below = network.inputs[below][0]
    if below == INPUT or network.layers[below].word != "flatten":
        return None
    return {INPUT: tuple(input_shape), **network.shapes(input_shape)}[network.inputs[below][0]]


def misfit(pair: Pair, image: Shape | None) -> str | None:
    """Say which array of a file's layer has another shape than the network's layer; None if it has all, up to those that can be left out.

    `image` is the shape of the image whose numbers, flattened, reach the layer; None if others do.
    """
    if surplus := pair.stored.arrays.keys() - pair.layer.arrays.keys():
        return (
            f"{shown(pair.stored.name)} has a {' and a '.join(sorted(surplus))}, expected none for {pair.name}, a {pair.layer.word} "
            "without (use_bias = false)"
        )
    for key, expected in pair.layer.arrays.items():
        left_out = expected.shape[-1:] if key in LEFT_OUT else ()
        found = pair.stored.arrays[key].shape if key in pair.stored.arrays else left_out
        if found != expected.shape and not _stands_for(found, expected.shape, pair, image):
            return f"the {key} of {shown(pair.stored.name)} has shape {found}, expected {expected.shape} for {pair.name}"
    return None


def in_our_order(pair: Pair, image: Shape | None, channels_first: bool) -> Pair:
    """Compare the shapes of a file's arrays with the layer's, and view those of a layer that sees a flattened image in our order.

    They then begin with the axes (height, width, channels), as the kernel of a convolution over the whole image does from the beginning.

    Raises
    ------
    WeightFileError
        If a shape is another one.
    """
    if (fault := misfit(pair, image)) is not None:
        raise WeightFileError(f"{fault}. {ADVICE}")
    arrays = {
        key: np.broadcast_to(np.float32(LEFT_OUT[key]), array.shape[-1:]) for key, array in pair.layer.arrays.items() if key in LEFT_OUT
    }
    arrays |= pair.stored.arrays
    if image is not None and channels_first:
        height, width, channels = image
        for key, array in arrays.items():
            if array.ndim < 4 and (key != "bias" or pair.layer.word == BATCH_NORM):  # the biases of a dense layer belong to its outputs
                arrays[key] = np.moveaxis(array.reshape(channels, height, width, *array.shape[1:]), 0, 2)
    return Pair(pair.name, pair.layer, dataclasses.replace(pair.stored, arrays=arrays))


def _stands_for(found: Shape, expected: Shape, pair: Pair, image: Shape | None) -> bool:
    """Tell whether an array of another shape has the numbers of a layer's, in their order."""
    layer = pair.layer
    if layer.word == DENSE:  # a convolution over all that reaches it
        return len(found) == 4 and found == (*(image or (1, 1, expected[0])), *expected[1:])
    if pair.stored.depthwise is None and isinstance(layer, Conv2D) and is_depthwise(layer):
        return found == (*expected[:2], layer.groups, layer.bias.size // layer.groups)
    return layer.word == CONVOLUTION and expected == (1, 1, *found)  # a dense layer that sees each pixel


def is_depthwise(layer: Layer) -> bool:
    """Tell whether a layer is a convolution in which no channel sees another."""
    return isinstance(layer, Conv2D) and layer.groups > 1 and layer.weight.shape[2] == 1
