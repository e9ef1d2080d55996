"""Nodes that make images larger by whole factors."""

from __future__ import annotations

import numpy as np

from minicnn.weightfiles.onnx.axes import Axes
from minicnn.weightfiles.onnx.network import ReadNetwork
from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.refusals import RefusedError
from minicnn.weightfiles.onnx.values import Value

#: Where output i of a factor f looks in the input, and how that is rounded, such that it is the pixel floor(i / f).
NEAREST = {
    (b"asymmetric", b"floor"),
    (b"half_pixel", b"round_prefer_floor"),
    (b"half_pixel", b"round_prefer_ceil"),
    (b"pytorch_half_pixel", b"round_prefer_floor"),
    (b"pytorch_half_pixel", b"round_prefer_ceil"),
}

#: Before this version of the operators there was but one way.
WAYS = 11


def resize(network: ReadNetwork, node: Node, x: Value) -> Value:
    """Resize, and Upsample of older files: by repeating pixels, or by straight lines between their centers."""
    mode, old = node.attribute("mode", b"nearest"), node.opset < WAYS
    way = b"asymmetric" if old else node.attribute("coordinate_transformation_mode", b"half_pixel")
    rounding = b"floor" if old else node.attribute("nearest_mode", b"round_prefer_floor")
    for name, usual in (("extrapolation_value", 0.0), ("cubic_coeff_a", -0.75)):
        node.attribute(name, usual)  # of ways that are not read
    if (
        node.attribute("antialias", 0)
        or node.attribute("exclude_outside", 0)
        or node.attribute("keep_aspect_ratio_policy", b"stretch") != b"stretch"
    ):
        raise RefusedError("resizes with smoothing or in its own proportions; expected plain nearest or linear")
    if mode == b"linear" and way in (b"half_pixel", b"pytorch_half_pixel"):
        method = "bilinear"
    elif mode == b"nearest" and (way, rounding) in NEAREST:
        method = "nearest"
    else:
        text = " ".join(word.decode("ascii", "replace") for word in (mode, way, rounding))
        raise RefusedError(f"resizes in the way {text}; expected nearest, or linear with half_pixel (align_corners=False)")
    factors = {group: factor for group, factor in zip(x.groups, _factors(node, x, old)) if factor != 1}
    if not x.axes.is_image or not factors.keys() <= {("H",), ("W",)}:
        raise RefusedError("resizes other axes than height and width")
    if not factors:
        return x
    factor = [factors.get(("H",), 1), factors.get(("W",), 1)]
    sizes = {label: x.sizes[label] * times if x.sizes[label] > 0 else x.sizes[label] for label, times in zip("HW", factor)}
    options = {"factor": factor, "method": method}
    return network.add("upsample", x, axes=Axes(x.groups, {**x.sizes, **sizes}), options=options, name=node.layer_name)


def _factors(node: Node, x: Value, old: bool) -> list[int]:
    """Read how many times as long each axis becomes."""
    places = list(range(len(x.groups)))
    if not old:
        places = [x.axes.index(place) for place in node.attribute("axes", places)]
    index = 1 if old else 2
    if node.has_input(index) and node.constant(index).size:
        scales = [float(number) for number in node.floats(index).reshape(-1)[: len(places) + 1]]
    else:
        shape, sizes = x.axes.shape, node.integers(3, "sizes") or []
        if len(sizes) != len(places) or not all(shape[place] > 0 or shape[place] == size for place, size in zip(places, sizes)):
            raise RefusedError("resizes to sizes that do not follow from fixed ones; export the model with a fixed height and width")
        scales = [1.0 if size == shape[place] else size / shape[place] for place, size in zip(places, sizes)]
    whole = [int(scale) if np.isfinite(scale) and 1 <= scale <= 1 << 16 and scale == int(scale) else 0 for scale in scales]
    if len(whole) != len(places) or 0 in whole:
        raise RefusedError(f"resizes by the factors {scales[:8]}; expected whole numbers of at least 1")
    by_place = dict(zip(places, whole))
    return [by_place.get(place, 1) for place in range(len(x.groups))]
