"""Which pixels would change the answer."""

from __future__ import annotations

from typing import Literal

import numpy as np

from minicnn.model import Model
from minicnn.objectives import class_score
from minicnn.results import Result
from minicnn.visualizers.registry import visualizer

Output = Literal["logit", "probability", "log-probability"]


def strongest_colour(gradient: np.ndarray) -> np.ndarray:
    """Reduce a gradient (H, W, C) to a map (H, W): for each pixel the largest absolute value over the colours."""
    return np.abs(gradient).max(axis=2)


@visualizer(
    paper="K. Simonyan, A. Vedaldi, A. Zisserman, arXiv:1312.6034, section 3.1",
    if_zero="no pixel changes the score; every path to the image is blocked by ReLUs that are off, or a probability is saturated",
)
def saliency(model: Model, image, target: str | int | None = None, *, output: Output = "logit") -> Result:
    """Show which pixels change the class score most when they change a little.

    This is the gradient of the class score with respect to the photo, from one pass forward and one back. Bright pixels are those
    whose smallest change would move the score most, up or down. It says what the score is sensitive to, which is not the same as what
    the animal is made of, and it is noisy.

    Parameters
    ----------
    model : Model
    image : photo
    target : str or int
        The class, by name or index. Default: the likeliest.
    output : {"logit", "probability", "log-probability"}
        What is differentiated: the unnormalised score as in the paper, or what softmax makes of it.

    Returns
    -------
    Result
        Values: array (H, W), at least 0: for each pixel the largest absolute value of the gradient over its three colours, in score per
        unit of the network's input.
    """
    _, gradient = class_score(target, output).value_and_gradient(model.network, image)
    title = f"Saliency for {model.class_name(target)}"
    return Result(strongest_colour(gradient[0]), "map", title, unit=f"|d {output} / d pixel|")
