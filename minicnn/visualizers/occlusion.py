"""What happens to the answer when a part of the photo is hidden."""

from __future__ import annotations

import math
from itertools import product
from typing import Literal

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.geometry import Window
from minicnn.model import Model
from minicnn.objectives import class_values
from minicnn.results import Result
from minicnn.visualizers.registry import Progress, visualizer
from minicnn.visualizers.saliency import Output


def _coarse(height: int, width: int) -> dict[str, int]:
    """Choose a large patch and few positions (7 x 7 on a square photo) for the report."""
    side = math.sqrt(height * width)
    return {"patch": min(height, width, max(1, round(side * 5 / 14))), "stride": max(1, round(side * 3 / 28))}


@visualizer(
    paper="M. D. Zeiler, R. Fergus, arXiv:1311.2901, section 4.2",
    if_zero="the class has no probability wherever the patch lies; it may be the wrong class for this photo",
    report=_coarse,
)
def occlusion(
    model: Model,
    image,
    target: str | int | None = None,
    *,
    patch: int | None = None,
    stride: int | None = None,
    fill: Literal["grey", "mean"] = "grey",
    output: Output = "probability",
    batch_size: int = 8,
    progress: Progress | None = None,
) -> Result:
    """Hide a part of the photo behind a patch, everywhere in turn, and see what becomes of the answer.

    A patch is moved over the photo, and for each position the network is asked again. Where the probability of the class is low (dark
    blue), the patch hid something that mattered. Nothing here depends on gradients, so it is a check on the maps that do.

    Parameters
    ----------
    model : Model
    image : photo
    target : str or int
        The class, by name or index. Default: the likeliest on the whole photo.
    patch : int
        The patch's height and width in pixels of the network's input. Default: a seventh of the side, or
        of a square as large as the photo.
    stride : int
        The step from one position to the next, in pixels. The cost grows with 1 / stride^2. Default: half the patch.
    fill : {"grey", "mean"}
        The patch's colour: the mean colour of the training photos, which is 0 in the network's units, or of this photo.
    output : {"logit", "probability", "log-probability"}
        What is measured.
    batch_size : int
        Positions that are worked on at once; it bounds the memory.
    progress : function, optional
        Called as progress(done, total).

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
    _, height, width, _ = image.shape
    shorter = min(height, width)
    patch = min(shorter, max(1, round(math.sqrt(height * width) / 7))) if patch is None else patch
    stride = max(1, patch // 2) if stride is None else stride
    if patch > shorter:
        raise MinicnnError(f"patch is {patch}; expected at most {shorter}, as the network's input has {height} x {width} pixels")
    rows, columns = Window.of(patch, stride).output_size(height, width)
    colour = image.mean(axis=(0, 1, 2)) if fill == "mean" else 0
    corners = list(product(range(0, rows * stride, stride), range(0, columns * stride, stride)))
    values = []
    for start in range(0, len(corners), batch_size):
        batch = corners[start : start + batch_size]
        hidden = np.repeat(image, len(batch), axis=0)
        for photo, (top, left) in zip(hidden, batch):
            photo[top : top + patch, left : left + patch] = colour
        values.append(class_values(model.network(hidden), target, output)[0])
        if progress:
            progress(start + len(batch), len(corners))
    # Cell (i, j) of the map is drawn around the centre of its patch.
    margin = (patch - stride) / 2
    extent = (margin, margin + rows * stride, margin, margin + columns * stride)
    title = f"Occlusion: {output} of {model.class_name(target)} with a {patch} x {patch} patch hidden"
    grid = np.concatenate(values).reshape(rows, columns)
    return Result(grid, "overlay", title, unit=output, extent=extent, source={"patch": patch, "stride": stride})
