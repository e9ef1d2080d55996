"""A new picture of the same texture."""

from __future__ import annotations

import numpy as np

from minicnn.ascent import Climb, Recipe, ascend
from minicnn.errors import MinicnnError
from minicnn.layers import AveragePool2D, MaxPool2D, ReLU
from minicnn.model import Model
from minicnn.network import Network
from minicnn.objectives import Objective, gram_match, gram_matrix, weighted_mean
from minicnn.optimisers import adam_for_images
from minicnn.render import Curve
from minicnn.resampling import resized
from minicnn.results import Result
from minicnn.visualizers.options import Layers, layer_weights
from minicnn.visualizers.pictures import (
    Film,
    check_limits,
    finished_image,
    recipe_in_levels,
    stuck,
    with_noise,
)
from minicnn.visualizers.registry import Progress, visualizer


@visualizer(
    question="What does the network dream of?",
    paper="L. A. Gatys, A. S. Ecker, M. Bethge, arXiv:1505.07376; with Adam on several sizes",
    report=lambda height, width: {"steps": 40, "step_size": 20.0},
    quick=lambda height, width: {"steps": 12, "step_size": 30.0},
    saves=(".png", ".npz", ".gif", ".mp4"),
    image="image",
    whole=256,
)
def texture(
    model: Model,
    image,
    *,
    layers: Layers | None = None,
    steps: int = 200,
    step_size: float = 12.0,
    scales: int = 3,
    spectrum: float = 0.5,
    total_variation: float = 0.1,
    noise: float = 30.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Result:
    """Make a new picture with the texture of the photo, from noise.

    Which of a layer's channels are on together, wherever that is (the layer's Gram matrix), is all that is taken from the photo. A
    picture of noise is changed until its Gram matrices are the same. Stones, feathers or leaves come out as new ones of their kind,
    while what has its place in the photo, such as a face, falls into parts. How large the parts are depends on the sizes: a small
    picture's Gram matrices hold nearly all of it, so with several scales whole things come back, on one scale only their textures.
    Cost: about 300 forward passes on one thread, 600 on two, since small pictures gain little from a second.

    Parameters
    ----------
    model : Model
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
    spectrum : float
        How much fine structure of a step is damped: its amplitude is divided by frequency to this power; 0 for not at all.
    total_variation : float
        The weight of the total variation, whose gradient is taken off in each step, in levels of 255; 0 for none.
    noise : float
        The deviation of the noise at the start, in levels of 255.
    seed : int
        For the noise: same seed, same picture.
    progress : function, optional
        Called as progress(done, total).

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
    weights = layer_weights(first_of_each_block(model.network) if layers is None else layers, model.network)
    network = model.network.up_to(weights)
    size = image.shape[1:3]
    recipe = painting_recipe(model, steps, step_size, scales, spectrum, total_variation)
    film = Film(model, steps, size, progress)
    start = Climb(with_noise(model, np.zeros_like(image), noise, seed), [])
    climb = ascend(network, lambda size: same_texture(network, resized(image, size), weights), start, recipe, size, seed, film)
    values, shows = finished_image(model, climb.x)
    loss = values["loss"] = -np.reshape(climb.scores, -1)
    shows["loss"] = Curve("loss")
    text = f"The Gram matrices differ from the photo's by {loss[-1]:.2%} of their square."
    title = f"A new picture of this texture, from {', '.join(weights)}"
    frames = [pictures[0] for pictures in film.pictures]
    warnings = stuck(climb.moved, [", ".join(weights)], "the outputs may be 0 everywhere; try other layers")
    return Result(values, shows, title, text=text, frames=frames, source={"layers": weights}, warnings=warnings)


def painting_recipe(model: Model, steps: int, step_size: float, scales: int, spectrum: float, total_variation: float) -> Recipe:
    """Make the recipe by which Gram matrices are matched: Adam, with steps that shrink to a twentieth.

    Raises
    ------
    MinicnnError
        If a setting is out of range.
    """
    check_limits(
        {"step_size": (step_size, 255), "scales": (scales, 8), "spectrum": (spectrum, 4), "total_variation": (total_variation, 100)}
    )
    return recipe_in_levels(
        model,
        steps=steps,
        step_size=step_size,
        last_step=0.05,
        optimiser=adam_for_images,
        scales=scales,
        spectrum=spectrum,
        total_variation=total_variation,
    )


def same_texture(network: Network, photo: np.ndarray, weights: dict[str, float]) -> Objective:
    """Make the objective whose largest value, 0, pictures with the photo's Gram matrices have: their weighted mean over the layers."""
    outputs = network.trace(photo).outputs
    return weighted_mean([gram_match(name, gram_matrix(outputs[name])[0]) for name in weights], list(weights.values()))


def blocks(network: Network) -> list[list[str]]:
    """Name the ReLUs between one pooling layer and the next, a list for each block that has any."""
    found: list[list[str]] = [[]]
    for name, layer in network.layers.items():
        if isinstance(layer, (MaxPool2D, AveragePool2D)):
            found.append([])
        elif isinstance(layer, ReLU):
            found[-1].append(name)
    found = [names for names in found if names]
    if not found:
        raise MinicnnError("the network has no ReLU to choose as a layer; name the layers")
    return found


def first_of_each_block(network: Network) -> list[str]:
    """Name the first ReLU of each block: relu1_1 to relu5_1 for VGG."""
    return [names[0] for names in blocks(network)]
