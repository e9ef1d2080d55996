"""Keras' HDF5 weight files, in the three layouts that are in use.

    ==================  =======================================================================================
    applications file   /LAYER/..., listed by the root's attribute `layer_names` and each group's `weight_names`
    full model          the same under /model_weights; long lists are split into `layer_names0`, `layer_names1` ...
    .weights.h5         (Keras 3) .../conv2d_1/vars/0 and 1, numbered by kind, no lists
    ==================  =======================================================================================

Layer names differ from file to file, so layers are matched by kind and order: the first convolution of the file belongs to the first
of the network, and so on; then every shape is compared. Kernels are stored as (height, width, input channels, filters), dense weights
as (inputs, outputs), which is what minicnn uses itself.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from minicnn.errors import WeightFileError
from minicnn.files import check_place, explain_failure

Shape = tuple[int, ...]

#: Numbers looked at in one go when an array is checked for NaN, so that checking takes little memory.
CHECK_BLOCK = 1 << 16

KINDS = {4: "convolution", 2: "dense layer", 1: "batch normalisation"}

#: What Keras calls a layer's arrays, in its order, by minicnn's names.
NAMES = {"weight": "kernel", "bias": "bias"}
NORM_NAMES = {"weight": "gamma", "bias": "beta", "mean": "moving_mean", "variance": "moving_variance"}


@dataclass(frozen=True)
class StoredLayer:
    """A layer as it lies in the file, not yet read."""

    name: str
    arrays: dict[str, h5py.Dataset]


def read_keras(
    path: str | os.PathLike, expected: Mapping[str, Mapping[str, Shape]]
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, str]]:
    """Read the weights of a network.

    Parameters
    ----------
    path : path
        An HDF5 file in one of Keras' three layouts.
    expected : dict
        {layer: {"weight": shape, "bias": shape}} of the network, in order; of batch normalisation also "mean" and "variance".

    Returns
    -------
    parameters : dict
        The same with arrays, float32. A file "without top" has no dense layers; then they are missing here.
    attributes : dict of str to str
        The texts that the file says about itself, such as `preprocessing`.

    Raises
    ------
    WeightFileError
        If the file is missing, damaged, of another format, of another network, or holds NaN.
    """
    path = Path(path)
    with _opened(path) as file:
        return _match_and_read(_find_layers(file, path), expected, path), _texts(file)


def read_texts(path: str | os.PathLike) -> dict[str, str]:
    """Read only the texts that a file says about itself; raises WeightFileError if it cannot be read."""
    with _opened(Path(path)) as file:
        return _texts(file)


def _texts(file: h5py.File) -> dict[str, str]:
    return {key: value for key, value in file.attrs.items() if isinstance(value, str)}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Open a file to read; every way in which that, or the reading, fails becomes one clear error."""
    if path.is_dir():
        raise WeightFileError(f"{path} is a directory; expected a Keras HDF5 weight file")
    if not path.exists():
        raise WeightFileError(f"there is no file {path}; expected a Keras HDF5 weight file")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except WeightFileError:
        raise
    except PermissionError:
        raise WeightFileError(f"{path} may not be read; check its permissions") from None
    except OSError as error:
        if "truncated" in str(error):
            raise WeightFileError(f"{path} is truncated: {_file_size(path)} and not all of it; download or copy it again") from None
        if "signature" in str(error):
            raise WeightFileError(f"{path} is not an HDF5 file; expected a Keras weight file (.h5)") from None
        raise WeightFileError(f"{path} cannot be read ({error}); download or copy it again") from None
    except (RuntimeError, KeyError, ValueError, TypeError, UnicodeError) as error:  # what h5py raises on damaged metadata
        raise WeightFileError(f"{path} is damaged ({error}); download or copy it again") from None


def write_keras(
    path: str | os.PathLike,
    arrays: Mapping[str, Mapping[str, np.ndarray]],
    attributes: Mapping[str, str],
    overwrite: bool = False,
) -> None:
    """Write weights in the layout of Keras' applications files.

    Parameters
    ----------
    path : path
    arrays : dict
        {layer: {"weight": array, "bias": array}}, in order, of batch normalisation also "mean" and "variance"; stored in their own type.
    attributes : dict of str to str
        What the file says about itself.
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    OutputError
        If the file exists, or cannot be written.
    """
    path = Path(path)
    check_place(path, overwrite)
    beside = path.with_name(f".{path.name}.unfinished")
    with explain_failure(path):
        try:
            with h5py.File(beside, "w") as file:
                file.attrs.update(attributes)
                file.attrs["layer_names"] = list(arrays)
                for layer, by_name in arrays.items():
                    group = file.create_group(layer)
                    names = {name: f"{NORM_NAMES[name] if 'mean' in by_name else NAMES[name]}:0" for name in by_name}
                    group.attrs["weight_names"] = list(names.values())
                    for name, array in by_name.items():
                        group[names[name]] = array
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)


def _find_layers(file: h5py.File, path: Path) -> list[StoredLayer]:
    """List the layers that have weights, in the order of the model, whatever the layout."""
    root = file["model_weights"] if isinstance(file.get("model_weights"), h5py.Group) else file
    names = _text_list(root, "layer_names")
    if names is not None:
        listed = [(name, root[name], _text_list(root[name], "weight_names")) for name in names]
    else:
        groups: list[str] = []
        file.visit(lambda name: groups.append(name) if name.endswith("/vars") and not name.startswith("optimizer") else None)
        groups.sort(key=_natural_order)
        listed = [(name.removesuffix("/vars"), file[name], sorted(file[name], key=_natural_order)) for name in groups]
        if not groups:
            raise WeightFileError(
                f"{path} is an HDF5 file without Keras weights: it has neither a list 'layer_names' nor groups named 'vars'. "
                f"It holds {', '.join(file) or 'nothing'}"
            )
    layers = []
    for name, group, weight_names in listed:
        if weight_names is None or not isinstance(group, h5py.Group):
            raise WeightFileError(f"{path} is damaged: layer {name} is no group with a list 'weight_names'; get the file again")
        if not weight_names:
            continue
        datasets = [group[weight_name] for weight_name in weight_names]
        if not all(_lies_in(file, dataset) for dataset in datasets):
            raise WeightFileError(f"{path}: layer {name} does not consist of arrays in this file")
        if [dataset.ndim for dataset in datasets] not in ([4, 1], [2, 1], [1, 1, 1, 1]):
            shapes = ", ".join(str(dataset.shape) for dataset in datasets)
            raise WeightFileError(f"{path}: layer {name} has arrays of shape {shapes}; expected a kernel and a bias, or those of batch normalisation")
        layers.append(StoredLayer(name, dict(zip(NORM_NAMES if len(datasets) == 4 else NAMES, datasets))))
    return layers


def _lies_in(file: h5py.File, item: object) -> bool:
    """Tell whether something is an array whose numbers are in this very file; HDF5 can point to others in three ways."""
    return isinstance(item, h5py.Dataset) and item.file == file and item.external is None and not item.is_virtual


def _match_and_read(stored: list[StoredLayer], expected, path: Path) -> dict[str, dict[str, np.ndarray]]:
    parameters = {}
    for ndim, kind in KINDS.items():
        wanted = {name: shapes for name, shapes in expected.items() if len(shapes["weight"]) == ndim}
        found = [layer for layer in stored if layer.arrays["weight"].ndim == ndim]
        without_top = kind == "dense layer" and not found and stored
        if len(found) != len(wanted) and not without_top:
            raise WeightFileError(
                f"{path} belongs to another network: it has {len(found)} {kind}s, expected {len(wanted)}. "
                "Name the model that the file was made for"
            )
        for (name, shapes), layer in zip(wanted.items(), found):
            parameters[name] = {key: _read_array(layer.arrays[key], shape, path) for key, shape in shapes.items()}
    return parameters


def _read_array(dataset: h5py.Dataset, shape: Shape, path: Path) -> np.ndarray:
    """Read one array as float32, after looking at its shape and type.

    Float32 numbers that lie in the file in one piece are mapped into memory, not copied; they are read when they are used. So while the
    model is in use the file may be replaced by another, but not be changed in place.
    """
    if dataset.shape != tuple(shape):
        raise WeightFileError(
            f"{path}: {dataset.name} has shape {dataset.shape}, expected {tuple(shape)}. Name the model that the file was made for"
        )
    if dataset.dtype.kind != "f":
        raise WeightFileError(f"{path}: {dataset.name} holds {dataset.dtype}, expected floating-point numbers")
    offset = dataset.id.get_offset()  # None if the numbers lie in several pieces, or compressed
    if dataset.dtype == np.dtype("<f4") == np.float32 and offset is not None:
        array = np.asarray(np.memmap(path, np.float32, mode="r", offset=offset, shape=tuple(shape)))
    else:
        array = np.empty(shape, np.float32)
        dataset.read_direct(array)
    if not _all_finite(array.reshape(-1)):
        raise WeightFileError(f"{path}: {dataset.name} holds NaN or infinite values; expected finite ones. Get the file again")
    return array


def _all_finite(flat: np.ndarray) -> bool:
    """Look for NaN and infinity block by block: a finite sum proves that there are none, and adding is faster than looking."""
    blocks = (flat[start : start + CHECK_BLOCK] for start in range(0, flat.size, CHECK_BLOCK))
    with np.errstate(over="ignore", invalid="ignore"):
        return all(np.isfinite(block.sum()) or np.isfinite(block).all() for block in blocks)


def _text_list(group: h5py.Group, name: str) -> list[str] | None:
    """Read a list of texts from an attribute, or from its numbered pieces; None if there is none."""
    pieces = [name] if name in group.attrs else []
    while f"{name}{len(pieces)}" in group.attrs:
        pieces.append(f"{name}{len(pieces)}")
    if not pieces:
        return None
    texts = [text for piece in pieces for text in group.attrs[piece]]
    return [text.decode() if isinstance(text, bytes) else str(text) for text in texts]


def _natural_order(name: str) -> list:
    """Sort "conv2d", "conv2d_2", "conv2d_10" in this order."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _file_size(path: Path) -> str:
    return f"{path.stat().st_size:,} bytes"
