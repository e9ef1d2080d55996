"""A new picture of the same texture."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from minicnn.models.model import Model
from minicnn.pictures.render import Curve
from minicnn.pictures.resampling import resized
from minicnn.pictures.results import Result
from minicnn.visualizers.ascent.finished import finished_image, stuck
from minicnn.visualizers.ascent.levels import check_limits, with_noise
from minicnn.visualizers.ascent.loop import AscentState, ascend
from minicnn.visualizers.ascent.painting import first_of_each_block, painting_settings, same_texture
from minicnn.visualizers.ascent.recorder import Recorder
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import USUAL, ImageKind, LayersKind, Progress, Seed


@visualizer(
    question="What does the network dream of?",
    paper="L. A. Gatys, A. S. Ecker, M. Bethge, arXiv:1505.07376; with Adam on several sizes",
    report={"steps": 40, "step_size": 20.0},
    quick={"steps": 12, "step_size": 30.0},
    saves=(".png", ".npz", ".gif", ".mp4"),
    image="image",
)
def texture(
    model: Model,
    image: Annotated[np.ndarray, ImageKind(whole=256)],
    *,
    layers: Annotated[dict[str, float], LayersKind(first_of_each_block)] = USUAL,
    steps: int = 200,
    step_size: float = 12.0,
    scales: int = 3,
    spectrum: float = 0.5,
    total_variation: float = 0.1,
    noise: float = 30.0,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Result:
    """Make a new picture with the texture of the photo, from noise.

    Which of a layer's channels are on together, wherever that is (the layer's Gram matrix), is all that is taken from the photo. A
    picture of noise is changed until its Gram matrices are the same. Stones, feathers or leaves come out as new ones of their kind,
    while what has its place in the photo, such as a face, falls into parts. How large the parts are depends on the sizes: a small
    picture's Gram matrices hold nearly all of it, so with several scales whole things come back, on one scale only their textures.
    Cost: about 300 forward passes on one thread, 700 on two, since small pictures gain little from a second.

    Parameters
    ----------
    image : photo
        All of it is used, its longer side scaled to 256 pixels, or to --size; the new picture gets its size.
    layers : layers with weights
        Whose Gram matrices are matched, such as relu1_1,relu3_1=0.5. Default: the first ReLU, and the first after each pooling.
    steps : int
        How often the picture is changed, on all sizes together.
    step_size : float
        How far a pixel moves in one step at most, about, in levels of 255; it shrinks to a twentieth.
    scales : int
        On how many sizes to work, from small to large: textures larger than a layer can see come out of the small ones.

    Returns
    -------
    Result
        Values: "image", uint8 RGB (H, W, 3) (without preprocessing: missing); "input", the same before rounding in the network's units;
        "loss", (steps,), before each step: the mean over the layers of the squared difference between the Gram matrices, as a share of
        the square of the photo's; 0 is a perfect match. With frames, so it saves as an animation.

    Raises
    ------
    MinicnnError
        If a layer does not exist, or a setting is out of range.
    """
    check_limits({"noise": (noise, 255)})
    network = model.network
    size = image.shape[1:3]
    settings = painting_settings(model, steps, step_size, scales, spectrum, total_variation)
    recorder = Recorder(model, steps, size, progress)
    start = AscentState(with_noise(model, np.zeros_like(image), noise, seed), [])
    state = ascend(network, lambda size: same_texture(network, resized(image, size), layers), start, settings, size, seed, recorder)
    values, shows = finished_image(model, state.x)
    loss = values["loss"] = -np.reshape(state.scores, -1)
    shows["loss"] = Curve("loss")
    text = f"The Gram matrices differ from the photo's by {loss[-1]:.2%} of their square."
    title = f"A new picture of this texture, from {', '.join(layers)}"
    frames = [pictures[0] for pictures in recorder.pictures]
    warnings = stuck(state.moved, [", ".join(layers)], "the outputs may be 0 everywhere; try other layers")
    return Result(values, shows, title, text=text, frames=frames, warnings=warnings)
