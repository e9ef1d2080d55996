"""Whole visualizations of the shipped photo with the shipped weights, against PyTorch and Captum.

The references were made in float64 by scripts/make_photo_references and are stored beside this file in float32, thinned.
"""

from pathlib import Path

import numpy as np
import photo_cases
import pytest

import minicnn

# Storing in float32 costs up to 6e-8 of a value.
STORED = 1e-7


@pytest.fixture(scope="module")
def references():
    with np.load(Path(__file__).parent / "panda.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def exact(model, references):
    """The model in float64."""
    exact = photo_cases.in_float64(model)
    assert photo_cases.checksum(exact) == references["photo_sha256"], "the photo has other pixels here than in the references"
    return exact


def errors(model, references, name, dtype=np.float64):
    """The largest error of each of a visualization's maps, relative to the map's largest value."""
    method, size, options = photo_cases.CASES[name]
    target = {} if method == "layer_outputs" else {"target": photo_cases.TARGET}
    x = photo_cases.photo(model, size).astype(dtype)
    result = getattr(minicnn, method)(model, x, **{**target, **options}, prepared=True)
    expected = {key.split("/")[1]: array for key, array in references.items() if key.startswith(f"{name}/")}
    found = {key: photo_cases.thinned(array) for key, array in result.arrays.items()}
    assert {key: (array.shape, array.dtype) for key, array in found.items()} == {key: (e.shape, dtype) for key, e in expected.items()}
    return {key: np.abs(array - expected[key]).max() / np.abs(expected[key]).max() for key, array in found.items()}


@pytest.mark.filterwarnings("ignore:the probability is saturated")
@pytest.mark.parametrize("name", photo_cases.CASES)
def test_float64(exact, references, name):
    for key, error in errors(exact, references, name).items():
        assert error < STORED, key


@pytest.mark.parametrize("algorithm", ["im2col", "auto"])
@pytest.mark.parametrize("name", ["layer outputs", "occlusion of the logit"])
def test_float32_without_gradients(model, exact, references, name, algorithm):
    with minicnn.use_algorithm(algorithm):
        for key, error in errors(model, references, name, np.float32).items():
            assert error < 1e-4, key
