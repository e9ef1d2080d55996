"""From logits to probabilities, and the loss that training minimizes."""

from __future__ import annotations

import numpy as np

from minicnn.errors import MinicnnError, ShapeError
from minicnn.layers import Softmax
from minicnn.network.network import Network


def check_logits(network: Network) -> None:
    """Raise MinicnnError if a classifier ends in a softmax: what it puts out would be taken for logits, and another softmax follow."""
    name, layer = list(network.layers.items())[-1]
    if isinstance(layer, Softmax):
        raise MinicnnError(
            f"the network ends in {name}, a softmax; expected logits, one for each class, as probabilities are made of them afterwards. "
            "Leave that layer out"
        )


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Compute log probabilities: z - log(sum(exp(z))) along the last axis.

    Parameters
    ----------
    logits : array (N, classes)

    Returns
    -------
    array (N, classes)
        Natural logarithms, at most 0. The largest logit is subtracted first, so nothing overflows.
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Compute probabilities, exp(z) / sum(exp(z)) along the last axis: each in [0, 1], together 1."""
    return np.exp(log_softmax(logits))


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Compute the mean of -log(probability of the right class), and its gradient.

    Parameters
    ----------
    logits : array (N, classes)
    labels : int array (N,), or array (N, classes)
        The right class of each row; or the probability that each class should have (a teacher's, say).

    Returns
    -------
    loss : float
        In nats, at least 0: the mean of -sum(label log(probability)).
    gradient : array (N, classes)
        With respect to the logits: (softmax - labels) / N, where the label of a right class is one-hot.

    Raises
    ------
    ShapeError
        If there is neither one label in 0 ... classes - 1 nor a row of probabilities for each row.
    """
    labels = np.asarray(labels)
    log_probabilities = log_softmax(logits)
    if labels.shape == logits.shape and labels.dtype.kind == "f":
        wanted = labels.astype(logits.dtype)
        gradient = np.exp(log_probabilities) * wanted.sum(axis=1, keepdims=True) - wanted
        return float(-(wanted * log_probabilities).sum(axis=1).mean()), gradient / logits.dtype.type(len(labels))
    if labels.shape != logits.shape[:1] or labels.dtype.kind not in "iu":
        raise ShapeError(f"got labels of shape {labels.shape} and type {labels.dtype}; expected {logits.shape[:1]} integers")
    if len(labels) and not 0 <= labels.min() <= labels.max() < logits.shape[1]:
        raise ShapeError(f"the labels run from {labels.min()} to {labels.max()}; expected 0 to {logits.shape[1] - 1}")
    rows = np.arange(len(labels))
    gradient = np.exp(log_probabilities)
    gradient[rows, labels] -= 1
    return float(-log_probabilities[rows, labels].mean()), gradient / len(labels)
