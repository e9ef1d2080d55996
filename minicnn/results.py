"""What a visualizer returns: the raw numbers, and what is needed to show them and to say where they come from."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minicnn import render
from minicnn.errors import OutputError
from minicnn.files import check_place, write_file

#: The picture, one raw array, several raw arrays.
SUFFIXES = (".png", ".npy", ".npz")

KINDS = {"map": render.map_panels, "overlay": render.overlay_panels, "layers": render.layer_panels}


@dataclass(frozen=True, eq=False)
class Result:
    """The outcome of a visualization. In a notebook it shows itself.

    Attributes
    ----------
    values : array, or dict of str to array
        The raw numbers, neither normalised nor coloured; the visualizer's docstring says what they are.
    kind : {"map", "overlay", "layers"}
        How they are shown: one number a pixel, a coarse map laid over the photo, or a map for each layer.
    title : str
    unit : str
        What the numbers are, for the colour bar.
    extent : (top, bottom, left, right) or None
        The part of the photo that a coarse map covers, in pixels; None for all of it.
    photo : uint8 array (H, W, 3) or None
        What the network saw, as RGB.
    source : dict
        What made it: method, settings, model, weights' SHA-256, version.
    warnings : tuple of str
        What is odd about the values, and why.
    """

    values: np.ndarray | Mapping[str, np.ndarray]
    kind: str
    title: str
    unit: str = ""
    extent: tuple[float, float, float, float] | None = None
    photo: np.ndarray | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def panels(self) -> list[render.Panel]:
        """Draw the picture's parts, each with its caption and scale."""
        return KINDS[self.kind](self.values, self.photo, self.unit, self.extent)

    def picture(self) -> np.ndarray:
        """Draw the whole figure; returns RGB pixels, uint8 (H, W, 3)."""
        return render.figure(self.panels(), self.title)

    def save(self, path: str | os.PathLike, overwrite: bool = False) -> None:
        """Write the picture or the raw values, as the file's name says.

        Parameters
        ----------
        path : path
            ``.png`` for the picture (its text chunk "minicnn" says what made it), ``.npy`` for the raw array, ``.npz`` for several.
        overwrite : bool
            Whether a file that is there may be replaced.

        Raises
        ------
        OutputError
            If the name ends otherwise, or the file exists or cannot be written.
        """
        several = isinstance(self.values, Mapping)
        suffix = Path(path).suffix.lower()
        if suffix == ".png":
            content = self._repr_png_()
        elif suffix == ".npz" and several:
            content = _saved(np.savez_compressed, **self.values)
        elif suffix == ".npy" and not several:
            content = _saved(np.save, self.values)
        else:
            raise OutputError(f"cannot write {path}: expected a name ending in .png or {'.npz' if several else '.npy'}")
        write_file(path, content, overwrite)

    def _repr_png_(self) -> bytes:
        return render.png(self.picture(), {"Title": self.title, "Software": "minicnn", "minicnn": json.dumps(self.source, default=_as_python)})


def _as_python(number: np.generic) -> int | float:
    """Turn a NumPy number into Python's, for JSON."""
    return number.item()


def check_name(path: str | os.PathLike, overwrite: bool) -> None:
    """Raise OutputError if no result could be saved under this name, before the work of making one."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"cannot write {path}: expected a name ending in {', '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no directory {path.parent}; make it, or choose another place")
    check_place(path, overwrite)


def _saved(save, *arrays: np.ndarray, **named_arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *arrays, **named_arrays)
    return buffer.getvalue()
