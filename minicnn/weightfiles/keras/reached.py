"""What has been reached on the way through a model: the output of a layer, as Keras and as our networks have it.

Keras keeps the one pixel that a pool over the whole image leaves an image of 1 x 1; for us it is a row of numbers, on which a convolution
of one pixel is a dense layer. So a gate of channels can be computed without knowing how large the images are.

Some layers do nothing by themselves, but wait for what takes their output: zeros around an image are the padding of a convolution; a
softmax is left out at the end; x + 3 may begin a hard sigmoid, relu6(x + 3) / 6, which in turn may be the gate of a hard swish.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from minicnn.weightfiles.keras.entries import Entry
from minicnn.weightfiles.keras.pixels import Pixels

#: What waits: zeros around an image; a softmax; x + 3; relu6(x + 3); a sixth of that.
Waiting = Literal["zeros", "softmax", "plus 3", "relu6", "hard_sigmoid"]

#: An image; one of 1 x 1 for Keras that is a row for us; a row for both.
Form = Literal["image", "pixel", "row"]

#: The sides of an image: ((top, bottom), (left, right)).
Sides = tuple[tuple[int, int], tuple[int, int]]

NONE: Sides = ((0, 0), (0, 0))


@dataclass(frozen=True)
class Pending:
    """A layer that waits.

    Attributes
    ----------
    what : str
    entry : Entry
        The layer.
    sides : pair of pairs
        How many zeros.
    """

    what: Waiting
    entry: Entry
    sides: Sides = NONE


@dataclass(frozen=True, eq=False)
class Reached:
    """The output of a layer.

    Attributes
    ----------
    source : int
        The place of the step that makes it, without what waits; -1 for the network's input.
    shape : (height, width, channels)
        As far as known, without zeros that wait; of a row (1, 1, numbers).
    form : str
    by_channel : bool
        Whether it is a row that was made of an image C, H, W, and so has another order than ours.
    pending : Pending or None
    pixels : Pixels
        Of the network's input, how it was scaled.
    """

    source: int
    shape: tuple[int | None, int | None, int | None]
    form: Form = "image"
    by_channel: bool = False
    pending: Pending | None = None
    pixels: Pixels = field(default_factory=Pixels)

    @property
    def zeros(self) -> Sides:
        """The zeros around it that wait."""
        return self.pending.sides if self.pending else NONE

    @property
    def padded_sides(self) -> tuple[int | None, int | None]:
        """Height and width, with the zeros that wait."""
        height, width = (None if side is None else side + sum(zeros) for side, zeros in zip(self.shape, self.zeros))
        return height, width

    def waits(self, what: Waiting, entry: Entry, sides: Sides = NONE) -> Reached:
        """The same, with a layer that waits."""
        return replace(self, pending=Pending(what, entry, sides))

    def check_image(self, entry: Entry) -> None:
        """Raise WeightFileError unless it is an image, for a layer that takes one."""
        if self.form == "pixel":
            raise entry.refusal(
                "takes the one pixel that is left of an image, which is a row of numbers in minicnn; expected a larger image"
            )
        if self.form == "row":
            raise entry.refusal("takes one row of numbers; expected an image")

    def check_order(self, entry: Entry) -> None:
        """Raise WeightFileError for a row in another order than ours, for a layer that has to know the order."""
        if self.by_channel:
            raise entry.refusal("takes numbers of an image C, H, W after a Flatten; expected a Dense layer there")
