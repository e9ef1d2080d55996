"""The other formats of weight files, by files written here; those that PyTorch wrote are in test_pytorch_files.py."""

import gzip
import json
import struct
import zipfile

import h5py
import numpy as np
import pytest
from weight_file_helpers import (
    SMALL_DESCRIPTION,
    onnx_model,
    small_parameters,
    write_2015,
    write_applications,
)

import minicnn
from minicnn.errors import WeightFileError
from minicnn.models.descriptions import read_description
from minicnn.models.matching import load_arrays
from minicnn.pictures.photos import Preprocessing
from minicnn.weightfiles import read_weights

SMALL = read_description(SMALL_DESCRIPTION, "small")


def in_c_h_w(parameters):
    """The same with the rows of the first dense layer in the order in which C, H, W are flattened; written slowly."""
    height, width, channels = SMALL.network.shapes(SMALL.input_shape)["relu2"]
    ours = parameters["fc6"]["weight"]
    rows = [ours[(y * width + x) * channels + c] for c in range(channels) for y in range(height) for x in range(width)]
    return {**parameters, "fc6": {**parameters["fc6"], "weight": np.stack(rows)}}


def torch_tensors(parameters):
    """The state_dict of the same network in PyTorch."""
    tensors = {}
    for name, arrays in in_c_h_w(parameters).items():
        weight = arrays["weight"]
        tensors[f"{name}.weight"] = np.ascontiguousarray(weight.transpose(3, 2, 0, 1) if weight.ndim == 4 else weight.T)
        tensors[f"{name}.bias"] = arrays["bias"]
    return tensors


def write_safetensors(path, tensors, change=lambda header: None, after=b"", metadata=None):
    header, data = {} if metadata is None else {"__metadata__": metadata}, b""
    for name in sorted(tensors):
        array = tensors[name]
        header[name] = {
            "dtype": f"F{8 * array.itemsize}",
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + array.nbytes],
        }
        data += array.tobytes()
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data + after)


def write_npz(path, parameters):
    with open(path, "wb") as file:  # under any name
        np.savez(
            file,
            **{
                f"{name}_{key[0].upper() if key == 'weight' else 'b'}": array
                for name, arrays in parameters.items()
                for key, array in arrays.items()
            },
        )


def assert_small(path, parameters):
    found = load_arrays(read_weights(path), SMALL.network, SMALL.input_shape)
    assert list(found) == list(parameters)
    for name, arrays in parameters.items():
        assert all(np.array_equal(found[name][key], array) for key, array in arrays.items()), name


@pytest.fixture
def small():
    return small_parameters()


def test_the_layout_of_2015(tmp_path, small):
    write_2015(tmp_path / "file", in_c_h_w(small))
    assert_small(tmp_path / "file", small)


def test_the_layout_of_2015_with_many_layers(tmp_path, small):
    write_2015(tmp_path / "file", in_c_h_w(small))
    with h5py.File(tmp_path / "file", "r+") as file:
        for i in range(file.attrs["nb_layers"], 300):
            file.create_group(f"layer_{i}").attrs["nb_params"] = 0
        file.attrs["nb_layers"] = 300
    assert_small(tmp_path / "file", small)


def test_npz(tmp_path, small):
    write_npz(tmp_path / "file", small)
    assert_small(tmp_path / "file", small)


def test_safetensors(tmp_path, small):
    write_safetensors(tmp_path / "file", torch_tensors(small), metadata={"format": "pt"})
    assert_small(tmp_path / "file", small)
    assert read_weights(tmp_path / "file").metadata == {"format": "pt"}


def test_dense_layers_stored_as_convolutions(tmp_path, small):
    """As timm stores VGG's: a kernel as large as the image, then kernels of 1 x 1; by the alphabet the last layer comes before them."""
    tensors = torch_tensors(small)
    named = {
        f"features.{i}.{key}": tensors[f"{layer}.{key}"] for i, layer in ((2, "conv1_1"), (10, "conv2_1")) for key in ("weight", "bias")
    }
    named |= {"pre_logits.fc1.weight": tensors["fc6.weight"].reshape(6, 5, 2, 2), "pre_logits.fc1.bias": tensors["fc6.bias"]}
    named |= {"head.fc.weight": tensors["fc8.weight"], "head.fc.bias": tensors["fc8.bias"]}
    assert SMALL.network.shapes(SMALL.input_shape)["relu2"] == (2, 2, 5)
    write_safetensors(tmp_path / "file", named)
    assert_small(tmp_path / "file", small)


def test_which_preprocessing_published_files_want(tmp_path):
    """alexnet, as it is the smallest of the registered networks for ImageNet with dense layers; the trunk alone suffices."""
    network = minicnn.ARCHITECTURES["vgg16"].network()
    arrays = {
        name: {key: np.zeros(array.shape, np.float32) for key, array in of.items()}
        for name, of in network.parameters.items()
        if "conv" in name
    }
    write_npz(tmp_path / "npz", arrays)
    frossard = minicnn.load("vgg16", weights=tmp_path / "npz").preprocessing
    assert frossard == Preprocessing("rgb", 1.0, (123.68, 116.779, 103.939))
    tensors = {f"{name}.weight": np.zeros((*of["weight"].shape[::-1][:2], 3, 3), np.float32) for name, of in arrays.items()}
    write_safetensors(tmp_path / "safetensors", tensors)
    assert minicnn.load("vgg16", weights=tmp_path / "safetensors").preprocessing == minicnn.PREPROCESSING["torch"]
    write_applications(tmp_path / "h5", arrays)
    assert minicnn.load("vgg16", weights=tmp_path / "h5").preprocessing == minicnn.PREPROCESSING["caffe"]


NORMALIZED = """
input = [6, 5, 3]
layers = [
  {convolution = "conv1", filters = 4, size = 3}, {batch_norm = "norm1"}, {relu = "relu1"}, {global_average_pool = "gap"},
  {dense = "fc", units = 2},
]
"""


@pytest.mark.parametrize("missing", [(), ("gamma",), ("beta",), ("gamma", "beta")])
@pytest.mark.parametrize("keras3", [False, True])
def test_batch_normalization_in_keras(missing, keras3, tmp_path, generator):
    """Layers without biases, and normalization with only some of its arrays; Keras 3 has no names, so one that is missing is gamma."""
    arrays = {
        name: generator.random(4).astype(np.float32) for name in ("gamma", "beta", "moving_mean", "moving_variance") if name not in missing
    }
    kernel, dense = generator.random((3, 3, 3, 4)).astype(np.float32), generator.random((4, 2)).astype(np.float32)
    with h5py.File(tmp_path / "file", "w") as file:
        layers = {"conv2d": {"kernel": kernel}, "batch_normalization": arrays, "dense": {"kernel": dense}}
        for name, of in layers.items():
            place = f"layers/{name}/vars" if keras3 else name
            group = file.create_group(place)
            group.attrs["weight_names"] = [f"{name}/{key}:0" for key in of]
            for i, (key, array) in enumerate(of.items()):
                group[str(i) if keras3 else f"{name}/{key}:0"] = array
        if not keras3:
            file.attrs["layer_names"] = list(layers)
    description = read_description(NORMALIZED, "normalized")
    if keras3 and missing == ("beta",):  # cannot be told from one without gamma; the file's metadata say what was assumed
        assert "are beta, moving_mean" in read_weights(tmp_path / "file").metadata["assumed"]
        return
    found = load_arrays(read_weights(tmp_path / "file"), description.network, description.input_shape)
    assert found["norm1"]["epsilon"] == 1e-3
    for ours, keras, left_out in (
        ("weight", "gamma", 1),
        ("bias", "beta", 0),
        ("mean", "moving_mean", None),
        ("variance", "moving_variance", None),
    ):
        assert np.array_equal(found["norm1"][ours], arrays.get(keras, np.full(4, left_out)))
    assert np.array_equal(found["conv1"]["bias"], np.zeros(4))
    assert np.array_equal(found["fc"]["weight"], dense)


def test_hdf5_bombs(tmp_path, small):
    write_applications(tmp_path / "file", small)
    for options in ({"compression": "gzip", "chunks": (1 << 10, 1 << 10)}, {"chunks": (1 << 10, 1 << 10)}, {}):
        with h5py.File(tmp_path / "file", "r+") as file:
            del file["fc1/fc1_W_1:0"]
            file.create_dataset("fc1/fc1_W_1:0", (1 << 20, 1 << 20), np.float32, **options)
        with pytest.raises(WeightFileError, match="4,398,046,511,104 bytes"):
            read_weights(tmp_path / "file")


SAFETENSORS = {
    "overlap": (lambda header: header["fc8.bias"].update(data_offsets=[0, 16]), "overlap or leave gaps"),
    "beyond the end": (lambda header: header["fc8.weight"].update(data_offsets=[10**9, 10**9 + 96]), "claims the bytes"),
    "another shape": (lambda header: header["fc8.weight"].update(shape=[4, 7]), "claims the bytes"),
    "negative": (lambda header: header["fc8.weight"].update(shape=[-4, -6]), "no lists of whole numbers"),
    "no list": (lambda header: header["fc8.weight"].update(shape="4x6"), "no lists of whole numbers"),
    "true": (lambda header: header["fc8.weight"].update(shape=[True, 24]), "no lists of whole numbers"),
    "8 bits": (lambda header: header["fc8.weight"].update(dtype="F8_E4M3"), "holds F8_E4M3; expected F32"),
    "integers": (lambda header: header["fc8.weight"].update(dtype="I32"), "holds int32, expected floating-point"),
    "more fields": (lambda header: header["fc8.weight"].update(code="print()"), "described by something else"),
    "a name of nothing": (lambda header: header.update({"fc8.scale": header.pop("fc8.bias")}), "'fc8.scale'; expected only those named"),
    "metadata that are no texts": (lambda header: header.update(__metadata__=[1]), "metadata are no texts"),
    "nothing": (lambda header: header.clear(), "bytes after its tensors"),
}


@pytest.mark.parametrize("damage", SAFETENSORS)
def test_damaged_safetensors(damage, tmp_path, small):
    change, message = SAFETENSORS[damage]
    write_safetensors(tmp_path / "file", torch_tensors(small), change)
    with pytest.raises(WeightFileError, match=message):
        read_weights(tmp_path / "file")


@pytest.mark.parametrize(
    "content, message",
    [
        (struct.pack("<Q", 1 << 60) + b"{}", "header claims 1,152,921,504,606,846,976 bytes"),
        (struct.pack("<Q", 4) + b"{{}}", "no valid JSON"),
        (struct.pack("<Q", 200_000) + b'{"a":' * 40_000, "no valid JSON"),
        (struct.pack("<Q", 17) + b'{"a": 1, "a": 12}', "a name comes twice"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "pointer of Git LFS"),
        (gzip.compress(b"weights"), "compressed by gzip"),
        (b"\x80\x04]\x94.", "pickles of other programs are not read"),
        (b"PK\x03\x04 and no more", "damaged or truncated zip archive"),
        (b"\x89HDF\r\n\x1a\n", "truncated|damaged"),
    ],
)
def test_what_is_no_weight_file(content, message, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(WeightFileError, match=message):
        read_weights(tmp_path / "file")


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"conv1_1_W": np.array([{}], object)}, "expected floating-point|no valid header"),
        ({"conv1_1_W": np.ones((3, 3, 1, 2)), "conv1_1_b": np.ones(3)}, "conv1_1 has arrays of shape"),
        ({"conv1_1_W": np.ones((3, 3, 1, 2), int)}, "holds int64"),
        ({"weights": np.ones(3)}, "conv1_1_W"),
    ],
)
def test_npz_of_other_kinds(arrays, message, tmp_path):
    np.savez(tmp_path / "file.npz", **arrays)
    with pytest.raises(WeightFileError, match=message):
        read_weights(tmp_path / "file.npz")


def test_archives_of_other_kinds(tmp_path):
    for member, message in (
        ("config.json", "Keras archive without a part model.weights.h5"),
        ("hello.txt", "not of PyTorch, Keras or NumPy"),
    ):
        with zipfile.ZipFile(tmp_path / "file", "w") as archive:
            archive.writestr(member, b"hello")
        with pytest.raises(WeightFileError, match=message):
            read_weights(tmp_path / "file")


BETWEEN = {"nothing": "", "dropout": '{dropout = "d"},', "relu": '{relu = "r"},', "batch_norm": '{batch_norm = "n"},'}


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("form", ["safetensors", "onnx"])
def test_flattened_images_with_something_before_the_dense_layer(form, between, tmp_path, generator):
    """PyTorch flattens C, H, W; the dense layer gets the same numbers whatever leaves them in their places."""
    kernel, dense, bias = (generator.standard_normal(shape).astype(np.float32) for shape in ((2, 3, 1, 1), (5, 48), 5))
    norm = {name: generator.uniform(0.5, 1.5, 48).astype(np.float32) for name in ("weight", "bias", "running_mean", "running_var")}
    if form == "onnx":
        middle = {
            "dropout": ("Dropout", ["f"], ["m"], {}),
            "relu": ("Relu", ["f"], ["m"], {}),
            "batch_norm": ("BatchNormalization", ["f", *norm], ["m"], {}),
        }.get(between)
        nodes = [
            ("Conv", ["x", "w"], ["c"], {}),
            ("Flatten", ["c"], ["f"], {}),
            ("Gemm", ["m" if middle else "f", "d", "b"], ["y"], {"transB": 1}),
        ]
        constants = {"w": kernel, "d": dense, "b": bias, **(norm if between == "batch_norm" else {})}
        onnx_model(tmp_path / "file", [*nodes[:2], *filter(None, [middle]), nodes[2]], **constants)
    else:
        tensors = {"c.weight": kernel, "fc.weight": dense, "fc.bias": bias}
        tensors |= {f"n.{name}": array for name, array in norm.items() if between == "batch_norm"}
        write_safetensors(tmp_path / "file", tensors)
    layers = f'{{convolution = "c", filters = 2, size = 1}}, {{flatten = "f"}}, {BETWEEN[between]} {{dense = "fc", units = 5}}'
    text = f"input = [4, 6, 3]\nlayers = [{layers}]"
    network = read_description(text, "text").network
    network = network.with_parameters(load_arrays(read_weights(tmp_path / "file"), network, (4, 6, 3)))
    x = generator.standard_normal((1, 4, 6, 3)).astype(np.float32)
    numbers = np.concatenate([(x[0] @ kernel[k, :, 0, 0]).reshape(-1) for k in range(2)])
    if between == "relu":
        numbers = np.maximum(numbers, 0)
    if between == "batch_norm":
        numbers = norm["weight"] * (numbers - norm["running_mean"]) / np.sqrt(norm["running_var"] + 1e-5) + norm["bias"]
    assert np.allclose(network(x)[0], dense @ numbers + bias, atol=1e-4)


TWO_DENSE = """
input = [4, 6, 2]
layers = [{{global_average_pool = "gap"}}, {{dense = "{}", units = 2}}, {{relu = "r"}}, {{dense = "{}", units = 2}}]
"""


def test_layers_are_matched_by_name_where_names_are_the_same(tmp_path):
    write_safetensors(
        tmp_path / "file", {f"{name}.weight": np.full((2, 2), value, np.float32) for name, value in (("hidden", 1), ("head", 5))}
    )
    network = read_description(TWO_DENSE.format("hidden", "head"), "text").network
    found = load_arrays(read_weights(tmp_path / "file"), network, (4, 6, 2))
    assert found["hidden"]["weight"][0, 0] == 1 and found["head"]["weight"][0, 0] == 5
    network = read_description(TWO_DENSE.format("fc1", "fc2"), "text").network
    with pytest.raises(WeightFileError, match="head and hidden .*same shape"):
        load_arrays(read_weights(tmp_path / "file"), network, (4, 6, 2))
    write_safetensors(tmp_path / "file", {f"layers.{i}.weight": np.full((2, 2), i, np.float32) for i in (2, 10)})
    assert load_arrays(read_weights(tmp_path / "file"), network, (4, 6, 2))["fc2"]["weight"][0, 0] == 10


@pytest.mark.filterwarnings("ignore:.*assumed. epsilon")
def test_a_stated_epsilon_goes_before_the_usual_one(tmp_path):
    with h5py.File(tmp_path / "file.h5", "w") as file:
        group = file.create_group("bn")
        for name in ("gamma", "beta", "moving_mean", "moving_variance"):
            group[name] = np.ones(3, np.float32)
        group.attrs["weight_names"] = list(group)
        file.attrs["layer_names"] = ["bn"]
    for stated, expected in (("", 1e-3), (", epsilon = 0.00001", 1e-5)):
        (tmp_path / "net.toml").write_text(f'input = [4, 6, 3]\nlayers = [{{batch_norm = "n"{stated}}}]')
        assert minicnn.load(tmp_path / "net.toml", tmp_path / "file.h5", fold=False).network.layers["n"].epsilon == expected
    with h5py.File(tmp_path / "file.h5", "r+") as file:
        file["bn/moving_variance"][1] = -1
    with pytest.raises(WeightFileError, match="the variance of bn is negative"):
        minicnn.load(tmp_path / "net.toml", tmp_path / "file.h5")
