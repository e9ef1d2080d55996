"""DenseNet: each layer sees the outputs of all before it in its block.

    input --+------------------------------+-- concatenate -- ...
            |                              |
            +-- norm -> relu -> conv 1x1 --> norm -> relu -> conv 3x3

Each layer adds a few channels (the growth). Between blocks a transition halves the channels and the size. Normalization and ReLU come
before a convolution, not after it, so they cannot be merged into it.

References
----------
G. Huang, Z. Liu, L. van der Maaten, K. Weinberger, "Densely Connected Convolutional Networks", arXiv:1608.06993.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from minicnn.models.architectures.architecture import Architecture
from minicnn.models.architectures.blocks import convolution, last, normalized
from minicnn.models.specs import LayerSpec, Specs, spec


def _dense_layer(name: str, below: str, growth: int) -> Specs:
    """Compute some more channels of all that there are, through a bottleneck of four times as many."""
    return {
        f"{name}.norm1": spec("batch_norm", below),
        f"{name}.relu1": spec("relu"),
        f"{name}.conv1": convolution(4 * growth, 1, use_bias=False),
        f"{name}.norm2": spec("batch_norm"),
        f"{name}.relu2": spec("relu"),
        f"{name}.conv2": convolution(growth, 3, use_bias=False),
        f"{name}.concat": spec("concatenate", below, f"{name}.conv2"),
    }


def _transition(name: str, channels: int) -> Specs:
    return {
        f"{name}.norm": spec("batch_norm"),
        f"{name}.relu": spec("relu"),
        f"{name}.conv": convolution(channels, 1, use_bias=False),
        f"{name}.pool": spec("average_pool", size=2),
    }


def _densenet(classes: int, growth: int, blocks: Sequence[int], channels: int) -> Specs:
    """The growth, the layers of each block, and the channels before the first block."""
    layers: dict[str, LayerSpec] = dict(
        normalized(("features.conv0", "features.norm0", "features.relu0"), convolution(channels, 7, stride=2))
    )
    layers["features.pool0"] = spec("max_pool", size=3, stride=2, padding=1)
    for block, count in enumerate(blocks, start=1):
        for i in range(1, count + 1):
            layers |= _dense_layer(f"features.denseblock{block}.denselayer{i}", last(layers), growth)
        channels += count * growth
        if block < len(blocks):
            channels //= 2
            layers |= _transition(f"features.transition{block}", channels)
    return {
        **layers,
        "features.norm5": spec("batch_norm"),
        "features.relu5": spec("relu"),
        "avgpool": spec("global_average_pool"),
        "classifier": spec("dense", units=classes),
    }


DENSENETS = {
    "densenet121": partial(_densenet, growth=32, blocks=(6, 12, 24, 16), channels=64),
    "densenet161": partial(_densenet, growth=48, blocks=(6, 12, 36, 24), channels=96),
    "densenet169": partial(_densenet, growth=32, blocks=(6, 12, 32, 32), channels=64),
    "densenet201": partial(_densenet, growth=32, blocks=(6, 12, 48, 32), channels=64),
}

ARCHITECTURES = tuple(Architecture(name, layers, any_size=True, preprocessing="torch") for name, layers in DENSENETS.items())
