"""The gradients that maps are made of, each for a batch of images at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from minicnn.layers import ReLU
from minicnn.network import Network
from minicnn.objectives import Objective
from minicnn.rules import guided

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
    return objective.value_and_gradient(network, x, {ReLU: guided})[1]


def integrated_gradient(network: Network, x: np.ndarray, objective: Objective) -> np.ndarray:
    """Average the gradient over the straight way from an image of zeros to x, times x, by the midpoint rule.

    References
    ----------
    M. Sundararajan, A. Taly, Q. Yan, arXiv:1703.01365, equation 1.
    """
    shares = ((np.arange(PATH_STEPS) + 0.5) / PATH_STEPS).astype(x.dtype)
    return x * sum(plain_gradient(network, share * x, objective) for share in shares) / x.dtype.type(PATH_STEPS)


GRADIENTS: dict[str, Callable[[Network, np.ndarray, Objective], np.ndarray]] = {
    "saliency": plain_gradient,
    "guided": guided_gradient,
    "integrated": integrated_gradient,
}


def strongest_colour(gradient: np.ndarray) -> np.ndarray:
    """Reduce a gradient (H, W, C) to the value, with its sign, that is largest in size over the colours: (H, W)."""
    strongest = np.abs(gradient).argmax(axis=2)
    return np.take_along_axis(gradient, strongest[..., None], axis=2)[..., 0]


def warn_if_saturated(values: np.ndarray, output: str) -> tuple[str, ...]:
    """Say so if a probability is so near its end that its gradient, or its logarithm's, is nearly 0; returns at most one warning."""
    probability = float(np.exp(values[0]) if output == "log-probability" else values[0])
    high, low = probability >= SATURATED, probability <= 1 - SATURATED and output == "probability"
    if output == "logit" or not (high or low):
        return ()
    return (f"the probability is saturated ({probability:.6g}), so its gradient is nearly 0; look at the logit instead (output)",)
