"""Where in the photo the last layers found the class."""

from __future__ import annotations

import numpy as np

from minicnn.model import Model
from minicnn.objectives import class_score
from minicnn.render import Overlay
from minicnn.results import Result
from minicnn.visualizers.gradients import warn_if_saturated
from minicnn.visualizers.registry import check_image_output, visualizer
from minicnn.visualizers.saliency import Output


@visualizer(
    question="What mattered for this answer?",
    paper="R. R. Selvaraju et al., arXiv:1610.02391, equations 1 and 2",
    if_zero="at this layer nothing speaks for the class anywhere; its channels are off, or all count against it",
    saves=(".png", ".npy", ".npz"),
    important="large",
)
def grad_cam(
    model: Model, image, target: str | int | None = None, layer: str | None = None, *, output: Output = "logit"
) -> Result:
    """Show where a layer's channels speak for the class.

    Each channel of the layer is a coarse map of where it found its pattern. They are added up, each weighted with how much the class
    score grows with it on average, and only what speaks for the class is kept. The result is coarse, one number for each of the
    layer's units, and is stretched over the photo.

    Parameters
    ----------
    model : Model
    image : photo
    target : str or int
        The class, by name or index. Default: the likeliest.
    layer : str
        A layer whose output is an image. Default: the last convolution, after its ReLU.
    output : {"logit", "probability", "log-probability"}
        What is differentiated.

    Returns
    -------
    Result
        Values: array (rows, columns) of the layer's output, at least 0, in score.

    Raises
    ------
    ShapeError
        If the layer's output is no image.
    """
    check_image_output(model.network, layer, image.shape)
    trunk, head = model.network.split(layer)
    activations = trunk(image)
    score, gradient = class_score(target, output).value_and_gradient(head, activations)
    weights = gradient.mean(axis=(1, 2), keepdims=True)
    values = np.maximum((weights * activations).sum(axis=3), 0)[0]
    title = f"Grad-CAM for {model.class_name(target)} at {layer}"
    return Result(values, Overlay(f"contribution to the {output}"), title, warnings=warn_if_saturated(score, output))
