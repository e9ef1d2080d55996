r"""Where a window lands: output sizes and receptive fields, in integers only.

A window of size F slides over W pixels, widened by P pixels of padding in all, here half of them on each side, in steps of S::

    padding    image, W = 5     padding
      [P]  [0] [1] [2] [3] [4]    [P]
      |------F = 3-----|                      output 0
              |----------------|              output 1 (stride S = 2)

The last window must still fit, so along each axis the output has

    ((W - F + P) / S) + 1

positions. Where S does not divide W - F + P the fraction is dropped (floor), as Caffe's convolution, PyTorch and Keras do: the
pixels right of the last window that fits are never looked at. In *ceil mode* (as in Caffe's pooling) the window takes one more
step there, and looks at what is left; but no window begins behind the last pixel.

A window with *dilation* D looks at every D-th pixel only, so F pixels extend over (F - 1) D + 1, which then stand for F above.

The *receptive field* of a unit is the box of input pixels that can change it. Going through one more window of size F, stride S and
padding P before the image:

    size    <- size + (F - 1) * jump      a unit sees F neighbors, each `jump` input pixels from the next
    padding <- padding + P * jump         how far the first unit's box reaches over the input's edge
    jump    <- jump * S                   the distance, in input pixels, between neighboring units

References
----------
A. Araujo, W. Norris, J. Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from minicnn.errors import ShapeError

Pair = tuple[int, int]

#: ((top, bottom), (left, right)).
Sides = tuple[Pair, Pair]


def as_pair(value: int | Pair, name: str, smallest: int) -> Pair:
    """Read one integer, or a (vertical, horizontal) pair of them.

    Parameters
    ----------
    value : int or pair of int
        One integer stands for both axes.
    name : str
        What the value is, for the error message.
    smallest : int
        The smallest allowed value.

    Returns
    -------
    pair of int
        (vertical, horizontal).

    Raises
    ------
    ShapeError
        If it is anything else, or smaller than `smallest`.
    """
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    integers = all(hasattr(item, "__index__") and not isinstance(item, bool) for item in pair)
    if len(pair) != 2 or not integers or min(pair) < smallest:
        raise ShapeError(f"{name} is {value!r}; expected an integer of at least {smallest}, or a (vertical, horizontal) pair of them")
    return int(pair[0]), int(pair[1])


def as_sides(value: int | Pair | Sides, name: str, smallest: int) -> Sides:
    """Read one integer for all sides of an image, a (vertical, horizontal) pair, or ((top, bottom), (left, right)); as `as_pair`."""
    if not isinstance(value, (tuple, list)) or not any(isinstance(item, (tuple, list)) for item in value):
        down, across = as_pair(value, name, smallest)  # type: ignore[arg-type]
        return (down, down), (across, across)
    try:
        vertical, horizontal = value
        return as_pair(vertical, name, smallest), as_pair(horizontal, name, smallest)
    except (ShapeError, ValueError):
        wanted = f"an integer of at least {smallest}, a (vertical, horizontal) pair of them, or ((top, bottom), (left, right))"
        raise ShapeError(f"{name} is {value!r}; expected {wanted}") from None


def output_size(size: int, kernel_size: int, stride: int = 1, padding: int | Pair = 0, dilation: int = 1, ceil_mode: bool = False) -> int:
    """Count the positions of a window along one axis: floor((W - F + P) / S) + 1.

    Parameters
    ----------
    size : int
        W, the input's pixels along this axis.
    kernel_size : int
        F, the window's pixels along this axis.
    stride : int
        S, the step from one position to the next.
    padding : int or pair of int
        The pixels added before and after the input, P in all; one integer is added on both sides.
    dilation : int
        The distance from one of the window's pixels to the next.
    ceil_mode : bool
        Whether a last window may reach beyond the padding after the input.

    Returns
    -------
    int
        The number of positions, at least 1.

    Raises
    ------
    ShapeError
        If not even one window fits.
    """
    before, after = padding if isinstance(padding, tuple) else (padding, padding)
    extent = dilated(kernel_size, dilation)
    room = size + before + after - extent
    if room < 0:
        added = f"{before} on both sides" if before == after else f"{before} before and {after} after"
        raise ShapeError(
            f"a window of {extent} does not fit into {size} pixels with padding {added}; "
            f"the input needs at least {max(1, extent - before - after)} pixels here"
        )
    if not ceil_mode:
        return room // stride + 1
    outputs = -(-room // stride) + 1
    return outputs - 1 if (outputs - 1) * stride >= size + before else outputs


def dilated(kernel_size: int, dilation: int) -> int:
    """Tell over how many pixels a window of `kernel_size` pixels extends that are `dilation` apart."""
    return (kernel_size - 1) * dilation + 1


def reach(start: int, stop: int, outputs: int, extent: int, stride: int = 1, padding: int = 0) -> tuple[int, int]:
    """Tell which positions of a window see any of the pixels start ... stop - 1, along one axis.

    The window at position o covers the pixels from o S - P up to, not including, o S - P + F.

    Parameters
    ----------
    start, stop : int
        The pixels; at least one.
    outputs : int
        How many positions there are, see `output_size`.
    extent, stride, padding : int
        F, S, and P before the first pixel.

    Returns
    -------
    first, last + 1 : int
        Within 0 ... outputs. They hold at least one position, even where the pixels lie between all windows.
    """
    first = -((extent - 1 - padding - start) // stride)  # the quotient rounded up
    first = min(max(first, 0), outputs - 1)
    return first, max(first + 1, min(outputs, (stop - 1 + padding) // stride + 1))


@dataclass(frozen=True)
class Window:
    """A sliding window.

    Attributes
    ----------
    kernel_size, stride, dilation : pair of int
        Vertical and horizontal.
    padding : pair of pairs of int
        ((top, bottom), (left, right)); negative where the image is cut.
    ceil_mode : bool
        Whether a last window may reach beyond the padding at the end.
    """

    kernel_size: Pair
    stride: Pair = (1, 1)
    padding: Sides = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    ceil_mode: bool = False

    @classmethod
    def of(
        cls,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair | Sides = 0,
        dilation: int | Pair = 1,
        ceil_mode: bool = False,
    ) -> Window:
        """Make a window from integers or pairs; raises ShapeError for anything else."""
        return cls(
            as_pair(kernel_size, "kernel_size", 1),
            as_pair(stride, "stride", 1),
            as_sides(padding, "padding", 0),
            as_pair(dilation, "dilation", 1),
            bool(ceil_mode),
        )

    @property
    def extent(self) -> Pair:
        """Over how many pixels the window extends."""
        return dilated(self.kernel_size[0], self.dilation[0]), dilated(self.kernel_size[1], self.dilation[1])

    @property
    def before(self) -> Pair:
        """The padding before the first pixel: at the top and on the left."""
        return self.padding[0][0], self.padding[1][0]

    @property
    def pads(self) -> bool:
        """Whether any window may reach over the image's edge."""
        return self.ceil_mode or self.padding != ((0, 0), (0, 0))

    @property
    def unpadded(self) -> Window:
        """The same window on an image that has the padding on it already."""
        return replace(self, padding=((0, 0), (0, 0)), ceil_mode=False)

    def output_size(self, height: int, width: int) -> Pair:
        """Count the positions down and across an image; raises ShapeError where no window fits."""
        vertical, horizontal = zip(self.kernel_size, self.stride, self.padding, self.dilation)
        return output_size(height, *vertical, self.ceil_mode), output_size(width, *horizontal, self.ceil_mode)


@dataclass(frozen=True)
class ReceptiveField:
    """What a unit sees of the input, each number as a (vertical, horizontal) pair of input pixels.

    Attributes
    ----------
    size : pair of int
        Height and width of the box of pixels that can change a unit.
    jump : pair of int
        The distance between the boxes of neighboring units: the product of all strides so far.
    padding : pair of int
        How far the first unit's box reaches beyond the input's top and left edge.
    """

    size: Pair = (1, 1)
    jump: Pair = (1, 1)
    padding: Pair = (0, 0)

    def through(self, window: Window) -> ReceptiveField:
        """Return the receptive field after one more sliding window."""
        (kh, kw), (sh, sw), (ph, pw) = window.extent, window.stride, window.before
        (height, width), (down, across), (top, left) = self.size, self.jump, self.padding
        return ReceptiveField(
            size=(height + (kh - 1) * down, width + (kw - 1) * across),
            jump=(down * sh, across * sw),
            padding=(top + ph * down, left + pw * across),
        )

    @classmethod
    def union(cls, fields: Sequence[ReceptiveField]) -> ReceptiveField:
        """Return the smallest box that holds those of all: what a unit sees that several layers flow into.

        Raises
        ------
        ShapeError
            If their units lie at different distances.
        """
        if len({field.jump for field in fields}) != 1:
            distances = " and ".join(str(field.jump) for field in fields)
            raise ShapeError(f"layers whose units lie {distances} pixels apart flow together; expected equal distances")
        top, left = (max(field.padding[axis] for field in fields) for axis in range(2))
        bottom, right = (max(field.size[axis] - field.padding[axis] for field in fields) for axis in range(2))
        return cls((top + bottom, left + right), fields[0].jump, (top, left))

    def box(self, row: int, column: int, height: int, width: int) -> tuple[slice, slice]:
        """Cut the unit's box out of an input of the given size.

        Parameters
        ----------
        row, column : int
            The unit's position in its layer's output.
        height, width : int
            The input's size in pixels; the box is clipped to it.

        Returns
        -------
        pair of slice
            Rows and columns of the input that can change the unit.
        """
        slices = []
        for axis, (position, extent) in enumerate(((row, height), (column, width))):
            start = position * self.jump[axis] - self.padding[axis]
            slices.append(slice(max(0, start), max(0, min(extent, start + self.size[axis]))))
        return slices[0], slices[1]
