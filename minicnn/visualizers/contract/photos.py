"""One photo or many, prepared one at a time: what a method whose parameter is called `photos` gets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minicnn.errors import ImageError
from minicnn.files.writing import file_sha256, readable_name
from minicnn.models.model import Model
from minicnn.network.network import Network, Trace
from minicnn.pictures.folders import shown_entries
from minicnn.pictures.photos import Photo


class Photos:
    """Photos that the network can take, of which memory holds one at a time.

    Iterating gives pairs of a photo's position and the prepared array (1, H, W, 3). Files of a folder that are no photos are passed over.

    Parameters
    ----------
    model : Model
    given : path, PIL image, array, trace of the model's network, or a sequence of those
        A path may be that of a folder: then its files in the order of their names, except hidden ones; or if it has none, those of the
        folders in it, as of class folders.
    size, prepared
        As for `Model.prepare`.

    Attributes
    ----------
    sources : list of path, PIL image, array or Trace
    single : bool
        Whether it is one photo that was given as such.
    skipped : dict of int to str
        What the last iteration passed over, by position, and why.

    Raises
    ------
    ImageError
        If there is nothing to look at. Photos are read when their turn comes; one that was named and cannot be read is an error then.
    """

    def __init__(self, model: Model, given: Photo | Trace | Sequence[Photo | Trace], size=None, prepared: bool = False):
        self.model, self.size, self.prepared = model, size, prepared
        self.folder = Path(given) if isinstance(given, (str, os.PathLike)) and os.path.isdir(given) else None
        self.single = self.folder is None and not isinstance(given, (list, tuple))
        self.sources: list[Any]
        if self.folder is not None:
            self.sources = list(_files(self.folder))
        else:
            self.sources = list(given) if isinstance(given, (list, tuple)) else [given]
        self.skipped: dict[int, str] = {}
        if not self.sources:
            raise ImageError(f"there is no photo in {'the list' if self.folder is None else self.folder}; expected at least one")
        if any(isinstance(source, Trace) and source.network is not model.network for source in self.sources):
            raise ImageError("got a trace of another network; expected one of this model's, as model.network.trace(x) gives")

    def __len__(self) -> int:
        """Count what there is to read, including what may turn out to be no photo."""
        return len(self.sources)

    def __getitem__(self, position: int) -> np.ndarray:
        """Prepare one photo; see `Model.prepare`."""
        source = self.sources[position]
        if isinstance(source, Trace):
            return self.model.prepare(source.input, prepared=True)
        return self.model.prepare(source, self.size, self.prepared)

    def trace(self, position: int, x: np.ndarray) -> Trace:
        """Return the forward pass of one prepared photo, x; one that was given as a trace is not run again."""
        source = self.sources[position]
        return source if isinstance(source, Trace) else self.model.network.trace(x)

    def output(self, position: int, x: np.ndarray, trunk: Network) -> np.ndarray:
        """Return what a trunk of the model's network puts out for one prepared photo, x; of a trace it is read off."""
        source = self.sources[position]
        return source.outputs[list(trunk.layers)[-1]] if isinstance(source, Trace) else trunk(x)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        self.skipped = {}
        for position in range(len(self)):
            try:
                x = self[position]
            except ImageError as error:
                if self.folder is None:
                    raise
                self.skipped[position] = str(error)
                continue
            yield position, x
        if len(self.skipped) == len(self):
            raise ImageError(f"none of the {len(self)} files in {self.folder} is a photo; the first: {self.skipped[0]}")

    def name(self, position: int) -> str:
        """Name a photo: its file, or "photo 3" if it came from none."""
        source = self.sources[position]
        return readable_name(source) if isinstance(source, (str, os.PathLike)) else f"photo {position + 1}"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a prepared photo, (height, width, channels); of several prepared arrays the first one's."""
        if self.prepared or isinstance(self.sources[0], Trace):
            return self[0].shape[1:]
        return self.model.input_shape(self.size)

    def files(self) -> list[dict[str, str | None]]:
        """Tell the path and SHA-256 of every file that is a photo, to find it again; None for what came from no file."""
        return [file_identity(source) for position, source in enumerate(self.sources) if position not in self.skipped]


def _files(folder: Path) -> list[Path]:
    shown = shown_entries(folder)
    files = [path for path in shown if path.is_file()]
    return files or [path for below in shown if below.is_dir() for path in shown_entries(below) if path.is_file()]


def file_identity(source: Photo) -> dict[str, str | None]:
    """Tell the absolute path and the SHA-256 of a file, to find it again; None for what came from no file."""
    if not isinstance(source, (str, os.PathLike)):
        return {"path": None, "sha256": None}
    return {"path": os.path.abspath(source), "sha256": file_sha256(source)}
