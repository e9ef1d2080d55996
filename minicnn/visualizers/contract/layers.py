"""What methods that look at layers share: reading several of them with weights, and the output of one as an image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minicnn.errors import MinicnnError, ShapeError
from minicnn.network.network import Network, Trace


def layer_weights(value: str | Sequence[str] | Mapping[str, float], network: Network) -> dict[str, float]:
    """Read an option of several layers.

    Parameters
    ----------
    value : str, sequence of str, or dict of str to float
        In text, commas stand between the layers, and "=" before a weight that is not 1.
    network : Network

    Returns
    -------
    dict of str to float

    Raises
    ------
    MinicnnError
        If there is no such layer, or a weight is no finite number above 0.
    """
    named: Mapping[str, Any]
    if isinstance(value, Mapping):
        named = value
    else:
        parts = value.split(",") if isinstance(value, str) else value
        pairs = [str(part).partition("=") for part in parts]
        named = {name.strip(): weight.strip() or 1.0 for name, _, weight in pairs}
    weights = {}
    for name, weight in named.items():
        network.check_name(name)
        try:
            weights[name] = float(weight)
        except (TypeError, ValueError):
            weights[name] = math.nan
        if not 0 < weights[name] < math.inf:
            raise MinicnnError(f"the weight of layer {name} is {weight!r}; expected a number above 0")
    if not weights:
        raise MinicnnError("no layer is named; expected names such as relu4_3,relu5_1=0.5")
    return weights


def image_output(trace: Trace, layer: str) -> np.ndarray:
    """Return a layer's output for the first image, (rows, columns, channels); raises ShapeError if it is no image."""
    output = trace.outputs[layer][0]
    if output.ndim != 3:
        raise ShapeError(f"the output of layer {layer} is no image but has shape {output.shape}; choose an earlier layer")
    return output
