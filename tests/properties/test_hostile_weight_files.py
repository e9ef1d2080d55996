"""Weight files with bytes changed, cut, spliced and inserted: whatever comes, it is read or refused with one error, in little memory.

MINICNN_FUZZ sets the number of files for each format; by default there are few.
"""

import json
import os
import random
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from damage import FILES, changed
from hypothesis import given, settings
from hypothesis import strategies as st
from weight_file_helpers import (
    small_parameters,
    write_2015,
    write_applications,
    write_full_model,
    write_keras3,
)

from minicnn.errors import WeightFileError
from minicnn.models.files import load
from minicnn.models.matching import as_float32
from minicnn.weightfiles import DESCRIPTION, read_weights, write_keras
from minicnn.weightfiles.stored import shown

STORED = Path(__file__).parent.parent / "references" / "weight_files"


def write_compressed(path, parameters):
    write_applications(path, parameters)
    with h5py.File(path, "r+") as file:
        for name in ("block1_conv1/block1_conv1_W_1:0", "fc1/fc1_W_1:0"):
            array = file[name][...]
            del file[name]
            file.create_dataset(name, data=array, compression="gzip", shuffle=name.startswith("fc1"), chunks=(1,) * array.ndim)


def write_npz(path, parameters):
    arrays = {f"{name}_{key}": arrays[full] for name, arrays in parameters.items() for key, full in (("W", "weight"), ("b", "bias"))}
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def write_npz_compressed(path, parameters):
    arrays = {f"{name}_{key}": arrays[full] for name, arrays in parameters.items() for key, full in (("W", "weight"), ("b", "bias"))}
    with open(path, "wb") as file:
        np.savez_compressed(file, **arrays)


def write_model_file(path, parameters):
    other = {"gate": {"scale": parameters["conv1_1"]["bias"]}, "volume": {"weight": np.ones((2, 1, 3, 2, 2), np.float32)}}
    write_keras(path, {**parameters, **other}, {DESCRIPTION: "a network"}, overwrite=True)


WRITTEN = {
    "Keras applications": write_applications,
    "Keras full model": write_full_model,
    "Keras 3": write_keras3,
    "Keras 2015": write_2015,
    "Keras compressed": write_compressed,
    "Keras with other layers": write_model_file,
    "npz": write_npz,
    "npz compressed": write_npz_compressed,
}
KEPT = (
    "zip.pth",
    "legacy.pth",
    "checkpoint.pth",
    "bfloat16.pth",
    "tiny.safetensors",
    "bfloat16.safetensors",
    "torchscript.onnx",
    "dynamo.onnx",
    "checkpoints/training.pth",
    "checkpoints/object.pth",
    "checkpoints/modules.pth",
    "onnx/torch-torchscript.onnx",
    "onnx/keras-tensorflow.onnx",
    "onnx/keras-torch.onnx",
    "onnx/tf2onnx.onnx",
    "onnx/graphs/gated-torchscript.onnx",
    "onnx/graphs/shuffled-dynamo.onnx",
    "onnx/graphs/hourglass-dynamo.onnx",
)
KEPT_KERAS = ("nested.keras", "channels-first-2.h5", "gated.h5")


@pytest.fixture(scope="module")
def good_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    files = {name: (STORED / name).read_bytes() for name in (*KEPT, *KEPT_KERAS)}
    for name, write in WRITTEN.items():
        write(folder / "file", small_parameters())
        files[name] = (folder / "file").read_bytes()
    return files


def read_all(path):
    """Read a file and all of its numbers; any other error than WeightFileError comes out."""
    try:
        for layer in read_weights(path).layers:
            for key, array in layer.arrays.items():
                as_float32(array, shown(key))
    except WeightFileError as error:
        assert str(path) in str(error) or "holds NaN" in str(error)
        assert len(str(error)) < 1000 and str(error).isprintable()


@pytest.mark.parametrize("name", [*KEPT, "npz", "npz compressed"])
def test_changed_files_are_read_or_refused(name, good_files, tmp_path):
    if name.endswith(".onnx"):
        pytest.importorskip("onnx")
    path = tmp_path / "changed"

    @settings(max_examples=FILES, deadline=None, database=None, derandomize="MINICNN_FUZZ" not in os.environ)
    @given(seed=st.integers(0, 2**32 - 1))
    def check(seed):
        path.write_bytes(changed(good_files[name], list(good_files.values()), random.Random(seed)))
        read_all(path)

    check()


@pytest.mark.parametrize("which", ["model", "data"])
def test_changed_onnx_files_of_two_parts_are_read_or_refused(which, good_files, tmp_path):
    """A model, and its weights in a file beside it."""
    pytest.importorskip("onnx")
    generator = random.Random(0)
    parts = {"model": STORED / "onnx" / "torch-dynamo.onnx", "data": STORED / "onnx" / "torch-dynamo.onnx.data"}
    for _ in range(FILES):
        for part, path in parts.items():
            content = path.read_bytes()
            (tmp_path / path.name).write_bytes(changed(content, list(good_files.values()), generator) if part == which else content)
        read_all(tmp_path / "torch-dynamo.onnx")


@pytest.mark.parametrize("name", [*(name for name in WRITTEN if name.startswith("Keras")), *KEPT_KERAS])
def test_changed_hdf5_files_are_read_or_refused(name, good_files, tmp_path):
    """In a process of its own with little memory, as the HDF5 library has been seen to hang, to crash and to take all memory."""
    generator = random.Random(0)
    for i in range(FILES):
        (tmp_path / f"{i:06}").write_bytes(changed(good_files[name], list(good_files.values()), generator))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, __file__, str(tmp_path)], timeout=60 + FILES / 50, check=True, env=environment)


#: What a value in a configuration is replaced by.
VALUES = [
    None,
    True,
    False,
    -1,
    0,
    1,
    2,
    3,
    1 << 70,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "relu",
    "same",
    "InputLayer",
    "Sequential",
    "\0",
    [],
    [1],
    [[]],
    {},
]


def parts_of(value):
    """All lists and tables of a configuration that are not empty."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([value] if inner else []) + [part for item in inner for part in parts_of(item)]


def restructured(configuration, generator):
    """A configuration after one to three values were removed, replaced, repeated or exchanged."""
    configuration = json.loads(json.dumps(configuration))
    for _ in range(generator.randint(1, 3)):
        parts = parts_of(configuration)
        part, other = generator.choice(parts), generator.choice(parts)
        key = generator.choice(list(part) if isinstance(part, dict) else range(len(part)))
        kind = generator.choice(["remove", "replace", "replace", "copy", "repeat"])
        if kind == "remove":
            del part[key]
        elif kind == "replace":
            part[key] = generator.choice(VALUES)
        elif kind == "copy":
            part[key] = json.loads(json.dumps(generator.choice(list(other.values()) if isinstance(other, dict) else other)))
        elif isinstance(part, list):
            part.insert(key, json.loads(json.dumps(part[key])))
    return configuration


def test_changed_configurations_are_read_or_refused(tmp_path):
    """What a Keras model says of itself; what can be built of it is built."""
    generator, path = random.Random(0), tmp_path / "changed.keras"
    models = []
    for name in ("nested.keras", "residual.keras", "gated.keras", "u-net.keras"):
        with zipfile.ZipFile(STORED / name) as archive:
            models.append((json.loads(archive.read("config.json")), archive.read("model.weights.h5")))
    for _ in range(FILES):
        configuration, weights = generator.choice(models)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", json.dumps(restructured(configuration, generator)))
            archive.writestr("model.weights.h5", weights)
        read_all(path)
        try:
            load(path)
        except WeightFileError as error:
            assert str(path) in str(error) and str(error).isprintable()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    for path in sorted(Path(sys.argv[1]).iterdir()):
        print(path.name, flush=True)  # so that the last one printed is to blame
        read_all(path)
