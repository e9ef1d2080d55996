"""Batch normalization, merged into the layer below it.

After training, batch normalization multiplies each channel by a constant s and adds another. So does the layer below with its filters:

    s (w x + b - mean) + bias  =  (s w) x  +  (s (b - mean) + bias),        s = weight / sqrt(variance + epsilon)

so the same numbers come out of one layer less.
"""

from __future__ import annotations

from minicnn.network.network import Network


def folded(network: Network) -> Network:
    """Merge each batch normalization into the layer right below it, if that is a convolution or dense layer whose output nobody else takes.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Network
        Computes the same, up to rounding. Any other batch normalization stays.
    """
    nodes: dict[str, tuple] = {}
    merged: dict[str, str] = {}  # batch normalizations that are gone, and the layers that stand for them
    for name, (layer, *sources) in network.nodes.items():
        below = merged.get(sources[0], sources[0])
        alone = below in nodes and network.only_consumer(sources[0]) == name
        alone = alone and (network.consumers[name] != () or list(nodes)[-1] == below)  # the last layer's output stays the last
        together = nodes[below][0].described("absorb")(layer) if alone else None
        if together is not None:
            nodes[below] = (together, *nodes[below][1:])
            merged[name] = below
        else:
            nodes[name] = (layer, *(merged.get(source, source) for source in sources))
    return Network(nodes)
