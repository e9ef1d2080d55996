"""The picture that a class wants."""

from __future__ import annotations

import zipfile
from typing import Any, Literal

import numpy as np

from minicnn import regularisers
from minicnn.ascent import Climb, Recipe, ascend, natural_colours, resized
from minicnn.errors import MinicnnError
from minicnn.model import Model
from minicnn.objectives import class_score
from minicnn.probability import softmax
from minicnn.render import Curve, Photo, Signed
from minicnn.results import Result
from minicnn.visualizers.options import FilePath, Index
from minicnn.visualizers.registry import Progress, visualizer

#: Settings that work together; every one can be set by itself, too. Lengths in pixels; step size and noise in levels of 255.
PRESETS: dict[str, dict[str, Any]] = {
    "natural": {
        "steps": 130,
        "step_size": 5.0,
        "scales": 2,
        "jitter": 16,
        "spectrum": 1.0,
        "colours": "natural",
        "l2": 0.02,
        "blur": 0.2,
        "total_variation": 0.5,
        "noise": 10.0,
    },
    "yosinski": {"steps": 200, "step_size": 8.0, "l2": 0.01, "blur": 0.4, "clip_norm": 0.05, "clip_contribution": 0.05, "noise": 2.0},
    "simonyan": {"steps": 200, "step_size": 4.0, "l2": 0.01, "noise": 0.0},
}

#: In the order in which they are applied.
REGULARISERS = {
    "l2": regularisers.l2,
    "blur": regularisers.blur,
    "total_variation": regularisers.total_variation,
    "clip_norm": regularisers.clip_norm,
    "clip_contribution": regularisers.clip_contribution,
}

#: The value of a setting that a preset does not name: it does nothing.
OFF = {
    "scales": 1,
    "jitter": 0,
    "spectrum": 0.0,
    "colours": "free",
    "l2": 0.0,
    "blur": 0.0,
    "total_variation": 0.0,
    "clip_norm": 0.0,
    "clip_contribution": 0.0,
}

#: An animation has about so many pictures at most.
FRAMES = 60

Preset = Literal["natural", "yosinski", "simonyan"]


@visualizer(
    question="What does the network dream of?",
    paper="K. Simonyan, A. Vedaldi, A. Zisserman, arXiv:1312.6034, section 2; regularisers: J. Yosinski et al., arXiv:1506.06579; jitter, "
    "colours and spectrum: C. Olah et al., Distill 2017",
    if_zero="the score does not depend on the image at the start; begin with noise",
    report=lambda height, width: {"steps": 50, "step_size": 6.0},
    quick=lambda height, width: {"steps": 20, "step_size": 8.0, "size": (min(height, 128), min(width, 128))},
)
def class_model(
    model: Model,
    image=None,
    target: str | int | None = None,
    *,
    preset: Preset = "natural",
    steps: int | None = None,
    step_size: float | None = None,
    scales: int | None = None,
    jitter: Index | None = None,
    spectrum: float | None = None,
    colours: Literal["natural", "free"] | None = None,
    l2: float | None = None,
    blur: float | None = None,
    total_variation: float | None = None,
    clip_norm: float | None = None,
    clip_contribution: float | None = None,
    noise: float | None = None,
    resume: FilePath | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Result:
    """Draw the picture that a class wants, by gradient ascent on its score.

    The network stays as it is; the picture is changed, step by step, in the direction that raises the class score. What comes out shows
    what the network goes by. What is raised is the score itself and not the probability: a probability also rises when all other
    classes fall, and then the picture would show what they are not. Left alone the picture fills with noise that no photo has, so every
    step is followed by a little tidying up.

    Parameters
    ----------
    model : Model
    image : photo, optional
        To start from. Default: zeros, which in the network's units is the mean image of the training photos; and noise.
    target : str or int
        The class, by name or index. Default: the likeliest on the photo.
    preset : {"natural", "yosinski", "simonyan"}
        Where the settings below come from when they are not given: our choice for clear pictures; the regularisers of Yosinski et al.;
        L2 alone, as in the first paper. The result's settings say which values that were.
    steps : int
        How often the picture is changed.
    step_size : float
        How far in one step, as root mean square over the pixels, in levels of 255.
    scales : int
        On how many sizes to work, from small to large.
    jitter : int
        The largest random shift before each step, in pixels; 0 for none.
    spectrum : float
        How much fine structure is damped: its amplitude is divided by frequency to this power; 0 for not at all.
    colours : {"natural", "free"}
        Whether a step's colours are mixed as in photos.
    l2 : float
        The share of itself that the picture loses in each step; 0 for none.
    blur : float
        The deviation of a Gaussian blur, in pixels; 0 for none.
    total_variation : float
        The weight of the total variation, whose gradient is taken off in each step, in levels of 255; 0 for none.
    clip_norm : float
        The share of the pixels, those nearest to the mean colour, that are set to it after each step; 0 for none.
    clip_contribution : float
        The same for those that contribute least to the score; 0 for none.
    noise : float
        The deviation of the noise at the start, in levels of 255.
    resume : path
        A .npz file that a stopped run of the same settings wrote; goes on from there, and ends as if it had not been stopped.
    seed : int
        For the noise and the jitter: same seed, same picture.
    progress : function, optional
        Called as progress(done, total).

    Returns
    -------
    Result
        Values: "image", an array (H, W, 3) of RGB pixels, uint8 (without preprocessing: missing); "input", the same before rounding in
        the network's units, (H, W, C); "scores", the score before each step, (steps,). With frames, so it saves as an animation.
        When interrupted (Ctrl-C) it returns what there is.

    Raises
    ------
    MinicnnError
        If a setting is out of range, or `resume` names no file of such a run.
    """
    given = {name: value for name, value in locals().items() if name in OFF | PRESETS["natural"] and value is not None}
    settings = OFF | PRESETS[preset] | given
    _check(settings)
    recipe, level = _recipe(model, settings)
    size = image.shape[1:3]
    start = _start(image, settings["noise"] * level, seed) if resume is None else _resumed(resume, image)
    every = max(1, -(-recipe.steps // FRAMES))
    frames: list[np.ndarray] = []

    def record(climb: Climb) -> None:
        done = len(climb.scores)
        if model.preprocessing is not None and (done % every == 0 or done == recipe.steps):
            frames.append(model.deprocess(resized(climb.x, size))[0])
        if progress:
            progress(done, recipe.steps)

    climb = ascend(model.network, class_score(target), start, recipe, size, seed, record)
    return _result(model, target, climb, recipe, frames, settings)


def _check(settings: dict[str, Any]) -> None:
    """Raise MinicnnError if a setting makes no sense."""
    for name, value in settings.items():
        largest = 1.0 if name in ("l2", "clip_norm", "clip_contribution") else 10.0 if name == "spectrum" else np.inf
        if name != "colours" and not 0 <= value <= largest:
            raise MinicnnError(f"{name} is {value}; expected {'at least 0' if largest == np.inf else f'0 to {largest:g}'}")


def _recipe(model: Model, settings: dict[str, Any]) -> tuple[Recipe, float]:
    """Turn settings into a recipe in the network's units; returns it and how large one of 255 levels is in them."""
    low, high, level, colours = -np.inf, np.inf, 1.0, None
    if model.preprocessing is not None:
        low, high = model.preprocessing.apply(np.zeros(3)), model.preprocessing.apply(np.full(3, 255.0))
        level = float(np.mean(high - low)) / 255
        if settings["colours"] == "natural":
            colours = natural_colours(reverse=model.preprocessing.reverse_colours)
    sizes = {**settings, "total_variation": settings["total_variation"] * level}
    recipe = Recipe(
        steps=settings["steps"],
        step_size=settings["step_size"] * level,
        scales=settings["scales"],
        jitter=settings["jitter"],
        spectrum=settings["spectrum"],
        colours=colours,
        regularisers=[make(sizes[name]) for name, make in REGULARISERS.items() if sizes[name] > 0],
        low=low,
        high=high,
    )
    return recipe, level


def _start(image: np.ndarray, noise: float, seed: int) -> Climb:
    """Add noise to the image at the start. Its random numbers are those of step -1, so to say."""
    generator = np.random.default_rng([seed, 2**32 - 1])
    return Climb(image + (noise * generator.standard_normal(image.shape)).astype(image.dtype), [])


def _resumed(path: str, image: np.ndarray) -> Climb:
    """Read where an earlier run stopped."""
    try:
        with np.load(path, allow_pickle=False) as file:
            x, scores = file["input"], file["scores"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise MinicnnError(f"cannot go on from {path} ({error}); expected the .npz file that a stopped class-model wrote") from None
    if x.ndim != 3 or x.shape[2:] != image.shape[3:] or scores.ndim != 1 or x.dtype != image.dtype or not np.isfinite(x).all():
        raise MinicnnError(f"{path} holds an image of shape {x.shape} and type {x.dtype}; expected what a class-model of this network wrote")
    return Climb(x[None], scores.tolist())


def _result(model: Model, target: int, climb: Climb, recipe: Recipe, frames: list[np.ndarray], settings: dict[str, Any]) -> Result:
    done = len(climb.scores)
    scores = np.array(climb.scores)
    values = {"input": climb.x[0], "scores": scores}
    curve = {"scores": Curve("score")} if done else {}
    name = model.class_name(target)
    if model.preprocessing is None:
        shows, now = {"input": Signed("input"), **curve}, climb.x
    else:
        values["image"] = model.deprocess(climb.x)[0]
        shows, now = {"image": Photo(), **curve}, model.preprocessing.apply(values["image"])[None]
    logits = model.network(now)
    probability, top = float(softmax(logits)[0, target]), int(logits[0].argmax())
    text = f"After {done} steps the score of {name} is {logits[0, target]:.1f}, its probability {probability:.4f}"
    text += "; it is the likeliest class." if top == target else f"; the likeliest class is {model.class_name(top)}."
    stopped = done < recipe.steps
    warning = (f"stopped after {done} of {recipe.steps} steps",) if stopped else ()
    return Result(
        values,
        shows,
        f"{model.name}: the picture that {name} wants",
        text=text,
        frames=frames,
        beside_photo=False,
        source={**settings, "resume": None},
        warnings=warning,
        stopped=stopped,
    )
