"""What ascents have come to, in numbers and pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minicnn.models.model import Model
from minicnn.pictures.render import Display, Photo, Pictures, Signed, Tiles

#: Between the pictures of a mosaic, in pixels.
GAP = 2


def finished_image(model: Model, x: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, Display]]:
    """Say in numbers and in a picture what the ascent of one image (1, H, W, C) has come to.

    Returns
    -------
    values : dict of str to array
        "input" (H, W, C), and if the model knows pixels "image", uint8 RGB (H, W, 3).
    shows : dict of str to Display
        How the image is shown.
    """
    if model.preprocessing is None:
        return {"input": x[0]}, {"input": Signed("input")}
    return {"image": model.deprocess(x)[0], "input": x[0]}, {"image": Photo()}


def finished(
    model: Model, x: np.ndarray, scores: np.ndarray, labels: Sequence[str], with_photo: bool = False
) -> tuple[dict[str, np.ndarray], dict[str, Display]]:
    """Say in numbers and pictures what ascents have come to.

    Parameters
    ----------
    model : Model
    x : array (N, H, W, C)
    scores : array (steps, N)
    labels : sequence of str
        One for each of the N.
    with_photo : bool
        Whether the photo is to stand beside them.

    Returns
    -------
    values : dict of str to array
        "input" and "scores"; and if the model knows pixels "images", uint8 (N, H, W, 3), and "picture", the same side by side.
    shows : dict of str to Display
    """
    values = {"input": x, "scores": scores}
    if model.preprocessing is None:
        return values, {"input": Tiles(labels)}
    images = model.deprocess(x)
    columns = math.ceil(math.sqrt(len(x) + with_photo))
    return {"images": images, "picture": mosaic(images), **values}, {"images": Pictures(labels, columns, with_photo)}


def stuck(moved: np.ndarray | None, labels: Sequence[str], advice: str) -> tuple[str, ...]:
    """Warn of the pictures that had no gradient to follow at any step; `moved` (N,) is that of an AscentState."""
    names = [] if moved is None else [label for label, each in zip(labels, moved) if not each]
    return (f"the gradient for {', '.join(names)} was 0 at every step, so nothing was raised: {advice}",) if names else ()


def mosaic(pictures: np.ndarray) -> np.ndarray:
    """Set pictures, uint8 (N, H, W, 3), in rows with white lines between them, about as high as wide together; of one, that one."""
    count, height, width, _ = pictures.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = i // columns * (height + GAP), i % columns * (width + GAP)
        sheet[top : top + height, left : left + width] = picture
    return sheet
