"""Residual networks: blocks of convolutions whose input is added to their output.

        +------------------- shortcut -------------------+
        |                                                v
    input -> conv -> norm -> relu -> conv -> norm ->    add -> relu

What a block must learn is only how its output differs from its input; and the gradient has a path back without any weights.

References
----------
K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", arXiv:1512.03385.
"""

from __future__ import annotations

from functools import partial

from minicnn.models.architectures.architecture import Architecture
from minicnn.models.classes import cifar10
from minicnn.models.specs import LayerSpec, Specs, spec


def _cifar_block(name: str, below: str, channels: int, filters: int) -> Specs:
    """Two convolutions of 3x3; where there are more filters than channels, half as many rows and columns.

    The shortcut then takes every other pixel, and channels of zeros around those that there are: it has no weights (section 4.2,
    option A).
    """
    grows = filters > channels
    layers = {
        f"{name}.conv1": spec("convolution", below, filters=filters, size=3, stride=1 + grows, padding=1),
        f"{name}.bn1": spec("batch_norm"),
        f"{name}.relu1": spec("relu"),
        f"{name}.conv2": spec("convolution", filters=filters, size=3, padding=1),
        f"{name}.bn2": spec("batch_norm"),
    }
    shortcut = below
    if grows:
        more, shortcut = (filters - channels) // 2, f"{name}.shortcut"
        layers[f"{name}.every_other"] = spec("max_pool", below, size=1, stride=2)
        layers[shortcut] = spec("pad_channels", before=more, after=more)
    return {**layers, f"{name}.add": spec("add", f"{name}.bn2", shortcut), f"{name}.relu2": spec("relu")}


def _cifar_resnet(classes: int, blocks: int) -> Specs:
    """One convolution, then three stages of so many blocks, of 16, 32 and 64 filters."""
    layers: dict[str, LayerSpec] = {
        "conv1": spec("convolution", filters=16, size=3, padding=1),
        "bn1": spec("batch_norm"),
        "relu1": spec("relu"),
    }
    below, channels = "relu1", 16
    for stage, filters in enumerate((16, 32, 64), start=1):
        for i in range(blocks):
            layers |= _cifar_block(f"layer{stage}.{i}", below, channels, filters)
            below, channels = f"layer{stage}.{i}.relu2", filters
    return {**layers, "gap": spec("global_average_pool"), "linear": spec("dense", units=classes)}


ARCHITECTURES = tuple(
    Architecture(
        f"resnet{2 + 6 * blocks}",
        partial(_cifar_resnet, blocks=blocks),
        input_size=32,
        any_size=True,
        preprocessing="cifar10",
        class_names=cifar10,
    )
    for blocks in (3, 5, 7, 9, 18)
)
