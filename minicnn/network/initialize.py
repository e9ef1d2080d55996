"""What a network's arrays are before training."""

from __future__ import annotations

import numpy as np

from minicnn.network.network import Network


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

    Raises
    ------
    MinicnnError
        If a layer of one's own has arrays without values, and does not say how they begin (`Layer.initial_arrays`).

    References
    ----------
    K. He et al., "Delving Deep into Rectifiers", arXiv:1502.01852, equation 10.
    """
    generator = np.random.default_rng(seed)
    return network.with_parameters({name: layer.initial_arrays(generator) for name, layer in network.layers.items()})
