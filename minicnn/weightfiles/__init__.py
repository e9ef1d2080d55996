"""Reading and writing weight files; the only place that knows h5py and other people's layouts."""

from minicnn.weightfiles.keras import read_keras, read_texts, write_keras

__all__ = ["read_keras", "read_texts", "write_keras"]
