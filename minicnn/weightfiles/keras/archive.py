"""Keras 3's archives (.keras): a zip file with the configuration of a model, and its weights in an HDF5 file within."""

from __future__ import annotations

import json

from minicnn.errors import WeightFileError
from minicnn.weightfiles.archives import Archive
from minicnn.weightfiles.hdf5.reading import opened_bytes
from minicnn.weightfiles.keras.arrays import numbered_places
from minicnn.weightfiles.keras.entries import LONGEST
from minicnn.weightfiles.keras.layouts import read_configured
from minicnn.weightfiles.stored import WeightFile, shown

#: The parts of an archive.
CONFIGURATION, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def read_keras_archive(archive: Archive) -> WeightFile:
    """Read a network and its weights from a .keras file. The weights stay where they are in the file, unless they are compressed.

    Raises
    ------
    WeightFileError
        If it is damaged, or its network is not one that minicnn can build.
    """
    if WEIGHTS not in archive.members:
        found = ", ".join(map(shown, list(archive.members)[:8]))
        raise WeightFileError(f"it is a Keras archive without a part {WEIGHTS} (it has {found}); save the model again in one file")
    with opened_bytes(archive.content(WEIGHTS)) as file:
        return read_configured(file, "Keras, archive", _text(archive, CONFIGURATION), _metadata(archive), numbered_places)


def _text(archive: Archive, name: str) -> str:
    if name in archive.members and archive.members[name].file_size > LONGEST:
        raise WeightFileError(f"its part {name} claims {archive.members[name].file_size:,} bytes; expected at most {LONGEST:,}")
    return archive.content(name).tobytes().decode("utf-8", "replace")


def _metadata(archive: Archive) -> dict[str, str]:
    """Read what the archive says about itself: the version of Keras, and when it was written."""
    if METADATA not in archive.members:
        return {}
    try:
        found = json.loads(_text(archive, METADATA))
    except (ValueError, RecursionError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}
