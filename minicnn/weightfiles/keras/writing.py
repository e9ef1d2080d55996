"""Model files: minicnn's own networks, in the layout of Keras' applications files.

Arrays have Keras' names: kernel:0, bias:0, gamma:0 and so on. A layer that Keras has no names for keeps its own, without the :0. Only these
files, known by the attribute `minicnn_description`, may hold such layers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import h5py
import numpy as np

from minicnn.files.writing import staged_file
from minicnn.weightfiles.keras.names import NAMES, NORM_NAMES
from minicnn.weightfiles.stored import BATCH_NORM, check_arrays, kind_of_arrays


def write_keras(
    path: str | os.PathLike,
    arrays: Mapping[str, Mapping[str, np.ndarray]],
    metadata: Mapping[str, str],
    overwrite: bool = False,
) -> None:
    """Write weights in the layout of Keras' applications files.

    Parameters
    ----------
    path : path
    arrays : dict
        {layer: {"weight": array, "bias": array}}, in order, of batch normalization also "mean" and "variance"; stored in their own type.
        Of other layers any arrays, by their attributes' names.
    metadata : dict of str to str
        What the file says about itself. With other layers it can be read again only if it has `DESCRIPTION`.
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    OutputError
        If the file exists, or cannot be written.
    WeightFileError
        If an array is empty, or holds something else than floating-point numbers.
    """
    for layer, by_name in arrays.items():
        check_arrays(layer, by_name)
    with staged_file(path, overwrite) as beside, h5py.File(beside, "w") as file:
        file.attrs.update(dict(sorted(metadata.items())))  # the same file, however often it is loaded and written
        file.attrs["layer_names"] = list(arrays)
        for layer, by_name in arrays.items():
            group = file.create_group(layer)
            names = _names_in_file(by_name)
            group.attrs["weight_names"] = list(names.values())
            for name, in_file in names.items():
                group[in_file] = by_name[name]


def _names_in_file(arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Choose the names of a layer's arrays, by minicnn's: Keras' names in its order, or for other layers their own."""
    kind = kind_of_arrays(arrays)
    if kind is None:
        return {name: name for name in arrays}
    return {name: f"{keras}:0" for name, keras in (NORM_NAMES if kind == BATCH_NORM else NAMES).items() if name in arrays}
