r"""Other ways to go backward through a layer, as small functions ``(layer, gradient, context) -> gradient of the input``.

The three ways through a ReLU, y = max(x, 0), given the gradient g that arrives from above:

    ==============  =====================  ===================================================
    backward        passes g where         reads
    ==============  =====================  ===================================================
    gradient        x > 0, so y > 0        the output: this is the derivative
    deconvnet       g > 0                  the gradient: as if the ReLU were applied going down
    guided          x > 0 and g > 0        both
    ==============  =====================  ===================================================

Use them as ``network.backward(trace, seeds, rules=through_rectifiers(guided))``: they are defined for rectifiers, of which ReLU6 is one
too. Smooth nonlinearities, such as SiLU, have no part that is off, and go back as the gradient does. Only the first is the gradient of
anything; the others draw sharper pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn.layers import Layer, ReLU, ReLU6
from minicnn.layers.base import Context

#: The layers that the rules are defined for.
RECTIFIERS = (ReLU, ReLU6)


def through_rectifiers(rule: Callable[[Any, np.ndarray, Context], np.ndarray]) -> dict[type[Layer] | str, Callable]:
    """Return rules for `Network.backward` that use one for all rectifiers."""
    return dict.fromkeys(RECTIFIERS, rule)


def deconvnet(layer: ReLU, gradient: np.ndarray, context: Context) -> np.ndarray:
    """Pass what is positive in the gradient, whatever the input was.

    References
    ----------
    M. D. Zeiler, R. Fergus, "Visualizing and Understanding Convolutional Networks", arXiv:1311.2901, section 2.1.
    """
    return np.maximum(gradient, 0)


def guided(layer: ReLU, gradient: np.ndarray, context: Context) -> np.ndarray:
    """Pass what is positive in the gradient where the input was positive too.

    References
    ----------
    J. T. Springenberg et al., "Striving for Simplicity: The All Convolutional Net", arXiv:1412.6806, section 3.4.
    """
    return layer.backward(np.maximum(gradient, 0), context)
