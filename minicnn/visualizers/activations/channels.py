"""What the channels of one layer found."""

from __future__ import annotations

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.models.model import Model
from minicnn.pictures.render import Tiles
from minicnn.pictures.results import Result
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import USUAL, LayerName, Traced
from minicnn.visualizers.contract.layers import image_output


@visualizer(
    question="What do the layers see?",
    paper="M. D. Zeiler, R. Fergus, arXiv:1311.2901, figure 4",
    if_zero="no channel of this layer found anything; the layers before it may be off",
    report={"top": 40},
)
def channels(model: Model, image: Traced, layer: LayerName = USUAL, *, first: int | None = None, top: int | None = None) -> Result:
    """Show each channel of one layer as a picture of its own.

    A channel is the output of one filter at every place of the photo: bright where its pattern is. Near the photo the patterns are
    edges and colors, further up they are parts of things. All pictures have one color scale; a cross marks a channel that found
    nothing anywhere on this photo. Cost: about 1 forward pass.

    Parameters
    ----------
    layer : str
        Default: the last convolution, after its ReLU.
    first : int
        Show only this many channels, in their order. Default: all.
    top : int
        Show only this many, those with the largest mean, the strongest first. Default: all, in their order.

    Returns
    -------
    Result
        Values: "channels", an array (channels, height, width) in the layer's units, and "indices", the channels' numbers.

    Raises
    ------
    ShapeError
        If the layer's output is no image.
    MinicnnError
        If both `first` and `top` are given.
    """
    if first is not None and top is not None:
        raise MinicnnError(
            f"got first={first} and top={top}; expected one of them, as one shows the first channels and the other the strongest"
        )
    maps = np.moveaxis(image_output(image, layer), 2, 0)
    count = len(maps)
    off = maps.max(axis=(1, 2)) <= 0
    indices = np.arange(count) if top is None else np.argsort(-maps.mean(axis=(1, 2)), kind="stable")
    indices = indices[: first or top]
    shown = np.ascontiguousarray(maps[indices])
    which = f"its {len(indices)} strongest" if top is not None else f"the first {len(indices)}" if len(indices) < count else "all"
    title = f"{model.name}: channels of {layer}, {which} of {count}" if which != "all" else f"{model.name}: all {count} channels of {layer}"
    tiles = Tiles([str(i) for i in indices], marked=np.flatnonzero(off[indices]).tolist(), unit="output", signed=bool(shown.min() < 0))
    text = f"{off.sum()} of the {count} channels of {layer} are off everywhere on this photo: their output is nowhere above 0."
    return Result({"channels": shown, "indices": indices}, {"channels": tiles}, title, text=text, beside_photo=False)
