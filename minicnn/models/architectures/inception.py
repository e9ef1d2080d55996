"""Inception: windows of several sizes side by side, so that the network need not choose one.

            +-- 1x1 -----------+
            +-- 1x1 -- 3x3 ----+
    input --+                  +-- concatenate
            +-- 1x1 -- 3x3 ----+
            +-- pool -- 1x1 ---+

GoogLeNet is the first of them; Inception v3 takes large windows apart into two smaller ones, or into a row and a column. The classifiers
that hang on the middle of both networks in training are left out.

References
----------
C. Szegedy et al., "Going Deeper with Convolutions", arXiv:1409.4842 (GoogLeNet).
C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna, "Rethinking the Inception Architecture for Computer Vision", arXiv:1512.00567 (v3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from minicnn.models.architectures.architecture import Architecture
from minicnn.models.architectures.blocks import convolution, last, normalized
from minicnn.models.specs import LayerSpec, Specs, spec

#: A convolution's name, filters and window, and its stride and padding where they are not 1 and what keeps the size.
Plan = tuple


def _unit(name: str, layer: LayerSpec) -> Specs:
    """A convolution with batch normalization and ReLU, under torchvision's names."""
    return normalized((f"{name}.conv", f"{name}.bn", f"{name}.relu"), layer, epsilon=0.001)


def _row(module: str, below: str, plans: Sequence[Plan]) -> Specs:
    """Convolutions one after the other."""
    layers: dict[str, LayerSpec] = {}
    for name, filters, size, *options in plans:
        layers |= _unit(f"{module}.{name}", convolution(filters, size, below, **(options[0] if options else {})))
        below = last(layers)
    return layers


def _module(name: str, below: str, *branches: Specs) -> Specs:
    """Branches of one input, concatenated."""
    layers = {layer: spec for branch in branches for layer, spec in branch.items()}
    return {**layers, f"{name}.concat": spec("concatenate", *map(last, branches))}


def _googlenet_module(name: str, below: str, plan: Sequence[int]) -> Specs:
    """1x1; 1x1 and 3x3, twice (the second, of 5x5 in the paper, has 3x3 in torchvision); a pool and 1x1."""
    one, three_in, three, five_in, five, pooled = plan
    pool = {f"{name}.branch4.0": spec("max_pool", below, size=3, stride=1, padding=1, ceil_mode=True)}
    return _module(
        name,
        below,
        _row(name, below, [("branch1", one, 1)]),
        _row(name, below, [("branch2.0", three_in, 1), ("branch2.1", three, 3)]),
        _row(name, below, [("branch3.0", five_in, 1), ("branch3.1", five, 3)]),
        {**pool, **_row(name, f"{name}.branch4.0", [("branch4.1", pooled, 1)])},
    )


#: What each module's branches have as filters; a number is a pool of that size.
GOOGLENET: dict[str, int | tuple[int, ...]] = {
    "inception3a": (64, 96, 128, 16, 32, 32),
    "inception3b": (128, 128, 192, 32, 96, 64),
    "maxpool3": 3,
    "inception4a": (192, 96, 208, 16, 48, 64),
    "inception4b": (160, 112, 224, 24, 64, 64),
    "inception4c": (128, 128, 256, 24, 64, 64),
    "inception4d": (112, 144, 288, 32, 64, 64),
    "inception4e": (256, 160, 320, 32, 128, 128),
    "maxpool4": 2,
    "inception5a": (256, 160, 320, 32, 128, 128),
    "inception5b": (384, 192, 384, 48, 128, 128),
}


def _googlenet(classes: int) -> Specs:
    layers = {
        **_unit("conv1", convolution(64, 7, stride=2)),
        "maxpool1": spec("max_pool", size=3, stride=2, ceil_mode=True),
        **_unit("conv2", convolution(64, 1)),
        **_unit("conv3", convolution(192, 3)),
        "maxpool2": spec("max_pool", size=3, stride=2, ceil_mode=True),
    }
    for name, plan in GOOGLENET.items():
        if isinstance(plan, int):
            layers[name] = spec("max_pool", size=plan, stride=2, ceil_mode=True)
        else:
            layers |= _googlenet_module(name, last(layers), plan)
    return {**layers, **_head(classes, 0.2)}


def _head(classes: int, rate: float) -> Specs:
    return {"avgpool": spec("global_average_pool"), "dropout": spec("dropout", rate=rate), "fc": spec("dense", units=classes)}


def _pooled(name: str, below: str, filters: int) -> Specs:
    """A mean of 3x3 and a convolution of 1x1."""
    pool = {f"{name}.pool": spec("average_pool", below, size=3, stride=1, padding=1)}
    return {**pool, **_row(name, f"{name}.pool", [("branch_pool", filters, 1)])}


def _a(name: str, below: str, pooled: int) -> Specs:
    """1x1; 5x5; two of 3x3."""
    return _module(
        name,
        below,
        _row(name, below, [("branch1x1", 64, 1)]),
        _row(name, below, [("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)]),
        _row(name, below, [("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)]),
        _pooled(name, below, pooled),
    )


#: What makes the image smaller: every other window, none beyond the edge.
SHRINKS = {"stride": 2, "padding": 0}


def _b(name: str, below: str) -> Specs:
    """Half the size: 3x3; two of 3x3; a pool."""
    return _module(
        name,
        below,
        _row(name, below, [("branch3x3", 384, 3, SHRINKS)]),
        _row(name, below, [("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3, SHRINKS)]),
        {f"{name}.branch_pool": spec("max_pool", below, size=3, stride=2)},
    )


def _c(name: str, below: str, width: int) -> Specs:
    """1x1; a row and a column of 7; two of each."""
    row, column = (1, 7), (7, 1)
    doubled = [("2", width, column), ("3", width, row), ("4", width, column), ("5", 192, row)]
    return _module(
        name,
        below,
        _row(name, below, [("branch1x1", 192, 1)]),
        _row(name, below, [("branch7x7_1", width, 1), ("branch7x7_2", width, row), ("branch7x7_3", 192, column)]),
        _row(name, below, [("branch7x7dbl_1", width, 1), *((f"branch7x7dbl_{i}", *plan) for i, *plan in doubled)]),
        _pooled(name, below, 192),
    )


def _d(name: str, below: str) -> Specs:
    """Half the size: 3x3; a row and a column of 7, and 3x3; a pool."""
    sevens = [("branch7x7x3_1", 192, 1), ("branch7x7x3_2", 192, (1, 7)), ("branch7x7x3_3", 192, (7, 1)), ("branch7x7x3_4", 192, 3, SHRINKS)]
    return _module(
        name,
        below,
        _row(name, below, [("branch3x3_1", 192, 1), ("branch3x3_2", 320, 3, SHRINKS)]),
        _row(name, below, sevens),
        {f"{name}.branch_pool": spec("max_pool", below, size=3, stride=2)},
    )


def _e(name: str, below: str) -> Specs:
    """1x1; 3x3 as a row beside a column; the same after another 3x3."""

    def row_beside_column(branch: str, plans: Sequence[Plan], first: str, second: str) -> Specs:
        before = _row(name, below, plans)
        row, column = (_row(name, last(before), [(part, 384, size)]) for part, size in ((first, (1, 3)), (second, (3, 1))))
        return {**before, **_module(f"{name}.{branch}", last(before), row, column)}

    return _module(
        name,
        below,
        _row(name, below, [("branch1x1", 320, 1)]),
        row_beside_column("branch3x3", [("branch3x3_1", 384, 1)], "branch3x3_2a", "branch3x3_2b"),
        row_beside_column("branch3x3dbl", [("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3)], "branch3x3dbl_3a", "branch3x3dbl_3b"),
        _pooled(name, below, 192),
    )


def _inception_v3(classes: int) -> Specs:
    layers: dict[str, LayerSpec] = {
        **_unit("Conv2d_1a_3x3", convolution(32, 3, **SHRINKS)),
        **_unit("Conv2d_2a_3x3", convolution(32, 3, padding=0)),
        **_unit("Conv2d_2b_3x3", convolution(64, 3)),
        "maxpool1": spec("max_pool", size=3, stride=2),
        **_unit("Conv2d_3b_1x1", convolution(80, 1)),
        **_unit("Conv2d_4a_3x3", convolution(192, 3, padding=0)),
        "maxpool2": spec("max_pool", size=3, stride=2),
    }
    modules: dict[str, Callable[[str, str], Specs]] = {
        **{f"Mixed_5{letter}": partial(_a, pooled=pooled) for letter, pooled in zip("bcd", (32, 64, 64))},
        "Mixed_6a": _b,
        **{f"Mixed_6{letter}": partial(_c, width=width) for letter, width in zip("bcde", (128, 160, 160, 192))},
        "Mixed_7a": _d,
        "Mixed_7b": _e,
        "Mixed_7c": _e,
    }
    for name, make in modules.items():
        layers |= make(name, last(layers))
    return {**layers, **_head(classes, 0.5)}


ARCHITECTURES = (
    Architecture("googlenet", _googlenet, any_size=True, preprocessing="tf"),
    Architecture("inception-v3", _inception_v3, input_size=299, any_size=True, preprocessing="tf"),
)
