"""ConvNeXt: a residual network rebuilt, step by step, as transformers are.

    input -> 7x7, each channel alone -> layer norm -> 1x1, four times the channels -> GELU -> 1x1 back -> layer scale -> add
        |                                                                                                                ^
        +----------------------------------------------------------------------------------------------------------------+

One normalization and one nonlinearity in a block, not one after each convolution; large windows, but only within a channel. The image is
cut into patches of 4 x 4 to begin with, and between stages into such of 2 x 2: convolutions whose windows do not overlap. The layer scale
is a factor for each channel that starts near zero.

References
----------
Z. Liu, H. Mao, C.-Y. Wu, C. Feichtenhofer, T. Darrell, S. Xie, "A ConvNet for the 2020s", arXiv:2201.03545, figures 4 and section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from minicnn.models.architectures.architecture import Architecture
from minicnn.models.architectures.blocks import convolution, last
from minicnn.models.specs import LayerSpec, Specs, spec


def _patches(filters: int, side: int) -> LayerSpec:
    """A convolution that makes a pixel of each patch."""
    return spec("convolution", filters=filters, size=side, stride=side)


def _block(name: str, below: str, channels: int) -> Specs:
    return {
        f"{name}.block.0": convolution(channels, 7, below, groups=channels),
        f"{name}.block.2": spec("layer_norm"),
        f"{name}.block.3": convolution(4 * channels, 1),
        f"{name}.block.4": spec("gelu"),
        f"{name}.block.5": convolution(channels, 1),
        f"{name}.layer_scale": spec("scale"),
        f"{name}.add": spec("add", f"{name}.layer_scale", below),
    }


def _convnext(classes: int, blocks: Sequence[int], channels: Sequence[int]) -> Specs:
    layers: dict[str, LayerSpec] = {"features.0.0": _patches(channels[0], 4), "features.0.1": spec("layer_norm")}
    for stage, (count, filters) in enumerate(zip(blocks, channels)):
        if stage > 0:
            layers |= {f"features.{2 * stage}.0": spec("layer_norm"), f"features.{2 * stage}.1": _patches(filters, 2)}
        for i in range(count):
            layers |= _block(f"features.{2 * stage + 1}.{i}", last(layers), filters)
    return {
        **layers,
        "avgpool": spec("global_average_pool"),
        "classifier.0": spec("layer_norm"),
        "classifier.2": spec("dense", units=classes),
    }


#: Blocks of each stage, and their channels.
CONVNEXTS = {
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "small": ((3, 3, 27, 3), (96, 192, 384, 768)),
    "base": ((3, 3, 27, 3), (128, 256, 512, 1024)),
    "large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
}

ARCHITECTURES = tuple(
    Architecture(f"convnext-{name}", partial(_convnext, blocks=blocks, channels=channels), any_size=True, preprocessing="torch")
    for name, (blocks, channels) in CONVNEXTS.items()
)
