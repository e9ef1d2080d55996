"""MobileNets: a convolution taken apart into one for each channel (depthwise) and one of 1x1 that mixes them.

    version 1      depthwise 3x3 -> 1x1
    version 2      1x1, more channels -> depthwise -> 1x1, few channels -> add the block's input
    version 3      the same with gates (squeeze-and-excitation) and hard-swish
    MNASNet        version 2's blocks, with sizes and expansions that a search found

References
----------
A. Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", arXiv:1704.04861.
M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", arXiv:1801.04381, table 2.
A. Howard et al., "Searching for MobileNetV3", arXiv:1905.02244, tables 1 and 2.
M. Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile", arXiv:1807.11626.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from minicnn.models.architectures.architecture import Architecture
from minicnn.models.architectures.blocks import Inverted, convolution, divisible, gate, inverted_residual, last, normalized, numbered
from minicnn.models.specs import LayerSpec, Specs, spec

# ---------------------------------------------------------------------------------------------------------------------------- version 1

#: Filters and stride of each pair of a depthwise convolution and one of 1x1.
PAIRS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]

#: How Keras pads where it halves the size: after the image alone.
AFTER = ((0, 1), (0, 1))


def _mobilenet_v1(classes: int, width: float) -> Specs:
    """Keras' network, with its names and its padding."""
    channels = int(32 * width)
    first = spec("convolution", filters=channels, size=3, stride=2, padding=AFTER)
    layers = dict(normalized(("conv1", "conv1_bn", "conv1_relu"), first, "relu6", 0.001))
    for i, (filters, stride) in enumerate(PAIRS, start=1):
        depthwise = spec("convolution", filters=channels, size=3, stride=stride, padding=AFTER if stride == 2 else 1, groups=channels)
        channels = int(filters * width)
        for kind, layer in (("dw", depthwise), ("pw", convolution(channels, 1))):
            name = f"conv_{kind}_{i}"
            layers |= normalized((name, f"{name}_bn", f"{name}_relu"), layer, "relu6", 0.001)
    return {
        **layers,
        "global_average_pooling2d": spec("global_average_pool"),
        "dropout": spec("dropout", rate=0.001),
        "conv_preds": spec("dense", units=classes),
    }


# ---------------------------------------------------------------------------------------------------------------------------- version 2

#: Expansion, filters, repetitions, stride of the first.
STAGES_V2 = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def _mobilenet_v2(classes: int) -> Specs:
    layers = dict(normalized(numbered("features.0"), convolution(32, 3, stride=2), "relu6"))
    channels, number = 32, 0
    for expansion, filters, repetitions, first_stride in STAGES_V2:
        for i in range(repetitions):
            number += 1
            name = f"features.{number}"
            plan = Inverted(channels, expansion * channels, filters, 3, first_stride if i == 0 else 1)
            count = 1 if expansion == 1 else 2
            names = [numbered(f"{name}.conv.{part}") for part in range(count)]
            names.append((f"{name}.conv.{count}", f"{name}.conv.{count + 1}", ""))
            layers |= inverted_residual(name, last(layers), plan, names, "relu6")
            channels = filters
    return {**layers, **normalized(numbered("features.18"), convolution(1280, 1), "relu6"), **_head(classes, 0.2)}


def _head(classes: int, rate: float) -> Specs:
    return {
        "avgpool": spec("global_average_pool"),
        "classifier.0": spec("dropout", rate=rate),
        "classifier.1": spec("dense", units=classes),
    }


# ---------------------------------------------------------------------------------------------------------------------------- version 3

#: Size, expanded channels, filters, whether there is a gate, whether hard-swish, stride.
LARGE = [
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
]
SMALL = [
    (3, 16, 16, True, False, 2),
    (3, 72, 24, False, False, 2),
    (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2),
    (5, 240, 40, True, True, 1),
    (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1),
    (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2),
    (5, 576, 96, True, True, 1),
    (5, 576, 96, True, True, 1),
]


def _mobilenet_v3(classes: int, plans: Sequence[tuple], units: int) -> Specs:
    layers = dict(normalized(numbered("features.0"), convolution(16, 3, stride=2), "hard_swish", 0.001))
    channels = 16
    for number, (size, expanded, filters, gated, swish, stride) in enumerate(plans, start=1):
        name = f"features.{number}"
        first = 0 if expanded == channels else 1
        parts = [*range(first + 1), first + 1 + gated]
        layers |= inverted_residual(
            name,
            last(layers),
            Inverted(channels, expanded, filters, size, stride),
            [numbered(f"{name}.block.{part}") for part in parts],
            "hard_swish" if swish else "relu",
            partial(_gate_v3, f"{name}.block.{first + 1}", expanded) if gated else None,
            epsilon=0.001,
        )
        channels = filters
    wide = convolution(6 * channels, 1)
    return {
        **layers,
        **normalized(numbered(f"features.{len(plans) + 1}"), wide, "hard_swish", 0.001),
        "avgpool": spec("global_average_pool"),
        "classifier.0": spec("dense", units=units),
        "classifier.1": spec("hard_swish"),
        "classifier.2": spec("dropout", rate=0.2),
        "classifier.3": spec("dense", units=classes),
    }


def _gate_v3(name: str, channels: int, below: str) -> Specs:
    return gate(name, channels, divisible(channels // 4), below, "relu", "hard_sigmoid")


# ------------------------------------------------------------------------------------------------------------------------------ MNASNet

#: Filters, size, stride of the first, expansion, repetitions.
STAGES_MNAS = [(24, 3, 2, 3, 3), (40, 5, 2, 3, 3), (80, 5, 2, 6, 3), (96, 3, 1, 6, 2), (192, 5, 2, 6, 4), (320, 3, 1, 6, 1)]


def _mnasnet(classes: int, width: float) -> Specs:
    first, channels = divisible(32 * width), divisible(16 * width)
    layers: dict[str, LayerSpec] = {
        **normalized(("layers.0", "layers.1", "layers.2"), convolution(first, 3, stride=2)),
        **normalized(("layers.3", "layers.4", "layers.5"), convolution(first, 3, groups=first)),
        **normalized(("layers.6", "layers.7"), convolution(channels, 1), None),
    }
    for number, (filters, size, first_stride, expansion, repetitions) in enumerate(STAGES_MNAS, start=8):
        for i in range(repetitions):
            name, filters_here = f"layers.{number}.{i}", divisible(filters * width)
            plan = Inverted(channels, expansion * channels, filters_here, size, first_stride if i == 0 else 1)
            names = [(f"{name}.layers.{part}", f"{name}.layers.{part + 1}", f"{name}.layers.{part + 2}") for part in (0, 3, 6)]
            layers |= inverted_residual(name, last(layers), plan, names, "relu")
            channels = filters_here
    return {**layers, **normalized(("layers.14", "layers.15", "layers.16"), convolution(1280, 1)), **_head(classes, 0.2)}


ARCHITECTURES = (
    Architecture("mobilenet-v1", partial(_mobilenet_v1, width=1.0), any_size=True, preprocessing="tf", matched_by="keras"),
    Architecture("mobilenet-v2", _mobilenet_v2, any_size=True, preprocessing="torch"),
    Architecture("mobilenet-v3-large", partial(_mobilenet_v3, plans=LARGE, units=1280), any_size=True, preprocessing="torch"),
    Architecture("mobilenet-v3-small", partial(_mobilenet_v3, plans=SMALL, units=1024), any_size=True, preprocessing="torch"),
    *(
        Architecture(f"mnasnet{name}", partial(_mnasnet, width=width), any_size=True, preprocessing="torch")
        for name, width in (("0-5", 0.5), ("0-75", 0.75), ("1-0", 1.0), ("1-3", 1.3))
    ),
)
