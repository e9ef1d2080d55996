r"""Layer-wise relevance propagation (LRP): a score is handed down, layer by layer, to the inputs that made it.

It starts with the score as the relevance of one output. Each layer shares out the relevance R of an output among its inputs, in
proportion to what they contributed to it. With the terms z_ij = x_i w_ij of output j,

    R_i  =  sum over j of  (z_ij / sum over i of z_ij)  R_j

so that, as long as nothing is lost to biases, every layer's relevance adds up to the score. This is a backward pass through the layer's
linear map, with relevance divided by the output on the way in, and multiplied by the input on the way out:

    s = R / z,    R_in = x * (W^T s)

The rules differ in which terms they count:

    =============  ===================================================  ============================================================
    rule           terms                                                good for
    =============  ===================================================  ============================================================
    epsilon        all and the bias; z + epsilon instead of z           dense layers: weak, contradictory contributions are absorbed
    alpha_beta     alpha times those above 0, minus beta times those    convolutions; with alpha 1 and beta 0, "z-plus", stable, only
                   below 0; alpha - beta = 1                            what speaks for the output; else also what speaks against it
    z_box          z_ij - low w+ - high w-                              the first layer, whose inputs are pixels between low and high
    =============  ===================================================  ============================================================

Where layers flow together in a sum, its inputs are the terms: those above 0 alone under z-plus and composite, else all. An epsilon there
would keep what it takes: on a ResNet of 27 sums, 98 % of the score.

ReLUs and dropout pass relevance on as it is, and so does batch normalization that cannot be merged into the layer below it, as each of its
outputs is made of one input. Max pooling gives it to the winner, average pooling shares it like a linear layer: each layer
says so itself (`Layer.relevance`). The functions are rules for `Network.backward`; `rule_book` puts them together for a whole network.

References
----------
S. Bach et al., "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation", PLOS ONE 2015,
equations 56 to 60. G. Montavon et al., "Layer-Wise Relevance Propagation: An Overview", 2019, sections 10.2 and 10.3 (the composite).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Literal

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.kernels import current_algorithm, use_algorithm
from minicnn.layers import (
    LAYERS,
    BatchNorm,
    Conv2D,
    Layer,
)
from minicnn.layers.base import Context
from minicnn.layers.weighted import Weighted
from minicnn.network.folding import folded
from minicnn.network.network import Rule, Trace

RuleName = Literal["composite", "epsilon", "alpha-beta", "z-plus"]


def rule_book(trace: Trace, name: RuleName, share: float, alpha: float, low: np.ndarray, high: np.ndarray) -> dict[str, Rule]:
    """Choose the rules for all layers of a network.

    Parameters
    ----------
    trace : Trace
        Of the forward pass through which relevance is to go back.
    name : {"composite", "epsilon", "alpha-beta", "z-plus"}
        For convolutions and dense layers: one rule for all; or epsilon for dense layers, z-plus for convolutions, and z-box for the
        first of these, if it is a convolution.
    share : float
        Of `epsilon`.
    alpha : float
        Of `alpha_beta`.
    low, high : array (channels,)
        Of `z_box`.

    Returns
    -------
    dict of str to function
        By layer, for `Network.backward`; the layers that are missing go back as usual.

    Raises
    ------
    MinicnnError
        If the network has a layer through which it is not known how relevance passes, or a batch normalization that can be merged.
    """
    everywhere = {"epsilon": epsilon(share), "alpha-beta": alpha_beta(alpha), "z-plus": alpha_beta(1.0)}
    network = trace.network
    first = next(iter(network.parameters), None)

    def weighted(layer_name: str, layer: Layer) -> Rule:
        if name != "composite":
            return everywhere[name]
        if not isinstance(layer, Conv2D):
            return epsilon(share)
        return z_box(low, high) if layer_name == first else alpha_beta(1.0)

    rules: dict[str, Rule] = {}
    for layer_name, layer in network.layers.items():
        relevance = layer.described("relevance")
        if callable(relevance):
            rules[layer_name] = _rule_of_its_own
        elif relevance == "weighted":
            rules[layer_name] = _from_input(weighted(layer_name, layer), trace.input_of(layer_name))
        elif relevance == "shared":
            rules[layer_name] = _from_input(epsilon(0.0), trace.input_of(layer_name))
        elif relevance == "added":
            rules[layer_name] = positive_parts if name in ("composite", "z-plus") else plain_parts
        elif relevance == "unchanged":
            _check_same_shape(layer_name, layer, trace)
            rules[layer_name] = passed_on
    _check_known({name: layer for name, layer in network.layers.items() if layer.described("relevance") is None})
    if norms := [name for name in network.of_type(BatchNorm) if name not in folded(network).layers]:
        raise MinicnnError(
            f"the network has batch normalization ({', '.join(norms)}) that can be merged into the layers below, and only these share "
            "relevance out in proportion to what they really multiply by; merge it with minicnn.folded"
        )
    return rules


def _from_input(rule: Rule, x: np.ndarray) -> Rule:
    """Let a rule that works on the layer's input have it, whatever the layer's context is."""
    return lambda layer, relevance, context: rule(layer, relevance, x)


def _check_same_shape(name: str, layer: Layer, trace: Trace) -> None:
    """Raise MinicnnError if relevance cannot pass a layer unchanged."""
    before, after = trace.input_of(name).shape, trace.outputs.shape(name)
    if before != after:
        raise MinicnnError(
            f'{name}, a {type(layer).__name__}, says relevance = "unchanged", but makes shape {after} of {before}; expected the same shape'
        )


def _check_known(unknown: Mapping[str, Layer]) -> None:
    """Raise MinicnnError for layers through which it is not known how relevance passes."""
    if unknown:
        name, layer = next(iter(unknown.items()))
        if LAYERS.get(layer.word) is type(layer):
            there = ", ".join(f"{place} ({other.word or type(other).__name__})" for place, other in unknown.items())
            raise MinicnnError(f"LRP has no rule for {there}; choose another method, such as grad-cam")
        raise MinicnnError(
            f"it is not known how relevance passes through {name}, a {type(layer).__name__}; let its class say so: "
            'relevance = "unchanged" as for ReLU, "shared" as for average pooling, "backward" as for max pooling, or a method '
            "relevance(self, relevance, context)"
        )


def epsilon(share: float) -> Rule:
    """Count all terms; the divisor is moved away from 0 by a share of the root mean square of the image's outputs."""

    def rule(layer: Layer, relevance: np.ndarray, x: np.ndarray) -> np.ndarray:
        with _exact_zeros():
            z, context = layer.forward(x)
        mean_square = np.mean(z**2, axis=tuple(range(1, z.ndim)), keepdims=True)
        stabilizer = z.dtype.type(share) * np.sqrt(mean_square)
        return x * layer.backward(_divide(relevance, z + np.where(z >= 0, stabilizer, -stabilizer)), context)

    return rule


def alpha_beta(alpha: float) -> Rule:
    """Count the terms above 0 alpha times, those below 0 minus (alpha - 1) times, and no bias."""

    def rule(layer: Weighted, relevance: np.ndarray, x: np.ndarray) -> np.ndarray:
        positive = _with_weight(layer, np.maximum(layer.weight, 0))
        if alpha == 1 and not (x < 0).any():  # as after a ReLU; then weights below 0 take no part
            return _shared([(x, positive)], relevance)
        negative = _with_weight(layer, np.minimum(layer.weight, 0))
        above, below = np.maximum(x, 0), np.minimum(x, 0)
        result = x.dtype.type(alpha) * _shared([(above, positive), (below, negative)], relevance)
        if alpha == 1:
            return result
        return result - x.dtype.type(alpha - 1) * _shared([(above, negative), (below, positive)], relevance)

    return rule


def z_box(low: np.ndarray, high: np.ndarray) -> Rule:
    """Count x w - low w+ - high w-, which is never below 0 for inputs between low and high, arrays (channels,)."""

    def rule(layer: Weighted, relevance: np.ndarray, x: np.ndarray) -> np.ndarray:
        lowest, highest = (np.broadcast_to(edge, x.shape).astype(x.dtype) for edge in (low, high))
        positive, negative = (_with_weight(layer, clip(layer.weight, 0)) for clip in (np.maximum, np.minimum))
        return _shared([(x, _with_weight(layer, layer.weight)), (-lowest, positive), (-highest, negative)], relevance)

    return rule


def positive_parts(layer: Layer, relevance: np.ndarray, xs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Share the relevance of a sum among its inputs in proportion to what in them is above 0."""
    return _parts([np.maximum(x, 0) for x in xs], relevance)


def plain_parts(layer: Layer, relevance: np.ndarray, xs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Share the relevance of a sum among its inputs in proportion to these."""
    return _parts(xs, relevance)


def _parts(terms: Sequence[np.ndarray], relevance: np.ndarray) -> tuple[np.ndarray, ...]:
    divided = _divide(relevance, _total(terms))
    return tuple(term * divided for term in terms)


def _rule_of_its_own(layer: Layer, relevance: np.ndarray, context: Context) -> np.ndarray:
    """Let the layer pass relevance on by its own method."""
    return layer.relevance(relevance, context)  # type: ignore[misc, operator]


def passed_on(layer: Layer, relevance: np.ndarray, context) -> np.ndarray:
    """Hand relevance on as it is."""
    return relevance


def _shared(terms: list[tuple[np.ndarray, Layer]], relevance: np.ndarray) -> np.ndarray:
    """Share relevance out in proportion to the terms of some (input, layer) pairs together."""
    terms = [(x, layer) for x, layer in terms if x.any()] or terms[:1]
    with _exact_zeros():
        divided = _divide(relevance, _total([layer.forward(x)[0] for x, layer in terms]))
    return _total([x * layer.backward(divided, x) for x, layer in terms])


def _exact_zeros() -> contextlib.AbstractContextManager[None]:
    """Choose an algorithm that gives 0 for sums of zeros; Winograd's may give 1e-7, and relevance is divided by it."""
    return use_algorithm("direct") if current_algorithm() in ("auto", "winograd") else contextlib.nullcontext()


def _total(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Add arrays up; a single one is not copied."""
    return reduce(np.add, arrays)


def _with_weight(layer: Weighted, weight: np.ndarray) -> Weighted:
    """Return the layer with another weight and no bias."""
    return layer.replace(weight=weight, bias=np.zeros_like(layer.bias))


def _divide(relevance: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Divide; where there are no terms there is nothing to hand down."""
    return np.divide(relevance, z, out=np.zeros_like(relevance), where=z != 0)
