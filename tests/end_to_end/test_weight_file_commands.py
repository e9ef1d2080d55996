"""info, check and convert, on files that PyTorch wrote."""

from pathlib import Path

import numpy as np
import pytest
from commands import fail, succeed
from tiny_torch import DESCRIPTION
from weight_file_helpers import random_parameters, write_applications

import minicnn

TINY = Path(__file__).parent.parent / "references" / "weight_files"


@pytest.fixture(scope="module")
def description(tmp_path_factory):
    path = tmp_path_factory.mktemp("description") / "tiny.toml"
    path.write_text(DESCRIPTION)
    return path


def test_info():
    text = succeed("weights", "info", TINY / "zip.pth")
    assert "PyTorch, zip, 8,276 bytes" in text
    assert [line.split() for line in text.splitlines() if line.startswith("features.4")] == [
        ["features.4", "convolution", "weight", "3", "x", "2", "x", "4", "x", "5", "float32"]
    ]
    assert "584 parameters" in text and "SHA-256 c2e964b901ef4a06" in text and "none of the published files" in text


def test_check(description):
    text = succeed("weights", "check", TINY / "tiny.safetensors", "--model", description)
    assert "finite" in text and "those of tiny" in text
    row = next(line.split() for line in text.splitlines() if line.startswith("norm2") and "variance" in line)
    assert 0.5 <= float(row[-2]) <= float(row[3]) <= float(row[-1]) <= 2  # as the reference was drawn


def test_check_finds_the_model_and_what_is_wrong(tmp_path):
    parameters = random_parameters("vgg16", without_top=True)
    write_applications(tmp_path / "file", parameters)
    assert "those of vgg16 without its top" in succeed("weights", "check", tmp_path / "file")
    assert "16 convolutions" not in fail("weights", "check", tmp_path / "file", "--model", "vgg19")
    parameters["conv3_2"]["weight"][0, 0, 0, 0] = np.nan
    write_applications(tmp_path / "file", parameters)
    assert "block3_conv2 holds NaN" in fail("weights", "check", tmp_path / "file")
    assert "fits none of the models" in fail("weights", "check", TINY / "zip.pth")


@pytest.mark.parametrize("half", [False, True])
def test_convert(half, description, tmp_path):
    out = tmp_path / "tiny.h5"
    options = ["--half"] if half else []
    assert "tiny" in succeed("weights", "convert", TINY / "legacy.pth", out, "--model", description, *options)
    with np.load(TINY / "outputs.npz") as stored:
        logits = minicnn.load(out).network(np.ascontiguousarray(stored["x"]))
        assert np.abs(logits - stored["logits"]).max() < (1e-3 if half else 1e-6)
    before = out.read_bytes()
    assert "exists" in fail("weights", "convert", TINY / "legacy.pth", out, "--model", description)
    assert "expected" in fail("weights", "convert", TINY / "outputs.npz", out, "--overwrite")
    assert "ends with .h5" in fail("weights", "convert", TINY / "legacy.pth", tmp_path / "tiny.toml", "--model", description)
    assert out.read_bytes() == before and list(tmp_path.iterdir()) == [out]


def test_convert_a_network_that_describes_itself(tmp_path):
    pytest.importorskip("onnx")
    succeed("weights", "convert", TINY / "torchscript.onnx", tmp_path / "tiny.h5")
    with np.load(TINY / "outputs.npz") as stored:
        logits = minicnn.load(tmp_path / "tiny.h5").network(np.ascontiguousarray(stored["x"]))
        assert np.abs(logits - stored["logits"]).max() < 1e-6
