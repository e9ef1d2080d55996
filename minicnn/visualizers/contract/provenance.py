"""What a result says about itself: what made it, what it was made from, and what is odd about it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.kernels import current_algorithm
from minicnn.models.model import Model
from minicnn.pictures.results import Result
from minicnn.visualizers.contract.call import Call
from minicnn.visualizers.contract.photos import file_identity
from minicnn.visualizers.contract.registry import Visualizer

#: The packages whose versions a result records.
RECORDED = {"minicnn": "minicnn-numpy", "numpy": "numpy", "numba": "numba"}


def with_provenance(result: Result, entry: Visualizer, call: Call, arguments: Mapping[str, Any], if_zero: str | None) -> Result:
    """Add to a bare result what the network saw, what made it, and what is odd about it.

    Parameters
    ----------
    result : Result
    entry : Visualizer
    call : Call
        When the method was called.
    arguments : dict
        What the method got.
    if_zero : str, optional
        Why its values may all be zero.
    """
    found = _warnings(result, entry, call, if_zero)
    source = _maker(result, entry, call.model, arguments) | _looked_at(call)
    inputs = {name: _smallest(call.model, array) for name, array in _inputs(call).items()}
    return dataclasses.replace(
        result,
        values=_own(result),
        image=entry.image,
        photo=_photo(call),
        inputs=inputs,
        source=source,
        warnings=tuple(found),
    )


def _own(result: Result) -> np.ndarray | dict[str, np.ndarray]:
    """Return a result's values, copied where they are parts of other arrays, which may be a trace's."""
    owned = {name: array if array.flags.owndata else array.copy() for name, array in result.arrays.items()}
    return owned if isinstance(result.values, Mapping) else owned["values"]


def _warnings(result: Result, entry: Visualizer, call: Call, if_zero: str | None) -> list[str]:
    """Say what is odd about a result; raises MinicnnError if it is not finite."""
    arrays = result.arrays
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise MinicnnError(
            f"{entry.name} gave NaN or infinite values; expected finite ones. Check the weights and the image for such values"
        )
    found = list(result.warnings)
    if call.photos is not None and call.photos.remark:
        found.append(call.photos.remark)
    if if_zero is not None and not any(arrays[name].any() for name in result.displays):
        found.append(f"all values of {entry.name} are zero: {if_zero}")
    return found


def _maker(result: Result, entry: Visualizer, model: Model, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Say what made a result: the method and its settings, the model, and the versions."""
    used = {name: arguments[name] for name in entry.settings} | dict(result.source)  # what the method chose itself
    kinds = {name: parameter.kind for name, parameter in entry.parameters.items()}
    files = {name: kinds[name].file(value) for name, value in used.items() if name in kinds}
    source: dict[str, Any] = {
        "method": entry.name,
        "settings": {name: kinds[name].recorded(value) if name in kinds else value for name, value in used.items()},
        **network_source(model),
        "values_sha256": values_sha256(result.arrays),
    }
    identities = {name: file_identity(path) for name, path in files.items() if path is not None}
    if identities:
        source["files"] = identities
    if model.origin is not None and model.origin.description is not None:
        source["model_files"] = [file_identity(file) for file in dict.fromkeys((model.origin.description, model.origin.weights))]
    return source


def network_source(model: Model) -> dict[str, Any]:
    """Say what computed: the model, its weights, the algorithm and the versions."""
    return {
        "model": model.name,
        "weights_sha256": model.weights_sha256,
        "fold": model.origin is None or model.origin.fold,
        "given": {} if model.origin is None else dict(model.origin.given),
        "algorithm": current_algorithm(),
        "versions": {package: metadata.version(distribution) for package, distribution in RECORDED.items()},
    }


def _looked_at(call: Call) -> dict[str, Any]:
    """Say what a result was made from: the size of the network's input, and the files of several photos."""
    if call.photos is not None:
        size = {"input": dict(zip(("height", "width"), call.photos.shape))}
        return size if call.photos.single else {**size, "photos": call.photos.files()}
    return {} if call.x is None else {"input": {"height": call.x.shape[1], "width": call.x.shape[2]}}


def _inputs(call: Call) -> dict[str, np.ndarray]:
    """Return the photos that were given, prepared, by their parameters' names; of several, which the result does not hold, none."""
    return call.inputs if call.photos is None or not call.photos.single else {call.photos_name: call.photos[0], **call.inputs}


def _photo(call: Call) -> np.ndarray | None:
    """Return what the network saw, as RGB (H, W, 3), uint8; None if there was no photo, or the model knows no pixels."""
    x = None if call.blank else call.x
    if call.photos is not None and call.photos.single:
        x = call.photos[0]
    return None if x is None or call.model.preprocessing is None else call.model.deprocess(x)[0]


def _smallest(model: Model, x: np.ndarray) -> np.ndarray:
    """Return the pixels (H, W, 3) of the network's input if it can be computed from them, bit for bit, else the input itself."""
    if model.preprocessing is None:
        return x
    pixels = model.deprocess(x)[0]
    again = model.preprocessing.apply(pixels)[None]
    return pixels if again.dtype == x.dtype and np.array_equal(again, x) else x


def values_sha256(arrays: Mapping[str, np.ndarray]) -> str:
    """Return one checksum, in hexadecimal, over names, types, shapes and numbers of some arrays."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
