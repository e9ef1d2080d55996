"""What a result says about itself: what made it, what it was made from, and what is odd about it."""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.kernels import current_algorithm
from minicnn.models.model import Model
from minicnn.pictures.results import Result
from minicnn.visualizers.contract.options import FilePath, base_annotation
from minicnn.visualizers.contract.photos import Photos, file_identity
from minicnn.visualizers.contract.registry import Visualizer

#: The packages whose versions a result records.
RECORDED = {"minicnn": "minicnn-numpy", "numpy": "numpy", "numba": "numba"}


def with_provenance(
    result: Result, entry: Visualizer, model: Model, arguments: Mapping[str, Any], given: Sequence[str], if_zero: str | None
) -> Result:
    """Add to a bare result what the network saw, what made it, and what is odd about it."""
    arrays = result.arrays
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise MinicnnError(
            f"{entry.name} gave NaN or infinite values; expected finite ones. Check the weights and the image for such values"
        )
    found = list(result.warnings)
    photos: Photos | None = arguments.get("photos")
    if photos is not None and photos.skipped:
        found.append(f"passed over {len(photos.skipped)} of {len(photos)} files: {'; '.join(photos.skipped.values())}")
    if if_zero is not None and not any(arrays[name].any() for name in result.displays):
        found.append(f"all values of {entry.name} are zero: {if_zero}")
    for text in found:
        warnings.warn(text, stacklevel=3)
    settings = {key: value for key, value in arguments.items() if key not in ("model", "progress", *entry.photo_parameters)}
    settings.update(result.source)  # what the method chose itself
    paths = (name for name, parameter in entry.options.items() if base_annotation(parameter) is FilePath and settings[name] is not None)
    files = {name: file_identity(settings[name]) for name in paths}
    source = {
        "method": entry.name,
        "settings": {**settings, **{name: file["path"] for name, file in files.items()}},
        "model": model.name,
        "weights_sha256": model.weights_sha256,
        "fold": model.origin is None or model.origin.fold,
        "algorithm": current_algorithm(),
        "versions": {package: metadata.version(distribution) for package, distribution in RECORDED.items()},
        "values_sha256": values_sha256(arrays),
    }
    source |= {"files": files} if files else {}
    if model.origin is not None and model.origin.description is not None:
        source["model_files"] = [file_identity(file) for file in dict.fromkeys((model.origin.description, model.origin.weights))]
    inputs = {name: arguments[name] for name in given}
    x = arguments.get("image")
    if x is not None:
        source["input"] = {"height": x.shape[1], "width": x.shape[2]}
    if photos is not None:
        x = inputs["photos"] = photos[0] if photos.single else None
        source["input"] = dict(zip(("height", "width"), photos.shape))
        source |= {} if photos.single else {"photos": photos.files()}
    shown = {entry.photo_name} & set(given) and x is not None and model.preprocessing is not None
    photo = model.deprocess(x)[0] if shown else None
    inputs = {name: _smallest(model, array) for name, array in inputs.items() if array is not None}
    return dataclasses.replace(result, image=entry.image, photo=photo, inputs=inputs, source=source, warnings=tuple(found))


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
