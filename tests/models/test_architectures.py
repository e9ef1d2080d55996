"""Networks by name against torchvision's own code: logits, input gradient and parameters, with the same random weights in float64."""

import json
from pathlib import Path

import numpy as np
import pytest
from architecture_cases import CLASS, EVERY, PUBLISHED, PYTORCH_NAMES, image, state, with_numbers

import minicnn
from minicnn.models.architectures import ARCHITECTURES, find_architecture

REFERENCES = Path(__file__).parent.parent / "references" / "architectures.npz"


#: These take seconds each; `scripts/check_architectures` compares them.
LARGE = ("wide-", "resnext101", "resnet152", "-16gf", "-32gf", "convnext-base", "convnext-large", "-b6", "-b7")


@pytest.mark.parametrize("name", [name for name in PUBLISHED if not any(part in name for part in LARGE)])
def test_against_their_publishers(name):
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
        for name in PUBLISHED:
            assert ARCHITECTURES[name].network().parameter_count == stored[f"{name}/parameters"], name


def write_safetensors(path, arrays):
    """Write a state dict as the safetensors library does: a header in JSON, then the numbers."""
    header, data = {}, b""
    for name, array in arrays.items():
        raw = array.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


@pytest.mark.parametrize("name", ["squeezenet1-1", "mobilenet-v3-small", "efficientnet-b0", "googlenet"])
def test_a_state_dict_is_read_by_its_names(name, tmp_path):
    """Alone and in no order: gates that are convolutions there, epsilons that are the network's own, classifiers of the training alone."""
    network = find_architecture(name).network()
    shapes = {}
    for layer_name, layer in network.layers.items():
        for key, array in layer.arrays.items():
            shape = array.shape[:1:-1] + array.shape[:2] if array.ndim == 4 else array.shape[::-1]
            shapes[f"{layer_name}.{PYTORCH_NAMES[key]}"] = (*shape, 1, 1) if ".fc" in layer_name and len(shape) == 2 else shape
    shapes |= {"aux1.fc2.weight": (1000, 64), "aux1.fc2.bias": (1000,)} if name == "googlenet" else {}
    write_safetensors(tmp_path / "file.safetensors", dict(reversed(state(shapes).items())))
    model = minicnn.load(tmp_path / "file.safetensors", fold=False)
    assert model.name == name
    with np.load(REFERENCES) as stored:
        logits = stored[f"{name}/logits"]
    found = model.network(image(name).astype(np.float32))[0, :: EVERY // 8]
    assert found == pytest.approx(logits, abs=1e-4 * np.abs(logits).max())
