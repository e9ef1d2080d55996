"""One photo, painted as another one is."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from minicnn.models.model import Model
from minicnn.network.network import Network
from minicnn.network.objectives import Objective, match, recorded, weighted_mean
from minicnn.pictures.photos import LUMINANCE
from minicnn.pictures.render import Curve, Photo
from minicnn.pictures.resampling import resized
from minicnn.pictures.results import Result
from minicnn.visualizers.ascent.finished import finished_image, stuck
from minicnn.visualizers.ascent.levels import check_limits, with_noise
from minicnn.visualizers.ascent.loop import AscentState, ascend
from minicnn.visualizers.ascent.painting import blocks, first_of_each_block, painting_settings, same_texture
from minicnn.visualizers.ascent.recorder import Recorder
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import USUAL, ImageKind, LayersKind, Progress, SecondPhoto, Seed


def default_content(network: Network) -> str:
    """Choose the second ReLU of the last block but one, or what there is."""
    found = blocks(network)
    block = found[-2] if len(found) > 1 else found[-1]
    return block[min(1, len(block) - 1)]


@visualizer(
    question="What does the network dream of?",
    paper="L. A. Gatys, A. S. Ecker, M. Bethge, arXiv:1508.06576; colors kept as by L. A. Gatys et al., arXiv:1606.05897, section 3; "
    "with Adam on several sizes",
    report={"steps": 40, "step_size": 20.0},
    quick={"steps": 12, "step_size": 30.0},
    saves=(".png", ".npz", ".gif", ".mp4"),
    image="image",
)
def style_transfer(
    model: Model,
    image: Annotated[np.ndarray, ImageKind(whole=256)],
    style: SecondPhoto,
    *,
    content_layers: Annotated[dict[str, float], LayersKind(default_content)] = USUAL,
    style_layers: Annotated[dict[str, float], LayersKind(first_of_each_block)] = USUAL,
    content_weight: float = 1.0,
    style_weight: float = 3.0,
    start: Literal["content", "noise"] = "content",
    preserve_color: bool = False,
    steps: int = 200,
    step_size: float = 12.0,
    scales: int = 3,
    spectrum: float = 0.5,
    total_variation: float = 0.1,
    noise: float = 0.0,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Result:
    """Paint one photo in the style of another.

    A picture is changed until a deep layer puts out nearly the same for it as for the first photo, which keeps what is to be seen and
    where, and until several layers' Gram matrices are those of the second, which say what its strokes, colors and textures are,
    wherever they are. The two cannot both be had, and the weights say which counts for more. Cost: about 300 forward
    passes on one thread, 700 on two, since small pictures gain little from a second.

    Parameters
    ----------
    image : photo
        The content. All of it is used, its longer side scaled to 256 pixels, or to --size; the new picture gets its size.
    style : photo
        The style, scaled like the content.
    content_layers : layers with weights
        Default: the second ReLU of the last block but one, for VGG relu4_2.
    style_layers : layers with weights
        Default: the first ReLU, and the first after each pooling, for VGG relu1_1 to relu5_1.
    content_weight : float
        How much the content counts.
    style_weight : float
        How much the style counts; only the ratio of the two matters.
    start : {"content", "noise"}
        Where to start. Noise frees the picture from the content's own edges.
    preserve_color : bool
        Give each pixel the content's color and only the brightness of the painted picture.
    steps : int
        How often the picture is changed, on all sizes together.
    step_size : float
        How far a pixel moves in one step at most, about, in levels of 255; it shrinks to a twentieth.
    scales : int
        On how many sizes to work, from small to large: large strokes come out of the small ones.
    noise : float
        The standard deviation of noise added to the content at the start, in levels of 255; a start from noise has at least 30.

    Returns
    -------
    Result
        Values: "image", uint8 RGB (H, W, 3) (without preprocessing: missing); "input", the same before rounding in the network's units,
        before the content's colors were put in; "content loss" and "style loss", (steps,) each, before each step: the squared
        difference between the layers' outputs, or their Gram matrices, as a share of the square of what is wanted, before weighting.
        With frames, so it saves as an animation.

    Raises
    ------
    MinicnnError
        If a layer does not exist, or a setting is out of range.
    """
    check_limits({"content_weight": (content_weight, 1e6), "style_weight": (style_weight, 1e6), "noise": (noise, 255)})
    network = model.network
    size = image.shape[1:3]
    settings = painting_settings(model, steps, step_size, scales, spectrum, total_variation)
    losses: dict[str, list[np.ndarray]] = {"content loss": [], "style loss": []}

    def objective_at(now: tuple[int, int]) -> Objective:
        content = same_content(network, resized(image, now), content_layers)
        painted = same_texture(network, resized(style, _scaled(style.shape[1:3], now[0] / size[0])), style_layers)
        return content_weight * recorded(content, losses["content loss"]) + style_weight * recorded(painted, losses["style loss"])

    recorder = Recorder(model, steps, size, progress)
    begin = image if start == "content" else np.zeros_like(image)
    begin = with_noise(model, begin, noise if start == "content" else max(noise, 30.0), seed)
    state = ascend(network, objective_at, AscentState(begin, []), settings, size, seed, recorder)
    return _result(model, image, style, state, recorder, losses, preserve_color)


def same_content(network: Network, photo: np.ndarray, weights: dict[str, float]) -> Objective:
    """Make the objective whose largest value, 0, pictures with the photo's outputs have: the weighted mean over the layers."""
    outputs = network.trace(photo).outputs
    return weighted_mean([match(name, outputs[name]) for name in weights], list(weights.values()))


def in_the_colors_of(pixels: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Give pixels, uint8 RGB (H, W, 3), the colors of a photo; of their own they keep the brightness."""
    change = (pixels.astype(np.float64) - photo) @ LUMINANCE
    return np.clip(np.rint(photo + change[..., None]), 0, 255).astype(np.uint8)


def _scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _result(
    model: Model,
    image: Annotated[np.ndarray, ImageKind(whole=256)],
    style,
    state: AscentState,
    recorder: Recorder,
    losses: dict[str, list[np.ndarray]],
    preserve_color: bool,
) -> Result:
    curves = {name: -np.reshape(values, -1) for name, values in losses.items()}
    values, shows = finished_image(model, state.x)
    frames = [pictures[0] for pictures in recorder.pictures]
    if model.preprocessing is not None:
        values["style"] = model.deprocess(style)[0]
        shows = {"style": Photo(), **shows}
        if preserve_color:
            content = model.deprocess(image)[0]
            values["image"], *frames = (in_the_colors_of(picture, content) for picture in (values["image"], *frames))
    values |= curves
    shows |= {name: Curve(name) for name in curves}
    text = f"Before the last step the content differed by {curves['content loss'][-1]:.1%}, the style by {curves['style loss'][-1]:.1%}."
    warnings = stuck(state.moved, ["content and style"], "their weights may be 0, or the layers' outputs 0 everywhere")
    return Result(values, shows, "Style transfer", text=text, frames=frames, columns=3, warnings=warnings)
