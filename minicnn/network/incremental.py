r"""Running a network again where only a small box of the image has changed.

A unit of a layer changes only if its window touches something that changed in the layer below. So the box that must be computed again
grows from layer to layer by the window's reach, and shrinks with the strides; everything else is known from the unchanged image::

    image                conv 3x3, padding 1            pool 2x2
    . . . . . . . .      . . . . . . . .                . . . .
    . . . . . . . .      . # # # # . . .                # # # .
    . . # # . . . .      . # # # # . . .     ->         # # # .
    . . # # . . . .      . # # # # . . .                # # # .
    . . . . . . . .      . # # # # . . .                . . . .
    . . . . . . . .      . . . . . . . .

Each layer cuts the box, with the pixels around it that its windows read, out of the changed image below, and runs on that alone. The
result is that of the whole computation, up to the order in which sums are rounded; Winograd's method rounds tiles differently that are
cut differently.

References
----------
S. Nakandala, K. Nagrecha, A. Kumar, Y. Papakonstantinou, "Incremental and Approximate Inference for Faster Occlusion-based Deep CNN
Explanations" (the system is called Krypton), SIGMOD 2019. A US patent application, US 20230042004, names incremental CNN inference for
occlusion.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicnn.geometry import Window, reach
from minicnn.kernels import cut_changed
from minicnn.layers import Join, Layer
from minicnn.network.graph import INPUT
from minicnn.network.network import Trace


class Incremental:
    """A network's answers for versions of one image that each differ from it in one box.

    Parameters
    ----------
    trace : Trace
        Of the unchanged image (1, H, W, C).
    """

    def __init__(self, trace: Trace):
        self.network, self.trace = trace.network, trace
        self._shapes = trace.network.shapes(trace.input.shape[1:])

    def __call__(self, changes: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Compute the network's output for several versions of the image.

        Parameters
        ----------
        changes : array (N, h, w, C)
            The pixels of version n in its box.
        places : int array (N, 2)
            Row and column of each box's corner; the boxes lie inside the image.

        Returns
        -------
        array (N, ...)
            What `network` gives for the whole changed images.
        """
        boxes: dict[str, tuple[np.ndarray, np.ndarray]] = {INPUT: (changes, places)}
        whole: dict[str, np.ndarray] = {}
        name = INPUT
        for name, layer in self.network.layers.items():
            sources = self.network.inputs[name]
            window = layer.local_window
            if window is None or not all(source in boxes for source in sources):
                inputs = [whole[s] if s in whole else self._whole(self._unchanged(s), *boxes[s]) for s in sources]
                whole[name] = layer.forward(*inputs)[0]
            elif isinstance(layer, Join):
                boxes[name] = _joined(layer, [self._unchanged(source)[0] for source in sources], [boxes[source] for source in sources])
            elif window == Window((1, 1)):
                changed, corners = boxes[sources[0]]
                boxes[name] = layer.forward(changed)[0], corners
            else:
                boxes[name] = _through(layer, window, self._unchanged(sources[0])[0], self._shapes[name][:2], *boxes[sources[0]])
            for source in sources:
                if self.network.last_use[source] == name:
                    whole.pop(source, None)
        return whole[name] if name in whole else self._whole(self._unchanged(name), *boxes[name])

    def _unchanged(self, name: str) -> np.ndarray:
        return self.trace.input if name == INPUT else self.trace.outputs[name]

    def _whole(self, below: np.ndarray, changes: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Put each change into a copy of the unchanged layer."""
        return cut_changed(below[0], changes, places, np.zeros_like(places), below.shape[1:3], 0.0)


def _joined(layer: Join, below: Sequence[np.ndarray], boxes: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Take changes of a join's inputs to those of its output: in the smallest boxes, of one size, that hold those of all inputs."""
    first = np.min([places for _, places in boxes], axis=0)
    last = np.max([places + changes.shape[1:3] for changes, places in boxes], axis=0)
    height, width = (last - first).max(axis=0).tolist()
    first = np.minimum(first, np.array(below[0].shape[:2]) - (height, width))
    cuts = [cut_changed(image, changes, places, first, (height, width), 0.0) for image, (changes, places) in zip(below, boxes)]
    return layer.forward(*cuts)[0], first


def _through(
    layer: Layer, window: Window, below: np.ndarray, output_size: Sequence[int], changes: np.ndarray, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Take changes of a layer's input to those of its output: new values, and where their corners lie.

    The boxes of a batch get the largest one's size; those at the border are moved inwards, which computes more than changed.
    """
    firsts, corners, sides = [], [], []
    for axis in range(2):
        extent, stride, before = window.extent[axis], window.stride[axis], window.before[axis]
        ends = [
            reach(start, start + changes.shape[1 + axis], output_size[axis], extent, stride, before) for start in places[:, axis].tolist()
        ]
        size = max(stop - first for first, stop in ends)
        first = np.array([min(first, output_size[axis] - size) for first, _ in ends])
        firsts.append(first)
        corners.append(first * stride - before)
        sides.append((size - 1) * stride + extent)
    cut = cut_changed(below, changes, places, np.stack(corners, axis=1), (sides[0], sides[1]), layer.padding_value)
    return layer.forward_unpadded(cut), np.stack(firsts, axis=1)
