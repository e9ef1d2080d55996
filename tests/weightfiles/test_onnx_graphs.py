"""ONNX files of networks with branches, as PyTorch's two exporters write them: its outputs and gradients come out."""

from pathlib import Path

import numpy as np
import pytest
from onnx_helpers import BIAS, KERNEL, numbers
from weight_file_helpers import onnx_model

import minicnn

STORED = Path(__file__).parent.parent / "references" / "weight_files" / "onnx" / "graphs"


@pytest.mark.parametrize("path", sorted(STORED.glob("*.onnx")), ids=lambda path: path.stem)
def test_networks_with_branches(path):
    pytest.importorskip("onnx")
    network = minicnn.load(path, preprocessing="none").network
    with np.load(STORED / f"{path.stem.rpartition('-')[0]}.npz") as stored:
        x, seed, expected = stored["x"], stored["seed"], {"output": stored["output"], "gradient": stored["gradient"]}
    trace = network.trace(x)
    last = list(network.layers)[-1]
    found = {"output": trace.outputs[last], "gradient": network.backward(trace, {last: seed})}
    for what, array in expected.items():
        assert np.abs(found[what] - array).max() < 1e-5 * np.abs(array).max(), what


def test_layers_called_as_the_input_and_as_numbers(tmp_path):
    """What a file calls its layers may be what stands for others here."""
    nodes = [
        ("Conv", ["x", "input.weight", "b"], ["c"], {}),
        ("Relu", ["c"], ["r"], {}),
        ("Conv", ["r", "2.weight"], ["d"], {"pads": [1] * 4}),
        ("Add", ["d", "c"], ["y"], {}),
    ]
    onnx_model(tmp_path / "file.onnx", nodes, **{"input.weight": KERNEL, "b": BIAS, "2.weight": numbers(2, 2, 3, 3)})
    assert list(minicnn.load(tmp_path / "file.onnx").network.layers) == ["conv1", "relu1", "2", "add1"]
