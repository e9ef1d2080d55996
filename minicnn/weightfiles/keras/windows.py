"""Layers that slide windows without weights, or make images larger or smaller."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from minicnn.weightfiles.keras.entries import Entry, written
from minicnn.weightfiles.keras.gathered import Gathered
from minicnn.weightfiles.keras.reached import NONE, Reached, Sides
from minicnn.weightfiles.keras.sliding import shortest, slide
from minicnn.weightfiles.stored import shown

#: No side of an image is padded or cut by more.
MOST = 10_000


def pool(net: Gathered, entry: Entry, x: Reached) -> Reached:
    """Padding never is the largest number of a window, and is left out of means."""
    x.check_image(entry)
    size = entry.sides("pool_size", 2)
    stride = entry.sides("strides", size)
    padding, (height, width) = slide(entry, x, size, stride)
    options: dict[str, Any] = {"size": size, "stride": stride, "padding": shortest(padding)}
    mean = entry.class_name == "AveragePooling2D"
    if mean and padding != NONE:
        options["count_include_pad"] = False
    given = net.add(entry, "average_pool" if mean else "max_pool", options, x)
    return replace(given, shape=(height, width, x.shape[2]))


def zero_padding(net: Gathered, entry: Entry, x: Reached) -> Reached:
    """Let zeros wait: before a convolution they are its padding."""
    x.check_image(entry)
    sides = _sides(entry, "padding", [1, 1])
    if sides == NONE:
        return x
    rows, columns = ((first[0] + more[0], first[1] + more[1]) for first, more in zip(x.zeros, sides))
    return x.waits("zeros", entry, (rows, columns))


def cropping(net: Gathered, entry: Entry, x: Reached) -> Reached:
    x.check_image(entry)
    sides = _sides(entry, "cropping", [0, 0])
    if sides == NONE:
        return x
    height, width = (None if side is None else side - sum(less) for side, less in zip(x.shape, sides))
    if any(side is not None and side < 1 for side in (height, width)):
        raise entry.refusal("leaves nothing of the image")
    return replace(net.add(entry, "cropping", {"sides": shortest(sides)}, x), shape=(height, width, x.shape[2]))


def upsampling(net: Gathered, entry: Entry, x: Reached) -> Reached:
    x.check_image(entry)
    factor, method = entry.sides("size", 2), entry.text("interpolation", "nearest")
    if method not in ("nearest", "bilinear"):
        raise entry.refusal(f"has interpolation {shown(method)}, expected nearest or bilinear")
    height, width = (None if side is None else side * times for side, times in zip(x.shape, factor))
    return replace(net.add(entry, "upsample", {"factor": factor, "method": method}, x), shape=(height, width, x.shape[2]))


def resize(net: Gathered, entry: Entry, x: Reached) -> Reached:
    """Take a layer that would change the size of images, as long as it does not."""
    wanted = (entry.config.get("height"), entry.config.get("width"))
    if None in wanted or wanted != x.shape[:2] or x.form != "image":
        raise entry.refusal("changes the size of images; let the model begin after it")
    return x


def _sides(entry: Entry, key: str, default: list[int]) -> Sides:
    """Read how many pixels are added or cut off: one number, one for each axis, or two for each."""
    given = entry.config.get(key, default)
    axes = given if isinstance(given, list) else [given, given]
    pairs = [axis if isinstance(axis, list) else [axis, axis] for axis in axes]
    if len(pairs) != 2 or not all(len(pair) == 2 and all(type(side) is int and 0 <= side <= MOST for side in pair) for pair in pairs):
        raise entry.refusal(f"has {key} {written(given)}, expected whole numbers from 0 to {MOST:,}")
    rows, columns = ((before, after) for before, after in pairs)
    return rows, columns


READERS = {
    "MaxPooling2D": pool,
    "AveragePooling2D": pool,
    "ZeroPadding2D": zero_padding,
    "Cropping2D": cropping,
    "UpSampling2D": upsampling,
    "Resizing": resize,
    "CenterCrop": resize,
}
