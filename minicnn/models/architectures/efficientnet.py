"""EfficientNet: inverted residual blocks, all sizes grown together: more layers, more channels, larger photos.

B0 was found by a search; B1 to B7 are B0 with each stage repeated more often and each number of channels multiplied. Lite0 is B0 without
gates and with ReLU6 in place of SiLU, so that it can run in integers.

References
----------
M. Tan, Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", arXiv:1905.11946, tables 1 and 2.
R. Liu, "Higher accuracy on vision models with EfficientNet-Lite", TensorFlow Blog, 2020.
"""

from __future__ import annotations

import math
from functools import partial

from minicnn.models.architectures.architecture import Architecture
from minicnn.models.architectures.blocks import Inverted, convolution, divisible, gate, inverted_residual, last, normalized, numbered
from minicnn.models.specs import Specs, spec

#: Expansion, size, stride of the first, filters, repetitions.
STAGES = [(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)]

#: Of B0 to B7: what channels and repetitions are multiplied by, the side of the photos, dropout.
SCALES = {
    "b0": (1.0, 1.0, 224, 0.2),
    "b1": (1.0, 1.1, 240, 0.2),
    "b2": (1.1, 1.2, 288, 0.3),
    "b3": (1.2, 1.4, 300, 0.3),
    "b4": (1.4, 1.8, 380, 0.4),
    "b5": (1.6, 2.2, 456, 0.4),
    "b6": (1.8, 2.6, 528, 0.5),
    "b7": (2.0, 3.1, 600, 0.5),
}


def _efficientnet(classes: int, width: float, depth: float, rate: float, epsilon: float) -> Specs:
    channels = divisible(32 * width)
    layers = dict(normalized(numbered("features.0"), convolution(channels, 3, stride=2), "silu", epsilon))
    for stage, (expansion, size, first_stride, filters, repetitions) in enumerate(STAGES, start=1):
        for i in range(math.ceil(repetitions * depth)):
            name = f"features.{stage}.{i}"
            plan = Inverted(channels, expansion * channels, divisible(filters * width), size, first_stride if i == 0 else 1)
            first = 0 if expansion == 1 else 1
            names = [numbered(f"{name}.block.{part}") for part in (*range(first + 1), first + 2)]
            gates = partial(gate, f"{name}.block.{first + 1}", plan.expanded, max(1, channels // 4), activation="silu", gating="sigmoid")
            layers |= inverted_residual(name, last(layers), plan, names, "silu", gates, epsilon)
            channels = plan.filters
    return {
        **layers,
        **normalized(numbered("features.8"), convolution(4 * channels, 1), "silu", epsilon),
        "avgpool": spec("global_average_pool"),
        "classifier.0": spec("dropout", rate=rate),
        "classifier.1": spec("dense", units=classes),
    }


#: How TensorFlow pads images of even side where it halves the size: windows of 3, of 5.
HALVING = {3: ((0, 1), (0, 1)), 5: ((1, 2), (1, 2))}


def _lite0(classes: int) -> Specs:
    """The names are those of the PyTorch file that the weights come from."""
    stem = spec("convolution", filters=32, size=3, stride=2, padding=HALVING[3])
    layers = dict(normalized(("_conv_stem", "_bn0", "_relu0"), stem, "relu6", 0.001))
    channels, number = 32, 0
    for expansion, size, first_stride, filters, repetitions in STAGES:
        for i in range(repetitions):
            name, stride = f"_blocks.{number}", first_stride if i == 0 else 1
            parts = [("expand", 0), ("depthwise", 1), ("project", 2)][expansion == 1 :]
            names = [(f"{name}._{part}_conv", f"{name}._bn{place}", f"{name}._relu{place}") for part, place in parts]
            padding = HALVING[size] if stride == 2 else None
            plan = Inverted(channels, expansion * channels, filters, size, stride)
            layers |= inverted_residual(name, last(layers), plan, names, "relu6", epsilon=0.001, padding=padding)
            channels, number = filters, number + 1
    return {
        **layers,
        **normalized(("_conv_head", "_bn1", "_relu1"), convolution(1280, 1), "relu6", 0.001),
        "_avg_pooling": spec("global_average_pool"),
        "_dropout": spec("dropout", rate=0.2),
        "_fc": spec("dense", units=classes),
    }


ARCHITECTURES = (
    Architecture("efficientnet-lite0", _lite0, any_size=True, preprocessing="lite", shipped_weights="efficientnet-lite0.h5"),
    *(
        Architecture(
            f"efficientnet-{name}",
            partial(_efficientnet, width=width, depth=depth, rate=rate, epsilon=0.001 if name in ("b5", "b6", "b7") else 1e-5),
            input_size=side,
            any_size=True,
            preprocessing="torch",
        )
        for name, (width, depth, side, rate) in SCALES.items()
    ),
)
