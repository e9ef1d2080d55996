r"""Gradient ascent on an image: the one loop behind every picture that is made rather than taken.

One step turns the image's gradient into a direction, walks, and tidies up:

    x  <-  x + step size * direction / (root mean square of direction)
    x  <-  each regulariser in turn, then clipped to colours that exist

Three things make pictures of noise. The gradient is rough from pixel to pixel, it prefers colours that photos hardly have, and it depends
on where exactly the pooling windows lie. Against each there is a remedy, and each can be switched off:

    spectrum    the direction's fine structure is damped: its amplitude at frequency f is divided by f^spectrum, as photos' amplitudes
                fall about with 1/f (D. J. Field, 1987)
    colours     the direction's colours are mixed as in photos, where red, green and blue mostly rise and fall together
    jitter      the image is shifted, around the edges, by a random distance before each step, and back after it

Large forms come first if the first steps are made on a smaller image (scales).

The random numbers of step i come from (seed, i) and nothing else, and the image is all that is carried from step to step. So an ascent
that was stopped after step i goes on from its image as if it had not been.

References
----------
C. Olah, A. Mordvintsev, L. Schubert, "Feature Visualization", Distill 2017 (jitter, decorrelated colours and spectrum; the matrix
`COLOUR_ROOT` is a square root of ImageNet's colour covariance as published with it). A. Mordvintsev et al., "Inceptionism", 2015.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from minicnn.frequency import filtered
from minicnn.network import Network
from minicnn.objectives import Objective
from minicnn.regularisers import Regulariser
from minicnn.render import stretch

#: Rows: red, green, blue; columns: about brightness, blue to yellow, green to magenta.
COLOUR_ROOT = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])

#: Each scale's side as a share of the next larger one's; and the smallest side there is.
SCALE_RATIO = 4 / 7
SMALLEST_SIDE = 48

#: Waves longer than this, in cycles per pixel, are not raised further; they would make large dark and bright areas.
LOWEST_FREQUENCY = 1 / 64


@dataclass(frozen=True)
class Recipe:
    """How to climb.

    Attributes
    ----------
    steps : int
        On all scales together.
    step_size : float
        How far the image moves in one step, in the network's units, as the root mean square over the pixels.
    scales : int
        On how many sizes, each `SCALE_RATIO` of the next, to work one after the other; the steps are shared out by their sides.
    jitter : int
        The largest shift in pixels, down and across.
    spectrum : float
        The exponent by which fine structure is damped; 0 for not at all.
    colours : array (channels, channels) or None
        What the direction's colours are multiplied with; see `natural_colours`.
    regularisers : sequence of functions
        Applied after each step; see `minicnn.regularisers`.
    low, high : array (channels,)
        The range of colours that exist, in the network's units.
    """

    steps: int
    step_size: float
    scales: int = 1
    jitter: int = 0
    spectrum: float = 0.0
    colours: np.ndarray | None = None
    regularisers: Sequence[Regulariser] = ()
    low: np.ndarray | float = -np.inf
    high: np.ndarray | float = np.inf


@dataclass(frozen=True)
class Climb:
    """Where an ascent has come to.

    Attributes
    ----------
    x : array (1, H, W, C)
        The image, on the scale of the last step.
    scores : list of float
        The objective before each step so far.
    """

    x: np.ndarray
    scores: list[float]


def ascend(
    network: Network,
    objective: Objective,
    start: Climb,
    recipe: Recipe,
    size: tuple[int, int],
    seed: int,
    callback: Callable[[Climb], None],
    until: int | None = None,
) -> Climb:
    """Climb from a start to the recipe's last step.

    Parameters
    ----------
    network : Network
    objective : Objective
    start : Climb
        An image of any size with no scores, or where an earlier ascent with the same recipe, size and seed stopped.
    recipe : Recipe
    size : (height, width)
        Of the finished image.
    seed : int
    callback : function
        Called with the Climb after each step. It may end the ascent by raising KeyboardInterrupt; so may the user.
    until : int, optional
        End after this many steps of the recipe.

    Returns
    -------
    Climb
        Where it ended, or was interrupted.
    """
    climb = start
    try:
        for i in range(len(start.scores), min(until or recipe.steps, recipe.steps)):
            x = resized(climb.x, scale_size(size, recipe.scales, i / recipe.steps))
            x, score = _step(network, objective, x, recipe, np.random.default_rng([seed, i]))
            climb = Climb(x, [*climb.scores, score])
            callback(climb)
    except KeyboardInterrupt:
        pass
    return climb


def _step(
    network: Network, objective: Objective, x: np.ndarray, recipe: Recipe, generator: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Make one step; returns the new image and the score of the old one."""
    shift = generator.integers(-recipe.jitter, recipe.jitter + 1, 2)
    values, gradient = objective.value_and_gradient(network, np.roll(x, shift, (1, 2)))
    gradient = np.roll(gradient, -shift, (1, 2))
    direction = damped(gradient, recipe.spectrum)
    if recipe.colours is not None:
        direction = direction @ recipe.colours.astype(x.dtype)
    size = np.sqrt(np.mean(direction**2, dtype=np.float64))
    if size > 0:
        x = x + (recipe.step_size / size).astype(x.dtype) * direction
    for regularise in recipe.regularisers:
        x = regularise(x, gradient)
    return np.clip(x, recipe.low, recipe.high).astype(x.dtype), float(values[0])


def damped(gradient: np.ndarray, exponent: float) -> np.ndarray:
    """Divide the amplitude of each frequency f of images (N, H, W, C) by f^exponent; those below `LOWEST_FREQUENCY` like it."""
    if exponent == 0:
        return gradient
    return filtered(gradient, lambda frequency: np.maximum(frequency, LOWEST_FREQUENCY) ** -exponent)


def natural_colours(reverse: bool) -> np.ndarray:
    """Return a symmetric square root of the covariance of red, green and blue in photos, (3, 3); its largest stretch is 1.

    With `reverse` the order is blue, green, red. Along its axes: brightness 1, blue against red 0.27, green against magenta 0.13.
    """
    axes, spreads, _ = np.linalg.svd(COLOUR_ROOT[::-1] if reverse else COLOUR_ROOT)
    return axes * (spreads / spreads[0]) @ axes.T


def resized(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale images (1, H, W, C) to another size, interpolating linearly."""
    if x.shape[1:3] == tuple(size):
        return x
    return np.stack([stretch(plane, *size) for plane in np.moveaxis(x[0], 2, 0)], axis=2)[None].astype(x.dtype)


def scale_size(size: tuple[int, int], scales: int, progress: float) -> tuple[int, int]:
    """Choose the image's size when a share of the steps, 0 to 1, is done."""
    ratios = SCALE_RATIO ** np.arange(scales)[::-1]
    ends = np.cumsum(ratios) / np.sum(ratios)
    ratio = ratios[min(np.searchsorted(ends, progress, side="right"), scales - 1)]
    factor = max(ratio, min(1.0, SMALLEST_SIDE / min(size)))
    return tuple(round(side * factor) for side in size)
