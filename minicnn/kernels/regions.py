"""Cutting boxes out of several changed versions of an image."""

from __future__ import annotations

import numpy as np

from minicnn.kernels.memory import empty


def cut_changed(
    image: np.ndarray, changes: np.ndarray, places: np.ndarray, corners: np.ndarray, shape: tuple[int, int], outside: float
) -> np.ndarray:
    """Cut one box out of each changed version of an image.

    Parameters
    ----------
    image : array (H, W, C)
        The unchanged image.
    changes : array (N, h, w, C)
        What version n holds instead, in the box whose corner is places[n].
    places : int array (N, 2)
        Row and column of the changes' corners, inside the image.
    corners : int array (N, 2)
        Row and column of the corner of the boxes to cut; they may reach beyond the image.
    shape : (height, width)
        Of the boxes to cut.
    outside : float
        What lies beyond the image.

    Returns
    -------
    array (N, height, width, C)
    """
    cut = empty((len(changes), *shape, image.shape[2]), image.dtype)
    for out, change, place, corner in zip(cut, changes, places.tolist(), corners.tolist()):
        inside = [slice(max(0, -start), max(0, min(extent, limit - start))) for start, extent, limit in zip(corner, shape, image.shape)]
        if (inside[0].stop - inside[0].start, inside[1].stop - inside[1].start) != tuple(shape):
            out[:] = outside
        out[tuple(inside)] = image[tuple(slice(part.start + start, part.stop + start) for part, start in zip(inside, corner))]
        target, source = [], []
        for start, change_start, extent, change_extent in zip(corner, place, shape, change.shape):
            first, last = max(start, change_start), min(start + extent, change_start + change_extent)
            target.append(slice(first - start, max(first, last) - start))
            source.append(slice(first - change_start, max(first, last) - change_start))
        out[tuple(target)] = change[tuple(source)]
    return cut
