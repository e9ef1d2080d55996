"""RegNet: residual networks whose widths grow by a simple rule.

        +------------ 1x1 where the shape changes ------------+
        |                                                     v
    input -> 1x1 -> 3x3 in groups -> [gate, in Y only] -> 1x1 -> add -> relu

There are four stages of such blocks, each beginning with stride 2. A block's three convolutions have as many channels each. Of a space of
networks those were kept in which good ones are common: block number j wants w_0 + w_a j channels, and all blocks of a stage get the nearest
power of w_m times w_0, rounded so that the groups come out even. The table says what that gives. X is without gates, Y with; 400MF are 400
million multiplications for one image.

References
----------
I. Radosavovic, R. Kosaraju, R. Girshick, K. He, P. Dollar, "Designing Network Design Spaces", arXiv:2003.13678, equations 2 to 4, figures
    16 and 17.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from minicnn.models.architectures.architecture import Architecture
from minicnn.models.architectures.blocks import convolution, gate, last, normalized, numbered
from minicnn.models.specs import Specs, spec

#: The convolutions' channels in the first layer.
STEM = 32


def _block(name: str, below: str, channels: int, width: int, stride: int, group_width: int, gated: bool) -> Specs:
    """The gate squeezes to a quarter of the channels that reach the block."""
    beside = normalized(numbered(f"{name}.proj"), convolution(width, 1, below, stride=stride), None)
    shortcut = {} if (channels, stride) == (width, 1) else beside
    layers = {
        **shortcut,
        **normalized(numbered(f"{name}.f.a"), convolution(width, 1, below)),
        **normalized(numbered(f"{name}.f.b"), convolution(width, 3, stride=stride, groups=width // group_width)),
    }
    if gated:
        layers |= gate(f"{name}.f.se", width, round(channels / 4), last(layers), "relu", "sigmoid")
    return {
        **layers,
        **normalized(numbered(f"{name}.f.c"), convolution(width, 1), None),
        f"{name}.add": spec("add", f"{name}.f.c.1", last(shortcut) if shortcut else below),
        f"{name}.activation": spec("relu"),
    }


def _regnet(classes: int, blocks: Sequence[int], widths: Sequence[int], group_width: int, gated: bool) -> Specs:
    layers = dict(normalized(numbered("stem"), convolution(STEM, 3, stride=2)))
    channels = STEM
    for stage, (count, width) in enumerate(zip(blocks, widths), start=1):
        for i in range(count):
            name = f"trunk_output.block{stage}.block{stage}-{i}"
            layers |= _block(name, last(layers), channels, width, 2 if i == 0 else 1, min(group_width, width), gated)
            channels = width
    return {**layers, "avgpool": spec("global_average_pool"), "fc": spec("dense", units=classes)}


#: Blocks of each stage, their channels, and how many of these are a group.
REGNETS = {
    "x-400mf": ((1, 2, 7, 12), (32, 64, 160, 400), 16),
    "x-800mf": ((1, 3, 7, 5), (64, 128, 288, 672), 16),
    "x-1-6gf": ((2, 4, 10, 2), (72, 168, 408, 912), 24),
    "x-3-2gf": ((2, 6, 15, 2), (96, 192, 432, 1008), 48),
    "x-8gf": ((2, 5, 15, 1), (80, 240, 720, 1920), 120),
    "x-16gf": ((2, 6, 13, 1), (256, 512, 896, 2048), 128),
    "x-32gf": ((2, 7, 13, 1), (336, 672, 1344, 2520), 168),
    "y-400mf": ((1, 3, 6, 6), (48, 104, 208, 440), 8),
    "y-800mf": ((1, 3, 8, 2), (64, 144, 320, 784), 16),
    "y-1-6gf": ((2, 6, 17, 2), (48, 120, 336, 888), 24),
    "y-3-2gf": ((2, 5, 13, 1), (72, 216, 576, 1512), 24),
    "y-8gf": ((2, 4, 10, 1), (224, 448, 896, 2016), 56),
    "y-16gf": ((2, 4, 11, 1), (224, 448, 1232, 3024), 112),
    "y-32gf": ((2, 5, 12, 1), (232, 696, 1392, 3712), 232),
}

ARCHITECTURES = tuple(
    Architecture(
        f"regnet-{name}",
        partial(_regnet, blocks=blocks, widths=widths, group_width=group_width, gated=name.startswith("y")),
        any_size=True,
        preprocessing="torch",
    )
    for name, (blocks, widths, group_width) in REGNETS.items()
)
