"""A tensor of the file: which step of the network gives it, and what waits to be done with it before the next step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from minicnn.weightfiles.onnx.axes import Axes

#: The places of the file's input and of our network's, as steps count from 0; between the two there is the preprocessing.
FILE_INPUT, INPUT = -2, -1


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor that is computed from the images.

    Two things wait for the step after it: numbers that channels are multiplied by and that are added to them, and a padding.

    Attributes
    ----------
    step : int
        The place of the step that gives it, or `FILE_INPUT` or `INPUT`.
    axes : Axes
        With the padding.
    scale, shift : array (channels,) or (1,), or None
        What the step's numbers are multiplied by, and what is added then.
    padding : dict of str to (int, int)
        Zeros around the image, before and after, by label.
    alone : bool
        Whether the step's numbers are used for nothing else, so that what waits may change them for good.
    channels_first : bool or None
        Of a flattened image: whether it is in the order C, H, W; None if that makes no difference.
    reverses_colors : bool
        Whether the input's order of channels is turned around.
    ended : bool
        Whether a softmax was left out here, so that nothing may follow.
    """

    step: int
    axes: Axes
    scale: np.ndarray | None = None
    shift: np.ndarray | None = None
    padding: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    alone: bool = True
    channels_first: bool | None = None
    reverses_colors: bool = False
    ended: bool = False

    @property
    def waits(self) -> bool:
        """Whether anything is to be done with it before the next step."""
        return self.scale is not None or bool(self.padding)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The labels of its axes."""
        return self.axes.groups

    @property
    def sizes(self) -> Mapping[str, int]:
        """Its sizes by label."""
        return self.axes.sizes
