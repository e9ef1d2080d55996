"""Weight files: what other programs write, treated as untrusted input, and the model files that minicnn writes itself.

Uses `minicnn.errors` and `minicnn.files` only; the only place with h5py, and with other programs' layouts.
"""

from minicnn.weightfiles.keras import write_keras
from minicnn.weightfiles.reading import read_metadata, read_weights
from minicnn.weightfiles.stored import DESCRIPTION, StoredLayer, WeightFile

__all__ = ["DESCRIPTION", "StoredLayer", "WeightFile", "read_metadata", "read_weights", "write_keras"]
