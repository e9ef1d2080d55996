"""Published files, and how a model finds those that have been downloaded."""

import dataclasses
import re
from pathlib import Path

import platformdirs
import pytest

import minicnn
from minicnn.errors import UnknownNameError, WeightFileError
from minicnn.files.published import PUBLISHED, PublishedFile, cache_folder, find_published
from minicnn.models.architectures import ARCHITECTURES, Architecture
from minicnn.models.specs import spec
from minicnn.network.initialize import he_initialized
from minicnn.weightfiles.keras import write_keras


def tiny_layers(classes):
    return {"conv": spec("convolution", filters=4, size=3), "gap": spec("global_average_pool"), "fc": spec("dense", units=classes)}


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """An architecture with a published file in the cache, and one with its first layer only."""
    monkeypatch.setenv("MINICNN_CACHE", str(tmp_path))
    monkeypatch.setitem(ARCHITECTURES, "tiny", Architecture("tiny", tiny_layers))
    parameters = he_initialized(ARCHITECTURES["tiny"].network()).parameters
    for name, layers in (("tiny", ["conv", "fc"]), ("tiny-notop", ["conv"])):
        path = tmp_path / f"{name}-weights.h5"
        write_keras(path, {layer: parameters[layer] for layer in layers}, {})
        address = f"https://example.org/{path.name}"
        monkeypatch.setitem(PUBLISHED, name, PublishedFile(name, "tiny", "small", address, path.stat().st_size, "md5:0", "Ours"))
    return tmp_path


def test_a_downloaded_file_is_found(tiny):
    model = minicnn.load("tiny")
    assert model.origin.weights == tiny / "tiny-weights.h5" and model.credit == "Ours" and len(model.classes) == 1000
    bottom = minicnn.load("tiny", weights="tiny-notop")
    assert list(bottom.network.layers) == ["conv"] and bottom.origin.weights == tiny / "tiny-notop-weights.h5"


def test_a_file_of_another_size_is_refused(tiny):
    path = tiny / "tiny-weights.h5"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightFileError, match=f"has {size - 1:,} bytes, expected {size:,}.*'minicnn weights download tiny --overwrite'"):
        minicnn.load("tiny")
    path.unlink()
    with pytest.raises(WeightFileError, match="tiny .*'minicnn weights download tiny'"):
        minicnn.load("tiny")
    with pytest.raises(WeightFileError, match="tiny-notop has not been downloaded"):
        (tiny / "tiny-notop-weights.h5").unlink()
        minicnn.load("tiny", "tiny-notop")


def test_a_file_that_the_user_names_goes_first(tiny, tmp_path):
    other = tmp_path / "other.h5"
    write_keras(other, he_initialized(ARCHITECTURES["tiny"].network()).parameters, {"source": "Others"})
    model = minicnn.load("tiny", other)
    assert model.origin.weights == other and model.credit == "Others"


def test_the_cache_folder(monkeypatch):
    monkeypatch.setenv("MINICNN_CACHE", "~/weights")
    assert cache_folder() == Path.home() / "weights"
    monkeypatch.setenv("MINICNN_CACHE", "")
    assert cache_folder() == Path(platformdirs.user_cache_dir("minicnn", appauthor=False))


def test_the_table_is_sound():
    """Each hash has its algorithm's length, each size holds at least the parameters of the model's convolutions."""
    digits = {"md5": 32, "sha256": 64}
    for name, published in PUBLISHED.items():
        algorithm, _, found = published.checksum.partition(":")
        assert re.fullmatch("[0-9a-f]+", found) and len(found) == digits[algorithm]
        assert published.name == name and published.address.startswith("https://") and published.file_name.endswith(".h5")
        arrays = list(ARCHITECTURES[published.model].network().parameters.values())
        kept = arrays if name == published.model else [layer for layer in arrays if layer["weight"].ndim == 4]
        numbers = sum(array.size for layer in kept for array in layer.values())
        assert 0 < published.size - 4 * numbers < 100_000
    with pytest.raises(UnknownNameError, match="'vgg16-top' .*'vgg16-notop'.*vgg19-notop"):
        find_published("vgg16-top")


def test_each_is_fully_described():
    assert len({dataclasses.astuple(published)[3:6] for published in PUBLISHED.values()}) == len(PUBLISHED)
    assert all("CC BY 4.0" in published.credit for published in PUBLISHED.values())
