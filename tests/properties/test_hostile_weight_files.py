"""Weight files with bytes changed, cut, spliced and inserted: whatever comes, it is read or refused with one error, in little memory.

MINICNN_FUZZ sets the number of files for each format; by default there are few.
"""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from weight_file_helpers import (
    small_parameters,
    write_2015,
    write_applications,
    write_full_model,
    write_keras3,
)

from minicnn.errors import WeightFileError
from minicnn.weightfiles import read_weights
from minicnn.weights import as_float32

FILES = int(os.environ.get("MINICNN_FUZZ", "60"))
STORED = Path(__file__).parent.parent / "references" / "weight_files"

#: What 1, 2, 4 or 8 bytes are replaced by, beside random ones.
TELLING = [0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 1 << 40]


def write_compressed(path, parameters):
    write_applications(path, parameters)
    with h5py.File(path, "r+") as file:
        for name in ("block1_conv1/block1_conv1_W_1:0", "fc1/fc1_W_1:0"):
            array = file[name][...]
            del file[name]
            file.create_dataset(name, data=array, compression="gzip", shuffle=name.startswith("fc1"))


def write_npz(path, parameters):
    arrays = {f"{name}_{key}": arrays[full] for name, arrays in parameters.items() for key, full in (("W", "weight"), ("b", "bias"))}
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def write_npz_compressed(path, parameters):
    arrays = {f"{name}_{key}": arrays[full] for name, arrays in parameters.items() for key, full in (("W", "weight"), ("b", "bias"))}
    with open(path, "wb") as file:
        np.savez_compressed(file, **arrays)


WRITTEN = {
    "Keras applications": write_applications,
    "Keras full model": write_full_model,
    "Keras 3": write_keras3,
    "Keras 2015": write_2015,
    "Keras compressed": write_compressed,
    "npz": write_npz,
    "npz compressed": write_npz_compressed,
}
KEPT = ("zip.pth", "legacy.pth", "checkpoint.pth", "bfloat16.pth", "tiny.safetensors", "bfloat16.safetensors", "torchscript.onnx", "dynamo.onnx")


@pytest.fixture(scope="module")
def good_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    files = {name: (STORED / name).read_bytes() for name in KEPT}
    for name, write in WRITTEN.items():
        write(folder / "file", small_parameters())
        files[name] = (folder / "file").read_bytes()
    return files


def place(limit):
    """Positions, those near the beginning and the end, where headers are, more often."""
    return st.one_of(st.integers(0, limit), st.integers(0, min(limit, 200)), st.integers(max(0, limit - 400), limit))


@st.composite
def changes(draw, content, other):
    """A file's content after one to four changes."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(place(len(content)))
        kind = draw(st.sampled_from(["flip", "number", "number", "cut", "remove", "insert", "repeat", "splice"]))
        if kind == "flip" and at < len(content):
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "number":
            width = draw(st.sampled_from([1, 2, 4, 8]))
            value = draw(st.sampled_from(TELLING) | st.integers(0, 1 << 64)) & ((1 << 8 * width) - 1)
            content[at : at + width] = value.to_bytes(width, draw(st.sampled_from(["little", "big"])))
        elif kind == "cut":
            del content[at:]
        elif kind == "remove":
            del content[at : at + draw(st.integers(1, 64))]
        elif kind == "insert":
            content[at:at] = draw(st.binary(min_size=1, max_size=32))
        elif kind == "repeat":
            content[at:at] = content[at : at + draw(st.integers(1, 256))]
        elif kind == "splice":
            start = draw(place(len(other)))
            content[at : at + 64] = other[start : start + draw(st.integers(1, 512))]
    return bytes(content)


@pytest.mark.parametrize("name", [*KEPT, *WRITTEN])
def test_changed_files_are_read_or_refused(name, good_files, tmp_path):
    if name.endswith(".onnx"):
        pytest.importorskip("onnx")
    path = tmp_path / "changed"
    others = list(good_files.values())

    @settings(max_examples=FILES, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=FILES == 60)
    @given(data=st.data())
    def check(data):
        other = data.draw(st.sampled_from(others))
        path.write_bytes(data.draw(changes(good_files[name], other)))
        read_all(path)

    check()


def read_all(path):
    """Read a file and all of its numbers; any other error than WeightFileError comes out."""
    try:
        for layer in read_weights(path).layers:
            for key, array in layer.arrays.items():
                as_float32(array, key)
    except WeightFileError as error:
        assert str(path) in str(error) or "holds NaN" in str(error)
        assert len(str(error)) < 1000 and str(error).isprintable()
