"""minicnn: look inside a convolutional network with nothing but NumPy and numba."""

from minicnn.model import load
