"""Layers that make rows of numbers of images, or take what is left of these; and dropout, which takes either."""

from __future__ import annotations

from dataclasses import replace

from minicnn.weightfiles.keras.entries import Entry
from minicnn.weightfiles.keras.gathered import Gathered
from minicnn.weightfiles.keras.reached import Form, Reached


def global_pool(net: Gathered, entry: Entry, x: Reached) -> Reached:
    """Pool over the whole image; what remains can stay an image of one pixel."""
    form: Form = "pixel" if entry.flag("keepdims", False) else "row"
    if x.form == "pixel":
        return replace(x, form=form)
    x.check_image(entry)
    word = "global_average_pool" if entry.class_name == "GlobalAveragePooling2D" else "global_max_pool"
    return replace(net.add(entry, word, {}, x), shape=(1, 1, x.shape[2]), form=form)


def flatten(net: Gathered, entry: Entry, x: Reached) -> Reached:
    given = entry.config.get("data_format")
    if x.form == "image" and given == "channels_first" and not net.channels_first:
        raise entry.refusal("has data_format channels_first, where layers before it have channels_last")
    return _flattened(net, entry, x, net.channels_first and given != "channels_first")


def reshape(net: Gathered, entry: Entry, x: Reached) -> Reached:
    """Make one row, or an image of one pixel."""
    shape, numbers = entry.config.get("target_shape"), x.shape[2]
    if isinstance(shape, list) and len(shape) == 1:
        return _flattened(net, entry, x, net.channels_first)
    if x.form == "image" or not isinstance(shape, list) or len(shape) != 3 or not all(type(side) is int for side in shape):
        raise entry.refusal("makes something else than one row of each image, or one pixel of a row")
    channel = net.channel_axis - 1
    others = [side for axis, side in enumerate(shape) if axis != channel]
    if others != [1, 1] or shape[channel] not in (-1, numbers):
        raise entry.refusal("makes something else than one row of each image, or one pixel of a row")
    return replace(x, form="pixel")


def dropout(net: Gathered, entry: Entry, x: Reached) -> Reached:
    """Take a dropout; what waits before it goes on waiting."""
    rate = entry.number("rate", 0.5)
    if not 0 <= rate < 1:
        raise entry.refusal(f"has rate {rate}, expected at least 0 and less than 1")
    return replace(net.add(entry, "dropout", {"rate": rate}, x), pending=x.pending)


def stochastic_depth(net: Gathered, entry: Entry, x: Reached) -> Reached:
    """Of Keras' applications, known by its setting: it gives what it takes, after the training; that of others may scale it."""
    if "drop_path_rate" not in entry.config:
        raise entry.refusal("is not that of Keras' applications, which has a drop_path_rate")
    return x


def _flattened(net: Gathered, entry: Entry, x: Reached, by_channel: bool) -> Reached:
    """Flatten an image; one pixel is a row already."""
    if x.form != "image":
        return replace(x, form="row")
    height, width, channels = x.shape
    if (height, width) != (1, 1):
        if net.flattened_by_channel not in (None, by_channel):
            raise entry.refusal("flattens images in another order (data_format) than another layer")
        net.flattened_by_channel = by_channel
    by_channel = by_channel and (height, width) != (1, 1)
    numbers = None if height is None or width is None or channels is None else height * width * channels
    return replace(net.add(entry, "flatten", {}, x), shape=(1, 1, numbers), form="row", by_channel=by_channel)


READERS = {
    "GlobalAveragePooling2D": global_pool,
    "GlobalMaxPooling2D": global_pool,
    "Flatten": flatten,
    "Reshape": reshape,
    "Dropout": dropout,
    "StochasticDepth": stochastic_depth,
}
