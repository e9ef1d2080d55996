"""What to look at, or to maximise: scalars read off a network's outputs, with their gradients.

An objective turns a trace into one number per image and the gradients (seeds) that start the backward pass. Objectives add and scale::

    objective = class_score(388) - 0.5 * class_score(294)
    values, gradient = objective.value_and_gradient(network, x)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minicnn.errors import UnknownNameError
from minicnn.network import Network, Rules, Trace
from minicnn.probability import log_softmax

Seeds = dict[str, np.ndarray]


class Objective:
    """A scalar for each image of a batch.

    Parameters
    ----------
    evaluate : function
        From a trace to the values, an array (N,), and their seeds, {layer: gradient with respect to its output}.
    """

    def __init__(self, evaluate: Callable[[Trace], tuple[np.ndarray, Seeds]]):
        self.evaluate = evaluate

    def __add__(self, other: Objective) -> Objective:
        def evaluate(trace: Trace) -> tuple[np.ndarray, Seeds]:
            values, seeds = self.evaluate(trace)
            other_values, other_seeds = other.evaluate(trace)
            layers = {**seeds, **other_seeds}
            total = {
                name: seeds[name] + other_seeds[name] if name in seeds and name in other_seeds else seed
                for name, seed in layers.items()
            }
            return values + other_values, total

        return Objective(evaluate)

    def __mul__(self, factor: float) -> Objective:
        def evaluate(trace: Trace) -> tuple[np.ndarray, Seeds]:
            values, seeds = self.evaluate(trace)
            return factor * values, {name: factor * seed for name, seed in seeds.items()}

        return Objective(evaluate)

    __rmul__ = __mul__

    def __sub__(self, other: Objective) -> Objective:
        return self + -1 * other

    def value_and_gradient(
        self, network: Network, x: np.ndarray, rules: Rules | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate the objective and its gradient with respect to the input.

        Parameters
        ----------
        network : Network
        x : array (N, H, W, C)
        rules : dict, optional
            Other ways to go backward; see `Network.backward`.

        Returns
        -------
        values : array (N,)
        gradient : array (N, H, W, C)
            Each image's gradient of its own value.
        """
        trace = network.trace(x)
        values, seeds = self.evaluate(trace)
        return values, network.backward(trace, seeds, rules)


def class_values(logits: np.ndarray, target: int, output: str = "logit") -> tuple[np.ndarray, np.ndarray]:
    """Read one class off a classifier's logits.

    Parameters
    ----------
    logits : array (N, classes)
    target : int
        The class index.
    output : {"logit", "probability", "log-probability"}
        The logit says how much speaks for the class. The probability also falls when another class gains, and its gradient fades
        as it nears 1, so pictures made from it may show the other classes, or nothing.

    Returns
    -------
    values : array (N,)
    gradient : array (N, classes)
        Of each value with respect to its row of logits.

    Raises
    ------
    UnknownNameError
        If there is no such class, or `output` is none of the three.
    """
    if output not in ("logit", "probability", "log-probability"):
        raise UnknownNameError(f"there is no output {output!r}; expected logit, probability or log-probability")
    if logits.ndim != 2 or not 0 <= target < logits.shape[1]:
        raise UnknownNameError(f"there is no class {target} in the network's output of shape {logits.shape}")
    if output == "logit":
        one_hot = np.zeros_like(logits)
        one_hot[:, target] = 1
        return logits[:, target], one_hot
    log_probabilities = log_softmax(logits)
    values, gradient = log_probabilities[:, target], -np.exp(log_probabilities)
    gradient[:, target] = 0
    gradient[:, target] = -gradient.sum(axis=1)  # 1 - probability; that difference would lose its digits near 1
    if output == "log-probability":
        return values, gradient
    return np.exp(values), np.exp(values)[:, None] * gradient


def class_score(target: int, output: str = "logit") -> Objective:
    """Make the objective that reads one class off the network's last layer; see `class_values`."""

    def evaluate(trace: Trace) -> tuple[np.ndarray, Seeds]:
        values, gradient = class_values(trace.result, target, output)
        return values, {trace.last: gradient}

    return Objective(evaluate)
