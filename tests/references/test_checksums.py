"""What every method computes stays what it was: bit for bit on a machine like the one that recorded it, elsewhere in type and shape.

Another processor, number of threads or version of a library rounds differently; what is right within rounding is for the other tests.
"""

import json
from pathlib import Path

import method_checksums
import pytest

from minicnn.visualizers import REGISTRY

RECORDED = json.loads((Path(__file__).parent / "checksums.json").read_text())


@pytest.mark.parametrize("model, method", method_checksums.CASES)
def test_the_numbers_stay(model, method):
    if REGISTRY[method].missing_extra:
        pytest.skip(REGISTRY[method].missing_extra)
    arrays, recorded = method_checksums.arrays_of(model, method), RECORDED["methods"][f"{model} {method}"]
    assert method_checksums.form(arrays) == recorded["form"]
    if method_checksums.machine() == RECORDED["machine"]:
        assert method_checksums.checksum(arrays) == recorded["sha256"]


def test_every_method_is_recorded():
    assert set(RECORDED["methods"]) == {f"{model} {method}" for model, method in method_checksums.CASES}
