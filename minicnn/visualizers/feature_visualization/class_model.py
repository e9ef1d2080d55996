"""Feature visualization of a class: an image with a high score for it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Literal

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.files import npy
from minicnn.models.model import Model
from minicnn.network.objectives import class_score
from minicnn.network.probability import softmax
from minicnn.pictures.render import Curve
from minicnn.pictures.results import Result
from minicnn.visualizers.ascent.finished import finished_image, stuck
from minicnn.visualizers.ascent.levels import Colors, check_limits, settings_in_levels, with_noise
from minicnn.visualizers.ascent.loop import AscentState, ascend, scale_size
from minicnn.visualizers.ascent.recorder import Recorder
from minicnn.visualizers.contract.call import accepts_shape
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import BLANK, LIKELIEST, FilePath, Image, Index, Progress, Seed, Target

#: Settings that work together; every one can be set by itself, too. Lengths in pixels; step size and noise in levels of 255.
PRESETS: dict[str, dict[str, Any]] = {
    "natural": {
        "steps": 130,
        "step_size": 5.0,
        "scales": 2,
        "jitter": 16,
        "spectrum": 1.0,
        "colors": "natural",
        "l2": 0.02,
        "blur": 0.2,
        "total_variation": 0.5,
        "noise": 10.0,
    },
    "yosinski": {"steps": 200, "step_size": 8.0, "l2": 0.01, "blur": 0.4, "clip_norm": 0.05, "clip_contribution": 0.05, "noise": 2.0},
    "simonyan": {"steps": 200, "step_size": 4.0, "l2": 0.01, "noise": 0.0},
}

#: The value of a setting that a preset does not name: it does nothing.
OFF: dict[str, Any] = {
    "scales": 1,
    "jitter": 0,
    "spectrum": 0.0,
    "colors": "free",
    "l2": 0.0,
    "blur": 0.0,
    "total_variation": 0.0,
    "clip_norm": 0.0,
    "clip_contribution": 0.0,
}

#: The largest values of settings that are numbers.
LIMITS = {
    "step_size": 255,
    "scales": 8,
    "jitter": 10_000,
    "spectrum": 4,
    "l2": 1,
    "blur": 100,
    "total_variation": 100,
    "clip_norm": 1,
    "clip_contribution": 1,
    "noise": 255,
}

Preset = Literal["natural", "yosinski", "simonyan"]


@visualizer(
    question="What does the network dream of?",
    paper="K. Simonyan, A. Vedaldi, A. Zisserman, arXiv:1312.6034, section 2; regularizers: J. Yosinski et al., arXiv:1506.06579; jitter, "
    "colors and spectrum: C. Olah et al., Distill 2017",
    report={"steps": 50, "step_size": 6.0},
    quick={"steps": 20, "step_size": 8.0},
    saves=(".png", ".npz", ".gif", ".mp4"),
    image="image",
)
def class_model(
    model: Model,
    image: Image = BLANK,
    target: Target = LIKELIEST,
    *,
    preset: Preset = "natural",
    steps: int | None = None,
    step_size: float | None = None,
    scales: int | None = None,
    jitter: Index | None = None,
    spectrum: float | None = None,
    colors: Colors | None = None,
    l2: float | None = None,
    blur: float | None = None,
    total_variation: float | None = None,
    clip_norm: float | None = None,
    clip_contribution: float | None = None,
    noise: float | None = None,
    until: int | None = None,
    resume: FilePath | None = None,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Result:
    """Generate an image with a high score for a class, by gradient ascent (feature visualization).

    The network stays as it is; the image is changed, step by step, in the direction that raises the class score. What comes out shows
    what the network goes by. What is raised is the score itself and not the probability: a probability also rises when all other
    classes fall, and then the picture would show what they are not. Left alone the picture fills with noise that no photo has, so every
    step is followed by a little tidying up. Cost: about 330 forward passes.

    Parameters
    ----------
    image : photo, optional
        To start from. Default: zeros, which in the network's units is the mean image of the training photos; and noise.
    target : str or int
        The class, by name or index. Default: the likeliest on the photo.
    preset : {"natural", "yosinski", "simonyan"}
        Where the settings below come from when they are not given: our choice for clear pictures; the regularizers of Yosinski et al.;
        L2 alone, as in the first paper. The result's settings say which values that were.
    scales : int
        On how many sizes to work, from small to large. A network for one size of image works on that one.
    colors : {"natural", "free"}
        Whether a step's colors are mixed as in photos.
    l2 : float
        The share of itself that the picture loses in each step; 0 for none.
    blur : float
        The standard deviation of a Gaussian blur, in pixels; 0 for none.
    clip_norm : float
        The share of the pixels, those nearest to the mean color, that are set to it after each step; 0 for none.
    clip_contribution : float
        The same for those that contribute least to the score; 0 for none.
    until : int
        End after this many of the steps, as if interrupted there.
    resume : path
        A .npz file that a run of the same settings wrote when it was stopped; goes on from there, and ends as if it had not been
        stopped. Only the animation has the later part alone.

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
    given = {
        "steps": steps,
        "step_size": step_size,
        "scales": scales,
        "jitter": jitter,
        "spectrum": spectrum,
        "colors": colors,
        "l2": l2,
        "blur": blur,
        "total_variation": total_variation,
        "clip_norm": clip_norm,
        "clip_contribution": clip_contribution,
        "noise": noise,
    }
    chosen = OFF | PRESETS[preset] | {name: value for name, value in given.items() if value is not None}
    check_limits({name: (chosen[name], limit) for name, limit in LIMITS.items()})
    if scales is None and not accepts_shape(model.network, (*scale_size(image.shape[1:3], chosen["scales"], 0.0), image.shape[3])):
        chosen["scales"] = 1  # a network for one size of image
    settings = settings_in_levels(model, **{name: value for name, value in chosen.items() if name != "noise"})
    size = image.shape[1:3]
    if resume is None:
        start = AscentState(with_noise(model, image, chosen["noise"], seed), [])
    else:
        start = _resumed(resume, image, {**chosen, "target": target, "seed": seed})
    recorder = Recorder(model, settings.steps, size, progress)
    try:
        state = ascend(model.network, lambda size: class_score(target), start, settings, size, seed, recorder, until)
    except KeyboardInterrupt:
        state = recorder.state or start
    chosen = {**chosen, "resume": None, "until": None if len(state.scores) >= settings.steps else len(state.scores)}
    interrupted = len(state.scores) < min(until or settings.steps, settings.steps)
    result = _result(model, target, state, settings.steps)
    return dataclasses.replace(result, frames=[pictures[0] for pictures in recorder.pictures], source=chosen, stopped=interrupted)


def _resumed(path: str, image: np.ndarray, settings: dict[str, Any]) -> AscentState:
    """Read where an earlier run of the same settings stopped."""
    try:
        file = npy.opened(path)
        if isinstance(file, np.ndarray):
            raise ValueError("it holds a single array")
        with file:
            x, scores, source = file["input"], file["scores"], json.loads(str(file["source"]))
        recorded = {**source["settings"], "size": (source["input"]["height"], source["input"]["width"])}
        state = AscentState(x[None], list(scores[:, None]))
    except npy.DAMAGED as error:
        raise MinicnnError(f"cannot go on from {path} ({error}); expected the .npz file that a stopped class-model wrote") from None
    wanted = {**settings, "size": image.shape[1:3]}
    other = [f"{name} {recorded.get(name)} (now {value})" for name, value in wanted.items() if recorded.get(name) != value]
    if other:
        raise MinicnnError(f"cannot go on from {path}: it was made with {', '.join(other)}; use the same settings")
    if x.ndim != 3 or x.shape[2:] != image.shape[3:] or x.dtype != image.dtype or not np.isfinite(x).all():
        raise MinicnnError(
            f"{path} holds an image of shape {x.shape} and type {x.dtype}; expected what a class-model of this network wrote"
        )
    if scores.ndim != 1 or len(scores) > settings["steps"] or scores.dtype.kind != "f" or not np.isfinite(scores).all():
        raise MinicnnError(
            f"{path} holds scores of shape {scores.shape} and type {scores.dtype}; expected a finite number for each step so far"
        )
    return state


def _result(model: Model, target: int, state: AscentState, steps: int) -> Result:
    """Say in numbers and pictures where the ascent has come to."""
    done = len(state.scores)
    values, shows = finished_image(model, state.x)
    values["scores"] = np.reshape(state.scores, -1)
    if done:
        shows["scores"] = Curve("score")
    name = model.class_name(target)
    now = state.x if model.preprocessing is None else model.preprocessing.apply(values["image"])[None]
    logits = model.network(now)
    probability, top = float(softmax(logits)[0, target]), int(logits[0].argmax())
    text = f"After {done} steps the score of {name} is {logits[0, target]:.1f}, its probability {probability:.4f}"
    text += "; it is the likeliest class." if top == target else f"; the likeliest class is {model.class_name(top)}."
    warnings: tuple[str, ...] = (f"stopped after {done} of {steps} steps",) if done < steps else ()
    warnings += stuck(state.moved, [name], "the score does not depend on the picture at the start; begin with noise, or with a photo")
    title = f"{model.name}: feature visualization of {name}"
    return Result(values, shows, title, text=text, beside_photo=False, warnings=warnings)
