"""The command line on networks of one's own."""

import json

import numpy as np
import pytest
from commands import fail, minicnn, succeed
from own_networks import FIXED, GRAY, NORMALIZED
from PIL import Image

from minicnn import Model, he_initialized, save
from minicnn.models.descriptions import read_description


@pytest.fixture
def folder(tmp_path):
    """Descriptions as .toml, and with random weights as .h5."""
    for name, text in {"gray": GRAY, "normalized": NORMALIZED, "fixed": FIXED}.items():
        (tmp_path / f"{name}.toml").write_text(text)
        description = read_description(text, name)
        network = he_initialized(description.network, seed=2)
        save(Model(network, name, description.preprocessing, description.classes, description.input_shape[:2]), tmp_path / f"{name}.h5")
    return tmp_path


def test_summary(folder):
    table = succeed("summary", "gray.toml", folder=folder)
    assert table == succeed("summary", "gray.h5", folder=folder)
    rows = {line.split()[0]: line for line in table.splitlines()}
    assert "19 x 45 x 6" in rows["first"] and "5 x 3" in rows["first"]
    assert "10 x 22 x 6" in rows["halves"]  # (19 + 2 - 3) / 2 + 1, (45 - 2) / 2 + 1
    assert "572 parameters" in table  # 5 x 3 x 6 + 6, 3 x 3 x 6 x 8 + 8, 8 x 4 + 4
    assert "image of 37 x 45 pixels" in table


def test_summary_says_which_layer_does_not_fit(folder):
    (folder / "wrong.toml").write_text(FIXED.replace('{relu = "relu2"},', '{max_pool = "pool2", size = 8},'))
    process = minicnn("summary", "wrong.toml", folder=folder)
    assert process.returncode == 2 and "Traceback" not in process.stderr
    assert [line.split()[0] for line in process.stdout.splitlines()] == ["layer", "conv1", "relu1", "pool1", "conv2"]
    assert all(fact in process.stderr for fact in ("wrong.toml: layer 5, pool2", "5 x 7 x 8", "window of 8"))
    process = minicnn("summary", "fixed.toml", "--size", "40x38", folder=folder)
    assert process.returncode == 2
    assert process.stdout.splitlines()[-1].split()[0] == "flatten"
    assert all(fact in process.stderr for fact in ("fc1", "(392,)", "(280,)"))


def test_summary_of_a_wrong_text(folder):
    (folder / "wrong.toml").write_text(GRAY.replace("filters", "filter", 1))
    assert "wrong.toml: layer 1, first: convolution has no option 'filter' (did you mean 'filters'?)" in fail(
        "summary", "wrong.toml", folder=folder
    )


def test_gradcheck(folder):
    for arguments in (["normalized.toml"], ["normalized.h5"], ["normalized.toml", "--weights", "normalized.h5"]):
        lines = succeed("gradcheck", *arguments, folder=folder).splitlines()
        assert [line.split()[0] for line in lines[1:4]] == ["conv1", "norm1", "relu1"]
        assert "wrong" not in "\n".join(lines)


def test_predict(folder, panda):
    by_file = json.loads(succeed("predict", panda, "--model", "gray.h5", "--json", folder=folder))
    by_text = json.loads(succeed("predict", panda, "--model", "gray.toml", "--weights", "gray.h5", "--json", folder=folder))
    assert by_file == by_text and by_file["model"] == "gray"
    assert {answer["class"] for answer in by_file["top"]} == {"ant", "bee", "red fox", "crane"}


def test_pictures_and_replay(folder, panda):
    succeed("saliency", panda, "--model", "gray.toml", "--weights", "gray.h5", "--target", "red fox", folder=folder)
    succeed("filters", "--model", "normalized.h5", folder=folder)
    source = json.loads(Image.open(folder / "panda-saliency-red-fox.png").text["minicnn"])
    assert source["model"] == "gray" and [file["path"] for file in source["model_files"]] == [
        str(folder / "gray.toml"),
        str(folder / "gray.h5"),
    ]
    for picture in ("panda-saliency-red-fox.png", "normalized-filters.png"):
        assert "bit for bit" in succeed("replay", picture, folder=folder)
    (folder / "elsewhere").mkdir()
    (folder / "gray.h5").rename(folder / "elsewhere/gray.h5")
    assert "missing" in fail("replay", "panda-saliency-red-fox.png", "--overwrite", folder=folder)
    again = succeed("replay", "panda-saliency-red-fox.png", "--weights", "elsewhere/gray.h5", "--overwrite", folder=folder)
    assert "bit for bit" in again
    (folder / "normalized.h5").write_bytes((folder / "fixed.h5").read_bytes())
    assert "changed since then" in fail("replay", "normalized-filters.png", "--overwrite", folder=folder)


def test_report(folder, panda):
    arguments = ["--model", "fixed.h5", "--only", "saliency,filter-model,sanity", "--out", "page"]
    succeed("report", panda, *arguments, folder=folder)
    assert "fixed" in (folder / "page/index.html").read_text()
    assert np.asarray(Image.open(folder / "page/photo.png")).shape == (30, 38, 3)


def test_errors(folder, panda):
    assert "fixed.toml describes a network" in fail("saliency", panda, "--model", "fixed.toml", folder=folder)
    assert "no file missing.toml" in fail("predict", panda, "--model", "missing.toml", folder=folder)
    assert "fixed.h5 cannot be loaded" in fail("predict", panda, "--model", "gray.h5", "--weights", "fixed.h5", folder=folder)
    assert "gray.h5" in fail("predict", panda, "--weights", "gray.h5", folder=folder)
