"""What happens to the answer when a part of the photo is hidden."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.geometry import Window
from minicnn.models.model import Model
from minicnn.network.incremental import Incremental
from minicnn.network.objectives import Output, class_values
from minicnn.pictures.render import Overlay
from minicnn.pictures.results import Result
from minicnn.visualizers.attribution.fills import Fill, filled
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import LIKELIEST, BatchSize, Progress, Seed, Target, Traced

#: If hiding parts changes the answer by less than this share of it, the answer is saturated.
HARDLY = 1e-3


def _share_of_side(height: int, width: int, patch: float, stride: float) -> dict[str, int]:
    """Choose patch and stride as shares of the side of a square as large as the photo."""
    side = math.sqrt(height * width)
    return {"patch": min(height, width, max(1, round(side * patch))), "stride": max(1, round(side * stride))}


@visualizer(
    question="What mattered for this answer?",
    paper="M. D. Zeiler, R. Fergus, arXiv:1311.2901, section 4.2; computed incrementally as by S. Nakandala et al., SIGMOD 2019",
    if_zero="the class has no probability wherever the patch lies; it may be the wrong class for this photo",
    report=lambda height, width: _share_of_side(height, width, 1 / 4, 1 / 14),
    quick=lambda height, width: _share_of_side(height, width, 1 / 3, 1 / 8),
    attribution="low",
)
def occlusion(
    model: Model,
    image: Traced,
    target: Target = LIKELIEST,
    *,
    patch: int | None = None,
    stride: int | None = None,
    fill: Fill = "gray",
    output: Output = "probability",
    full: bool = False,
    batch_size: BatchSize = 8,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Result:
    """Hide a part of the photo behind a patch, everywhere in turn, and see what becomes of the answer.

    A patch is moved over the photo, and for each position the network is asked again. Where the probability of the class is low (dark
    blue), the patch hid something that mattered. Nothing here depends on gradients, so it is a check on the maps that do. In each layer
    only what the patch can change is computed again, which is exact: "Krypton", Nakandala et al., SIGMOD 2019. A US patent application,
    US 20230042004, names incremental CNN inference for occlusion. Cost: about 30 forward passes.

    Parameters
    ----------
    target : str or int
        The class, by name or index. Default: the likeliest on the whole photo.
    patch : int
        The patch's height and width in pixels of the network's input. Default: a seventh of the side, or
        of a square as large as the photo.
    stride : int
        The step from one position to the next, in pixels. The cost grows with 1 / stride^2. Default: half the patch.
    fill : {"gray", "mean", "blur", "noise"}
        What is in the patch: the mean color of the training photos, which is 0 in the network's units; the mean color of this photo;
        this photo blurred by a quarter of the patch; random colors with the mean and standard deviation of this photo's.
    output : {"logit", "probability", "log-probability"}
        What is measured.
    full : bool
        Compute everything again for each position: slower, and the same up to rounding.
    seed : int
        For the noise in the patch.

    Returns
    -------
    Result
        Values: array (rows, columns), for each position of the patch the class's probability (or score) while it is hidden. Position
        (i, j) covers the pixels from (i * stride, j * stride) on.

    Raises
    ------
    MinicnnError
        If the patch is larger than the photo.
    """
    x = image.input
    _, height, width, _ = x.shape
    shorter = min(height, width)
    patch = _share_of_side(height, width, 1 / 7, 1 / 14)["patch"] if patch is None else patch
    stride = max(1, patch // 2) if stride is None else stride
    if patch > shorter:
        raise MinicnnError(f"patch is {patch}; expected at most {shorter}, as the network's input has {height} x {width} pixels")
    rows, columns = Window.of(patch, stride).output_size(height, width)
    hiding = filled(x, fill, patch / 4, seed)[0]
    answer = _whole_images(model, x) if full else Incremental(image)
    grid = np.empty(rows * columns, x.dtype)
    for start in range(0, len(grid), batch_size):
        positions = np.arange(start, min(start + batch_size, len(grid)))
        corners = np.stack([positions // columns, positions % columns], axis=1) * stride
        patches = np.stack([hiding[top : top + patch, left : left + patch] for top, left in corners.tolist()])
        grid[positions] = class_values(answer(patches, corners), target, output)[0]
        if progress:
            progress(start + len(positions), len(grid))
    # Cell (i, j) of the map is drawn around the center of its patch.
    margin = (patch - stride) / 2
    extent = (margin, margin + rows * stride, margin, margin + columns * stride)
    title = f"Occlusion: {output} of {model.class_name(target)} with a {patch} x {patch} patch hidden"
    return Result(
        grid.reshape(rows, columns),
        Overlay(output, extent, raw=True),
        title,
        source={"patch": patch, "stride": stride},
        warnings=_if_saturated(grid, output),
    )


def _whole_images(model: Model, image: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return what `Incremental` does, the long way."""

    def answer(patches: np.ndarray, corners: np.ndarray) -> np.ndarray:
        hidden = np.repeat(image, len(patches), axis=0)
        for photo, patch, (top, left) in zip(hidden, patches, corners.tolist()):
            photo[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
        return model.network(hidden)

    return answer


def _if_saturated(grid: np.ndarray, output: str) -> tuple[str, ...]:
    low, high = float(grid.min()), float(grid.max())
    saturated = high == low or (output != "logit" and high - low < HARDLY * abs(high))
    if len(grid) == 1 or not saturated:
        return ()
    seen = f"the {output} hardly changes wherever the patch lies ({low:.6g} to {high:.6g})"
    return (f"{seen}: it is saturated, or the patch is too small. Measure the logit instead, or choose a larger patch",)
