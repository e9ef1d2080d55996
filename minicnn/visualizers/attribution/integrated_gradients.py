"""The gradient, added up on the way from a baseline image to the photo."""

from __future__ import annotations

from typing import Literal

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.models.model import Model
from minicnn.network.objectives import Output, class_score, class_values
from minicnn.pictures.render import Signed
from minicnn.pictures.results import Result
from minicnn.visualizers.attribution.fills import filled
from minicnn.visualizers.attribution.gradients import path_gradient
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import LIKELIEST, BatchSize, Image, Progress, Seed, Target

Baseline = Literal["gray", "black", "mean", "blur", "noise"]

#: How far the map's sum may be off, as a share of what it should be, before there is a warning.
TOLERATED = 0.05


@visualizer(
    question="What mattered for this answer?",
    paper="M. Sundararajan, A. Taly, Q. Yan, arXiv:1703.01365, equation 1",
    if_zero="nothing changes the score on the way from the baseline to the photo; the two may be equal",
    report={"steps": 16},
    quick={"steps": 6},
    attribution="large",
)
def integrated_gradients(
    model: Model,
    image: Image,
    target: Target = LIKELIEST,
    *,
    baseline: Baseline = "gray",
    steps: int = 32,
    output: Output = "logit",
    batch_size: BatchSize = 4,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Result:
    """Share the score out among the pixels, by adding up the gradient on the way from a baseline image to the photo.

    The photo is blended in from a baseline, an image that shows nothing, and at each step on the way the gradient tells how much each
    pixel adds. All together add up to the difference between the scores of photo and baseline, so every pixel has its share of it, for
    or against the class; the text says how well that holds, and so whether there were enough steps. A pixel that looks as in the baseline
    gets 0, however much it matters: with black, a panda's black patches. So try more than one baseline. Cost: about 2.5 forward passes
    for each step.

    Parameters
    ----------
    baseline : {"gray", "black", "mean", "blur", "noise"}
        Where the way begins: the mean color of the training photos, which is 0 in the network's units; black; the mean color of this
        photo; this photo blurred by a tenth of its shorter side; random colors with the mean and standard deviation of this photo's.
    steps : int
        How many images on the way.
    output : {"logit", "probability", "log-probability"}
        What is shared out.
    seed : int
        For random colors.

    Returns
    -------
    Result
        Values: array (H, W), in score: for each pixel the sum over its colors of (photo - baseline) times the mean gradient. Above 0
        it speaks for the class, below 0 against it.

    Raises
    ------
    MinicnnError
        If black is wanted of a bare network, which knows no colors.
    """
    begin = _black(model, image) if baseline == "black" else filled(image, baseline, min(image.shape[1:3]) / 10, seed)
    shares = path_gradient(model.network, image, class_score(target, output), begin, steps, batch_size, progress)
    values = shares[0].sum(axis=2)
    (empty, whole), _ = class_values(model.network(np.concatenate([begin, image])), target, output)
    total, wanted = float(values.sum(dtype=np.float64)), float(whole - empty)
    text = (
        f"From the baseline to the photo the {output} goes from {empty:.4g} to {whole:.4g}, by {wanted:.4g}. "
        f"The map adds up to {total:.4g}, with {steps} steps."
    )
    off = abs(total - wanted) > TOLERATED * abs(wanted)
    found = (
        f"the map adds up to {total:.4g}, but the {output} differs by {wanted:.4g}; more steps would make it fit better (steps)",
    ) * off
    title = f"Integrated gradients for {model.class_name(target)}, from {baseline}"
    return Result(values, Signed(f"share of the {output}"), title, text=text, warnings=found)


def _black(model: Model, image: np.ndarray) -> np.ndarray:
    if model.preprocessing is None:
        raise MinicnnError("a bare network knows no black; expected the baseline gray, mean, blur or noise")
    return np.broadcast_to(model.preprocessing.limits[0].astype(image.dtype), image.shape)
