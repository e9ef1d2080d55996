"""How convolutions and pools slide, in all the ways in which ONNX writes it down.

The file's windows may pad by a rule, or in a node before, and a padding may be there that no window reaches. Where the file's image size
tells that they start at the same pixel and are as many as with equal padding on opposite sides, they are read as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minicnn.weightfiles.onnx.nodes import Node
from minicnn.weightfiles.onnx.refusals import RefusedError
from minicnn.weightfiles.onnx.values import Value

#: More pixels than any padding has.
MOST_PADDING = 1 << 16


def sliding(x: Value, node: Node, size: list[int]) -> tuple[dict[str, Any], dict[str, int]]:
    """Read a window, as options of a layer, and the height and width of what it makes.

    Parameters
    ----------
    x : Value
        What it slides over, with a padding of its own, which is added to the window's.
    node : Node
    size : list of int
        Height and width of the window.
    """
    stride, dilation = node.attribute("strides", [1, 1]), node.attribute("dilations", [1, 1])
    if len(size) != 2 or len(stride) != 2 or len(dilation) != 2 or min(*size, *stride, *dilation) < 1:
        raise RefusedError(
            f"has windows of size {size[:4]}, stride {stride[:4]} and dilation {dilation[:4]}, expected height and width, each 1 or more"
        )
    rounds_up = bool(node.attribute("ceil_mode", 0))
    extent = [(length - 1) * step + 1 for length, step in zip(size, dilation)]
    pixels = {"H": 1, "W": 1, **x.sizes}
    own, exact, usual, sizes, rounded = _paddings(node, pixels, extent, stride), [], [], {}, False
    for i, label in enumerate("HW"):
        outer = x.padding.get(label, (0, 0))
        start, end = own[i][0] + outer[0], own[i][1] + outer[1]
        exact.append([start, end])
        count = pixels[label]
        if count > 0:
            bare = count - sum(outer)
            floor, count = (_count(bare, (start, end), extent[i], stride[i], up) for up in (False, rounds_up))
            if count < 1:
                raise RefusedError(f"has windows of size {size}, larger than what they slide over, {bare + start + end} pixels")
            rounds = count != floor
            alike = not (rounds and node.kind == "AveragePool") and count == _count(bare, (start, start), extent[i], stride[i], False)
        else:
            rounds, alike = rounds_up and stride[i] > 1, start == end
        rounded = rounded or (rounds and not alike)
        usual.append([start, start] if alike else [start, end])
        sizes[label] = count
    padding = exact if rounded else usual
    even = all(start == end for start, end in padding)
    options: dict[str, Any] = {"size": size, "stride": stride, "padding": [start for start, _ in padding] if even else padding}
    if dilation != [1, 1]:
        options["dilation"] = dilation
    if rounded:
        options["ceil_mode"] = True
    return options, sizes


def _count(pixels: int, padding: tuple[int, int], extent: int, stride: int, rounds_up: bool) -> int:
    """Count the positions of a window along an axis, as `minicnn.geometry` does; 0 or less where none fits."""
    room = pixels + sum(padding) - extent
    if not rounds_up:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= pixels + padding[0] else count


def pads_itself(x: Value, node: Node, size: list[int]) -> bool:
    """Tell whether a window has padding of its own, beside that of a node before."""
    stride = node.attribute("strides", [1, 1])
    return any(map(any, _paddings(node, {"H": 1, "W": 1, **x.sizes}, size, stride)))


def _paddings(node: Node, pixels: Mapping[str, int], extent: list[int], stride: list[int]) -> list[tuple[int, int]]:
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
        total = (-(-length // stride[i]) - 1) * stride[i] + extent[i] - length if length > 0 else extent[i] - 1
        if total < (-1 if node.kind == "Conv" else 0):
            raise RefusedError(
                f"pads by a rule ({rule.decode()}) where windows leave pixels out between them, which programs compute in different ways; "
                "export it with the padding as numbers"
            )
        total = max(total, 0)
        less, more = total // 2, total - total // 2
        paddings.append((less, more) if rule == b"SAME_UPPER" else (more, less))
    return paddings
