"""Deletion and insertion: how an answer changes while the pixels that a map calls important go, or come.

The curve begins with all pixels as they are and ends with all of them replaced. Most of what happens, happens while the first few percent
are replaced, so the steps are close together there and wide at the end: after step k of n, (k / n)^2 of the pixels are replaced. The area
under the curve does not depend on that, as the trapezoidal rule takes each step as wide as it is; only its error does.

What few steps cannot show: the curve begins and ends where it does whatever the map, and the straight line from its first point to the
second stays under it, or over it. So no area of a probability passes a *limit*, that of an answer which is gone, or certain, from the first
step to the last but one. Areas close to it say that a map is good, not which is better::

    1 |.                     1 |  ._______________.
      | .                      | .                 '.
      |  .                     |.
    0 |   '.____________.'   0 |
      0   first step    1      0   first step      1
          deletion                 insertion

V. Petsiuk, A. Das, K. Saenko, arXiv:1806.07421, section 4.2 (there with equal steps).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.network.network import Network, Trace
from minicnn.network.objectives import Output, class_values
from minicnn.pictures.frequency import gaussian_blur

#: In the paper, insertion starts from the photo blurred with a deviation of 5 pixels at 224 x 224.
BLUR_SHARE = 5 / 224

DELETION, INSERTION = "deletion", "insertion"


def pixel_counts(pixels: int, steps: int) -> np.ndarray:
    """Choose how many pixels are replaced after each step, from 0 to all, (steps + 1,); at least one more each time.

    Raises
    ------
    MinicnnError
        If there are more steps than pixels.
    """
    if steps > pixels:
        raise MinicnnError(f"steps is {steps}; expected at most {pixels}, the number of pixels")
    step = np.arange(steps + 1)
    return np.maximum(step, np.round(pixels * (step / steps) ** 2)).astype(int)


def replaced(first: np.ndarray, last: np.ndarray, importance_map: np.ndarray, counts: Iterable[int]) -> Iterator[np.ndarray]:
    """Turn one image (1, H, W, C) into another, the pixels of the largest importance first; yields one image for each count of pixels.

    Of equally important pixels, those further up and further to the left come first.
    """
    order = np.argsort(-importance_map, axis=None, kind="stable")
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    rank = rank.reshape(1, *importance_map.shape, 1)
    for count in counts:
        yield np.where(rank < count, last, first)


class Measurement:
    """The measurement of maps of one photo: what all its curves have in common is computed once.

    Parameters
    ----------
    trace : Trace
        The forward pass of the photo, (1, H, W, C).
    target : int
        The class.
    steps : int
    output : {"logit", "probability", "log-probability"}
    batch_size : int

    Attributes
    ----------
    fractions : array (steps + 1,)
        The share of the pixels that is replaced after each step, from 0 to 1.

    Raises
    ------
    MinicnnError
        If there are more steps than pixels.
    """

    def __init__(self, trace: Trace, target: int, steps: int, output: Output, batch_size: int):
        x = trace.input
        height, width = x.shape[1:3]
        self.counts = pixel_counts(height * width, steps)
        self.fractions = self.counts / (height * width)
        self.network: Network = trace.network
        self.target, self.output, self.batch_size = target, output, batch_size
        blurred = gaussian_blur(x, BLUR_SHARE * np.sqrt(height * width))
        #: The images from which and to which deletion leads, then insertion; an input of 0 is the mean color.
        self.ways = ((x, np.zeros_like(x)), (blurred, x))
        whole, (empty, dull) = self._scores(trace.result)[0], self._run([np.zeros_like(x), blurred])
        self.ends = ((whole, empty), (dull, whole))

    def curves(self, importance_map: np.ndarray) -> np.ndarray:
        """Measure the answer while pixels go, and while they come, by a map (H, W); returns (2, steps + 1)."""
        inner = self.counts[1:-1]
        images = [replaced(first, last, importance_map, inner) for first, last in self.ways]
        scores = np.reshape(self._run(image for way in images for image in way), (2, len(inner)))
        first, last = np.transpose(self.ends)[..., None]
        return np.concatenate([first, scores, last], axis=1).astype(self.ways[0][0].dtype)

    def _run(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """Run images (1, H, W, C) in batches, and return their scores."""
        left, scores = iter(images), [np.empty(0)]
        while batch := list(islice(left, self.batch_size)):
            scores.append(self._scores(self.network(np.concatenate(batch))))
        return np.concatenate(scores)

    def _scores(self, logits: np.ndarray) -> np.ndarray:
        return class_values(logits, self.target, self.output)[0]


def area_under(scores: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """Integrate scores (..., n + 1) over rising fractions (..., n + 1) by the trapezoidal rule."""
    return ((scores[..., 1:] + scores[..., :-1]) / 2 * np.diff(fractions)).sum(axis=-1)


def limit_of(scores: np.ndarray, fractions: np.ndarray, best: float) -> np.ndarray:
    """Tell the area under curves (..., n + 1) that were at the best possible score from the first step to the last but one."""
    ends = np.arange(scores.shape[-1]) % (scores.shape[-1] - 1) == 0
    return area_under(np.where(ends, scores, best), fractions)


def area_error(scores: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """Estimate by how much the areas under curves (..., n + 1) are off: by what they change when every other point is left out."""
    every_other = np.union1d(np.arange(0, scores.shape[-1], 2), scores.shape[-1] - 1)
    return area_under(scores, fractions) - area_under(scores[..., every_other], fractions[..., every_other])
