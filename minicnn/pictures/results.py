"""What a visualizer returns: the raw numbers, and what is needed to show them and to say where they come from."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minicnn.errors import OutputError
from minicnn.files.writing import check_place, write_file
from minicnn.pictures import render
from minicnn.pictures.render.displays import Display
from minicnn.pictures.tables import Row, as_csv

#: The picture, one raw array, several raw arrays, animations, the table.
SUFFIXES = (".png", ".npy", ".npz", ".gif", ".mp4", ".csv", ".json")

#: The suffixes of a finished picture by itself.
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")

#: The texts in a PNG file that say what made it (JSON), and hold the network's input (base64 of a compressed .npz file).
SOURCE_TEXT, INPUT_TEXT = "minicnn", "minicnn input"


@dataclass(frozen=True, eq=False)
class Result:
    """The outcome of a visualization. In a notebook it shows itself.

    Attributes
    ----------
    values : array, or dict of str to array
        The raw numbers, neither normalized nor colored; the visualizer's docstring says what they are.
    show : Display, or dict of str to Display
        How they are shown. With a dict, only the arrays that it names.
    title : str
    text : str
        What is better read than seen: numbers, a table.
    table : sequence of dict
        Rows of numbers to go on working with, {column: a word or a number}; empty if there are none.
    frames : sequence of uint8 arrays (H, W, 3)
        An animation of how the result came to be; empty if there is none.
    columns : int or None
        Panels in a row of the figure; None for what fits.
    beside_photo : bool
        Whether the figure shows the photo, too.
    image : str or None
        The name of the array that is a picture in itself: uint8 (H, W, 3), RGB, or (H, W, 4), with transparency.
    photo : uint8 array (H, W, 3) or None
        What the network saw, as RGB.
    inputs : dict of str to array
        The photos exactly, by the names of the parameters: pixels, or the prepared array if they do not say it all; for `minicnn replay`.
    source : dict
        What made it: method, settings, model, weights' SHA-256, versions.
    warnings : tuple of str
        What is odd about the values, and why.
    stopped : bool
        Whether it was interrupted, and can be continued from its saved values.
    """

    values: np.ndarray | Mapping[str, np.ndarray]
    show: Display | Mapping[str, Display]
    title: str
    text: str = ""
    table: Sequence[Row] = ()
    frames: Sequence[np.ndarray] = ()
    columns: int | None = None
    beside_photo: bool = True
    image: str | None = None
    photo: np.ndarray | None = None
    inputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    stopped: bool = False

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The values by name; a single array is called "values"."""
        return dict(self.values) if isinstance(self.values, Mapping) else {"values": self.values}

    @property
    def displays(self) -> dict[str, Display]:
        """How each array that is shown is shown, by name."""
        if isinstance(self.show, Mapping):
            return dict(self.show)
        return dict.fromkeys(self.arrays, self.show)

    def panels(self) -> list[render.Panel]:
        """Draw the picture's parts, each with its caption and scale."""
        shown = [] if self.photo is None or not self.beside_photo else [render.Panel("photo", self.photo)]
        for name, display in self.displays.items():
            caption = name if isinstance(self.values, Mapping) else "map"
            shown += display.panels(self.arrays[name], caption, self.photo)
        return shown

    def picture(self) -> np.ndarray:
        """Draw the whole figure; returns RGB pixels, uint8 (H, W, 3)."""
        return render.figure(self.panels(), self.title, self.columns)

    def save(self, path: str | os.PathLike, overwrite: bool = False) -> None:
        """Write the picture, the raw values, or the table, as the file's name says.

        Parameters
        ----------
        path : path
            ``.png`` for the picture (its texts say what made it, see `minicnn.replay`), ``.npy`` for the raw array, ``.npz`` for
            several, or one called "values" (and "source", which says what made it), ``.gif`` or ``.mp4`` for the animation, ``.csv`` for
            the table, or ``.json`` for the table and what made it ({"source": ..., "rows": [...]}).
        overwrite : bool
            Whether a file that is there may be replaced.

        Raises
        ------
        OutputError
            If the name ends otherwise, or the file exists or cannot be written.
        """
        suffix = Path(path).suffix.lower()
        if suffix == ".png":
            content = self._repr_png_()
        elif suffix == ".npz":
            content = _saved(np.savez_compressed, **self.arrays, source=np.array(self._source_text))
        elif suffix == ".npy" and not isinstance(self.values, Mapping):
            content = _saved(np.save, self.values)
        elif suffix in (".gif", ".mp4") and len(self.frames):
            content = render.animation(self.frames, suffix)
        elif suffix == ".csv" and self.table:
            content = as_csv(self.table).encode()
        elif suffix == ".json" and self.table:
            content = (json.dumps({"source": self.source, "rows": self.table}, default=_as_python, indent=2) + "\n").encode()
        else:
            expected = [".png", ".npz", *([] if isinstance(self.values, Mapping) else [".npy"])]
            expected += [*((".gif", ".mp4") if len(self.frames) else ()), *((".csv", ".json") if self.table else ())]
            raise OutputError(f"cannot write {path}: expected a name ending in {', '.join(expected)}")
        write_file(path, content, overwrite)

    def save_image(self, path: str | os.PathLike, overwrite: bool = False) -> None:
        """Write the finished picture alone, without captions.

        Parameters
        ----------
        path : path
            ``.png``, which also says what made it, or ``.jpg``.
        overwrite : bool
            Whether a file that is there may be replaced.

        Raises
        ------
        OutputError
            If the result has no such picture, the name ends otherwise, or the file exists or cannot be written.
        """
        if self.image not in self.arrays:
            raise OutputError(f"cannot write {path}: this result holds no finished picture, only {', '.join(self.arrays)}")
        _check_suffix(Path(path), IMAGE_SUFFIXES)
        pixels = self.arrays[self.image]
        write_file(path, render.png(pixels, self._texts) if Path(path).suffix.lower() == ".png" else render.jpeg(pixels), overwrite)

    @property
    def _source_text(self) -> str:
        return json.dumps(self.source, default=_as_python)

    @property
    def _texts(self) -> dict[str, str]:
        """What a PNG file says about itself."""
        texts = {"Title": self.title, "Software": "minicnn", SOURCE_TEXT: self._source_text}
        if self.inputs:
            texts[INPUT_TEXT] = base64.b64encode(_saved(np.savez_compressed, **self.inputs)).decode("ascii")
        return texts

    def _repr_png_(self) -> bytes:
        return render.png(self.picture(), self._texts)


def _as_python(number: np.generic) -> int | float:
    """Turn a NumPy number into Python's, for JSON."""
    return number.item()


def check_names(paths: Sequence[Path], overwrite: bool, suffixes: Sequence[str] = SUFFIXES) -> None:
    """Raise OutputError if no result could be saved under one of these names, before the work of making one.

    Parameters
    ----------
    paths : sequence of Path
    overwrite : bool
    suffixes : sequence of str
        How names may end.
    """
    for i, path in enumerate(paths):
        _check_name(path, overwrite, suffixes)
        if path in paths[:i]:
            raise OutputError(f"cannot write {path} twice; give each file a name of its own")
        if path.suffix.lower() == ".mp4":
            render.check_video_encoder()


def _check_name(path: Path, overwrite: bool, suffixes: Sequence[str]) -> None:
    _check_suffix(path, suffixes)
    check_place(path, overwrite)


def _check_suffix(path: Path, suffixes: Sequence[str]) -> None:
    if path.suffix.lower() not in suffixes:
        raise OutputError(f"cannot write {path}: expected a name ending in {', '.join(suffixes)}")


def _saved(save: Callable[..., None], *arrays: np.ndarray, **named_arrays: np.ndarray) -> bytes:
    """Return what one of NumPy's functions writes."""
    buffer = io.BytesIO()
    save(buffer, *arrays, **named_arrays)
    return buffer.getvalue()
