"""What to look at, or to maximize: scalars read off a network's outputs, with their gradients.

An objective turns a trace into one number per image and the gradients (seeds) that start the backward pass. Objectives add and scale::

    objective = class_score(388) - 0.5 * class_score(294)
    values, gradient = objective.value_and_gradient(network, x)

Below, F is a layer's output for one image, with the positions of its rows and columns, p, counted as one: an array (positions, channels).
A dense layer has one position. A layer's *Gram matrix* G = F^T F / positions says which of its channels are on together, wherever that
is: that is what makes a texture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np

from minicnn.errors import UnknownNameError
from minicnn.kernels import current_algorithm, matrix_product
from minicnn.layers.terms import Unit
from minicnn.network.gradients import Gradients
from minicnn.network.network import Network, Rules, Trace
from minicnn.network.probability import log_softmax

Seeds = dict[str, np.ndarray]

#: What of a class is measured: the unnormalized score, what softmax makes of it, or the logarithm of that.
Output = Literal["logit", "probability", "log-probability"]


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
                name: seeds[name] + other_seeds[name] if name in seeds and name in other_seeds else seed for name, seed in layers.items()
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

    def value_and_gradient(self, network: Network, x: np.ndarray, rules: Rules | None = None) -> tuple[np.ndarray, np.ndarray]:
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


def class_values(logits: np.ndarray, target: int, output: Output = "logit") -> tuple[np.ndarray, np.ndarray]:
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
    if output not in get_args(Output):
        raise UnknownNameError(f"there is no output {output!r}; expected logit, probability or log-probability")
    if logits.ndim != 2 or not 0 <= target < logits.shape[1]:
        raise UnknownNameError(f"there is no class {target} in the network's output of shape {logits.shape}; the classes count from 0")
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


def class_score(target: int, output: Output = "logit") -> Objective:
    """Make the objective that reads one class off the network's last layer; see `class_values`."""

    def evaluate(trace: Trace) -> tuple[np.ndarray, Seeds]:
        values, gradient = class_values(trace.result, target, output)
        return values, {trace.last: gradient}

    return Objective(evaluate)


def class_gradients(trace: Trace, target: int, output: Output = "logit") -> tuple[np.ndarray, Gradients]:
    """Read one class off a trace and go back from it; the trace keeps both, for whoever asks again for the same class.

    Returns
    -------
    values : array (N,)
        See `class_values`.
    gradients : Gradients
        With respect to every layer's output, and the input.
    """
    asked = "class", target, output, current_algorithm()
    if asked not in trace.known:
        values, seeds = class_score(target, output).evaluate(trace)
        trace.known[asked] = values, trace.network.gradients(trace, seeds)
    return trace.known[asked]


def direction(layer: str, vector: np.ndarray) -> Objective:
    """Make the mean over the positions of F[p] . vector: how much of a mixture of channels there is.

    Parameters
    ----------
    layer : str
    vector : array (channels,), or (N, channels) with one for each image
        Of a single channel, 1 there and 0 elsewhere.
    """

    def evaluate(trace: Trace) -> tuple[np.ndarray, Seeds]:
        features = _features(trace, layer)
        wanted = np.broadcast_to(vector, (len(features), features.shape[2])).astype(features.dtype)
        values = np.einsum("npc,nc->n", features, wanted) / features.dtype.type(features.shape[1])
        gradient = np.broadcast_to(wanted[:, None] / features.dtype.type(features.shape[1]), features.shape)
        return values, {layer: gradient.reshape(trace.outputs[layer].shape)}

    return Objective(evaluate)


def unit(layer: str, index: Unit) -> Objective:
    """Make the objective that reads one unit, (row, column, channel) or of a dense layer (channel,)."""

    def evaluate(trace: Trace) -> tuple[np.ndarray, Seeds]:
        output = trace.outputs[layer]
        place: tuple[slice | int, ...] = (slice(None), *index)
        gradient = np.zeros_like(output)
        gradient[place] = 1
        return output[place].copy(), {layer: gradient}

    return Objective(evaluate)


def energy(layer: str) -> Objective:
    """Make half the mean square of a layer's output: whatever the layer sees, more of it.

    References
    ----------
    A. Mordvintsev, C. Olah, M. Tyka, "Inceptionism", 2015: its gradient with respect to the layer is the layer's output itself.
    """

    def evaluate(trace: Trace) -> tuple[np.ndarray, Seeds]:
        features = _features(trace, layer)
        size = features.dtype.type(features[0].size)
        return np.einsum("npc,npc->n", features, features) / (2 * size), {layer: trace.outputs[layer] / size}

    return Objective(evaluate)


def likeness(layer: str, features: np.ndarray) -> Objective:
    """Make the mean over the positions p of the largest F[p] . f over the features f: more of what is like one of them.

    Parameters
    ----------
    layer : str
    features : array (count, channels)
        The layer's output for another photo, its positions in any order.

    References
    ----------
    The guide of the notebook of A. Mordvintsev, C. Olah, M. Tyka, "DeepDream", 2015.
    """

    def evaluate(trace: Trace) -> tuple[np.ndarray, Seeds]:
        found = _features(trace, layer)
        products = matrix_product(found, features.astype(found.dtype).T)
        positions = found.dtype.type(found.shape[1])
        gradient = features.astype(found.dtype)[products.argmax(axis=2)] / positions
        return products.max(axis=2).sum(axis=1) / positions, {layer: gradient.reshape(trace.outputs[layer].shape)}

    return Objective(evaluate)


def match(layer: str, output: np.ndarray) -> Objective:
    """Make minus the mean square of (F - output), as a share of the mean square of the output wanted: 0 is a perfect match.

    Parameters
    ----------
    layer : str
    output : array (1, H, W, C) or (1, C)
        What the layer shall put out.

    References
    ----------
    A. Mahendran, A. Vedaldi, "Understanding Deep Image Representations by Inverting Them", arXiv:1412.0035, equation 2.
    """

    def evaluate(trace: Trace) -> tuple[np.ndarray, Seeds]:
        difference = trace.outputs[layer] - output
        norm = _norm(output)
        values = -np.square(difference).reshape(len(difference), -1).sum(axis=1) / norm
        return values, {layer: -2 * difference / norm}

    return Objective(evaluate)


def gram_matrix(output: np.ndarray) -> np.ndarray:
    """Compute the Gram matrices F^T F / positions, (N, C, C), of a layer's output (N, H, W, C)."""
    features = output.reshape(len(output), -1, output.shape[-1])
    return matrix_product(features.transpose(0, 2, 1), features) / features.dtype.type(features.shape[1])


def gram_match(layer: str, gram: np.ndarray) -> Objective:
    """Make minus the squared distance between the layer's Gram matrix and another, as a share of the latter's square: 0 is a perfect match.

    Parameters
    ----------
    layer : str
    gram : array (C, C)

    References
    ----------
    L. A. Gatys, A. S. Ecker, M. Bethge, "Texture Synthesis Using Convolutional Neural Networks", arXiv:1505.07376, equations 2 to 5, which
    leave the share out.
    """

    def evaluate(trace: Trace) -> tuple[np.ndarray, Seeds]:
        features = _features(trace, layer)
        difference = gram_matrix(trace.outputs[layer]) - gram
        norm = _norm(gram)
        values = -np.square(difference).sum(axis=(1, 2)) / norm
        gradient = -4 * matrix_product(features, difference) / (norm * features.dtype.type(features.shape[1]))
        return values, {layer: gradient.reshape(trace.outputs[layer].shape)}

    return Objective(evaluate)


def diversity(layer: str) -> Objective:
    """Make minus the mean cosine between an image's Gram matrix and those of the other images of the batch.

    Unlike other objectives it ties the images together: the gradient is that of the sum over all of them.

    References
    ----------
    C. Olah, A. Mordvintsev, L. Schubert, "Feature Visualization", Distill 2017, "Diversity".
    """

    def evaluate(trace: Trace) -> tuple[np.ndarray, Seeds]:
        features = _features(trace, layer)
        grams = gram_matrix(trace.outputs[layer])
        others = max(len(grams) - 1, 1)
        norms = np.sqrt(np.square(grams).sum(axis=(1, 2), keepdims=True)) + np.finfo(grams.dtype).tiny
        units = grams / norms
        cosines = np.einsum("icd,jcd->ij", units, units)
        np.fill_diagonal(cosines, 0)
        # Each pair stands in two sums: d(total)/dG_i = -2 / others * sum over j of (u_j - cos_ij u_i) / |G_i|, j other than i.
        rest = units.sum(axis=0) - units - cosines.sum(axis=1)[:, None, None] * units
        by_gram = -2 * rest / (others * norms)
        gradient = 2 * matrix_product(features, by_gram) / features.dtype.type(features.shape[1])
        return -cosines.sum(axis=1) / others, {layer: gradient.reshape(trace.outputs[layer].shape)}

    return Objective(evaluate)


def weighted_mean(objectives: Sequence[Objective], weights: Sequence[float]) -> Objective:
    """Make the mean of some objectives, each with a weight above 0."""
    first, *others = (weight / sum(weights) * objective for objective, weight in zip(objectives, weights))
    return sum(others, first)


def recorded(objective: Objective, record: list[np.ndarray]) -> Objective:
    """Make the same objective, which also appends its values to a list whenever it is evaluated."""

    def evaluate(trace: Trace) -> tuple[np.ndarray, Seeds]:
        values, seeds = objective.evaluate(trace)
        record.append(values)
        return values, seeds

    return Objective(evaluate)


def _features(trace: Trace, layer: str) -> np.ndarray:
    """Return a layer's output as (N, positions, channels)."""
    output = trace.outputs[layer]
    return output.reshape(len(output), -1, output.shape[-1])


def _norm(wanted: np.ndarray) -> np.floating:
    """Return the sum of squares; of nothing but zeros 1, so that it can be divided by."""
    return np.square(wanted).sum() or wanted.dtype.type(1)
