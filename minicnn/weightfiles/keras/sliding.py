"""Keras' padding "same" in our terms: as much as it takes for ceil(side / stride) outputs, the odd pixel at the end."""

from __future__ import annotations

from minicnn.weightfiles.keras.configuration import Entry


def same_padding(entry: Entry, side: int | None, size: int, stride: int) -> int:
    """Tell how many zeros padding "same" puts before and after an axis, from its length, None if that is not known.

    Raises
    ------
    WeightFileError
        If these are not as many, or it depends on the length, and that is not known.
    """
    if stride == 1:
        total = size - 1
    elif side is None:
        raise entry.refusal("pads by the size of its input, which the file does not say")
    else:
        total = max((-(-side // stride) - 1) * stride + size - side, 0)
    if total % 2:
        raise entry.refusal(f"pads unevenly (padding same: {total // 2} before and {total - total // 2} after the image)")
    return total // 2


def output_side(entry: Entry, side: int | None, size: int, stride: int, padding: int) -> int | None:
    """Tell how often a window fits on an axis."""
    if side is None:
        return None
    if side + 2 * padding < size:
        raise entry.refusal(f"has a window of {size} pixels on {side + 2 * padding}")
    return (side + 2 * padding - size) // stride + 1
