import os
from pathlib import Path

import numpy as np
import pytest

import minicnn


@pytest.fixture(scope="session", autouse=True)
def own_environment(tmp_path_factory):
    """No test, and no process that it starts, sees what the user has downloaded; and such a process imports the minicnn under test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINICNN_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PYTHONPATH", str(Path(minicnn.__file__).parents[1]), prepend=os.pathsep)
        yield


@pytest.fixture
def generator():
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def model():
    """The shipped model."""
    return minicnn.load("vgg16-gap")


@pytest.fixture(scope="session")
def panda():
    return minicnn.shipped_photo("panda")


@pytest.fixture(scope="session")
def small_model():
    """A quick classifier of 5 classes with strides, odd sizes and average pooling, on real preprocessing."""
    from minicnn.layers import (
        AveragePool2D,
        Conv2D,
        Dense,
        GlobalAveragePool2D,
        MaxPool2D,
        ReLU,
    )
    from minicnn.models.classes import ClassNames
    from minicnn.pictures.photos import PREPROCESSING

    def empty(*shape):
        return np.zeros(shape, np.float32)

    layers = {
        "conv1": Conv2D(empty(5, 3, 3, 8), empty(8), stride=(2, 1), padding=(2, 1)),
        "relu1": ReLU(),
        "pool1": MaxPool2D(3, 2, 1),
        "conv2": Conv2D(empty(3, 3, 8, 12), empty(12), padding=1),
        "relu2": ReLU(),
        "pool2": AveragePool2D(2),
        "gap": GlobalAveragePool2D(),
        "fc": Dense(empty(12, 5), empty(5)),
    }
    network = minicnn.he_initialized(minicnn.Network(layers), seed=3)
    names = ClassNames(["ant", "bee", "red_fox", "gray_fox", "crane"])
    return minicnn.Model(network, "small", PREPROCESSING["torch"], names, input_size=40)
