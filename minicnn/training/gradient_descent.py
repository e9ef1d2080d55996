"""One step of stochastic gradient descent: the loss of a batch, its gradient, and the parameters after the step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minicnn.network.network import Network
from minicnn.network.optimizers import Memory, Optimizer
from minicnn.network.probability import cross_entropy

#: What the optimizer remembers, as {layer: {parameter: tuple}}.
Memories = dict[str, dict[str, Memory]]


def loss_and_gradients(
    network: Network, x: np.ndarray, labels: np.ndarray, weight_decay: float, generator: np.random.Generator
) -> tuple[float, int, dict[str, dict[str, np.ndarray]], Network]:
    """Compute the loss of a batch, and its gradient with respect to every parameter.

    Parameters
    ----------
    network : Network
    x : array (N, H, W, C)
    labels : int array (N,), or probabilities (N, classes)
    weight_decay : float
        Half of this times the weights' squares is part of what the gradients are of, but not of the loss that is returned.
    generator : numpy.random.Generator
        For dropout.

    Returns
    -------
    loss : float
    correct : int
        How many were right.
    gradients : dict
        As {layer: {parameter: array}}.
    network : Network
        With the statistics that its layers have after this batch.
    """
    trace = network.trace(x, generator)
    loss, seed = cross_entropy(trace.result, labels)
    gradients = network.parameter_gradients(trace, {trace.last: seed})
    for layer, arrays in network.parameters.items():
        for name, array in arrays.items():
            if weight_decay and decays(array):
                gradients[layer][name] = gradients[layer][name] + array.dtype.type(weight_decay) * array
    right = labels if labels.ndim == 1 else labels.argmax(axis=1)
    return loss, int((trace.result.argmax(axis=1) == right).sum()), gradients, network.after_training_step(trace)


def updated(
    network: Network,
    gradients: Mapping[str, Mapping[str, np.ndarray]],
    memory: Memories,
    optimizer: Optimizer,
    rate: float,
    weight_decay: float | None = None,
) -> tuple[Network, Memories]:
    """Take one step down the gradients.

    Parameters
    ----------
    network : Network
    gradients : dict
        As {layer: {parameter: array}}.
    memory : dict
        What the optimizer remembers of the steps before; empty at first.
    optimizer : function
        See `minicnn.network.optimizers`.
    rate : float
        The learning rate.
    weight_decay : float, optional
        What is taken off the weights beside the gradient, as AdamW does; by default nothing, as if it is part of the gradients.

    Returns
    -------
    network : Network
    memory : dict
    """
    parameters: dict[str, dict[str, np.ndarray]] = {}
    remembered: Memories = {}
    for layer, arrays in network.parameters.items():
        parameters[layer], remembered[layer] = {}, {}
        for name, array in arrays.items():
            direction, remembered[layer][name] = optimizer(gradients[layer][name], memory.get(layer, {}).get(name, ()))
            if weight_decay is not None and decays(array):
                direction = direction + array.dtype.type(weight_decay) * array
            parameters[layer][name] = array - array.dtype.type(rate) * direction
    return network.with_parameters(parameters), remembered


def decays(parameter: np.ndarray) -> bool:
    """Tell whether weight decay is for this parameter: for weights, not for biases and scales."""
    return parameter.ndim > 1
