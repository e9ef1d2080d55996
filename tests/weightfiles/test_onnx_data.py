"""ONNX files whose weights lie in a file of their own."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from weight_file_helpers import onnx_model

from minicnn.errors import WeightFileError
from minicnn.weightfiles import read_weights
from minicnn.weightfiles.onnx.tensors import beside

KERNEL = np.arange(54, dtype=np.float32).reshape(2, 3, 3, 3)


@pytest.fixture
def model(tmp_path):
    """A model whose kernel is in weights.data, after four other bytes, and what changes where it says that it is."""
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "file.onnx"
    onnx_model(path, [("Conv", ["x", "w"], ["y"], {})], w=KERNEL)
    (tmp_path / "weights.data").write_bytes(b"else" + KERNEL.tobytes())

    def point(location="weights.data", offset=4, length=216, data_type=1):
        changed = onnx.load(path, load_external_data=False)
        (tensor,) = changed.graph.initializer
        tensor.ClearField("raw_data")
        del tensor.external_data[:]
        tensor.data_location, tensor.data_type = onnx.TensorProto.EXTERNAL, data_type
        for key, value in {"location": location, "offset": offset, "length": length}.items():
            if value is not None:
                tensor.external_data.add(key=key, value=str(value))
        path.write_bytes(changed.SerializeToString())
        return path

    point()
    return point


def kernel(path):
    return read_weights(path).layers[0].arrays["weight"].transpose(3, 2, 0, 1)


def test_weights_beside_the_file(model):
    assert np.array_equal(kernel(model()), KERNEL)
    assert np.array_equal(kernel(model(length=None)), KERNEL)


def test_weights_of_sixteen_bits(model, tmp_path):
    (tmp_path / "weights.data").write_bytes((KERNEL.view(np.uint32) >> 16).astype(np.uint16).tobytes())  # these need no more
    assert np.array_equal(kernel(model(offset=None, length=None, data_type=16)), KERNEL)


ELSEWHERE = [
    "../weights.data",
    "/etc/hostname",
    "folder/weights.data",
    "folder\\weights.data",
    "..",
    ".",
    "",
    "C:weights.data",
    "a\nb",
    "\0",
]


@pytest.mark.parametrize("location", ELSEWHERE)
def test_only_plain_names_are_followed(location, tmp_path):
    (tmp_path / "folder").mkdir()
    for place in (tmp_path.parent, tmp_path / "folder", tmp_path):
        (place / "weights.data").write_bytes(b"1234")
    with pytest.raises(WeightFileError, match="expected a plain file name"):
        beside(tmp_path / "file.onnx", location)


def test_the_error_names_the_file_that_is_missing(model, tmp_path):
    (tmp_path / "weights.data").unlink()
    with pytest.raises(WeightFileError, match=r"'weights.data', which is missing; put it beside 'file.onnx'"):
        read_weights(model())


def test_links_are_followed_within_the_folder_only(model, tmp_path):
    inside, outside = tmp_path / "other.data", tmp_path.parent / f"{tmp_path.name}.data"
    shutil.copy(tmp_path / "weights.data", inside)
    shutil.copy(tmp_path / "weights.data", outside)
    (tmp_path / "weights.data").unlink()
    (tmp_path / "weights.data").symlink_to(inside)
    assert np.array_equal(kernel(model()), KERNEL)
    (tmp_path / "weights.data").unlink()
    (tmp_path / "weights.data").symlink_to(outside)
    with pytest.raises(WeightFileError, match="a link out of its folder"):
        read_weights(model())
    outside.unlink()


def test_both_files_may_be_links_into_one_folder(model, tmp_path):
    """As in the cache of Hugging Face, where a download is a folder of links."""
    (tmp_path / "snapshot").mkdir()
    for name in (model().name, "weights.data"):
        (tmp_path / "snapshot" / name).symlink_to(tmp_path / name)
    assert np.array_equal(kernel(tmp_path / "snapshot" / "file.onnx"), KERNEL)


def no_file(path):
    path.mkdir()


@pytest.mark.parametrize("make", [os.mkfifo, no_file, Path.touch, lambda path: path.symlink_to(path)])
def test_what_is_no_ordinary_file_is_refused(make, model, tmp_path):
    (tmp_path / "weights.data").unlink()
    make(tmp_path / "weights.data")
    with pytest.raises(WeightFileError, match="no ordinary file|is empty|is missing"):
        read_weights(model())


PLACES = [{"offset": 5}, {"offset": -1}, {"length": 212}, {"length": 220}, {"offset": 2**70}, {"data_type": 11, "length": None}]


@pytest.mark.parametrize("place", [*PLACES, {"offset": "x"}, {"length": "9" * 5000}])
def test_places_that_the_file_does_not_have(place, model):
    with pytest.raises(WeightFileError, match="get both files again|no readable place"):
        read_weights(model(**place))


def test_the_same_weights_many_times_take_no_memory_without_end(model):
    """Each of many constants claims all of a small file."""
    onnx = pytest.importorskip("onnx")
    path = model()
    changed = onnx.load(path, load_external_data=False)
    for i in range(6000):
        tensor = changed.graph.initializer.add()
        tensor.CopyFrom(changed.graph.initializer[0])
        tensor.name = f"w{i}"
    together = onnx.helper.make_node("Concat", [f"w{i}" for i in range(6000)], ["w all"], axis=0)
    convolution = onnx.helper.make_node("Conv", ["x", "w all"], ["y"])
    del changed.graph.node[:]
    changed.graph.node.extend([together, convolution])
    path.write_bytes(changed.SerializeToString())
    with pytest.raises(WeightFileError, match="claims 216 bytes in a file of 220"):
        read_weights(path)
