"""Keras' files: full models, which say what the network is (.h5, .keras), files of weights alone, and model files, which we write."""

from minicnn.weightfiles.keras.archive import read_keras_archive
from minicnn.weightfiles.keras.layouts import read_keras
from minicnn.weightfiles.keras.writing import write_keras

__all__ = ["read_keras", "read_keras_archive", "write_keras"]
