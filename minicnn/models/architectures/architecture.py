"""What a network by name is: its layers, its images, its classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from minicnn.models.classes import ClassNames, imagenet
from minicnn.models.specs import Specs, build_network
from minicnn.network.network import Network


@dataclass(frozen=True)
class Architecture:
    """A network without weights.

    Attributes
    ----------
    name : str
    layers : function
        From the number of classes to the layers.
    input_size : int
        Height and width of the images that the network was trained on.
    any_size : bool
        Whether the same weights fit other input sizes too.
    preprocessing : str
        What its published weights expect; see `minicnn.pictures.photos.PREPROCESSING`.
    class_names : function
        The names of its classes.
    shipped_weights : str or None
        The file in the package that holds its weights.
    matched_by : {"names", "order", "keras"}
        How weights of other programs are matched. Order is for networks that are one line and the same everywhere; of others there are
        versions with the same shapes that compute something else, by their strides or paddings, and names tell which it is. Those that
        are Keras' own, in a line, are also matched by order in Keras' files that number layers in place of names.
    """

    name: str
    layers: Callable[[int], Specs]
    input_size: int = 224
    any_size: bool = False
    preprocessing: str = "caffe"
    class_names: Callable[[], ClassNames] = imagenet
    shipped_weights: str | None = None
    matched_by: Literal["names", "order", "keras"] = "names"

    def network(self, input_size: int | None = None, classes: int | None = None) -> Network:
        """Build the network for images of the given size and so many classes, by default its own; its arrays have no values."""
        side = input_size or self.input_size
        return build_network(self.layers(classes or len(self.class_names())), (side, side, 3))
