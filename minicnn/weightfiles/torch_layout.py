"""How PyTorch names and lays out a network's arrays, whatever file they are in.

LAYER.weight         (filters, input channels, height, width), or (outputs, inputs), or (channels,)
LAYER.bias           (filters,) ...
LAYER.running_mean, LAYER.running_var, LAYER.num_batches_tracked      only of batch normalization
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.stored import StoredLayer, shown, stored_layer

FIELDS = {"weight": "weight", "bias": "bias", "running_mean": "mean", "running_var": "variance"}


def torch_layers(tensors: Mapping[str, np.ndarray]) -> list[StoredLayer]:
    """Put tensors together to layers, in the order in which they come.

    Raises
    ------
    WeightFileError
        If there are none, or some that belong to no layer of ours.
    """
    grouped: dict[str, dict[str, np.ndarray]] = {}
    for name, tensor in tensors.items():
        layer, _, field = name.rpartition(".")
        if field == "num_batches_tracked":
            continue
        if field not in FIELDS:
            raise WeightFileError(
                f"there is a tensor {shown(name)!r}; expected only those named {', '.join(FIELDS)}, of convolutions, dense layers and "
                "batch normalization"
            )
        grouped.setdefault(layer, {})[FIELDS[field]] = channels_last(tensor)
    if not grouped:
        raise WeightFileError("the file holds no tensors with names; expected a network's weights (its state_dict)")
    return [stored_layer(layer, arrays) for layer, arrays in grouped.items()]


def channels_last(tensor: np.ndarray) -> np.ndarray:
    """View a tensor in our layout: kernels (height, width, inputs, filters), dense weights (inputs, outputs)."""
    return tensor.transpose({4: (2, 3, 1, 0), 2: (1, 0)}.get(tensor.ndim, range(tensor.ndim)))


def from_bfloat16(numbers: np.ndarray) -> np.ndarray:
    """Turn bfloat16 numbers, given as uint16, into float32: they are its upper half."""
    return (numbers.astype(np.uint32) << 16).view(np.float32)
