import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
from weight_file_helpers import LAYOUTS, narrow_parameters, random_parameters, write_applications

import minicnn
from minicnn.errors import WeightFileError
from minicnn.layers import Conv2D, Dense
from minicnn.models.matching import load_arrays
from minicnn.network.network import Network
from minicnn.weightfiles import DESCRIPTION, read_weights, write_keras


def layers_of(parameters):
    """A network of nothing but the layers that have these parameters."""
    return Network({name: (Conv2D if arrays["weight"].ndim == 4 else Dense)(**arrays) for name, arrays in parameters.items()})


def read(path, network):
    return load_arrays(read_weights(path), network, (32, 32, 3))


def assert_equal(found, expected):
    assert list(found) == list(expected)
    for layer in expected:
        assert np.array_equal(found[layer]["weight"], expected[layer]["weight"])
        assert np.array_equal(found[layer]["bias"], expected[layer]["bias"])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_the_three_layouts(tmp_path, layout, name):
    """conv2d_10 must not come before conv2d_2."""
    parameters = narrow_parameters(name)
    LAYOUTS[layout](tmp_path / "weights.h5", parameters)
    found = read(tmp_path / "weights.h5", layers_of(parameters))
    assert_equal(found, parameters)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_without_top(tmp_path, layout, panda):
    parameters = random_parameters("vgg16", without_top=True)
    LAYOUTS[layout](tmp_path / "notop.h5", parameters)
    model = minicnn.load("vgg16", weights=tmp_path / "notop.h5")
    assert list(model.network.layers)[-1] == "pool5"
    assert_equal(model.network.parameters, parameters)
    with pytest.raises(minicnn.MinicnnError, match="no top"):
        model.predict(panda)


def test_our_own_files(tmp_path):
    parameters = random_parameters("vgg16-gap")
    write_keras(tmp_path / "own.h5", parameters, {"description": "not minicnn's", "source": "nowhere"})
    found, attributes = read(tmp_path / "own.h5", layers_of(parameters)), read_weights(tmp_path / "own.h5").metadata
    assert_equal(found, parameters)
    assert attributes == {"description": "not minicnn's", "source": "nowhere"}
    model = minicnn.load("vgg16-gap", weights=tmp_path / "own.h5")
    assert model.preprocessing == minicnn.pictures.photos.PREPROCESSING["caffe"] and len(model.classes) == 1000


OTHER_LAYERS = {
    "scale": {"scale": (3,)},
    "volume": {"weight": (2, 3, 3, 4, 5), "bias": (5,)},
    "one number": {"slope": ()},
    "names of Keras'": {"kernel": (3, 3), "gamma": (4,)},
    "a mean alone": {"mean": (3,)},
    "another order": {"bias": (4,), "weight": (3, 4)},
    "accents": {"\u00e9chelle": (2, 2)},
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_layers_that_keras_has_no_names_for(tmp_path, generator, dtype):
    written = {
        layer: {name: generator.random(shape).astype(dtype) for name, shape in shapes.items()} for layer, shapes in OTHER_LAYERS.items()
    }
    written["conv1"] = {"weight": generator.random((3, 3, 1, 2)), "bias": generator.random(2)}
    write_keras(tmp_path / "own.h5", written, {DESCRIPTION: "a network"})
    layers = {layer.name: layer for layer in read_weights(tmp_path / "own.h5").layers}
    assert list(layers) == list(written)
    for name, arrays in written.items():
        assert layers[name].arrays.keys() == arrays.keys()
        for key, array in arrays.items():
            assert layers[name].arrays[key].dtype == array.dtype and np.array_equal(layers[name].arrays[key], array)
    assert {name: layer.kind for name, layer in layers.items() if layer.kind != "other"} == {
        "another order": "dense",
        "conv1": "convolution",
    }
    change(tmp_path / "own.h5", lambda file: file.attrs.__delitem__(DESCRIPTION))
    with pytest.raises(WeightFileError, match="layer scale has 1 arrays"):
        read_weights(tmp_path / "own.h5")


@pytest.mark.parametrize(
    "array, message",
    [
        (np.arange(3), "layer gate: its scale holds int64, expected floating-point"),
        (np.zeros(3, complex), "complex128, expected floating-point"),
        (np.zeros((2, 0)), r"layer gate: its scale has shape \(2, 0\) and is empty"),
    ],
)
def test_arrays_that_would_not_be_read_are_not_written(tmp_path, array, message):
    with pytest.raises(WeightFileError, match=message):
        write_keras(tmp_path / "own.h5", {"gate": {"scale": array}}, {DESCRIPTION: "a network"})
    assert not list(tmp_path.iterdir())


def put(name, array):
    def change_file(file):
        del file[name]
        file[name] = array

    return change_file


OTHER_DAMAGE = {
    "integers": (put("gate/scale", [1, 2, 3]), "int64, expected floating-point"),
    "empty": (put("gate/scale", np.zeros((0, 3))), "empty"),
    "missing": (lambda file: file.__delitem__("gate/scale"), "does not consist of arrays"),
    "twice": (lambda file: file["gate"].attrs.create("weight_names", ["scale", "scale"]), "layer gate lists an array twice"),
    "a name that is none": (lambda file: file["gate"].attrs.create("weight_names", ["./scale"]), "array called './scale'; expected"),
    "names of Keras' beside it": (lambda file: file["gate"].attrs.create("weight_names", ["scale", "a:0"]), "does not consist of arrays"),
    "far too large": (
        lambda file: (file.__delitem__("gate/scale"), file.create_dataset("gate/scale", (1 << 40,), "f4", chunks=(1024,))),
        "claims 4,398,046,511,104 bytes",
    ),
}


@pytest.mark.parametrize("damage", OTHER_DAMAGE)
def test_damage_in_layers_that_keras_has_no_names_for(tmp_path, damage):
    write_keras(tmp_path / "own.h5", {"gate": {"scale": np.ones(3)}}, {DESCRIPTION: "a network"})
    change_file, message = OTHER_DAMAGE[damage]
    change(tmp_path / "own.h5", change_file)
    with pytest.raises(WeightFileError, match=message):
        read_weights(tmp_path / "own.h5")


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_floating_point_types_become_float32(tmp_path, dtype):
    parameters = {"conv1": {"weight": np.ones((3, 3, 1, 2), dtype), "bias": np.zeros(2, dtype)}}
    write_keras(tmp_path / "own.h5", parameters, {})
    found = read(tmp_path / "own.h5", layers_of(parameters))
    assert found["conv1"]["weight"].dtype == np.float32


WAYS = {
    "in one piece": {},
    "big endian": {"dtype": ">f4"},
    "in chunks": {"chunks": (2, 3, 3, 5)},
    "compressed": {"compression": "gzip"},
    "compressed in chunks": {"compression": "gzip", "shuffle": True, "chunks": (2, 3, 3, 5), "dtype": ">f4"},
}


@pytest.mark.parametrize("way", WAYS)
def test_ways_to_lie_in_the_file(tmp_path, generator, way):
    parameters = {"conv1": {"weight": generator.random((3, 3, 4, 8), np.float32), "bias": generator.random(8, np.float32)}}
    write_keras(tmp_path / "own.h5", parameters, {})

    def change_file(file):
        del file["conv1/kernel:0"]
        file.create_dataset("conv1/kernel:0", data=parameters["conv1"]["weight"], **WAYS[way])

    change(tmp_path / "own.h5", change_file)
    found = read(tmp_path / "own.h5", layers_of(parameters))
    assert_equal(found, parameters)
    assert found["conv1"]["weight"].flags.writeable == (way != "in one piece")  # mapped, or read


def test_huge_numbers_are_not_taken_for_infinite(tmp_path):
    parameters = {"conv1": {"weight": np.full((3, 3, 1, 2), 3e38, np.float32), "bias": np.zeros(2, np.float32)}}
    write_keras(tmp_path / "own.h5", parameters, {})
    assert_equal(read(tmp_path / "own.h5", layers_of(parameters)), parameters)


def change(path, change_file):
    with h5py.File(path, "r+") as file:
        change_file(file)


def replaced(name, make):
    def change_file(file):
        old = file[name][...]
        del file[name]
        file[name] = make(old)

    return change_file


CONV, DENSE = "block1_conv2/block1_conv2_W_1:0", "fc2/fc2_W_1:0"

DAMAGE = {
    "wrong shape": (replaced(CONV, lambda old: old[:, :, :-1]), r"block1_conv2.* \(3, 3, 3, 4\), expected \(3, 3, 4, 4\)"),
    "swapped axes": (replaced(DENSE, lambda old: old[:, :-1].T), r"fc2.* \(255, 256\), expected \(256, 256\)"),
    "NaN": (replaced(CONV, lambda old: np.where(old == old.max(), np.nan, old)), "block1_conv2.* NaN"),
    "integers": (replaced(CONV, lambda old: old.astype(int)), "int64, expected floating-point"),
    "a kernel and a bias that do not fit": (
        replaced(CONV, lambda old: old[..., :-1]),
        r"block1_conv2 has arrays of shape .*\(4,\); expected",
    ),
    "three arrays": (
        lambda file: file["fc1"].attrs.create("weight_names", [b"fc1_W_1:0", b"fc1_b_1:0", b"fc1_b_1:0"]),
        r"fc1 .*\(32, 256\), \(256,\), \(256,\); expected",
    ),
    "a layer missing": (lambda file: file.__delitem__("block5_conv3"), "damaged"),
    "a group where an array should be": (lambda file: (file.__delitem__(CONV), file.create_group(CONV)), "does not consist of arrays"),
    "an array where a group should be": (
        lambda file: (file.__delitem__("fc1"), file.create_dataset("fc1", data=[1.0])),
        "damaged: layer fc1",
    ),
    "no weight names": (lambda file: file["predictions"].attrs.__delitem__("weight_names"), "damaged: layer predictions"),
    "no layer names": (lambda file: file.attrs.__delitem__("layer_names"), "HDF5 file without Keras weights"),
    "one convolution less": (
        lambda file: file["block5_conv3"].attrs.create("weight_names", np.array([], "S1")),
        "12 convolutions, expected 13",
    ),
}


@pytest.fixture(scope="module")
def good_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "good.h5"
    parameters = narrow_parameters("vgg16")
    write_applications(path, parameters)
    return path, layers_of(parameters)


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files(tmp_path, good_file, damage):
    good, expected = good_file
    path = shutil.copy(good, tmp_path / "bad.h5")
    change_file, message = DAMAGE[damage]
    change(path, change_file)
    with pytest.raises(WeightFileError, match=message):
        read(path, expected)


def test_arrays_in_other_files_are_refused(tmp_path, good_file):
    good, expected = good_file
    path = shutil.copy(good, tmp_path / "bad.h5")
    change(path, lambda file: (file.__delitem__(CONV), file.__setitem__(CONV, h5py.ExternalLink(good, CONV))))
    with pytest.raises(WeightFileError, match="arrays in this file"):
        read(path, expected)


@pytest.mark.parametrize("way, message", [("external", "arrays in this file"), ("virtual", "stored in HDF5's way number 4")])
def test_arrays_whose_numbers_lie_elsewhere_are_refused(tmp_path, good_file, way, message):
    good, expected = good_file
    path = shutil.copy(good, tmp_path / "bad.h5")
    shape = (3, 3, 4, 4)
    (tmp_path / "secret").write_bytes(bytes(4 * 9 * 4 * 4))

    def change_file(file):
        del file[CONV]
        if way == "external":
            file.create_dataset(CONV, shape, "f4", external=[(tmp_path / "secret", 0, 4 * 9 * 4 * 4)])
        else:
            layout = h5py.VirtualLayout(shape, "f4")
            layout[...] = h5py.VirtualSource(good, CONV, shape)
            file.create_virtual_dataset(CONV, layout)

    change(path, change_file)
    with pytest.raises(WeightFileError, match=message):
        read(path, expected)


def test_files_that_are_cut_or_no_weights(tmp_path, good_file):
    good, expected = good_file
    content = good.read_bytes()
    cases = {"empty": (b"", "is empty.*expected Keras"), "text": (b"hello" * 100, "begins with b'hellohello.*expected Keras")}
    for share in (0.9, 0.5, 0.01):
        cases[f"first {share:.0%}"] = (content[: int(share * len(content))], "truncated")
    for name, (start, message) in cases.items():
        (tmp_path / name).write_bytes(start)
        with pytest.raises(WeightFileError, match=message):
            read(tmp_path / name, expected)
    with pytest.raises(WeightFileError, match="no file"):
        read(tmp_path / "none", expected)
    with pytest.raises(WeightFileError, match="is a directory"):
        read(tmp_path, expected)


def test_the_other_vgg_is_told_apart(tmp_path):
    write_applications(tmp_path / "vgg19.h5", random_parameters("vgg19", without_top=True))
    with pytest.raises(WeightFileError, match="16 convolutions, expected 13"):
        minicnn.load("vgg16", weights=tmp_path / "vgg19.h5")


@pytest.mark.slow
def test_a_full_size_file_loads_in_little_memory(tmp_path):
    """All of VGG16, 553 MB; a process of its own, so that nothing else counts."""
    path = tmp_path / "vgg16.h5"
    write_applications(path, random_parameters("vgg16"))
    code = (
        "import sys, minicnn; model = minicnn.load('vgg16', weights=sys.argv[1]); "
        "assert sum(a.size for p in model.network.parameters.values() for a in p.values()) == 138357544; "
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"
    )
    run = subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, text=True)
    assert int(run.stdout) * 1024 < 1.3 * path.stat().st_size
