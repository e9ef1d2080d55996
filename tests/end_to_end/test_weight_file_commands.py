"""info, check and convert, on files that PyTorch wrote."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import fail, succeed
from commands import minicnn as run
from PIL import Image
from tiny_torch import DESCRIPTION
from weight_file_helpers import random_parameters, write_applications

import minicnn
from minicnn.models.files import describe, describe_text
from minicnn.weightfiles import write_keras

TINY = Path(__file__).parent.parent / "references" / "weight_files"
NAMES = ["ant", "bee", "cow", "dog"]


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


def test_a_file_that_says_itself_what_it_is(tmp_path, panda):
    """Converted or not, every command takes it; what it does not say is said beside it, and replayed."""
    pytest.importorskip("onnx")
    onnx = TINY / "torchscript.onnx"
    said = succeed("weights", "convert", onnx, tmp_path / "tiny.h5")
    assert succeed("summary", onnx) == succeed("summary", tmp_path / "tiny.h5")
    assert "--preprocessing NAME" in said and "--classes FILE" in said
    for file in (onnx, tmp_path / "tiny.h5"):
        assert "--preprocessing torch" in fail("predict", panda, "--model", file)
        assert "class 0" in succeed("predict", panda, "--model", file, "--preprocessing", "torch", "--top", 9)
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    given = ["--preprocessing", "tf", "--classes", tmp_path / "names.txt"]
    said = succeed("weights", "convert", onnx, tmp_path / "tiny.h5", *given, "--overwrite")
    assert "NAME" not in said and "--classes" not in said
    converted = json.loads(succeed("predict", panda, "--model", tmp_path / "tiny.h5", "--json"))["top"]
    direct = json.loads(succeed("predict", panda, "--model", onnx, *given, "--json"))["top"]
    assert converted == direct and {answer["class"] for answer in direct} <= set(NAMES)
    succeed("saliency", panda, "--model", onnx, *given, "--target", NAMES[1], "--out", tmp_path / "map.png")
    source = json.loads(Image.open(tmp_path / "map.png").text["minicnn"])
    assert source["given"] == {"preprocessing": "tf", "classes": NAMES}
    assert "bit for bit" in succeed("replay", tmp_path / "map.png", "--out", tmp_path / "again.npz")
    (tmp_path / "names.txt").write_text("one\ntwo")
    assert "2 classes are named" in fail("predict", panda, "--model", onnx, *given)
    assert "wrong" not in succeed("gradcheck", onnx)


def test_describe(tmp_path):
    """What is printed of weights alone is a description that takes them, with what has to be checked."""
    text = succeed("describe", TINY / "zip.pth")
    assert text.startswith("# ") and "\nunchecked.layers = " in text and "padding" in text
    assert f"--weights {TINY / 'zip.pth'}" in succeed("describe", TINY / "zip.pth", "--out", tmp_path / "my.toml")
    assert (tmp_path / "my.toml").read_text() == text
    checked = run("weights", "check", TINY / "zip.pth", "--model", tmp_path / "my.toml")
    assert "those of" in checked.stdout and "a guess that nobody has checked" in checked.stderr
    assert "exists" in fail("describe", TINY / "zip.pth", "--out", tmp_path / "my.toml")
    assert "ends with .toml" in fail("describe", "vgg16", "--out", tmp_path / "my.txt")
    assert "minicnn describe" in fail("predict", "--model", TINY / "zip.pth")
    assert 'preprocessing = "tf"' in succeed("describe", "vgg16", "--preprocessing", "tf")


def test_another_head_is_a_top(tmp_path):
    text = describe_text("minivgg").replace(
        '{dense = "fc", units = 10}', '{dense = "a", units = 8}, {relu = "r"}, {dense = "b", units = 3}'
    )
    (tmp_path / "net.toml").write_text("\n".join(line for line in text.splitlines() if not line.startswith("classes")))
    write_keras(tmp_path / "mine.h5", minicnn.he_initialized(describe(tmp_path / "net.toml").network, seed=1).arrays, {})
    converted = run("weights", "convert", tmp_path / "mine.h5", tmp_path / "out.h5", "--model", "minivgg").stdout
    assert "out.h5: minivgg, " in converted and "Its classes have no names" in converted


def test_assumptions_are_told(tmp_path, panda):
    network = minicnn.he_initialized(minicnn.ARCHITECTURES["minivgg"].network(classes=3), seed=1)
    write_keras(tmp_path / "mine.h5", network.arrays, {})
    found = run("predict", panda, "--model", "minivgg", "--weights", tmp_path / "mine.h5")
    assert found.returncode == 0 and "class 2" in found.stdout
    assert "Warning: " in found.stderr and "'cifar10'" in found.stderr and "--preprocessing NAME" in found.stderr
    assert "global average pooling" in run("predict", panda, "--model", tmp_path / "mine.h5").stderr
    found = run("predict", panda, "--model", "minivgg", "--weights", tmp_path / "mine.h5", "--preprocessing", "unit")
    assert found.returncode == 0 and "'cifar10'" not in found.stderr and "epsilon 0.001" in found.stderr


def test_evaluate_asks_for_the_preprocessing(tmp_path):
    """As predict does, with an option that works."""
    (tmp_path / "net.toml").write_text(
        'input = [4, 4, 3]\nlayers = [{convolution = "c", filters = 2, size = 3}, {global_average_pool = "g"}, {dense = "fc", units = 2}]\n'
    )
    network = minicnn.he_initialized(describe(tmp_path / "net.toml").network)
    minicnn.save(minicnn.Model(network, "net", input_size=4), tmp_path / "net.h5")
    np.savez(tmp_path / "data.npz", images=np.zeros((4, 4, 4, 3), np.uint8), labels=np.arange(4) % 2)
    arguments = ("evaluate", tmp_path / "data.npz", "--model", tmp_path / "net.h5")
    assert "--preprocessing torch" in fail(*arguments)
    assert "accuracy" in succeed(*arguments, "--preprocessing", "torch")
