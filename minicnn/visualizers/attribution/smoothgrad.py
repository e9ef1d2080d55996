"""Saliency without its noise."""

from __future__ import annotations

from typing import Literal

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.models.model import Model
from minicnn.network.objectives import Output, class_score, class_values
from minicnn.pictures.render import Map
from minicnn.pictures.render.panel import largest_shown
from minicnn.pictures.results import Result
from minicnn.visualizers.attribution.gradients import (
    GRADIENTS,
    PATH_STEPS,
    Base,
    strongest_color,
    warn_if_no_relu,
    warn_if_saturated,
)
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import LIKELIEST, BatchSize, Progress, Seed, Target, Traced

Variant = Literal["mean", "squared", "vargrad"]


@visualizer(
    question="What mattered for this answer?",
    paper="D. Smilkov et al., arXiv:1706.03825, section 3; squared: S. Hooker et al., arXiv:1806.10758; "
    "VarGrad: J. Adebayo et al., arXiv:1810.03307",
    if_zero="no pixel changes the score in any of the noisy copies; every path to the image is blocked, or a probability is saturated",
    report={"samples": 20},
    quick={"samples": 6},
    attribution="large",
)
def smoothgrad(
    model: Model,
    image: Traced,
    target: Target = LIKELIEST,
    *,
    samples: int = 50,
    noise: float = 0.15,
    variant: Variant = "mean",
    base: Base = "saliency",
    standard_error: bool = False,
    output: Output = "logit",
    batch_size: BatchSize = 4,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Result:
    """Average the saliency gradient over noisy copies of the photo.

    A gradient jumps from pixel to pixel because ReLUs and pooling switch at every small change. Averaged over copies of the photo with
    random noise, the jumps cancel and what stays is what the score depends on around this photo. The color is that of the mean
    gradient, so pixels whose gradient keeps changing its sign stay dark. Cost: about 2.5 forward passes for each sample.

    Parameters
    ----------
    target : str or int
        The class, by name or index. Default: the likeliest on the photo without noise.
    samples : int
        The number of noisy copies.
    noise : float
        The noise's standard deviation as a share of the photo's range (largest minus smallest value); the paper uses 0.1 to 0.2.
    variant : {"mean", "squared", "vargrad"}
        The mean of the gradients, the mean of their squares, or their variance.
    base : {"saliency", "guided", "integrated"}
        What is averaged: the gradient, guided backpropagation, or integrated gradients from an image of zeros, in 8 steps.
    standard_error : bool
        Also compute how far the map may be off by chance, pixel by pixel; it falls with the square root of the number of samples.

    Returns
    -------
    Result
        Values: array (H, W), at least 0: for each pixel the largest absolute value, over its three colors, of the mean gradient (its
        square, its variance), in score per unit of the network's input, with integrated gradients in score (squared for the latter two).
        With the standard error: a dict of "map" and "standard error", the latter for the same color of each pixel and in the same unit.

    Raises
    ------
    MinicnnError
        If `noise` is negative, or so large that nothing is left of the photo; or if one sample is to tell how samples vary.
    """
    if not 0 <= noise <= 10:
        raise MinicnnError(f"noise is {noise}; expected a share of the photo's range, from 0 to 10")
    if samples < 2 and (standard_error or variant == "vargrad"):
        raise MinicnnError(f"samples is {samples}; expected at least 2, to tell how much they vary")
    generator = np.random.default_rng(seed)
    x = image.input
    std = noise * float(x.max() - x.min())
    objective, gradient_of = class_score(target, output), GRADIENTS[base]
    powers = (1 if variant == "mean" else 2) * (2 if standard_error else 1)
    sums = np.zeros((powers, *x.shape[1:]), np.float64)
    for start in range(0, samples, batch_size):
        count = min(batch_size, samples - start)
        copies = x + std * generator.standard_normal((count, *x.shape[1:])).astype(x.dtype)
        gradient = gradient_of(model.network, copies, objective).astype(np.float64)
        for power in range(powers):
            sums[power] += (gradient ** (power + 1)).sum(axis=0)
        if progress:
            progress(start + count, samples)
    moments = sums / samples
    estimate = _estimate(moments, samples, variant)
    values = np.abs(strongest_color(estimate)).astype(x.dtype)
    details = ", ".join(word for word, usual in ((variant, "mean"), (base, "saliency")) if word != usual)
    title = f"SmoothGrad for {model.class_name(target)}" + f" ({details})" * bool(details)
    quantity = f"d {output} / d pixel" if base != "integrated" else f"pixel x d {output} / d pixel, integrated in {PATH_STEPS} steps"
    unit = {"mean": "|mean of g|", "squared": "mean of g^2", "vargrad": "variance of g"}[variant] + f", g = {quantity}"
    score, _ = class_values(image.result, target, output)
    found = warn_if_saturated(score, output) + (warn_if_no_relu(image.network) if base == "guided" else ())
    if not standard_error:
        return Result(values, Map(unit), title, warnings=found)
    strongest = np.abs(estimate).argmax(axis=2)[..., None]
    error = np.take_along_axis(_standard_error(moments, samples, variant), strongest, axis=2)[..., 0].astype(x.dtype)
    together = Map(unit, largest_shown(values))  # on one scale, so that they can be compared
    return Result({"map": values, "standard error": error}, together, title, text=_enough(values, error, samples), warnings=found)


def _estimate(moments: np.ndarray, samples: int, variant: Variant) -> np.ndarray:
    """Read mean, mean square or variance (H, W, C) off the means of the first powers."""
    if variant == "mean":
        return moments[0]
    if variant == "squared":
        return moments[1]
    return np.maximum(moments[1] - moments[0] ** 2, 0) * samples / (samples - 1)


def _standard_error(moments: np.ndarray, samples: int, variant: Variant) -> np.ndarray:
    """Estimate the standard deviation of the estimate itself, (H, W, C).

    That of a mean is s / sqrt(n). That of a variance s^2 is sqrt((m4 - s^4 (n - 3) / (n - 1)) / n), with m4 the fourth central moment.
    """
    if variant == "vargrad":
        m1, m2, m3, m4 = moments
        fourth = m4 - 4 * m3 * m1 + 6 * m2 * m1**2 - 3 * m1**4
        variance = _estimate(moments, samples, "vargrad")
        squared = (fourth - variance**2 * (samples - 3) / (samples - 1)) / samples
    else:
        first, second = (0, 1) if variant == "mean" else (1, 3)
        squared = (moments[second] - moments[first] ** 2) / (samples - 1)
    return np.sqrt(np.maximum(squared, 0))


def _enough(values: np.ndarray, error: np.ndarray, samples: int) -> str:
    """Say in words whether the samples were enough."""
    bright = values >= np.quantile(values, 0.95)
    share = float(np.median(error[bright] / np.maximum(values[bright], np.finfo(values.dtype).tiny)))
    return (
        f"Over the brightest 5 % of the pixels the median standard error is {share:.0%} of the value, with {samples} samples; "
        "four times as many would halve it."
    )
