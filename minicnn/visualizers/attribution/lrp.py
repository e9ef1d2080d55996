"""The score, handed down layer by layer to the pixels that made it."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.layers import Layer
from minicnn.models.model import Model
from minicnn.network.network import Rule
from minicnn.network.objectives import class_values
from minicnn.network.relevance import RuleName, rule_book
from minicnn.pictures.render import Signed
from minicnn.pictures.results import Result
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import LIKELIEST, Target, Traced

#: A score below this share of the largest one is warned of.
WEAK = 0.1

#: Below this share of the score what arrives is little, and the text says where the rest is, by the rule.
LITTLE = 0.1
NOT_RAISED = (
    "Under this rule a unit that no input raises hands nothing down, as is often so in depthwise convolutions, which see one channel."
)
LOST: dict[RuleName, str] = {
    "composite": NOT_RAISED,
    "z-plus": NOT_RAISED,
    "epsilon": "This rule absorbs what nearly cancels, by design, and biases keep their part; with --epsilon 0 only biases do.",
}

#: Beyond it nothing would be left of the score (epsilon), or of the numbers' digits (alpha).
LARGEST = 100


@visualizer(
    question="What mattered for this answer?",
    paper="S. Bach et al., PLOS ONE 10(7), 2015; the composite: G. Montavon et al., Layer-Wise Relevance Propagation: An Overview, 2019",
    if_zero="the score is 0, or nothing on the way contributed to it",
    attribution="large",
)
def lrp(
    model: Model,
    image: Traced,
    target: Target = LIKELIEST,
    *,
    rule: RuleName = "composite",
    epsilon: float = 0.25,
    alpha: float = 2.0,
) -> Result:
    """Hand the score down, layer by layer, to the pixels that made it (layer-wise relevance propagation).

    Each layer shares out what it receives among its inputs, in proportion to what they contributed. Ideally nothing is lost, and the
    pixels' relevance adds up to the score; the text says what really arrives. The composite rule counts, in convolutions, only the
    contributions that raise a unit. That gives calm pictures of what was found, but classes are told apart by the dense layers alone;
    with z-plus everywhere all classes get nearly the same map, up to its sign, whatever the upper layers' weights (Sixt et al. 2020).
    Cost: about 8 forward passes, 15 with alpha-beta.

    Parameters
    ----------
    rule : {"composite", "epsilon", "alpha-beta", "z-plus"}
        Which contributions count: the epsilon rule in dense layers, z-plus in convolutions and the pixels' range in the first one (for
        a bare network, which knows no colors, the range in this image); or one rule for all: epsilon counts all of them and absorbs
        weak ones; alpha-beta weighs those for and those against a unit; z-plus counts only those for it.
    epsilon : float
        For the epsilon rule: what is added to a unit's value before sharing out, as a share of the layer's root mean square; 0 gives
        gradient x input.
    alpha : float
        For alpha-beta: the weight of what speaks for a unit; what speaks against it has alpha - 1.

    Returns
    -------
    Result
        Values: array (H, W), the relevance of each pixel, summed over its colors, in units of the logit. If the score is above 0, so
        is what speaks for the class; if it is below 0, all signs are turned.

    Raises
    ------
    MinicnnError
        If `epsilon` is not between 0 and 100, or `alpha` not between 1 and 100.
    """
    for name, value, low in (("epsilon", epsilon, 0), ("alpha", alpha, 1)):
        if not low <= value <= LARGEST:
            raise MinicnnError(f"{name} is {value}; expected {low} to {LARGEST}")
    network = image.network
    changes: dict[str, float] = {}
    (score,), one_hot = class_values(image.result, target)
    rules = rule_book(image, rule, epsilon, alpha, *_pixel_range(model, image.input))
    noted: dict[type | str, Rule] = {name: _noted(name, rules.get(name), changes) for name in network.layers}
    relevance = network.backward(image, {image.last: score * one_hot}, noted)
    largest = np.abs(image.result).max()
    canceled = (
        f"the score, {score:.4g}, is small beside the largest, {largest:.4g}: what speaks for the class and what against it nearly cancel"
    )
    found = (f"{canceled}, and the map may mostly show what was lost or gained on the way",) if abs(score) < WEAK * largest else ()
    text = _conservation(float(score), float(relevance.sum(dtype=np.float64)), changes, rule)
    title = f"LRP ({rule}) for {model.class_name(target)}"
    return Result(relevance[0].sum(axis=2), Signed("share of the logit"), title, text=text, warnings=found)


def _pixel_range(model: Model, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and the highest value of each color (channels,); a bare network knows only those of this image."""
    return (image.min(axis=(0, 1, 2)), image.max(axis=(0, 1, 2))) if model.preprocessing is None else model.preprocessing.limits


def _noted(name: str, rule: Rule | None, changes: dict[str, float]) -> Rule:
    """Wrap a rule so that it leaves in `changes` how much more, or less, the layer's inputs get in total than the layer got."""

    def wrapped(layer: Layer, relevance: np.ndarray, context) -> Any:
        below = layer.backward(relevance, context) if rule is None else rule(layer, relevance, context)
        parts = below if isinstance(below, tuple) else (below,)
        changes[name] = 0.0 if below is relevance else sum(float(part.sum()) for part in parts) - float(relevance.sum())
        return below

    return wrapped


def _conservation(score: float, arrived: float, changes: dict[str, float], rule: RuleName) -> str:
    """Say in words how much of the score arrives, where most is lost or gained, and why if little arrives."""
    text = f"The map adds up to {arrived:.4g}; the score is {score:.4g}."
    if not changes or score == 0:
        return text
    name = max(changes, key=lambda name: abs(changes[name]))
    why = f" {LOST[rule]}" if rule in LOST and abs(arrived) < LITTLE * abs(score) else ""
    return f"{text[:-1]}, so {arrived / score:.1%} of it arrives. The largest change is at {name}: {changes[name] / score:+.1%}.{why}"
