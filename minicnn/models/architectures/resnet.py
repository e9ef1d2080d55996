"""Residual networks: blocks of convolutions whose input is added to their output.

        +------------------- shortcut -------------------+
        |                                                v
    input -> conv -> norm -> relu -> conv -> norm ->    add -> relu

What a block must learn is only how its output differs from its input; and the gradient has a path back without any weights. Where the
number of channels, or the size, changes, the shortcut is a convolution of 1x1.

Deep networks have *bottlenecks*: 1x1 to fewer channels, 3x3, 1x1 to four times as many. Wide ones have more channels within, ResNeXt has
the 3x3 in groups.

References
----------
K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", arXiv:1512.03385.
S. Zagoruyko, N. Komodakis, "Wide Residual Networks", arXiv:1605.07146.
S. Xie, R. Girshick, P. Dollar, Z. Tu, K. He, "Aggregated Residual Transformations for Deep Neural Networks", arXiv:1611.05431 (ResNeXt).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from minicnn.models.architectures.architecture import Architecture
from minicnn.models.architectures.blocks import convolution, last, normalized
from minicnn.models.classes import cifar10
from minicnn.models.specs import LayerSpec, Specs, spec


def _basic(name: str, below: str, planes: int, stride: int, shortcut: bool, base_width: int, groups: int) -> Specs:
    """Two convolutions of 3x3."""
    return _added(
        name,
        below,
        {
            **normalized((f"{name}.conv1", f"{name}.bn1", f"{name}.relu1"), convolution(planes, 3, below, stride=stride)),
            **normalized((f"{name}.conv2", f"{name}.bn2"), convolution(planes, 3), None),
        },
        convolution(planes, 1, below, stride=stride) if shortcut else None,
    )


def _bottleneck(name: str, below: str, planes: int, stride: int, shortcut: bool, base_width: int, groups: int) -> Specs:
    """1x1, 3x3 (which has the stride, and the groups), 1x1 to four times as many channels."""
    width = planes * base_width // 64 * groups
    return _added(
        name,
        below,
        {
            **normalized((f"{name}.conv1", f"{name}.bn1", f"{name}.relu1"), convolution(width, 1, below)),
            **normalized((f"{name}.conv2", f"{name}.bn2", f"{name}.relu2"), convolution(width, 3, stride=stride, groups=groups)),
            **normalized((f"{name}.conv3", f"{name}.bn3"), convolution(4 * planes, 1), None),
        },
        convolution(4 * planes, 1, below, stride=stride) if shortcut else None,
    )


def _added(name: str, below: str, block: Specs, shortcut: LayerSpec | None) -> Specs:
    """Add a block's input, or a convolution of it, to its output."""
    names = (f"{name}.downsample.0", f"{name}.downsample.1")
    beside = {} if shortcut is None else normalized(names, shortcut, None)
    return {
        **block,
        **beside,
        f"{name}.add": spec("add", last(block), last(beside) if beside else below),
        f"{name}.relu": spec("relu"),
    }


def _resnet(classes: int, block: Callable[..., Specs], blocks: Sequence[int], base_width: int = 64, groups: int = 1) -> Specs:
    """A convolution of 7x7 and a pool, both with stride 2, then four stages of blocks, each but the first beginning with stride 2."""
    layers = dict(normalized(("conv1", "bn1", "relu"), convolution(64, 7, stride=2)))
    layers["maxpool"] = spec("max_pool", size=3, stride=2, padding=1)
    for stage, (count, planes) in enumerate(zip(blocks, (64, 128, 256, 512)), start=1):
        for i in range(count):
            stride = 2 if stage > 1 and i == 0 else 1
            shortcut = i == 0 and (stage > 1 or block is _bottleneck)
            layers |= block(f"layer{stage}.{i}", last(layers), planes, stride, shortcut, base_width, groups)
    return {**layers, "avgpool": spec("global_average_pool"), "fc": spec("dense", units=classes)}


def _cifar_block(name: str, below: str, channels: int, filters: int) -> Specs:
    """Two convolutions of 3x3; where there are more filters than channels, half as many rows and columns.

    The shortcut then takes every other pixel, and channels of zeros around those that there are: it has no weights (section 4.2,
    option A).
    """
    grows = filters > channels
    layers = {
        **normalized((f"{name}.conv1", f"{name}.bn1", f"{name}.relu1"), convolution(filters, 3, below, stride=1 + grows)),
        **normalized((f"{name}.conv2", f"{name}.bn2"), convolution(filters, 3), None),
    }
    shortcut = below
    if grows:
        more, shortcut = (filters - channels) // 2, f"{name}.shortcut"
        layers[f"{name}.every_other"] = spec("max_pool", below, size=1, stride=2)
        layers[shortcut] = spec("pad_channels", before=more, after=more)
    return {**layers, f"{name}.add": spec("add", f"{name}.bn2", shortcut), f"{name}.relu2": spec("relu")}


def _cifar_resnet(classes: int, blocks: int) -> Specs:
    """One convolution, then three stages of so many blocks, of 16, 32 and 64 filters."""
    layers = dict(normalized(("conv1", "bn1", "relu1"), convolution(16, 3)))
    below, channels = "relu1", 16
    for stage, filters in enumerate((16, 32, 64), start=1):
        for i in range(blocks):
            layers |= _cifar_block(f"layer{stage}.{i}", below, channels, filters)
            below, channels = f"layer{stage}.{i}.relu2", filters
    return {**layers, "gap": spec("global_average_pool"), "linear": spec("dense", units=classes)}


RESNETS = {
    "resnet18": partial(_resnet, block=_basic, blocks=(2, 2, 2, 2)),
    "resnet34": partial(_resnet, block=_basic, blocks=(3, 4, 6, 3)),
    "resnet50": partial(_resnet, block=_bottleneck, blocks=(3, 4, 6, 3)),
    "resnet101": partial(_resnet, block=_bottleneck, blocks=(3, 4, 23, 3)),
    "resnet152": partial(_resnet, block=_bottleneck, blocks=(3, 8, 36, 3)),
    "wide-resnet50-2": partial(_resnet, block=_bottleneck, blocks=(3, 4, 6, 3), base_width=128),
    "wide-resnet101-2": partial(_resnet, block=_bottleneck, blocks=(3, 4, 23, 3), base_width=128),
    "resnext50-32x4d": partial(_resnet, block=_bottleneck, blocks=(3, 4, 6, 3), base_width=4, groups=32),
    "resnext101-32x8d": partial(_resnet, block=_bottleneck, blocks=(3, 4, 23, 3), base_width=8, groups=32),
    "resnext101-64x4d": partial(_resnet, block=_bottleneck, blocks=(3, 4, 23, 3), base_width=4, groups=64),
}

CIFAR_RESNETS = {f"resnet{2 + 6 * blocks}": partial(_cifar_resnet, blocks=blocks) for blocks in (3, 5, 7, 9, 18)}

ARCHITECTURES = (
    *(Architecture(name, layers, any_size=True, preprocessing="torch") for name, layers in RESNETS.items()),
    *(
        Architecture(name, layers, input_size=32, any_size=True, preprocessing="cifar10", class_names=cifar10)
        for name, layers in CIFAR_RESNETS.items()
    ),
    Architecture(
        "resnet20-cifar10",
        CIFAR_RESNETS["resnet20"],
        input_size=32,
        any_size=True,
        preprocessing="cifar10",
        class_names=cifar10,
        shipped_weights="resnet20-cifar10.h5",
    ),
)
