"""Nonlinearities that are written as products: a tensor times something that was made of it.

===========  =========================================================
SiLU         x sigmoid(x)
hard swish   x hard_sigmoid(x)
GELU         x (1 + erf(x / sqrt(2))) / 2, in any order of the factors
===========  =========================================================
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from minicnn.weightfiles.onnx.network import ReadNetwork
from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.values import Value

#: How exact the constants of a GELU must be, which files have in float32.
EXACT = 1e-6


def erf(network: ReadNetwork, node: Node, x: Value) -> Value:
    """No layer by itself, but a part of a GELU."""
    wrong = node.refusal("is nothing that minicnn has a layer for, but in a GELU, x (1 + erf(x / sqrt(2))) / 2")
    return network.add("erf", x, error=wrong, name=node.layer_name)


def gated_by_itself(network: ReadNetwork, node: Node, x: Value, factor: Value) -> Value | None:
    """Read x times a factor that was made of it; None if it is none of these nonlinearities."""
    word = network.word(factor)
    taken = network.taken(factor, word)
    if len(taken) != 1 or taken[0].step != x.step or taken[0].padding or x.padding:
        return None
    (source,) = taken
    if not x.groups == source.groups == factor.groups or x.reverses_colors != source.reverses_colors:
        return None
    if word == "erf":
        return _gelu(network, node, x, source, factor)
    same = _equal(x.scale, source.scale) and _equal(x.shift, source.shift)
    if not same or factor.scale is not None or network.options(factor):
        return None
    smooth = {"sigmoid": "silu", "hard_sigmoid": "hard_swish"}.get(word)
    return None if smooth is None else network.add(smooth, x, name=node.layer_name)


def _gelu(network: ReadNetwork, node: Node, x: Value, source: Value, factor: Value) -> Value | None:
    """Read x times one plus the erf of x / sqrt(2), any of them scaled by numbers; None if the numbers are others."""
    if (
        source.scale is None
        or factor.scale is None
        or factor.shift is None
        or any(value.shift is not None and value.shift.any() for value in (x, source))
    ):
        return None
    if np.abs(source.scale * math.sqrt(2) - 1).max() > EXACT or not np.array_equal(factor.scale, factor.shift):
        return None
    scale = 2 * factor.scale * (1.0 if x.scale is None else x.scale)
    made = network.add("gelu", replace(x, scale=None, shift=None), name=node.layer_name)
    shape = [-1 if group == ("C",) else 1 for group in made.groups]
    return network.scale(made, scale.reshape(shape) if scale.size > 1 else scale.reshape(()), np.zeros(()))


def _equal(left: np.ndarray | None, right: np.ndarray | None) -> bool:
    return left is right or (left is not None and right is not None and np.array_equal(left, right))
