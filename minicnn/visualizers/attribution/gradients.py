"""The gradients that attribution maps are made of, each for a batch of images at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from minicnn.models.model import Model
from minicnn.network.network import Network, Rule, Trace
from minicnn.network.objectives import Objective, Output, class_score
from minicnn.network.rules import RECTIFIERS, guided, through_rectifiers
from minicnn.pictures.render import Map, Signed
from minicnn.pictures.results import Result

#: What is made of a gradient's colors.
Form = Literal["absolute", "signed", "raw"]

Base = Literal["saliency", "guided", "integrated"]

#: Images on the way from the baseline to the photo, for the integral.
PATH_STEPS = 8

#: From this probability on, or below 1 minus it, its gradient is too small to be trusted.
SATURATED = 0.9999


def plain_gradient(network: Network, x: np.ndarray, objective: Objective) -> np.ndarray:
    """Compute the objective's gradient with respect to each image; x and the result: (N, H, W, C)."""
    return objective.value_and_gradient(network, x)[1]


def guided_gradient(network: Network, x: np.ndarray, objective: Objective) -> np.ndarray:
    """Go back through ReLUs where both the input and the gradient are positive; see `minicnn.rules.guided`."""
    return objective.value_and_gradient(network, x, through_rectifiers(guided))[1]


def path_gradient(
    network: Network,
    x: np.ndarray,
    objective: Objective,
    baseline: np.ndarray,
    steps: int,
    together: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Average the gradient over the straight way from a baseline to x, times the difference, by the midpoint rule.

    Parameters
    ----------
    network : Network
    x, baseline : array (N, H, W, C)
    objective : Objective
    steps : int
        How many points on the way.
    together : int
        Points that are worked on at once.
    progress : function, optional
        Called as progress(done, total).

    Returns
    -------
    array (N, H, W, C)

    References
    ----------
    M. Sundararajan, A. Taly, Q. Yan, arXiv:1703.01365, equation 1; the midpoint rule in place of equation 3's.
    """
    difference = x - baseline
    shares = ((np.arange(steps) + 0.5) / steps).astype(x.dtype).reshape(-1, 1, 1, 1, 1)
    total = np.zeros(x.shape)
    for start in range(0, steps, together):
        points = baseline + shares[start : start + together] * difference
        gradient = plain_gradient(network, points.reshape(-1, *x.shape[1:]), objective)
        total += gradient.reshape(points.shape).sum(axis=0)
        if progress:
            progress(start + len(points), steps)
    return difference * (total / steps).astype(x.dtype)


def integrated_gradient(network: Network, x: np.ndarray, objective: Objective) -> np.ndarray:
    """Follow the gradient from an image of zeros to x, in a few steps."""
    return path_gradient(network, x, objective, np.zeros_like(x), PATH_STEPS)


GRADIENTS: dict[str, Callable[[Network, np.ndarray, Objective], np.ndarray]] = {
    "saliency": plain_gradient,
    "guided": guided_gradient,
    "integrated": integrated_gradient,
}


def gradient_by_rule(trace: Trace, target: int, output: Output, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Go back from a class with another rule for ReLUs; returns the score (1,) and what reaches the pixels (H, W, C)."""
    score, seeds = class_score(target, output).evaluate(trace)
    return score, trace.network.backward(trace, seeds, through_rectifiers(rule))[0]


def warn_if_no_relu(network: Network) -> tuple[str, ...]:
    """Say so if another rule for ReLUs has none to work on, or not all the nonlinearities of images; returns at most one warning."""
    if not network.of_type(*RECTIFIERS):
        return ("the network has no ReLU, so this is the plain gradient",)
    others = [name for name in network.image_layers if network.layers[name].activation and not isinstance(network.layers[name], RECTIFIERS)]
    if not others:
        return ()
    return (f"the rule is for ReLUs; {len(others)} other nonlinearities ({', '.join(others[:3])} ...) go back as the gradient does",)


def strongest_color(gradient: np.ndarray) -> np.ndarray:
    """Reduce a gradient (H, W, C) to the value, with its sign, that is largest in size over the colors: (H, W)."""
    strongest = np.abs(gradient).argmax(axis=2)
    return np.take_along_axis(gradient, strongest[..., None], axis=2)[..., 0]


def warn_if_saturated(values: np.ndarray, output: str) -> tuple[str, ...]:
    """Say so if a probability is so near its end that its gradient, or its logarithm's, is nearly 0; returns at most one warning."""
    probability = float(np.exp(values[0]) if output == "log-probability" else values[0])
    high, low = probability >= SATURATED, probability <= 1 - SATURATED and output == "probability"
    if output == "logit" or not (high or low):
        return ()
    return (f"the probability is saturated ({probability:.6g}), so its gradient is nearly 0; look at the logit instead (output)",)


def gradient_result(model: Model, gradient: np.ndarray, form: Form, title: str, unit: str, warnings: tuple[str, ...]) -> Result:
    """Show what a backward pass brought to the pixels (H, W, 3), in one of the forms that `saliency` describes."""
    if form == "raw":
        return Result(model.swap_channels(gradient), Signed(unit), title, warnings=warnings)
    signed = strongest_color(gradient)
    if form == "signed":
        return Result(signed, Signed(unit), title, warnings=warnings)
    return Result(np.abs(signed), Map(f"|{unit}|"), title, warnings=warnings)
