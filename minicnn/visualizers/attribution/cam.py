"""Class activation maps: where in the photo a layer found the class.

Each channel of a layer is a coarse map of where it found its pattern. All methods of the family add these maps up, keep what is above 0,
and differ only in the weights, with A the channel's map and g the gradient of the class score with respect to it:

    ==========  ==========================================================================
    method      weight of a channel
    ==========  ==========================================================================
    Grad-CAM    mean of g
    Grad-CAM++  sum of relu(g) / (2 + relu(g) sum(A))
    Layer-CAM   relu(g), one weight for each position
    Score-CAM   softmax, over the channels, of the score when A is what is left of the photo
    ==========  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.layers import ReLU
from minicnn.models.model import Model
from minicnn.network.network import Network, Trace
from minicnn.network.objectives import Output, class_gradients, class_values
from minicnn.network.probability import softmax
from minicnn.pictures.render import Overlay, stretch
from minicnn.pictures.results import Result
from minicnn.visualizers.attribution.gradients import warn_if_saturated
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import LIKELIEST, USUAL, BatchSize, Classes, LayerKind, LayerName, Progress, Target, Traced
from minicnn.visualizers.contract.layers import image_output

NOTHING_FOR_IT = "at this layer nothing speaks for the class anywhere; its channels are off, or all count against it"


def last_rectified(network: Network) -> str:
    """Return the last ReLU whose output is an image; without any, the last convolution."""
    rectified = [name for name in network.of_type(ReLU) if name in network.image_layers]
    return rectified[-1] if rectified else network.last_convolution


LastRectified = Annotated[str, LayerKind(last_rectified)]


@visualizer(
    question="What mattered for this answer?",
    paper="R. R. Selvaraju et al., arXiv:1610.02391, equations 1 and 2",
    if_zero=NOTHING_FOR_IT,
    attribution="large",
)
def grad_cam(
    model: Model,
    image: Traced,
    target: Target = LIKELIEST,
    layer: LayerName = USUAL,
    *,
    also: Classes = (),
    output: Output = "logit",
) -> Result:
    """Show where a layer's channels speak for the class.

    Each channel of the layer is a coarse map of where it found its pattern. They are added up, each weighted with how much the class
    score grows with it on average, and only what speaks for the class is kept. The result is coarse, one number for each of the
    layer's units, and is stretched over the photo. At the last layer before global average pooling it is the map of the original CAM;
    further down the average gradient says less about a single place, and maps get vague. Cost: about 1 forward pass for all classes.

    Returns
    -------
    Result
        Values: array (rows, columns) of the layer's output, at least 0, in score; with further classes one for each, by name.

    Raises
    ------
    ShapeError
        If the layer's output is no image.
    """
    maps, found = gradient_cam(image, (target, *also), layer, output, mean_gradient)
    return _result(model, maps, "Grad-CAM", layer, f"contribution to the {output}", found)


@visualizer(
    name="grad-cam++",
    question="What mattered for this answer?",
    paper="A. Chattopadhay et al., arXiv:1710.11063, section 3",
    if_zero=NOTHING_FOR_IT,
    attribution="large",
)
def grad_cam_plus_plus(
    model: Model, image: Traced, target: Target = LIKELIEST, layer: LastRectified = USUAL, *, also: Classes = ()
) -> Result:
    """Show where a layer's channels speak for the class, small and repeated objects as well as large ones.

    As Grad-CAM, but a channel's weight is a sum over the places where the score grows with it, divided by how active the channel is in
    total. So a channel that is on in a few places counts as much as one that is on all over, and a second animal is not drowned by the
    first. What counts against the class is left out. The paper derives the weights for the exponential of the score; that only
    multiplies the whole map by a constant, which overflows for large scores and is left out here. Without what counts against a class,
    the maps of different classes look more alike than Grad-CAM's. Cost: about 1 forward pass for all classes.

    Parameters
    ----------
    layer : str
        A layer whose output is an image with no number below 0. Default: the last ReLU's.

    Returns
    -------
    Result
        Values: array (rows, columns) of the layer's output, at least 0, without a unit; with further classes one for each, by name.

    Raises
    ------
    ShapeError
        If the layer's output is no image.
    MinicnnError
        If it has numbers below 0, for which the weights are not defined.
    """

    def weights(activations: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        if activations.min() < 0:
            raise MinicnnError(f"the output of layer {layer} goes down to {activations.min():.3g}; expected a layer after a ReLU")
        positive = np.maximum(gradient, 0)
        return (positive / (2 + positive * activations.sum(axis=(0, 1)))).sum(axis=(0, 1))

    maps, _ = gradient_cam(image, (target, *also), layer, "logit", weights)
    return _result(model, maps, "Grad-CAM++", layer, "weighted activation")


@visualizer(
    question="What mattered for this answer?",
    paper="P.-T. Jiang et al., LayerCAM, IEEE Transactions on Image Processing 30, 2021",
    if_zero=NOTHING_FOR_IT,
    attribution="large",
)
def layer_cam(
    model: Model,
    image: Traced,
    target: Target = LIKELIEST,
    layer: LayerName = USUAL,
    *,
    also: Classes = (),
    output: Output = "logit",
) -> Result:
    """Show where a layer's channels speak for the class, place by place, so that shallow layers can be used too.

    As Grad-CAM, but each place of a channel has a weight of its own: how much the score grows with that very number, if it does. In a
    deep layer the two look alike. In a shallow one, such as relu3_3, Grad-CAM's mean over all places says little, and this still
    finds the class, in finer detail and with more noise. What counts against the class is left out before it could cancel what speaks for
    it, so the map does not add up to anything. Cost: about 1 forward pass for all classes, at shallow layers up to 2 for each.

    Returns
    -------
    Result
        Values: array (rows, columns) of the layer's output, at least 0, in score; with further classes one for each, by name. The
        paper brightens the maps of shallow layers with a tanh before it mixes them; that is left out.

    Raises
    ------
    ShapeError
        If the layer's output is no image.
    """
    maps, found = gradient_cam(image, (target, *also), layer, output, lambda activations, gradient: np.maximum(gradient, 0))
    return _result(model, maps, "Layer-CAM", layer, f"contribution to the {output}", found)


@visualizer(
    question="What mattered for this answer?",
    paper="H. Wang et al., arXiv:1910.01279, section 3",
    if_zero="every channel of this layer is off, or the same everywhere",
    report={"channels": 32},
    quick={"channels": 8},
    attribution="large",
)
def score_cam(
    model: Model,
    image: Traced,
    target: Target = LIKELIEST,
    layer: LayerName = USUAL,
    *,
    also: Classes = (),
    channels: int = 256,
    batch_size: BatchSize = 8,
    progress: Progress | None = None,
) -> Result:
    """Show where a layer's channels speak for the class, by trying them out instead of asking the gradient.

    Each channel's map, scaled to 0 to 1 and stretched over the photo, is used as a stencil: only where the channel is on does the
    photo stay, the rest fades to the mean color. How much the logit of the class then lies above that of a baseline image is the
    channel's worth, and a softmax over the channels makes weights of it. No channel counts against the class, and where the worths
    are alike the map is little more than the mean of all channels, whatever the class: the text says how many carry it. Cost: a bit
    more than 1 forward pass for each channel that is tried.

    Parameters
    ----------
    also : sequence of str or int
        Further classes, to be shown beside the first, on the same scale; they cost nothing, as every stencil is tried for all at once.
    channels : int
        Try only so many channels, those whose maps vary most (standard deviation), and leave the others out.

    Returns
    -------
    Result
        Values: array (rows, columns) of the layer's output, at least 0, in the layer's units, as the weights add up to 1; with
        further classes one for each, by name.

    Raises
    ------
    ShapeError
        If the layer's output is no image.
    """
    activations = image_output(image, layer)
    chosen = activations[..., np.argsort(-activations.std(axis=(0, 1)), kind="stable")[:channels]]
    spread = np.ptp(chosen, axis=(0, 1))
    live = spread > 0
    # A channel that is the same everywhere has an empty stencil, so its worth is known: 0. The first stencil gives the baseline's.
    stencils = np.zeros((*chosen.shape[:2], 1 + live.sum()), chosen.dtype)
    stencils[..., 1:] = (chosen[..., live] - chosen[..., live].min(axis=(0, 1))) / spread[live]
    logits = _through_stencils(model, image.input, stencils, batch_size, progress)
    maps = {}
    for index in dict.fromkeys((target, *also)):
        scores, _ = class_values(logits, index)
        worth = np.zeros_like(spread)
        worth[live] = scores[1:] - scores[0]
        weights = softmax(worth[None])[0]
        maps[index] = np.maximum((weights * chosen).sum(axis=2), 0)
        if index == target:
            text = _concentration(weights, worth, live, activations.shape[2])
    return _result(model, maps, "Score-CAM", layer, "weighted activation", text=text)


def _through_stencils(model: Model, image: np.ndarray, stencils: np.ndarray, batch_size: int, progress: Progress | None) -> np.ndarray:
    """Compute the logits (stencils, classes) of the photo seen through each of some coarse stencils (rows, columns, stencils)."""
    height, width = image.shape[1:3]
    total = stencils.shape[2]
    logits = []
    for start in range(0, total, batch_size):
        some = np.moveaxis(stencils[..., start : start + batch_size], 2, 0)
        masks = np.stack([stretch(stencil, height, width) for stencil in some]).astype(image.dtype)
        logits.append(model.network(image * masks[..., None]))
        if progress:
            progress(start + len(some), total)
    return np.concatenate(logits)


def _concentration(weights: np.ndarray, worth: np.ndarray, live: np.ndarray, count: int) -> str:
    """Say in words how many channels carry the map."""
    needed = int(np.searchsorted(np.cumsum(np.sort(weights)[::-1]), 0.9)) + 1
    channels = "channel carries" if needed == 1 else "channels carry"
    return (
        f"{int(live.sum())} of {count} channels were tried; the best raises the logit by {worth.max():.3g} over a baseline image's. "
        f"{needed} {channels} 90 % of the weight."
    )


def gradient_cam(
    trace: Trace,
    classes: Sequence[int],
    layer: str,
    output: Output,
    weights: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> tuple[dict[int, np.ndarray], list[str]]:
    """Make the maps of some classes with weights that depend on a layer's output and its gradient.

    Parameters
    ----------
    trace : Trace
        Of one image.
    classes : sequence of int
    layer : str
    output : {"logit", "probability", "log-probability"}
    weights : function
        From two arrays (rows, columns, channels) to the weights, (channels,) or (rows, columns, channels).

    Returns
    -------
    maps : dict of int to array (rows, columns)
        By class, at least 0.
    warnings : list of str

    Raises
    ------
    ShapeError
        If the layer's output is no image.
    """
    activations = image_output(trace, layer)
    maps: dict[int, np.ndarray] = {}
    found: list[str] = []
    for index in dict.fromkeys(classes):
        score, gradients = class_gradients(trace, index, output)
        maps[index] = np.maximum((weights(activations, gradients[layer][0]) * activations).sum(axis=2), 0)
        found += warn_if_saturated(score, output)
    return maps, found


def mean_gradient(activations: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Weight each channel as Grad-CAM does."""
    return gradient.mean(axis=(0, 1))


def _result(
    model: Model, maps: Mapping[int, np.ndarray], method: str, layer: str, unit: str, warnings: Sequence[str] = (), text: str = ""
) -> Result:
    """Show one map, or several, by the indices of their classes, side by side on one scale."""
    names = [model.class_name(index) for index in maps]
    names = [name if names.count(name) == 1 else f"{name} ({index})" for name, index in zip(names, maps)]
    title = f"{method} for {', '.join(names)} at {layer}"
    values = dict(zip(names, maps.values())) if len(maps) > 1 else next(iter(maps.values()))
    together = np.stack(list(maps.values()))
    display = Overlay(unit, low=float(together.min()), high=float(together.max()))
    return Result(values, display, title, text=text, warnings=tuple(dict.fromkeys(warnings)))
