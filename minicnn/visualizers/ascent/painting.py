"""What texture and style transfer share: pictures whose Gram matrices are those of a photo."""

from __future__ import annotations

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.layers import AveragePool2D, MaxPool2D
from minicnn.models.model import Model
from minicnn.network.network import Network
from minicnn.network.objectives import Objective, gram_match, gram_matrix, weighted_mean
from minicnn.network.optimizers import adam_for_images
from minicnn.visualizers.ascent.levels import check_limits, settings_in_levels
from minicnn.visualizers.ascent.loop import AscentSettings


def painting_settings(model: Model, steps: int, step_size: float, scales: int, spectrum: float, total_variation: float) -> AscentSettings:
    """Make the settings by which Gram matrices are matched: Adam, with steps that shrink to a twentieth.

    Raises
    ------
    MinicnnError
        If a setting is out of range.
    """
    check_limits(
        {"step_size": (step_size, 255), "scales": (scales, 8), "spectrum": (spectrum, 4), "total_variation": (total_variation, 100)}
    )
    return settings_in_levels(
        model,
        steps=steps,
        step_size=step_size,
        last_step=0.05,
        optimizer=adam_for_images,
        scales=scales,
        spectrum=spectrum,
        total_variation=total_variation,
    )


def same_texture(network: Network, photo: np.ndarray, weights: dict[str, float]) -> Objective:
    """Make the objective whose largest value, 0, pictures with the photo's Gram matrices have: their weighted mean over the layers."""
    outputs = network.trace(photo).outputs
    return weighted_mean([gram_match(name, gram_matrix(outputs[name])[0]) for name in weights], list(weights.values()))


def blocks(network: Network) -> list[list[str]]:
    """Name the activations (ReLUs) between one pooling layer and the next, a list for each block that has any."""
    found: list[list[str]] = [[]]
    for name, layer in network.layers.items():
        if isinstance(layer, (MaxPool2D, AveragePool2D)):
            found.append([])
        elif layer.activation:
            found[-1].append(name)
    found = [names for names in found if names]
    if not found:
        raise MinicnnError("the network has no activation, such as a ReLU, to choose as a layer; name the layers")
    return found


def first_of_each_block(network: Network) -> list[str]:
    """Name the first ReLU of each block: relu1_1 to relu5_1 for VGG."""
    return [names[0] for names in blocks(network)]
