"""Keras' windows in our terms. Padding "same" is as much as it takes for ceil(side / stride) outputs, the odd pixel at the end."""

from __future__ import annotations

from collections.abc import Sequence

from minicnn.weightfiles.keras.entries import Entry
from minicnn.weightfiles.keras.reached import Reached, Sides
from minicnn.weightfiles.stored import shown

#: Height and width, where they are known.
Size = tuple[int | None, int | None]


def slide(entry: Entry, x: Reached, size: Sequence[int], stride: Sequence[int], dilation: Sequence[int] = (1, 1)) -> tuple[Sides, Size]:
    """Tell a window's padding, with zeros that wait for it, and the size of what it gives.

    Raises
    ------
    WeightFileError
        If the padding depends on a size that is not known, or the window does not fit.
    """
    same = padding_rule(entry) == "same"
    extent = [(size[axis] - 1) * dilation[axis] + 1 for axis in range(2)]
    sides = x.padded_sides
    own = [same_padding(entry, sides[axis], extent[axis], stride[axis]) if same else (0, 0) for axis in range(2)]
    height, width = (output_side(entry, sides[axis], extent[axis], stride[axis], sum(own[axis])) for axis in range(2))
    rows, columns = ((zeros[0] + more[0], zeros[1] + more[1]) for zeros, more in zip(x.zeros, own))
    return (rows, columns), (height, width)


def padding_rule(entry: Entry) -> str:
    """Read the setting padding of a layer with a window: "valid" or "same"."""
    rule = entry.text("padding", "valid")
    if rule not in ("valid", "same"):
        raise entry.refusal(f"has padding {shown(rule)}, expected valid or same")
    return rule


def same_padding(entry: Entry, side: int | None, size: int, stride: int) -> tuple[int, int]:
    """Tell how many zeros padding "same" puts before and after an axis, from its length, None if that is not known.

    Raises
    ------
    WeightFileError
        If it depends on the length, and that is not known.
    """
    if stride == 1:
        total = size - 1
    elif side is None:
        raise entry.refusal(
            "pads by the size of its input, which the file does not say (make the model for images of one size, and save that)"
        )
    else:
        total = max((-(-side // stride) - 1) * stride + size - side, 0)
    return total // 2, total - total // 2


def output_side(entry: Entry, side: int | None, size: int, stride: int, padding: int) -> int | None:
    """Tell how often a window fits on an axis."""
    if side is None:
        return None
    if side + padding < size:
        raise entry.refusal(f"has a window of {size} pixels on {side + padding}")
    return (side + padding - size) // stride + 1


def shortest(sides: Sides) -> list[int] | list[list[int]]:
    """Write what is added or cut off at the sides of an image, by one number for each axis if the two are equal on both."""
    if all(before == after for before, after in sides):
        return [before for before, _ in sides]
    return [list(pair) for pair in sides]
