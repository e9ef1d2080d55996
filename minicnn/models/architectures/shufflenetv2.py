"""ShuffleNet v2: only half of the channels go through a block's convolutions; then the halves are shuffled.

    +-- first half of the channels ---------------------------------+
    |                                                               +-- concatenate -> shuffle
    +-- second half -> 1x1 -> 3x3, each channel alone -> 1x1 -------+

Where a stage begins, both branches take all channels, with stride 2, and the first one too has convolutions, 3x3 and 1x1; there are more
channels afterwards. Shuffled, the channels of both halves take turns, so that the next block's halves have some of each.

References
----------
N. Ma, X. Zhang, H. Zheng, J. Sun, "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", arXiv:1807.11164, figure 3,
    table 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from minicnn.models.architectures.architecture import Architecture
from minicnn.models.architectures.blocks import convolution, last, normalized, numbered
from minicnn.models.specs import Specs, spec

#: Filters of the first convolution, and blocks of the three stages.
FIRST, BLOCKS = 24, (4, 8, 4)


def _named(name: str, first: int) -> tuple[str, str, str]:
    return f"{name}.{first}", f"{name}.{first + 1}", f"{name}.{first + 2}"


def _branch(name: str, below: str, filters: int, stride: int) -> Specs:
    """1x1, 3x3 for each channel alone, 1x1."""
    return {
        **normalized(_named(name, 0), convolution(filters, 1, below)),
        **normalized(_named(name, 3), convolution(filters, 3, stride=stride, groups=filters), None),
        **normalized(_named(name, 5), convolution(filters, 1)),
    }


def _joined(name: str, first: str, second: str) -> Specs:
    return {f"{name}.concat": spec("concatenate", first, second), f"{name}.shuffle": spec("channel_shuffle", groups=2)}


def _halving(name: str, below: str, channels: int, filters: int) -> Specs:
    """The block that a stage begins with: half as many rows and columns, more channels."""
    layers = {
        **normalized(_named(f"{name}.branch1", 0), convolution(channels, 3, below, stride=2, groups=channels), None),
        **normalized(_named(f"{name}.branch1", 2), convolution(filters // 2, 1)),
        **_branch(f"{name}.branch2", below, filters // 2, 2),
    }
    return {**layers, **_joined(name, f"{name}.branch1.4", last(layers))}


def _block(name: str, below: str, channels: int) -> Specs:
    half = channels // 2
    layers = {
        f"{name}.first_half": spec("take_channels", below, start=0, stop=half),
        f"{name}.second_half": spec("take_channels", below, start=half, stop=channels),
        **_branch(f"{name}.branch2", f"{name}.second_half", half, 1),
    }
    return {**layers, **_joined(name, f"{name}.first_half", last(layers))}


def _shufflenet_v2(classes: int, stages: Sequence[int], units: int) -> Specs:
    layers = dict(normalized(numbered("conv1"), convolution(FIRST, 3, stride=2)))
    layers["maxpool"] = spec("max_pool", size=3, stride=2, padding=1)
    channels = FIRST
    for stage, (count, filters) in enumerate(zip(BLOCKS, stages), start=2):
        layers |= _halving(f"stage{stage}.0", last(layers), channels, filters)
        channels = filters
        for i in range(1, count):
            layers |= _block(f"stage{stage}.{i}", last(layers), channels)
    return {
        **layers,
        **normalized(numbered("conv5"), convolution(units, 1)),
        "globalpool": spec("global_average_pool"),
        "fc": spec("dense", units=classes),
    }


#: Channels of the three stages, and of the last convolution, by how wide the network is.
WIDTHS = {
    "x0-5": ((48, 96, 192), 1024),
    "x1-0": ((116, 232, 464), 1024),
    "x1-5": ((176, 352, 704), 1024),
    "x2-0": ((244, 488, 976), 2048),
}

ARCHITECTURES = tuple(
    Architecture(f"shufflenet-v2-{width}", partial(_shufflenet_v2, stages=stages, units=units), any_size=True, preprocessing="torch")
    for width, (stages, units) in WIDTHS.items()
)
