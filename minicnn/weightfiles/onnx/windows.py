"""How convolutions and pools slide, in all the ways in which ONNX writes it down.

Ours have the same padding on opposite sides, and leave out what is left of a stride at the end. The file's may pad by a rule, in a node
before, or unevenly, or round up; they are the same if they start at the same pixel and are as many.
"""

from __future__ import annotations

from collections.abc import Mapping

from minicnn.weightfiles.onnx.network import ReadNetwork
from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.refusals import RefusedError

#: More pixels than any padding has.
MOST_PADDING = 1 << 16


def sliding(network: ReadNetwork, node: Node, size: list[int]) -> tuple[dict[str, list[int]], dict[str, int]]:
    """Read a window, as options of a layer, and the height and width of what it makes.

    Parameters
    ----------
    network : ReadNetwork
        With the padding of a node before, which is taken from it.
    node : Node
    size : list of int
        Height and width of the window.
    """
    stride, dilations = node.attribute("strides", [1, 1]), node.attribute("dilations", [1, 1])
    if len(size) != 2 or len(stride) != 2 or min(*size, *stride) < 1:
        raise RefusedError(f"has windows of size {size[:4]} and stride {stride[:4]}, expected height and width, each 1 or more")
    if any(step != 1 and length > 1 for step, length in zip(dilations, size)) or len(dilations) != 2:
        raise RefusedError(f"is dilated (by {dilations[:4]}); minicnn's windows are not")
    rounds_up = bool(node.attribute("ceil_mode", 0))
    before, network.padding = network.padding, {}
    options: dict[str, list[int]] = {"size": size, "stride": stride, "padding": []}
    sizes, pixels = {}, {"H": 1, "W": 1, **network.axes.sizes}
    paddings = _paddings(node, pixels, size, stride)
    for i, label in enumerate("HW"):
        inner, outer = paddings[i], before.get(label, (0, 0))
        start, end = inner[0] + outer[0], inner[1] + outer[1]
        padded = pixels[label] + inner[0] + inner[1]
        if pixels[label] > 0:
            steps = padded - size[i]
            count = (-(-steps // stride[i]) if rounds_up else steps // stride[i]) + 1
            if rounds_up and (count - 1) * stride[i] >= padded - inner[1]:
                count -= 1  # as it would lie in the padding alone
            if count < 1:
                raise RefusedError(f"has windows of size {size}, larger than what they slide over, {padded} pixels")
            if rounds_up and node.kind == "AveragePool" and count != steps // stride[i] + 1:
                raise RefusedError("rounds up, so that some of its means are over fewer pixels; minicnn's average pool rounds down")
            uneven = count != (padded - end + start - size[i]) // stride[i] + 1
        else:
            count, uneven = pixels[label], start != end
            if rounds_up and stride[i] > 1:
                raise RefusedError("rounds sizes up; export the model with a fixed height and width")
        if uneven:
            raise RefusedError(
                f"has uneven padding, {start} pixels before and {end} after{', and rounds up' if rounds_up else ''}; minicnn's layers pad "
                "both sides alike"
            )
        options["padding"].append(start)
        sizes[label] = count
    return options, sizes


def pads_itself(network: ReadNetwork, node: Node, size: list[int]) -> bool:
    """Tell whether a window has padding of its own, beside that of a node before."""
    stride = node.attribute("strides", [1, 1])
    return any(map(any, _paddings(node, {"H": 1, "W": 1, **network.axes.sizes}, size, stride)))


def _paddings(node: Node, pixels: Mapping[str, int], size: list[int], stride: list[int]) -> list[tuple[int, int]]:
    """Tell the padding of a node itself: (top, bottom), (left, right)."""
    rule, pads = node.attribute("auto_pad", b"NOTSET"), node.attribute("pads", [0, 0, 0, 0])
    if len(pads) != 4 or not all(0 <= pixels <= MOST_PADDING for pixels in pads):
        raise RefusedError(f"has padding {pads[:4]}, expected four numbers of 0 to {MOST_PADDING}")
    if rule in (b"NOTSET", b""):
        return [(pads[0], pads[2]), (pads[1], pads[3])]
    if rule == b"VALID":
        return [(0, 0), (0, 0)]
    if rule not in (b"SAME_UPPER", b"SAME_LOWER"):
        raise RefusedError("pads by a rule that is not known")
    paddings = []
    for i, label in enumerate("HW"):
        length = pixels[label]
        if length < 1 and stride[i] > 1:
            raise RefusedError(f"pads by a rule ({rule.decode()}); export the model with a fixed height and width")
        total = max((-(-length // stride[i]) - 1) * stride[i] + size[i] - length, 0) if length > 0 else size[i] - 1
        less, more = total // 2, total - total // 2
        paddings.append((less, more) if rule == b"SAME_UPPER" else (more, less))
    return paddings
