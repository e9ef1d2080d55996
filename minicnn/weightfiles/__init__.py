"""Reading and writing weight files; the only place that knows h5py and other people's layouts."""

from minicnn.weightfiles.keras import write_keras
from minicnn.weightfiles.reading import read_texts, read_weights
from minicnn.weightfiles.stored import DESCRIPTION, StoredLayer, WeightFile

__all__ = ["DESCRIPTION", "StoredLayer", "WeightFile", "read_texts", "read_weights", "write_keras"]
