"""What every method computes stays what it was, within rounding: recorded on one machine, compared on all.

That the numbers are right is for the other tests; here a change that nobody meant shows, whichever method it reaches.
"""

import json
from pathlib import Path

import method_numbers
import numpy as np
import pytest

from minicnn.visualizers import REGISTRY

RECORDED = json.loads((Path(__file__).parent / "methods.json").read_text())


@pytest.mark.parametrize("model, method", method_numbers.CASES)
def test_the_numbers_stay(model, method):
    if REGISTRY[method].missing_extra:
        pytest.skip(REGISTRY[method].missing_extra)
    arrays, recorded = method_numbers.arrays_of(model, method), RECORDED[f"{model} {method}"]
    assert list(arrays) == list(recorded)
    for name, array in arrays.items():
        found, wanted = method_numbers.summary(array), recorded[name]
        assert found["form"] == wanted["form"]
        allowed = method_numbers.tolerance(method) * max(wanted["sizes"])
        for what in ("means", "sizes"):
            np.testing.assert_allclose(found[what], wanted[what], rtol=0, atol=allowed, err_msg=f"{name}, {what}")


def test_every_method_is_recorded():
    assert set(RECORDED) == {f"{model} {method}" for model, method in method_numbers.CASES}
