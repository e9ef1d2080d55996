"""What a network's arrays are before training: without values, or random."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from minicnn.network.network import Network

#: What the statistics of batch normalization are before any training: those with which it does nothing.
STATISTICS = {"mean": 0.0, "variance": 1.0}


def placeholder(*shape: int) -> np.ndarray:
    """Return an array that has a shape but takes no memory; its values are NaN, so that nobody takes them for weights."""
    return np.broadcast_to(np.float32(np.nan), shape)


def he_initialized(network: Network, seed: int = 0) -> Network:
    """Return the network with random weights and zero biases, as training starts from.

    Weights are normal with standard deviation sqrt(2 / inputs of a unit), so that through a ReLU network signals neither grow nor fade.

    Parameters
    ----------
    network : Network
        Its own arrays only tell the shapes.
    seed : int

    Returns
    -------
    Network
        With float32 arrays.

    References
    ----------
    K. He et al., "Delving Deep into Rectifiers", arXiv:1502.01852, equation 10.
    """
    generator = np.random.default_rng(seed)
    arrays = {name: he_parameters(parameters, generator) for name, parameters in network.parameters.items()}
    for name, parameters in arrays.items():
        layer = network.layers[name]
        parameters |= {key: np.full(getattr(layer, key).shape, STATISTICS[key], np.float32) for key in layer.statistic_names}
    return network.with_parameters(arrays)


def he_parameters(parameters: Mapping[str, np.ndarray], generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw a layer's weight and bias, float32, of the same shapes; see `he_initialized`. A scale for each channel begins with 1."""
    shape = parameters["weight"].shape
    if len(shape) == 1:
        return {"weight": np.ones(shape, np.float32), "bias": np.zeros(shape, np.float32)}
    weight = generator.standard_normal(shape, dtype=np.float32)
    weight *= np.float32(math.sqrt(2 / math.prod(shape[:-1])))
    return {"weight": weight, "bias": np.zeros(shape[-1], np.float32)}
