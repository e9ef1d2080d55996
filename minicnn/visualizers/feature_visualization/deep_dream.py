"""What the network believes to see in a photo, painted into it."""

from __future__ import annotations

import functools
import operator
from typing import Annotated

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.models.model import Model
from minicnn.network.network import Network
from minicnn.network.objectives import Objective, energy, likeness
from minicnn.pictures.resampling import resized
from minicnn.pictures.results import Result
from minicnn.visualizers.ascent.finished import finished_image, stuck
from minicnn.visualizers.ascent.levels import check_limits, settings_in_levels
from minicnn.visualizers.ascent.loop import AscentState, ascend
from minicnn.visualizers.ascent.recorder import Recorder
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import USUAL, ImageKind, Index, Layers, Progress, SecondPhoto, Seed


@visualizer(
    question="What does the network dream of?",
    paper='A. Mordvintsev, C. Olah, M. Tyka, "Inceptionism" and the notebook "DeepDream", 2015',
    report={"steps": 20, "step_size": 3.0},
    quick={"steps": 12, "octaves": 3, "step_size": 4.0},
    saves=(".png", ".npz", ".gif", ".mp4"),
    image="image",
)
def deep_dream(
    model: Model,
    image: Annotated[np.ndarray, ImageKind(whole=384)],
    *,
    layers: Layers = USUAL,
    guide: SecondPhoto | None = None,
    steps: int = 40,
    step_size: float = 2.0,
    octaves: int = 4,
    octave_ratio: float = 1.4,
    jitter: Index = 16,
    spectrum: float = 0.5,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Result:
    """Let the network paint into the photo whatever it believes to see there.

    The photo is changed, step by step, so that the outputs of some layers grow, whatever they are: where a layer sees a hint of an eye,
    the eye becomes clearer, and then the layer sees more of it. First on a small copy, for large forms, then on larger ones (octaves),
    to which the photo's own detail is given back. With a second photo as a guide, the layers' outputs are to become like those that the
    guide has anywhere. It shows what the layers' channels stand for, and not why the photo got its class. Cost: about 180 forward
    passes.

    Parameters
    ----------
    image : photo
        All of it is used, its longer side scaled to 384 pixels, or to --size.
    layers : layers with weights
        One layer or a mix, such as relu4_3,relu5_1=0.5. Early ones make strokes and textures, late ones parts of animals. Default: the last
        convolution, after its ReLU.
    guide : photo
        A second photo.
    steps : int
        How often the photo is changed, on all octaves together.
    octaves : int
        On how many sizes to work, from small to large.
    octave_ratio : float
        How much larger each size is than the one before it.

    Returns
    -------
    Result
        Values: "image", uint8 RGB (H, W, 3) (without preprocessing: missing); "input", the same before rounding in the network's units;
        "scores", (steps,), what was raised: the layers' mean squared outputs (with a guide, their likeness to it), each as a multiple
        of the photo's, times its weight. With frames, so it saves as an animation.

    Raises
    ------
    MinicnnError
        If a layer does not exist, or a setting is out of range.
    """
    check_limits({"step_size": (step_size, 255), "octaves": (octaves, 12), "spectrum": (spectrum, 4), "jitter": (jitter, 10_000)})
    if not 1.05 <= octave_ratio <= 4:
        raise MinicnnError(f"octave_ratio is {octave_ratio}; expected 1.05 to 4")
    network = model.network
    guides = {}
    if guide is not None:
        outputs = network.trace(guide).outputs
        guides = {name: outputs[name] for name in layers}
    size = image.shape[1:3]
    settings = settings_in_levels(
        model,
        step_size=step_size,
        steps=steps,
        scales=octaves,
        scale_ratio=1 / octave_ratio,
        jitter=jitter,
        spectrum=spectrum,
        photo=image,
    )
    recorder = Recorder(model, steps, size, progress)
    state = ascend(
        network,
        lambda size: _objective(network, resized(image, size), layers, guides),
        AscentState(image, []),
        settings,
        size,
        seed,
        recorder,
    )
    values, shows = finished_image(model, state.x)
    values["scores"] = np.reshape(state.scores, -1)
    about = ", ".join(name if weight == 1 else f"{weight:g} {name}" for name, weight in layers.items())
    title = f"Deep dream of {about}" + (", guided" if guides else "")
    warnings = stuck(state.moved, [about], "the outputs may be 0 everywhere; try other layers")
    return Result(values, shows, title, frames=[pictures[0] for pictures in recorder.pictures], warnings=warnings)


def _objective(network: Network, photo: np.ndarray, weights: dict[str, float], guides: dict[str, np.ndarray]) -> Objective:
    """Say what to raise on one octave: each layer as a multiple of what it is for the photo, so that weights mean the same everywhere."""
    trace = network.trace(photo)
    parts = []
    for name, weight in weights.items():
        raised = likeness(name, guides[name].reshape(-1, guides[name].shape[-1])) if guides else energy(name)
        before = float(raised.evaluate(trace)[0][0])
        parts.append(weight / (before if before > 0 else 1.0) * raised)
    return functools.reduce(operator.add, parts)
