"""Networks by name, and a U-Net, against PyTorch with the same random weights: arrays of all, numbers of those that are not large.

scripts/check_architectures compares the numbers of all.
"""

import json
import re

import numpy as np
import pytest
from architecture_cases import (
    EVERY,
    REFERENCED,
    REFERENCES,
    U_NET,
    deviations,
    image,
    network_of,
    parameter_count,
    pytorch_name,
    shapes_of,
    state,
    used,
    with_numbers,
)

import minicnn
from minicnn.errors import WeightFileError
from minicnn.models.files import describe
from minicnn.weightfiles.torch_layout import channels_last

#: The others differ from these in numbers of channels and blocks alone, which their arrays tell.
MOST_PARAMETERS = 30_000_000


@pytest.fixture(scope="module")
def stored():
    with np.load(REFERENCES) as arrays:
        yield dict(arrays)


def small():
    with np.load(REFERENCES) as arrays:
        return [name for name in REFERENCED if parameter_count(shapes_of(arrays, name)) <= MOST_PARAMETERS]


@pytest.mark.parametrize("name", small())
def test_numbers(name, stored):
    found = deviations(stored, name, with_numbers(stored, name))
    assert found["logits"] < 1e-9
    assert found["gradient"] < 2e-8  # PyTorch's slope of hard-swish is 1/6 in float32


@pytest.mark.parametrize("name", REFERENCED)
def test_arrays(name, stored):
    network, shapes = network_of(name), used(shapes_of(stored, name))
    ours = {pytorch_name(part, layer, key): array.shape for part, layer in network.layers.items() for key, array in layer.arrays.items()}
    theirs = {key: channels_last(np.broadcast_to(0.0, shape)).shape for key, shape in shapes.items()}
    assert {key: without_ones(shape) for key, shape in ours.items()} == {key: without_ones(shape) for key, shape in theirs.items()}
    assert network.parameter_count == parameter_count(shapes)


def without_ones(shape):
    """A dense layer may be a convolution of 1x1 on the other side."""
    return [side for side in shape if side != 1]


def write_safetensors(path, arrays):
    """Write a state dict as the safetensors library does: a header in JSON, then the numbers."""
    header, end = {}, 0
    for name, array in arrays.items():
        start, end = end, end + 4 * array.size
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    path.write_bytes(b"".join([len(text).to_bytes(8, "little"), text, *(array.astype("<f4").tobytes() for array in arrays.values())]))


@pytest.mark.parametrize(
    "name",
    ["squeezenet1-1", "mobilenet-v3-small", "efficientnet-b0", "googlenet", "shufflenet-v2-x0-5", "regnet-y-400mf", "convnext-tiny"],
)
def test_a_state_dict_is_read_by_its_names(name, stored, tmp_path):
    """Alone and in no order: gates that are convolutions there, epsilons that are the network's own, classifiers of the training alone."""
    arrays = state(shapes_of(stored, name))
    write_safetensors(tmp_path / "file.safetensors", dict(reversed(arrays.items())))
    model = minicnn.load(tmp_path / "file.safetensors", fold=False)
    assert model.name == name
    check_logits(model, name, stored)


def test_published_densenets_have_dots_in_the_names_of_layers(stored, tmp_path):
    """denselayer1.norm.1 for norm1, as before PyTorch 0.4; a file that has both is none of them."""
    arrays = state(shapes_of(stored, "densenet121"))
    old = {re.sub(r"(denselayer\d+\.[a-z]+)(\d)", r"\1.\2", name): array for name, array in arrays.items()}
    write_safetensors(tmp_path / "file.safetensors", {f"module.{name}": array for name, array in old.items()})
    assert "features.denseblock4.denselayer16.conv.2.weight" in old
    check_logits(minicnn.load("densenet121", tmp_path / "file.safetensors", fold=False), "densenet121", stored)
    assert describe(tmp_path / "file.safetensors").name == "densenet121"
    write_safetensors(tmp_path / "file.safetensors", {**arrays, **old})
    with pytest.raises(WeightFileError, match=r"denseblock1\.denselayer1\.norm\.1"):
        minicnn.load("densenet121", tmp_path / "file.safetensors")


@pytest.mark.parametrize("missing", ["features.norm5.bias", "classifier.bias", "features.denseblock1.denselayer1.norm1.weight"])
def test_nothing_is_filled_in_for_arrays_that_a_file_lacks(missing, stored, tmp_path):
    arrays = state(shapes_of(stored, "densenet121"))
    del arrays[missing]
    write_safetensors(tmp_path / "file.safetensors", arrays)
    layer, _, key = missing.rpartition(".")
    with pytest.raises(WeightFileError, match=f"lacks the {key} of {layer}, which densenet121 has"):
        minicnn.load("densenet121", tmp_path / "file.safetensors")


def test_the_state_dict_of_a_described_network(stored, tmp_path):
    write_safetensors(tmp_path / "file.safetensors", dict(reversed(state(shapes_of(stored, "u-net")).items())))
    check_logits(minicnn.load(U_NET, tmp_path / "file.safetensors"), "u-net", stored)


def check_logits(model, name, stored):
    logits = stored[f"{name}/logits"]
    found = model.network(image(name).astype(np.float32)).reshape(-1)[:: EVERY // 8]
    assert found == pytest.approx(logits, abs=1e-4 * np.abs(logits).max())
