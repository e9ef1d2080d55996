"""The thing that an answer is about, cut out of the photo."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np

from minicnn.errors import MinicnnError, ShapeError
from minicnn.models.model import Model
from minicnn.network.network import Trace
from minicnn.pictures.frequency import gaussian_blur
from minicnn.pictures.render import Overlay, Photo
from minicnn.pictures.results import Result
from minicnn.visualizers.attribution.maps import importance, run_map
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import LIKELIEST, Seed, Target, TracedKind
from minicnn.visualizers.contract.method_kinds import Method

#: What is undecided is first taken for foreground from this quantile of the map on.
LIKELY = 0.75

#: GrabCut describes foreground and background by so many colors each, and needs as many pixels.
COLORS = 5

BACKGROUND, UNDECIDED, FOREGROUND = 0, 1, 2
OUTLINE = (255, 220, 0)


@visualizer(
    question="What mattered for this answer?",
    paper="K. Simonyan, A. Vedaldi, A. Zisserman, arXiv:1312.6034, section 3.2; GrabCut: C. Rother, V. Kolmogorov, A. Blake, SIGGRAPH 2004",
    if_zero="nothing was found that differs from the background",
    quick={"method": "saliency"},
    extra="segment",
    image="cut-out",
)
def segment(
    model: Model,
    image: Annotated[Trace, TracedKind(whole=300)],
    target: Target = LIKELIEST,
    *,
    method: Method = "smoothgrad",
    foreground: float = 0.95,
    background: float = 0.3,
    blur: float = 0.045,
    iterations: int = 5,
    seed: Seed = 0,
) -> Result:
    """Cut the thing that the answer is about out of the photo.

    An attribution map says where the thing surely is, and where it surely is not; GrabCut finds the rest by color, looking for
    a border along edges of the photo. The network was never shown the outline of anything. What it rests its answer on need not be all of
    the thing, and has to fit in the photo with room around it: of a panda that fills the picture, only the head may stay. Things that have
    the background's colors are cut wrongly, too. Cost: about 100 forward passes.

    Parameters
    ----------
    image : photo
        All of it is used, its longer side scaled to 300 pixels or to --size; a network that takes one size only gets the center of that
        size.
    method : str
        The method that draws the map, with the settings that it has in the report.
    foreground : float
        Pixels at or above this quantile of the map are foreground.
    background : float
        Pixels at or below this quantile of the map are background.
    blur : float
        The map is blurred before: the Gaussian's standard deviation as a share of the side of a square as large as the photo.
    iterations : int
        How often GrabCut learns the colors and cuts again.
    seed : int
        For the map, if its method is random, and for GrabCut's first guess of the colors.

    Returns
    -------
    Result
        Values: "map" (H, W), the blurred importance, at least 0. "seeds" (H, W) uint8: 0 background, 1 undecided, 2 foreground. "mask"
        (H, W) bool. "outline" (H, W, 3) uint8 RGB, the photo with the mask's border. "cut-out" (H, W, 4) uint8 RGBA, transparent
        outside the mask.

    Raises
    ------
    MinicnnError
        If the quantiles or the blur make no sense, or OpenCV is not installed.
    """
    if not 0 <= background < foreground <= 1:
        raise MinicnnError(
            f"background is {background} and foreground {foreground}; expected quantiles with 0 <= background < foreground <= 1"
        )
    if not 0 <= blur <= 1:
        raise MinicnnError(f"blur is {blur}; expected a share of the photo's side, from 0 to 1")
    pixels = _pixels(model, image.input)
    drawn = run_map(method, model, image, target, seed, quick=False)
    side = math.sqrt(pixels.shape[0] * pixels.shape[1])
    smooth = gaussian_blur(importance(drawn)[None, ..., None], blur * side)[0, ..., 0]
    smooth = np.maximum(smooth, 0)  # where it should be 0, rounding leaves it a little off
    seeds = choose_seeds(smooth, foreground, background)
    mask = _grab_cut(pixels, smooth, seeds, iterations, seed)
    found = [f"{method}: {text}" for text in drawn.warnings]
    if not mask.any():
        found.append("the mask is empty: no part of the photo stands out from the rest; try another method, or other quantiles")
    return Result(
        {
            "map": smooth,
            "seeds": seeds,
            "mask": mask,
            "outline": np.where(_border(mask)[..., None], np.array(OUTLINE, np.uint8), pixels),
            "cut-out": np.dstack([pixels, np.uint8(255) * mask]),
        },
        {"seeds": Overlay("0 background, 1 undecided, 2 foreground"), "outline": Photo(), "cut-out": Photo()},
        f"What {method} finds of {model.class_name(target)}, cut out by GrabCut",
        text=f"The mask covers {mask.mean():.0%} of the photo.",
        warnings=tuple(found),
    )


def choose_seeds(smooth: np.ndarray, foreground: float, background: float) -> np.ndarray:
    """Say of each pixel of a map (H, W) what it is, uint8, by two quantiles of the map; nothing is foreground where all is equal."""
    low, high = np.quantile(smooth, [background, foreground])
    seeds = np.full(smooth.shape, UNDECIDED, np.uint8)
    seeds[smooth >= high] = FOREGROUND
    seeds[smooth <= low] = BACKGROUND
    return seeds


def _pixels(model: Model, x: np.ndarray) -> np.ndarray:
    """Return the photo as RGB, uint8 (H, W, 3); of a bare network's input, its three channels from the smallest to the largest value."""
    if model.preprocessing is not None:
        return model.deprocess(x)[0]
    if x.shape[3] != 3:
        raise ShapeError(f"the input has {x.shape[3]} channels; expected 3, as GrabCut works on colors")
    return np.rint(255 * (x[0] - x.min()) / max(x.max() - x.min(), np.finfo(x.dtype).tiny)).astype(np.uint8)


def _grab_cut(pixels: np.ndarray, smooth: np.ndarray, seeds: np.ndarray, iterations: int, seed: int) -> np.ndarray:
    """Divide RGB pixels into foreground (True) and background; all is background if there is too little to learn colors from."""
    import cv2

    likely = smooth >= np.quantile(smooth, LIKELY)
    labels = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[seeds == FOREGROUND] = cv2.GC_FGD
    labels[seeds == BACKGROUND] = cv2.GC_BGD
    inside = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if not (seeds == FOREGROUND).any() or min(inside.sum(), (~inside).sum()) < COLORS:
        return np.zeros(seeds.shape, bool)
    cv2.setRNGSeed(seed)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))  # where OpenCV keeps the colors
    anywhere = (0, 0, 0, 0)  # the labels say it, not a rectangle
    cv2.grabCut(np.ascontiguousarray(pixels[..., ::-1]), labels, anywhere, background, foreground, iterations, cv2.GC_INIT_WITH_MASK)
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))


def _border(mask: np.ndarray) -> np.ndarray:
    """Mark a mask's border, one pixel on each side."""
    import cv2

    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
