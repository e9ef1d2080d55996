"""What a visualizer returns: the raw numbers, and what is needed to show them and to say where they come from."""

from __future__ import annotations

import base64
import html
import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minicnn.errors import MinicnnError, OutputError, several
from minicnn.files.writing import check_place, write_file
from minicnn.pictures import render
from minicnn.pictures.render.displays import Display
from minicnn.pictures.tables import Row, as_csv, as_html

#: The picture, one raw array, several raw arrays, animations, the table.
SUFFIXES = (".png", ".npy", ".npz", ".gif", ".mp4", ".csv", ".json")

#: The suffixes of a finished picture by itself.
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")

#: The texts in a PNG file that say what made it (JSON), and hold the network's input (base64 of a compressed .npz file).
SOURCE_TEXT, INPUT_TEXT = "minicnn", "minicnn input"


#: How many arrays a result's one line names, and how many rows of its table a notebook shows.
ARRAYS_NAMED, ROWS_SHOWN = 4, 20


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """The outcome of a visualization. In a notebook it shows itself; `numpy.asarray` of it is its values.

    It is also a sequence of results, of itself alone; of several photos or classes see `minicnn.pictures.batches.BatchResult`.

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

    def __repr__(self) -> str:
        count = [several(len(self), "result")] if len(self.entries) != 1 or self.entries[0] is not self else []
        named = [f"{name} {array.shape} {array.dtype}" for name, array in self.arrays.items()]
        more = [f"{len(named) - ARRAYS_NAMED} arrays more"] if len(named) > ARRAYS_NAMED else []
        state = ["stopped"] if self.stopped else []
        return f"{type(self).__name__}({', '.join([repr(self.title), *count, *named[:ARRAYS_NAMED], *more, *state])})"

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if isinstance(self.values, Mapping):
            raise MinicnnError(f"this result holds several arrays, not one: {', '.join(self.values)}; choose one of result.values")
        made = np.asarray(self.values, dtype)
        if copy is False and made is not self.values:
            raise ValueError(f"the values are {self.values.dtype}, which cannot be {made.dtype} without a copy")
        return made.copy() if copy and made is self.values else made

    @property
    def entries(self) -> Sequence[Result]:
        """The results that it consists of: itself alone."""
        return (self,)

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.entries)

    def __getitem__(self, position: int | slice) -> Result:
        """Return one of the results; of a batch, as a slice some of them together."""
        if isinstance(position, slice):
            position = 0 if range(1)[position] else 1
        return self.entries[position]

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
            content = as_npz({"source": np.array(self._source_text), **self._more_arrays, **self.arrays})
        elif suffix == ".npy" and not isinstance(self.values, Mapping):
            buffer = io.BytesIO()
            np.save(buffer, self.values)
            content = buffer.getvalue()
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
    def _more_arrays(self) -> dict[str, np.ndarray]:
        """What a .npz file holds beside the values."""
        return {}

    @property
    def _source_text(self) -> str:
        return json.dumps(self.source, default=_as_python)

    @property
    def _texts(self) -> dict[str, str]:
        """What a PNG file says about itself."""
        texts = {"Title": self.title, "Software": "minicnn", SOURCE_TEXT: self._source_text}
        if self.inputs:
            texts[INPUT_TEXT] = base64.b64encode(as_npz(self.inputs)).decode("ascii")
        return texts

    def _repr_png_(self) -> bytes:
        return render.png(self.picture(), self._texts)

    def _ipython_display_(self) -> None:
        """Show the picture in a notebook, and below it what is better read; called by IPython alone, so it is there."""
        from IPython.display import display  # type: ignore[import-not-found]

        if self.displays or self.photo is not None:
            display({"image/png": base64.b64encode(self._repr_png_()).decode("ascii"), "text/plain": repr(self)}, raw=True)
        display({"text/html": self._words, "text/plain": "\n".join([repr(self), *self.warnings, self.text])}, raw=True)

    @property
    def _words(self) -> str:
        """The title, what is odd, the text and the table, as HTML."""
        parts = [f"<p>{html.escape(text)}</p>" for text in (repr(self), *(f"Warning: {warning}" for warning in self.warnings))]
        parts += [f"<pre>{html.escape(self.text)}</pre>"] if self.text else []
        return "".join([*parts, as_html(self.table, ROWS_SHOWN) if self.table else ""])


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


def as_npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return what a compressed .npz file holds; unlike `numpy.savez_compressed` it takes every name, "file" too."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)
    return buffer.getvalue()
