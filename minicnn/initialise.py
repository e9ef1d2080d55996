"""Random weights to start from."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from minicnn.network import Network


def he_initialised(network: Network, seed: int = 0) -> Network:
    """Return the network with random weights and zero biases.

    Weights are normal with standard deviation sqrt(2 / inputs of a unit), so that through a ReLU network signals neither grow nor fade.

    Parameters
    ----------
    network : Network
        Its own parameters only tell the shapes.
    seed : int

    Returns
    -------
    Network
        With float32 parameters.

    References
    ----------
    K. He et al., "Delving Deep into Rectifiers", arXiv:1502.01852, equation 10.
    """
    generator = np.random.default_rng(seed)
    return network.with_parameters({name: he_parameters(arrays, generator) for name, arrays in network.parameters.items()})


def he_parameters(parameters: Mapping[str, np.ndarray], generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw a layer's weight and bias, float32, of the same shapes; see `he_initialised`. A scale for each channel begins with 1."""
    shape = parameters["weight"].shape
    if len(shape) == 1:
        return {"weight": np.ones(shape, np.float32), "bias": np.zeros(shape, np.float32)}
    weight = generator.standard_normal(shape, dtype=np.float32)
    weight *= np.float32(math.sqrt(2 / math.prod(shape[:-1])))
    return {"weight": weight, "bias": np.zeros(shape[-1], np.float32)}
