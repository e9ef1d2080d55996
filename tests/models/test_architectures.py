"""Networks by name against torchvision's own code: logits, input gradient and parameters, with the same random weights in float64."""

from pathlib import Path

import numpy as np
import pytest
from architecture_cases import CLASS, EVERY, TORCHVISION, image, with_numbers

from minicnn.models.architectures import ARCHITECTURES, find_architecture

REFERENCES = Path(__file__).parent.parent / "references" / "architectures.npz"


@pytest.mark.parametrize("name", TORCHVISION)
def test_against_torchvision(name):
    network = with_numbers(find_architecture(name).network())
    with np.load(REFERENCES) as stored:
        logits, gradient, parameters = (stored[f"{name}/{what}"] for what in ("logits", "gradient", "parameters"))
    assert network.parameter_count == parameters
    x = image(name)
    trace = network.trace(x)
    assert trace.result[0, :: EVERY // 8] == pytest.approx(logits, rel=1e-9, abs=1e-9 * np.abs(logits).max())
    one_hot = np.zeros_like(trace.result)
    one_hot[0, CLASS] = 1
    found = network.backward(trace, {trace.last: one_hot}).reshape(-1)[::EVERY]
    assert found == pytest.approx(gradient, abs=2e-8 * np.abs(gradient).max())  # PyTorch's slope of hard-swish is 1/6 in float32


def test_parameters():
    with np.load(REFERENCES) as stored:
        for name in TORCHVISION:
            assert ARCHITECTURES[name].network().parameter_count == stored[f"{name}/parameters"], name
