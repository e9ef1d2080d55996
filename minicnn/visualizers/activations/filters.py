"""The weights themselves."""

from __future__ import annotations

import numpy as np

from minicnn.errors import MinicnnError, UnknownNameError
from minicnn.layers import Conv2D
from minicnn.models.model import Model
from minicnn.pictures.render import Tiles
from minicnn.pictures.results import Result
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import USUAL, FirstConvolution, Index


@visualizer(
    question="What is a filter?",
    paper="A. Krizhevsky, I. Sutskever, G. E. Hinton, NIPS 2012, figure 3 (the first layer's filters as pictures)",
    if_zero="all weights of this layer are zero; the model may have no weights yet",
)
def filters(
    model: Model,
    layer: FirstConvolution = USUAL,
    *,
    channel: Index | None = None,
    first: int | None = None,
) -> Result:
    """Show the weights of a convolution, filter by filter.

    A filter is a small picture that is laid on every place of the photo; the better it fits, the larger the output. Those of the first
    layer have the photo's three colors and can be seen as they are: edges, stripes and spots of color. Deeper ones have as many
    channels as the layer before has filters, so they are shown averaged over these, or one channel of each. Cost: none, as the network
    is not run.

    Parameters
    ----------
    layer : str
        A convolution. Default: the first.
    channel : int
        Show the filters' weights for this input channel, from 0; in the first layer 0 is blue for the VGG networks, red for alexnet, and
        the title says so. Default: colors in the first layer, else the mean over all.
    first : int
        Show only this many filters. Default: all.

    Returns
    -------
    Result
        Values: "filters", an array (filters, kernel height, kernel width), for colors with a fourth axis in the order red, green, blue;
        and "indices", the filters' numbers.

    Raises
    ------
    UnknownNameError
        If the layer is no convolution.
    MinicnnError
        If it has no such input channel.
    """
    found = model.network.layers[layer]
    if not isinstance(found, Conv2D):
        raise UnknownNameError(f"{layer} has no filters; expected one of the convolutions {', '.join(model.network.of_type(Conv2D))}")
    weight = np.moveaxis(found.weight, 3, 0)[:first]
    inputs, count = found.weight.shape[2:]
    of_input = layer == model.network.first_convolution
    if channel is not None and channel >= inputs:
        raise MinicnnError(f"channel is {channel}; expected 0 to {inputs - 1}, as {layer} has {inputs} input channels")
    if inputs == 1:
        channel = 0
    if of_input and inputs == 3 and channel is None:
        shown, what = model.swap_channels(weight), "in color"
    elif channel is None:
        shown, what = weight.mean(axis=3, dtype=np.float64).astype(weight.dtype), f"mean over {inputs} input channels"
    else:
        shown, what = weight[..., channel], f"input channel {model.color_name(channel) if of_input else channel}"
    indices = np.arange(len(shown))
    which = f"all {count}" if len(shown) == count else f"the first {len(shown)} of {count}"
    title = f"{model.name}: {which} filters of {layer}, {what}"
    tiles = Tiles([str(i) for i in indices], unit="weight", signed=True)
    return Result({"filters": np.ascontiguousarray(shown), "indices": indices}, {"filters": tiles}, title)
