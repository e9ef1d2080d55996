"""Keras' files: full models (.h5, .keras) with what they say about the network, files of weights alone, and model files, as we write them."""

from minicnn.weightfiles.keras.archive import read_keras_archive
from minicnn.weightfiles.keras.layouts import read_keras
from minicnn.weightfiles.keras.writing import write_keras

__all__ = ["read_keras", "read_keras_archive", "write_keras"]
