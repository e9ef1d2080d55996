"""Where reading begins: a weight file of any format, which follows from its content, not from its name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import h5py

from minicnn.errors import WeightFileError
from minicnn.weightfiles.archives import LOCAL_HEADER, Archive
from minicnn.weightfiles.hdf5.reading import opened
from minicnn.weightfiles.keras import read_keras, read_keras_archive
from minicnn.weightfiles.npz import read_npz
from minicnn.weightfiles.onnx import looks_like_onnx, read_onnx
from minicnn.weightfiles.pytorch import (
    looks_like_pytorch_legacy,
    read_pytorch_legacy,
    read_pytorch_zip,
)
from minicnn.weightfiles.safetensors import read_safetensors
from minicnn.weightfiles.stored import WeightFile, shown

EXPECTED = "Keras (.h5, .keras), PyTorch (.pth), safetensors, ONNX, or NumPy (.npz)"

#: What else is often found in place of weights, by its first bytes.
MISTAKEN = {
    b"<": "is a web page, not weights; the download went wrong",
    b"version https://git-lfs": "is a pointer of Git LFS, not the weights; fetch them with 'git lfs pull'",
    b"\x1f\x8b": "is compressed by gzip; unpack it first",
    b"\x80": "is a pickle, but not one of PyTorch's weight files; pickles of other programs are not read, as they can run code",
}


def read_weights(path: str | os.PathLike, key: str | None = None) -> WeightFile:
    """Read a weight file: Keras HDF5 or archive, PyTorch, safetensors, ONNX, or D. Frossard's NumPy archive.

    Parameters
    ----------
    path : path
    key : str, optional
        Which of several networks in a PyTorch checkpoint to read: the names of its dictionaries with dots between, such as "model.ema".

    Returns
    -------
    WeightFile
        With arrays that are views of the file where that is possible; while they are in use it may be replaced, but not be changed in
        place.

    Raises
    ------
    WeightFileError
        If it is missing, damaged or of no known format.
    """
    with _explained(path) as checked:
        return _read(checked, key)


def read_metadata(path: str | os.PathLike) -> dict[str, str]:
    """Read only what an HDF5 file says about itself; raises WeightFileError if it cannot be read, or is of another format."""
    with _explained(path) as checked:
        if not h5py.is_hdf5(checked):
            raise WeightFileError("it is not an HDF5 file; expected a model file (.h5)")
        with opened(checked) as file:
            return file.metadata()


@contextlib.contextmanager
def _explained(path: str | os.PathLike) -> Iterator[Path]:
    """Check that there is a file; every way in which reading it fails becomes one clear error that names it."""
    path = Path(path)
    if path.is_dir():
        raise WeightFileError(f"{path} is a directory; expected a weight file: {EXPECTED}")
    if not path.exists():
        raise WeightFileError(f"there is no file {path}; expected a weight file: {EXPECTED}")
    if not path.is_file():
        raise WeightFileError(f"{path} is no ordinary file; expected a weight file: {EXPECTED}")
    try:
        yield path
    except PermissionError:
        raise WeightFileError(f"{path} may not be read; check its permissions") from None
    except OSError as error:
        raise WeightFileError(f"{path} cannot be read: {error.strerror or error}") from None
    except WeightFileError as error:
        raise WeightFileError(f"{path}: {error}") from None
    except RecursionError:
        raise WeightFileError(f"{path}: it holds things in things, too deep for a weight file; get the file again") from None


def _read(path: Path, key: str | None) -> WeightFile:
    with open(path, "rb") as file:
        start = file.read(64)
    if looks_like_pytorch_legacy(start):
        return read_pytorch_legacy(path, key)
    archive = Archive(path) if start.startswith(LOCAL_HEADER) and not h5py.is_hdf5(path) else None
    if archive is not None and any(name.rpartition("/")[2] == "data.pkl" for name in archive.members):
        return read_pytorch_zip(archive, key)
    if key is not None:
        raise WeightFileError(f"its format holds one network alone; leave the key {shown(key)!r} out (--key)")
    if archive is not None:
        return _read_archive(archive)
    if h5py.is_hdf5(path):
        return read_keras(path)
    if start[8:9] == b"{":
        return read_safetensors(path)
    for beginning, words in MISTAKEN.items():
        if start.lstrip().startswith(beginning):
            raise WeightFileError(f"it {words}. Expected {EXPECTED}")
    if looks_like_onnx(start):
        return read_onnx(path)
    found = f"it begins with {start[:16]!r}" if start else "it is empty"
    raise WeightFileError(f"{found} and is of no format that minicnn knows; expected {EXPECTED}")


def _read_archive(archive: Archive) -> WeightFile:
    """Tell what kind of zip archive it is, of those that are not PyTorch's."""
    names = list(archive.members)
    if names and all(name.endswith(".npy") for name in names):
        return read_npz(archive)
    if "config.json" in names:
        return read_keras_archive(archive)
    raise WeightFileError(f"it is a zip archive with {len(names)} parts, not of PyTorch, Keras or NumPy; expected {EXPECTED}")
