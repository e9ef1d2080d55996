"""The gradient at each pixel, times the pixel."""

from __future__ import annotations

import numpy as np

from minicnn.models.model import Model
from minicnn.network.objectives import class_gradients
from minicnn.pictures.render import Signed
from minicnn.pictures.results import Result
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import LIKELIEST, Target, Traced


@visualizer(
    question="What mattered for this answer?",
    paper="A. Shrikumar et al., arXiv:1605.01713; why it is LRP-0: M. Ancona et al., arXiv:1711.06104",
    if_zero="no pixel changes the score, as every path to the image is blocked by ReLUs that are off; or every pixel has the mean color",
    attribution="large",
)
def gradient_x_input(model: Model, image: Traced, target: Target = LIKELIEST) -> Result:
    """Share the score out among the pixels, as far as it is linear: gradient times pixel value.

    Around this photo the network is a linear function of its pixels plus a constant. Each pixel gets its term of that function, summed
    over its colors, so all together explain the score but for the constant, to which the biases add up; the text says how much is
    left. A pixel's value is counted from the training photos' mean color, so a pixel of that color gets 0 however much it matters.
    The map is as noisy as the gradient. It is the same as layer-wise relevance propagation with its plainest rule, LRP-0. Cost: about 2.5
    forward passes.

    Returns
    -------
    Result
        Values: array (H, W), in units of the logit. Above 0 a pixel speaks for the class, below 0 against it.
    """
    (score,), gradients = class_gradients(image, target)
    values = (image.input * gradients.input)[0].sum(axis=2)
    total = float(values.sum(dtype=np.float64))
    text = f"The map adds up to {total:.4g}; the score is {score:.4g}. The remaining {score - total:.4g} comes from the biases."
    return Result(values, Signed("share of the logit"), f"Gradient x input for {model.class_name(target)}", text=text)
