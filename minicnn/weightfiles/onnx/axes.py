"""Which axis of a tensor is which, through all that a file does to its shape.

A tensor of the file is an image or a vector of ours, with its axes in another order and some of them merged or of size 1. Here it is a
row of groups, one for each axis, of the labels that are merged in it: an image as PyTorch has it is (N)(C)(H)(W), as Keras has it
(N)(H)(W)(C), flattened (N)(CHW) or (N)(HWC). A vector has only N and C, and may have empty groups, as (N)(C)()() after a global pool.

Sizes that the file leaves open are `BATCH` or `UNKNOWN`, far below zero so that they can stand among integers that are computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from minicnn.weightfiles.onnx.refusals import RefusedError

#: The number of images, and any other size, where it is open.
BATCH, UNKNOWN = -(1 << 62), -(1 << 62) - 1

#: More than there are along any axis.
LONGEST = 1 << 31
TOO_LONG = f"makes an axis of more than {LONGEST:,} numbers; get the file again"

Labels = tuple[str, ...]

IMAGE, VECTOR = (("N",), ("C",), ("H",), ("W",)), (("N",), ("C",))


@dataclass(frozen=True)
class Axes:
    """The axes of a tensor.

    Attributes
    ----------
    groups : tuple of tuple of str
        The labels of each axis, in the order of memory.
    sizes : dict of str to int
        By label.
    """

    groups: tuple[Labels, ...]
    sizes: Mapping[str, int]

    def __post_init__(self) -> None:
        if max(self.sizes.values()) >= LONGEST:
            raise RefusedError(TOO_LONG)

    @property
    def is_image(self) -> bool:
        """Whether it is an image of ours, and not a vector."""
        return "H" in self.sizes

    @property
    def is_split(self) -> bool:
        """Whether the channels are two axes: G groups of K channels."""
        return "G" in self.sizes

    @property
    def shape(self) -> list[int]:
        """The size of each axis."""
        return [self._size(group) for group in self.groups]

    def _size(self, group: Labels) -> int:
        sizes = [self.sizes[label] for label in group if self.sizes[label] != 1]
        if len(sizes) == 1:
            return sizes[0]
        product = math.prod(sizes) if min(sizes, default=1) > 0 else UNKNOWN
        if product >= LONGEST:
            raise RefusedError(TOO_LONG)
        return product

    def index(self, axis: int, rank: int | None = None) -> int:
        """Count an axis from the front, where negative ones are counted from the end."""
        rank = len(self.groups) if rank is None else rank
        if not -rank <= axis < rank:
            raise RefusedError(f"has an axis {axis}, where there are {rank}")
        return axis % rank

    def transposed(self, order: Sequence[int]) -> Axes:
        """Change the order."""
        if sorted(order) != list(range(len(self.groups))):
            raise RefusedError(f"brings {len(self.groups)} axes into the order {list(order[:8])}")
        return Axes(tuple(self.groups[i] for i in order), self.sizes)

    def with_new(self, places: Iterable[int]) -> Axes:
        """Put in axes of size 1."""
        places = list(places)
        rank = len(self.groups) + len(places)
        new = {self.index(place, rank) for place in places}
        if len(new) != len(places):
            raise RefusedError(f"puts in the axes {places[:8]}, some of them twice")
        rest = iter(self.groups)
        groups = [() if i in new else next(rest) for i in range(rank)]
        loose = [(i, label) for i, group in enumerate(groups) if len(group) > 1 for label in group if self.sizes[label] == 1]
        for place, (i, label) in zip(sorted(new), loose):  # a label that was left there as its own axis was dropped
            groups[i] = tuple(other for other in groups[i] if other != label)
            groups[place] = (label,)
        return Axes(tuple(groups), self.sizes)

    def without(self, places: Iterable[int]) -> Axes:
        """Leave out axes of size 1; their labels move to a neighbor, where they change nothing."""
        groups = list(self.groups)
        for place in sorted({self.index(place) for place in places}, reverse=True):
            gone = groups.pop(place)
            if self._size(gone) != 1 or "N" in gone:
                raise RefusedError(f"drops the axis {place} of {_text(self.shape)}, expected one of size 1 other than the images'")
            if gone:
                neighbor = place - 1 if place > 1 else place
                if neighbor >= len(groups):
                    raise RefusedError("drops all axes of an image")
                groups[neighbor] += gone
        return Axes(tuple(groups), self.sizes)

    def merged(self, axis: int) -> Axes:
        """Merge the axes before one, and those from it on."""
        return Axes((sum(self.groups[:axis], ()), sum(self.groups[axis:], ())), self.sizes)

    def resolved(self, target: Sequence[int], allow_zero: bool) -> list[int]:
        """Fill in what a shape leaves open that the same numbers get: 0 is the size that there is, -1 what is left."""
        shape = self.shape
        sizes = [shape[i] if size == 0 and i < len(shape) and not allow_zero else size for i, size in enumerate(target)]
        if sizes and self.known and (sizes[0] == -1 or (sizes[0] == 1 and shape[0] == BATCH)):
            sizes[0] = shape[0]
        rest = math.prod(size for size in sizes[1:] if size != -1)
        if sizes[1:].count(-1) == 1 and rest > 0 and min(shape[1:], default=0) > 0:
            sizes = [math.prod(shape[1:]) // rest if size == -1 and i else size for i, size in enumerate(sizes)]
        return sizes

    def split(self, sizes: Sequence[int]) -> Axes | None:
        """Make two axes of an image's channels, if such a shape does just that; else return None."""
        if not self.is_image or ("C",) not in self.groups or len(sizes) != len(self.groups) + 1:
            return None
        place, shape = self.groups.index(("C",)), self.shape
        groups, channels = sizes[place : place + 2]
        if [*sizes[:place], *sizes[place + 2 :]] != [*shape[:place], *shape[place + 1 :]] or groups * channels != self.sizes["C"]:
            return None
        split = (*self.groups[:place], ("G",), ("K",), *self.groups[place + 1 :])
        return Axes(split, {**self.sizes, "G": groups, "K": channels}) if min(groups, channels) > 1 else None

    def in_one(self) -> Axes:
        """Merge all axes, that of the images, too; raises RefusedError if their number is open."""
        if min(self.sizes.values()) < 1:
            raise RefusedError("makes one axis of all, expected images one by one")
        return Axes((sum(self.groups, ()),), self.sizes)

    def reshaped(self, target: Sequence[int], allow_zero: bool = False) -> Axes:
        """Divide the same numbers, in the same order, into axes of other sizes; -1 is what is left, 0 the size that it has."""
        shape = self.shape
        if not allow_zero:
            target = [shape[i] if size == 0 and i < len(shape) else size for i, size in enumerate(target)]
        words = f"makes {_text(target)} of {_text(shape)}"
        if len(self.groups) == 1:
            return Axes(tuple(self._filled(self.groups[0], list(target), words)), self.sizes)
        batch = self.sizes["N"]
        images, *rest = target or [0]
        whole = images == -1 and -1 not in rest and self.known
        if self.groups[:1] != (("N",),) or not (images == batch or (images == 1 and batch == BATCH) or whole):
            raise RefusedError(f"{words}, expected {'images one by one' if self.known else 'a fixed height and width'}")
        labels = [label for group in self.groups[1:] for label in group]
        return Axes((("N",), *self._filled(labels, rest, words)), self.sizes)

    def _filled(self, labels: Sequence[str], sizes: list[int], words: str) -> list[Labels]:
        """Divide labels into groups of such sizes; those of size 1 go where there is one of that size, or else anywhere."""
        groups = self._divided([label for label in labels if self.sizes[label] != 1], sizes, words)
        for label in labels:
            if self.sizes[label] == 1:
                if not groups:
                    raise RefusedError(words)
                place = groups.index(()) if () in groups else len(groups) - 1
                groups[place] += (label,)
        return groups

    @property
    def known(self) -> bool:
        """Whether all sizes but the number of images are fixed."""
        return all(size > 0 for label, size in self.sizes.items() if label != "N")

    def _divided(self, labels: list[str], sizes: list[int], words: str) -> list[Labels]:
        """Divide labels into groups of such sizes."""
        if sizes.count(-1) > 1:
            raise RefusedError(words)
        if -1 not in sizes:
            groups, left = self._taken(labels, sizes, words)
            if left:
                raise RefusedError(words)
            return groups
        place = sizes.index(-1)
        before, left = self._taken(labels, sizes[:place], words)
        after, left = self._taken(left[::-1], sizes[:place:-1], words)
        return [*before, tuple(left[::-1]), *(group[::-1] for group in after[::-1])]

    def _taken(self, labels: list[str], sizes: list[int], words: str) -> tuple[list[Labels], list[str]]:
        """Take labels from the front for groups of such sizes; return the groups and what is left."""
        groups: list[Labels] = []
        for wanted in sizes:
            count, product = 0, 1
            while product < wanted and count < len(labels) and self.sizes[labels[count]] > 0:
                product *= self.sizes[labels[count]]
                count += 1
            if product != wanted:
                raise RefusedError(words)
            groups, labels = [*groups, tuple(labels[:count])], labels[count:]
        return groups, labels


def flat_order(group: Labels, sizes: Mapping[str, int]) -> bool | None:
    """Tell whether a flattened image is in the order C, H, W (True) or H, W, C (False); None if both are the same."""
    order = [label for label in group if sizes[label] != 1]
    first, last = ([label for label in wanted if sizes[label] != 1] for wanted in ("CHW", "HWC"))
    if order not in (first, last):
        raise RefusedError(f"flattens images in the order {', '.join(group)}; expected C, H, W or H, W, C")
    return None if first == last else order == first


def _text(shape: Sequence[int]) -> str:
    words = {BATCH: "N", UNKNOWN: "?"}
    return " x ".join(words.get(size, str(size)) for size in shape[:8]) or "a single number"
