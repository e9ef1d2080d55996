"""Batch normalization, merged into the layer below it.

After training, batch normalization multiplies each channel by a constant s and adds another. So does the layer below with its filters:

    s (w x + b - mean) + bias  =  (s w) x  +  (s (b - mean) + bias),        s = weight / sqrt(variance + epsilon)

so the same numbers come out of one layer less.
"""

from __future__ import annotations

from minicnn.layers import Layer
from minicnn.network.network import Network


def folded(network: Network) -> Network:
    """Merge each batch normalization into the layer right below it, if that is a convolution or dense layer.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Network
        Computes the same, up to rounding. A batch normalization above any other layer stays.
    """
    layers: dict[str, Layer] = {}
    for name, layer in network.layers.items():
        below = next(reversed(layers), None)
        merged = None if below is None else layers[below].described("absorb")(layer)
        if below is None or merged is None:
            layers[name] = layer
        else:
            layers[below] = merged
    return Network(layers)
