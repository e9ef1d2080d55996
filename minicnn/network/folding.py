"""Batch normalization, merged into the layer below it.

After training, batch normalization multiplies each channel by a constant s and adds another. So does the layer below with its filters:

    s (w x + b - mean) + bias  =  (s w) x  +  (s (b - mean) + bias),        s = weight / sqrt(variance + epsilon)

so the same numbers come out of one layer less.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from minicnn.layers import BatchNorm, Conv2D, Dense
from minicnn.network.network import Network


def folded(network: Network) -> Network:
    """Merge each batch normalization into the convolution or dense layer right below it.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Network
        Computes the same, up to rounding. A batch normalization above any other layer stays.
    """
    layers = {}
    below = None
    for name, layer in network.layers.items():
        if isinstance(layer, BatchNorm) and below is not None and isinstance(layers[below], (Conv2D, Dense)):
            layers[below] = _merged(layers[below], layer)
            continue
        layers[name] = layer
        below = name
    return Network(layers)


def _merged(layer: Conv2D | Dense, norm: BatchNorm) -> Conv2D | Dense:
    """Make one layer of two; computed in float64."""
    scale = norm.weight.astype(np.float64) / np.sqrt(norm.variance.astype(np.float64) + norm.epsilon)
    weight, bias = layer.weight * scale, scale * (layer.bias - norm.mean.astype(np.float64)) + norm.bias
    return dataclasses.replace(layer, weight=weight.astype(layer.weight.dtype), bias=bias.astype(layer.bias.dtype))
