"""SqueezeNet: few channels between the blocks, so few weights.

    squeeze, 1x1 --+-- expand, 1x1 --+
                   |                 +-- concatenate
                   +-- expand, 3x3 --+

Its last layer is a convolution to a map of each class, whose mean is the class's score.

References
----------
F. Iandola, S. Han, M. Moskewicz, K. Ashraf, W. Dally, K. Keutzer, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB
model size", arXiv:1602.07360.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from minicnn.models.architectures.architecture import Architecture
from minicnn.models.architectures.blocks import convolution
from minicnn.models.specs import LayerSpec, Specs, spec


def _fire(name: str, squeezed: int, filters: int) -> Specs:
    """Squeeze the channels, and expand them in two ways side by side."""
    squeeze = f"{name}.squeeze_activation"
    return {
        f"{name}.squeeze": convolution(squeezed, 1),
        squeeze: spec("relu"),
        f"{name}.expand1x1": convolution(filters, 1, squeeze),
        f"{name}.expand1x1_activation": spec("relu"),
        f"{name}.expand3x3": convolution(filters, 3, squeeze),
        f"{name}.expand3x3_activation": spec("relu"),
        f"{name}.concat": spec("concatenate", f"{name}.expand1x1_activation", f"{name}.expand3x3_activation"),
    }


def _squeezenet(classes: int, first: tuple[int, int], fires: Mapping[int, tuple[int, int] | None]) -> Specs:
    """One convolution, then fires and, where there is None, pools, by their numbers."""
    filters, size = first
    layers: dict[str, LayerSpec] = {
        "features.0": spec("convolution", filters=filters, size=size, stride=2),
        "features.1": spec("relu"),
    }
    for number, fire in fires.items():
        name = f"features.{number}"
        layers |= {name: spec("max_pool", size=3, stride=2, ceil_mode=True)} if fire is None else _fire(name, *fire)
    return {
        **layers,
        "classifier.0": spec("dropout", rate=0.5),
        "classifier.1": spec("convolution", filters=classes, size=1),
        "classifier.2": spec("relu"),
        "classifier.3": spec("global_average_pool"),
    }


def _numbered(*fires: tuple[int, int] | None) -> dict[int, tuple[int, int] | None]:
    return dict(enumerate(fires, start=2))


#: Squeezed channels, and filters of each of the two expansions; None is a pool.
FIRES_1_0 = _numbered(None, (16, 64), (16, 64), (32, 128), None, (32, 128), (48, 192), (48, 192), (64, 256), None, (64, 256))
FIRES_1_1 = _numbered(None, (16, 64), (16, 64), None, (32, 128), (32, 128), None, (48, 192), (48, 192), (64, 256), (64, 256))

ARCHITECTURES = (
    Architecture("squeezenet1-0", partial(_squeezenet, first=(96, 7), fires=FIRES_1_0), any_size=True, preprocessing="torch"),
    Architecture("squeezenet1-1", partial(_squeezenet, first=(64, 3), fires=FIRES_1_1), any_size=True, preprocessing="torch"),
)
