"""What a filter does, on filters made by hand."""

from __future__ import annotations

from typing import Literal

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.geometry import Window
from minicnn.layers import Conv2D, ReLU
from minicnn.layers.terms import Terms
from minicnn.models.model import Model
from minicnn.network.network import Network
from minicnn.pictures.photos import brightness
from minicnn.pictures.render import Display, Map, Numbers, Range, Signed
from minicnn.pictures.results import Result
from minicnn.visualizers.activations.arithmetic import number, side_by_side
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.contract.kinds import Image, Index, Position

#: Each is laid on the photo, multiplied pixel by pixel, and summed. Bright minus dark makes an edge filter, a mean makes a blur.
FILTERS = {
    "vertical": [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    "horizontal": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "sobel": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "blur": [[1 / 9, 1 / 9, 1 / 9]] * 3,
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
}

#: Those whose numbers sum to 0, so that their output is 0 where the photo is plain, and signed elsewhere.
EDGES = ("vertical", "horizontal", "sobel")

#: Their outputs are shown up to half of what an edge between black and white gives a filter of ones; pictures from black to white.
EDGE_LIMIT = 3 * 255 / 2
GRAY = Range(colors="gray", low=0.0, high=255.0)

Filter = Literal["vertical", "horizontal", "sobel", "blur", "sharpen", "corner"]


@visualizer(
    question="What is a filter?",
    paper="R. C. Gonzalez, R. E. Woods, Digital Image Processing, chapter 3 (the filters)",
    if_zero="the photo is plain",
)
def intuition(
    model: Model,
    image: Image,
    *,
    filter: Filter | None = None,
    stride: int = 1,
    padding: Index = 1,
    step: Position | None = None,
) -> Result:
    """Show what filters made by hand do to the photo.

    A filter is a small table of numbers. It is laid on the photo, each number is multiplied with the pixel under it, and the products
    are summed: that is one pixel of the output; then the filter moves on. A table of one side minus the other answers to edges, and two
    edges combined, by nothing but more filters and ReLUs, make a detector of corners. Cost: less than one forward pass.

    Parameters
    ----------
    model : Model
        Only its input size is used; the photo is turned to gray, 0 to 255.
    filter : {"vertical", "horizontal", "sobel", "blur", "sharpen", "corner"}
        Show this one only. Default: all.
    stride : int
        The step from one place to the next, in pixels.
    padding : int
        Pixels of zeros around the photo.
    step : (row, column)
        Also write out how this one pixel of the output is made.

    Returns
    -------
    Result
        Values: "gray", the photo as an array (H, W), 0 to 255, rounded; for each filter "NAME filter" and "NAME output", an array (rows,
        columns) of which size the text gives the arithmetic; "corner output" is the smaller of both edges, at least 0.

    Raises
    ------
    MinicnnError
        If there is no such pixel in the output.
    """
    gray = _gray(model, image)
    if padding > max(gray.shape):
        raise MinicnnError(f"padding is {padding}; expected at most {max(gray.shape)}, the photo's larger side")
    window = Window.of(3, stride, padding)
    size = window.output_size(*gray.shape)
    names = [*FILTERS, "corner"] if filter is None else [filter]
    values: dict[str, np.ndarray] = {"gray": gray}
    shows: dict[str, Display] = {"gray": GRAY}
    for name in names:
        if name == "corner":
            edges = _convolution(("vertical", "horizontal"), window, gray.dtype)
            values["corner output"] = corner_detector(edges)(gray[None, ..., None])[0, ..., 0]
            shows["corner output"] = Map("smaller of both edges")
            continue
        convolution = _convolution((name,), window, gray.dtype)
        values[f"{name} filter"] = convolution.weight[..., 0, 0]
        values[f"{name} output"] = convolution.forward(gray[None, ..., None])[0][0, ..., 0]
        shows[f"{name} filter"] = Numbers()
        shows[f"{name} output"] = Signed("output", EDGE_LIMIT) if name in EDGES else GRAY
    text = _size_arithmetic(gray.shape, window)
    if step is not None:
        if step[0] >= size[0] or step[1] >= size[1]:
            raise MinicnnError(
                f"step is {tuple(step)}; expected a row below {size[0]} and a column below {size[1]}, the size of the output"
            )
        for name in names:
            text += "\n\n" + _one_step(name, gray, window, step, with_edges=filter == "corner")
    what = "filters made by hand" if filter is None else "the filter for corners" if filter == "corner" else f"the filter {filter!r}"
    return Result(values, shows, f"What {what} do{'es' * (filter is not None)} to the photo", text=text)


def corner_detector(edges: Conv2D) -> Network:
    """Build a network that puts out the smaller of two edges, so that it answers where both are: at corners, and on slanted edges.

    With a and b the strengths of a vertical and a horizontal edge, min(a, b) = a - max(a - b, 0): one ReLU, and filters of one pixel.
    """
    dtype = edges.weight.dtype

    def mix(*filters: tuple[float, ...]) -> Conv2D:
        weight = np.array(filters, dtype).T[None, None]
        return Conv2D(weight, np.zeros(len(filters), dtype))

    return Network(
        {
            "edges": edges,
            "bright to the right, or below": ReLU(),
            "a, a - b": mix((1, 0), (1, -1)),
            "a, max(a - b, 0)": ReLU(),
            "min(a, b)": mix((1, -1)),
        }
    )


def _gray(model: Model, image: np.ndarray) -> np.ndarray:
    """Return the photo in gray, (H, W), 0 to 255; of a bare network's input the mean over its channels."""
    if model.preprocessing is None:
        return image[0].mean(axis=2)
    return brightness(model.deprocess(image)[0]).astype(image.dtype)


def _size_arithmetic(shape: tuple[int, int], window: Window) -> str:
    lines = ["Output size = ((W - F + 2P) / S) + 1, rounded down:"]
    for axis, name in enumerate(("rows", "columns")):
        kernel, stride, padding = window.kernel_size[axis], window.stride[axis], window.before[axis]
        result = window.output_size(*shape)[axis]
        lines.append(f"  {name.ljust(7)}  (({shape[axis]} - {kernel} + 2 x {padding}) / {stride}) + 1 = {result}")
    return "\n".join(lines)


def _one_step(name: str, gray: np.ndarray, window: Window, step: tuple[int, int], with_edges: bool) -> str:
    """Write one window out: the pixels, the filter, the products, the sum; of a corner, both edges if they do not stand above it."""
    if name == "corner":
        parts = [_one_step(edge, gray, window, step, False) for edge in ("vertical", "horizontal") if with_edges]
        a, b = (max(0.0, _terms(edge, gray, window, step).sum) for edge in ("vertical", "horizontal"))
        corner = f"corner: a = {number(a)} and b = {number(b)} after ReLU; a - max(a - b, 0) = {number(a - max(a - b, 0))}, the smaller one"
        return "\n\n".join([*parts, corner])
    terms = _terms(name, gray, window, step)
    top, left = terms.start[:2]
    where = f"{name}: output at row {step[0]}, column {step[1]}; the window's corner is at row {top}, column {left} of the photo"
    table = side_by_side({"pixels": terms.inputs[..., 0], "filter": terms.factors[..., 0], "products": terms.products[..., 0]})
    return f"{where}\n{table}\nsum of the products = {number(terms.sum)}"


def _terms(name: str, gray: np.ndarray, window: Window, step: tuple[int, int]) -> Terms:
    return _convolution((name,), window, gray.dtype).value_terms(gray[..., None], (*step, 0))


def _convolution(names: tuple[str, ...], window: Window, dtype: np.dtype) -> Conv2D:
    """Make a layer of some of the filters, for an image with one channel."""
    weight = np.stack([np.array(FILTERS[name], dtype) for name in names], axis=2)[:, :, None]
    return Conv2D(weight, np.zeros(len(names), dtype), window.stride, window.padding)
