"""Saliency without its noise."""

from __future__ import annotations

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.model import Model
from minicnn.objectives import class_score
from minicnn.results import Result
from minicnn.visualizers.registry import Progress, visualizer
from minicnn.visualizers.saliency import Output, strongest_colour


@visualizer(
    paper="D. Smilkov et al., arXiv:1706.03825, section 3",
    if_zero="no pixel changes the score in any of the noisy copies; every path to the image is blocked, or a probability is saturated",
    report=lambda height, width: {"samples": 20},
)
def smoothgrad(
    model: Model,
    image,
    target: str | int | None = None,
    *,
    samples: int = 50,
    noise: float = 0.15,
    output: Output = "logit",
    batch_size: int = 4,
    seed: int = 0,
    progress: Progress | None = None,
) -> Result:
    """Average the saliency gradient over noisy copies of the photo.

    A gradient jumps from pixel to pixel because ReLUs and pooling switch at every small change. Averaged over copies of the photo with
    random noise, the jumps cancel and what stays is what the score depends on around this photo. The colour is that of the mean
    gradient, so pixels whose gradient keeps changing its sign stay dark.

    Parameters
    ----------
    model : Model
    image : photo
    target : str or int
        The class, by name or index. Default: the likeliest on the photo without noise.
    samples : int
        The number of noisy copies.
    noise : float
        The noise's standard deviation as a share of the photo's range (largest minus smallest value); the paper uses 0.1 to 0.2.
    output : {"logit", "probability", "log-probability"}
        What is differentiated.
    batch_size : int
        Copies that are worked on at once; it bounds the memory and does not change the result but for rounding.
    seed : int
        For the noise: same seed, same map.
    progress : function, optional
        Called as progress(done, total).

    Returns
    -------
    Result
        Values: array (H, W), at least 0: for each pixel the largest absolute value, over its three colours, of the mean gradient, in
        score per unit of the network's input.

    Raises
    ------
    MinicnnError
        If `noise` is negative, or so large that nothing is left of the photo.
    """
    if not 0 <= noise <= 10:
        raise MinicnnError(f"noise is {noise}; expected a share of the photo's range, from 0 to 10")
    generator = np.random.default_rng(seed)
    deviation = noise * float(image.max() - image.min())
    objective = class_score(target, output)
    total = np.zeros(image.shape[1:], np.float64)
    for start in range(0, samples, batch_size):
        count = min(batch_size, samples - start)
        copies = image + deviation * generator.standard_normal((count, *image.shape[1:])).astype(image.dtype)
        _, gradient = objective.value_and_gradient(model.network, copies)
        total += gradient.sum(axis=0, dtype=np.float64)
        if progress:
            progress(start + count, samples)
    mean = (total / samples).astype(image.dtype)
    title = f"SmoothGrad for {model.class_name(target)}"
    return Result(strongest_colour(mean), "map", title, unit=f"|mean d {output} / d pixel|")
