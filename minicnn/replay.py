"""Making a result again from its picture."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import io
import json
import os
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from minicnn.errors import ImageError, MinicnnError, WeightFileError
from minicnn.kernels import use_algorithm
from minicnn.model import load
from minicnn.results import INPUT_TEXT, SOURCE_TEXT, Result
from minicnn.visualizers import REGISTRY, Visualizer

#: No input that a picture holds is larger, in bytes.
LARGEST_INPUT = 1 << 30


def replay(path: str | os.PathLike, weights: str | os.PathLike | None = None) -> Result:
    """Make a result again from what its PNG file says: same method, settings, seed, model, algorithm and photo.

    Parameters
    ----------
    path : path
        A picture that a result saved.
    weights : path, optional
        The weight file, if the model does not ship with its weights.

    Returns
    -------
    Result
        If its values are not bit for bit those of the picture, its warnings say so: another processor or another version may round
        differently.

    Raises
    ------
    ImageError
        If the file is no such picture.
    WeightFileError
        If the weights at hand are not those that made it.
    """
    source, image = _read(path)
    try:
        visualizer = REGISTRY[source["method"]]
        settings = dict(source["settings"])
        recorded = {name: source[name] for name in ("model", "weights_sha256", "algorithm", "values_sha256")}
    except (KeyError, TypeError, ValueError) as error:
        raise ImageError(f"{path} does not say all that made it, or names a method that is not here ({error}); was it made by another version?") from None
    if recorded["weights_sha256"] is None:
        raise MinicnnError(f"{path} was made with a network that came from no weight file, so it can be made again in Python only")
    model = load(recorded["model"], weights)
    if model.weights_sha256 != recorded["weights_sha256"]:
        raise WeightFileError(f"{path} was made with weights of SHA-256 {recorded['weights_sha256']}; those at hand have {model.weights_sha256}")
    arguments = _arguments(visualizer, settings, source, image, model, path)
    with use_algorithm(recorded["algorithm"]):
        result = visualizer.function(model, **arguments)
    return _compared(result, source)


def _read(path: str | os.PathLike) -> tuple[Mapping[str, Any], np.ndarray | None]:
    """Read what made a picture, and the input that it holds, if any."""
    expected = "expected a PNG file that minicnn saved"
    try:
        with Image.open(path) as picture:
            picture.load()
            texts = dict(getattr(picture, "text", {}))
    except FileNotFoundError:
        raise ImageError(f"there is no file {path}; {expected}") from None
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise many types on damaged files
        raise ImageError(f"{path} cannot be read ({error}); {expected}") from None
    if SOURCE_TEXT not in texts:
        raise ImageError(f"{path} does not say what made it; {expected} (other programs drop the text when they save a picture)")
    try:
        source = json.loads(texts[SOURCE_TEXT])
        return source, _unpacked(texts[INPUT_TEXT]) if INPUT_TEXT in texts else None
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, binascii.Error) as error:
        raise ImageError(f"what {path} says about itself is damaged ({error}); {expected}") from None


def _unpacked(text: str) -> np.ndarray:
    content = io.BytesIO(base64.b64decode(text, validate=True))
    with zipfile.ZipFile(content) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > LARGEST_INPUT:
            raise ValueError("its input is larger than any photo")
    return np.load(content, allow_pickle=False)["input"]


def _arguments(visualizer: Visualizer, settings, source, image, model, path) -> dict[str, Any]:
    """Put the recorded settings and the input into arguments."""
    unknown = set(settings) - set(visualizer.parameters)
    if unknown:
        raise ImageError(f"{path} has settings that {visualizer.name} does not know: {', '.join(sorted(unknown))}; was it made by another version?")
    arguments = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    if image is not None:
        prepared = model.preprocessing.apply(image)[None] if image.dtype == np.uint8 and image.ndim == 3 else image
        return {**arguments, "image": prepared, "prepared": True}
    if visualizer.needs_photo:
        raise ImageError(f"{path} does not hold the photo that it was made from; expected a PNG file that minicnn saved")
    if visualizer.takes_photo:
        return {**arguments, "size": (source["input"]["height"], source["input"]["width"])}
    return arguments


def _compared(result: Result, source: Mapping[str, Any]) -> Result:
    """Add a warning if the values are not those that the picture was made from."""
    if result.source["values_sha256"] == source["values_sha256"]:
        return result
    then, now = source.get("versions"), result.source["versions"]
    reason = "another processor, or another number of threads, rounds differently" if then == now else f"then {then}, now {now}"
    text = f"the values are not bit for bit those of the picture ({reason})"
    warnings.warn(text, stacklevel=3)
    return dataclasses.replace(result, warnings=(*result.warnings, text))
