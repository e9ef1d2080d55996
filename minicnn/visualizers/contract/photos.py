"""One photo or many, prepared one at a time: what a method whose parameter is called `photos` gets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np

from minicnn.errors import ImageError
from minicnn.files.writing import file_sha256
from minicnn.models.model import Model
from minicnn.network.network import Network, Trace
from minicnn.pictures.photos import Photo
from minicnn.pictures.sources import Sources, is_path


class Photos(Sources):
    """Photos that the network can take, of which memory holds one at a time.

    Iterating gives pairs of a photo's position and the prepared array (1, H, W, 3). Files of a folder that are no photos are passed over.

    Parameters
    ----------
    model : Model
    given : path, PIL image, array, trace of the model's network, or several of those
        See `minicnn.pictures.sources.Sources`.
    size, prepared
        As for `Model.prepare`.

    Raises
    ------
    ImageError
        If there is nothing to look at. Photos are read when their turn comes; one that was named and cannot be read is an error then.
    """

    def __init__(self, model: Model, given: Photo | Trace | Sequence[Photo | Trace], size=None, prepared: bool = False):
        super().__init__(given, prepared)
        self.model, self.size, self.prepared = model, size, prepared
        if any(isinstance(source, Trace) and source.network is not model.network for source in self.sources):
            raise ImageError("got a trace of another network; expected one of this model's, as model.network.trace(x) gives")

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
        return self.each(self.__getitem__)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a prepared photo, (height, width, channels); of several prepared arrays the first one's."""
        if self.prepared or isinstance(self.sources[0], Trace):
            return self[0].shape[1:]
        return self.model.input_shape(self.size)

    def files(self) -> list[dict[str, str | None]]:
        """Tell the path and SHA-256 of every file that is a photo, to find it again; None for what came from no file."""
        return [file_identity(source) for position, source in enumerate(self.sources) if position not in self.skipped]


def file_identity(source: Photo) -> dict[str, str | None]:
    """Tell the absolute path and the SHA-256 of a file, to find it again; None for what came from no file."""
    if not is_path(source):
        return {"path": None, "sha256": None}
    return {"path": os.path.abspath(source), "sha256": file_sha256(source)}
