"""Making a result again from its picture."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from minicnn.errors import ImageError, MinicnnError, WeightFileError
from minicnn.files import npy
from minicnn.files.writing import file_sha256
from minicnn.kernels import use_algorithm
from minicnn.models.files import load
from minicnn.models.model import Model
from minicnn.pictures.decoding import check_file
from minicnn.pictures.results import INPUT_TEXT, SOURCE_TEXT, Result
from minicnn.visualizers import REGISTRY, Visualizer
from minicnn.visualizers.contract.kinds import ProgressKind
from minicnn.visualizers.contract.progress import Watcher

#: How the warning begins that other values came out.
NOT_THE_SAME = "the values are not bit for bit those of the picture"

#: What can be replayed, in errors.
EXPECTED = "a PNG file that minicnn saved"

#: No input that a picture holds is larger, in bytes.
LARGEST_INPUT = 1 << 30


def replay(path: str | os.PathLike, weights: str | os.PathLike | None = None, progress: Watcher | None = None) -> Result:
    """Make a result again from what its PNG file says: same method, settings, seed, model, algorithm and photo.

    Parameters
    ----------
    path : path
        A picture that a result saved.
    weights : path, optional
        The weight file, if the model does not ship with its weights; of a model from files of one's own, if it has moved.
    progress : function, optional
        Called as progress(done, total), if the method reports how far it is.

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
    source, photos = _read(path)
    try:
        visualizer, arguments = _call(source, photos, weights, path)
        watcher = visualizer.parameter_of(ProgressKind)
        with use_algorithm(source["algorithm"]):
            result = visualizer.function(**arguments, **({watcher: progress} if watcher else {}))
        return _compared(result, source)
    except MinicnnError:
        raise
    except npy.DAMAGED as error:
        raise ImageError(
            f"what {path} says does not fit together ({type(error).__name__}: {error}); "
            "it may have been changed, or made by another version"
        ) from None


def _call(
    source: Mapping[str, Any], photos: Mapping[str, np.ndarray], weights: str | os.PathLike | None, path: str | os.PathLike
) -> tuple[Visualizer, dict[str, Any]]:
    """Choose the method and its arguments."""
    if "results" in source:
        raise MinicnnError(f"{path} shows several results; expected a picture of one, as their folder holds (--out FOLDER)")
    if source["method"] not in REGISTRY:
        raise ImageError(f"{path} was made by a method {source['method']!r} that is not here; was it made by another version?")
    visualizer, settings = REGISTRY[source["method"]], dict(source["settings"])
    if source["weights_sha256"] is None:
        raise MinicnnError(f"{path} was made with a network that came from no weight file, so it can be made again in Python only")
    model = _model(source, weights, path)
    if model.weights_sha256 != source["weights_sha256"]:
        raise WeightFileError(
            f"{path} was made with weights of SHA-256 {source['weights_sha256']}; those at hand have {model.weights_sha256}"
        )
    files = source.get("files", {})
    unchecked = [name for name, parameter in visualizer.settings.items() if parameter.kind.file(settings.get(name)) and name not in files]
    unknown = [*sorted(set(settings) - set(visualizer.settings)), *unchecked]
    if unknown:
        names = ", ".join(unknown)
        raise ImageError(f"{path} has settings that {visualizer.name} does not take again: {names}; was it made by another version?")
    arguments = {"model": model, **settings}
    arguments |= {name: _found_again([file], path)[0] for name, file in files.items()}
    if photos:
        return visualizer, {**arguments, **{name: _prepared(model, photo) for name, photo in photos.items()}, "prepared": True}
    if "photos" in source:
        arguments[str(visualizer.photo_name)] = _found_again(source["photos"], path)
    elif visualizer.needs_photo:
        raise ImageError(f"{path} does not hold the photo that it was made from; expected {EXPECTED}")
    if visualizer.takes_photo:
        arguments["size"] = (source["input"]["height"], source["input"]["width"])
    return visualizer, arguments


def _model(source: Mapping[str, Any], weights: str | os.PathLike | None, path: str | os.PathLike) -> Model:
    """Load the model that made a picture: a registered one, or from the files that are recorded."""
    files, given = source.get("model_files", []), source.get("given", {})
    if not isinstance(given.get("classes", []), list):
        raise TypeError("classes are no list")
    if not isinstance(source["model"], str):
        raise TypeError("the model is no text")
    if not files:
        return load(source["model"], weights, source["fold"], **given)
    if weights is not None:  # in place of those that are recorded last
        (name,) = _found_again(files[:-1], path)
        return load(name, weights, source["fold"], **given)
    name, *own_weights = _found_again(files, path)
    return load(name, own_weights[0] if own_weights else None, source["fold"], **given)


def _prepared(model: Model, photo: np.ndarray) -> np.ndarray:
    """Turn what a picture holds of a photo into the network's input again."""
    pixels = photo.dtype == np.uint8 and photo.ndim == 3
    return model.preprocessing.apply(photo)[None] if pixels and model.preprocessing is not None else photo


def _found_again(files: Sequence[Mapping[str, str | None]], path: str | os.PathLike) -> list[str]:
    """Return the paths of the files that a picture was made from, all there and unchanged."""
    checksums = {file["path"]: file["sha256"] for file in files if file["path"] is not None}
    if len(checksums) < len({file["path"] for file in files}):
        raise MinicnnError(f"{path} was made from something that came from no file, so it can be made again in Python only")
    missing = [name for name in checksums if not os.path.isfile(name)]
    changed = [name for name, checksum in checksums.items() if name not in missing and file_sha256(name) != checksum]
    if missing or changed:
        found = [f"{word}: {', '.join(paths)}" for word, paths in (("missing", missing), ("changed since then", changed)) if paths]
        raise ImageError(f"the files that {path} was made from are not as they were; {'; '.join(found)}")
    return [file["path"] for file in files if file["path"] is not None]


def _read(path: str | os.PathLike) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
    """Read what made a picture, and the photos that it holds, by their names."""
    expected = f"expected {EXPECTED}"
    check_file(Path(path), EXPECTED)
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            picture.load()
            texts = dict(getattr(picture, "text", {}))
    except Image.UnidentifiedImageError:
        raise ImageError(f"{path} is no PNG file, whatever its name says; {expected}") from None
    except Exception as error:
        raise ImageError(f"{path} cannot be read ({error}); {expected}") from None
    if SOURCE_TEXT not in texts:
        raise ImageError(f"{path} does not say what made it; {expected} (other programs drop the text when they save a picture)")
    try:
        source = json.loads(texts[SOURCE_TEXT])
        return source, _unpacked(texts[INPUT_TEXT]) if INPUT_TEXT in texts else {}
    except npy.DAMAGED as error:
        raise ImageError(f"what {path} says about itself is damaged ({error}); {expected}") from None


def _unpacked(text: str) -> dict[str, np.ndarray]:
    """Read the arrays that a picture holds as text."""
    arrays = npy.Arrays(io.BytesIO(base64.b64decode(text, validate=True)), LARGEST_INPUT)
    return {name: arrays[name] for name in arrays}


def _compared(result: Result, source: Mapping[str, Any]) -> Result:
    """Add a warning if the values are not those that the picture was made from."""
    if result.source["values_sha256"] == source["values_sha256"]:
        return result
    then, now = source.get("versions"), result.source["versions"]
    same = "another processor or number of threads rounds differently, or what the file says was changed"
    reason = same if then == now else f"then {then}, now {now}"
    text = f"{NOT_THE_SAME} ({reason})"
    warnings.warn(text, stacklevel=3)
    return dataclasses.replace(result, warnings=(*result.warnings, text))
