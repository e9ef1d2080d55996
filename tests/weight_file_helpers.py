"""Write weight files as Keras does, in its three layouts; the structure was read off files that Keras 3.15 wrote."""

import io
import pickle

import h5py
import numpy as np
import pytest

from minicnn.models.architectures import find_architecture
from minicnn.models.conversion import described_layers
from minicnn.models.specs import build_network
from minicnn.weightfiles.pytorch import LEGACY_MAGIC, LEGACY_VERSION


def random_parameters(name, input_size=None, seed=0, without_top=False):
    """Make cheap random weights for an architecture: {layer: {"weight", "bias"}}."""
    generator = np.random.default_rng(seed)
    network = find_architecture(name).network(input_size)
    return {
        layer: {key: generator.random(array.shape, np.float32) - np.float32(0.5) for key, array in arrays.items()}
        for layer, arrays in network.parameters.items()
        if not (without_top and layer.startswith("fc"))
    }


def narrow_parameters(name, seed=0):
    """The same for an architecture with a sixteenth of the channels, for 32 x 32 pixels: a file of the same layout, but small."""
    generator = np.random.default_rng(seed)
    network = find_architecture(name).network(32)
    return {
        layer: {
            key: generator.random([size // 16 if size > 3 else size for size in array.shape], np.float32) - np.float32(0.5)
            for key, array in arrays.items()
        }
        for layer, arrays in network.parameters.items()
    }


def keras_names(parameters):
    """conv2_1 -> block2_conv1, fc6 -> fc1, fc8 -> predictions."""
    dense = {"fc6": "fc1", "fc7": "fc2", "fc8": "predictions", "fc": "predictions"}
    return [dense.get(layer) or "block{}_conv{}".format(*layer.removeprefix("conv").split("_")) for layer in parameters]


def write_applications(path, parameters, root=None, split_lists=False, suffixes=("_W_1:0", "_b_1:0")):
    """The layout of Keras' applications files; with `root`, that of a full model."""
    with h5py.File(path, "w") as file:
        group = file.create_group(root) if root else file
        names = keras_names(parameters)
        listed = ["input_1", *names[:2], "block1_pool", *names[2:]]
        if split_lists:
            half = len(listed) // 2
            group.attrs["layer_names0"] = np.array([name.encode() for name in listed[:half]])
            group.attrs["layer_names1"] = np.array([name.encode() for name in listed[half:]])
        else:
            group.attrs["layer_names"] = listed
        for name in ("input_1", "block1_pool"):
            group.create_group(name).attrs["weight_names"] = np.array([], "S1")
        for name, arrays in zip(names, parameters.values()):
            layer = group.create_group(name)
            weight_names = [name + suffix for suffix in suffixes]
            layer.attrs["weight_names"] = np.array([weight_name.encode() for weight_name in weight_names])
            for weight_name, key in zip(weight_names, ("weight", "bias")):
                layer[weight_name] = arrays[key]


def write_full_model(path, parameters):
    write_applications(path, parameters, root="model_weights", split_lists=True, suffixes=("/kernel", "/bias"))


def write_keras3(path, parameters):
    """Keras 3's .weights.h5: layers numbered by kind, and things that are no layers of ours."""
    counts = {}
    with h5py.File(path, "w") as file:
        file["optimizer/vars/0"] = np.zeros(3)
        file.create_group("layers/flatten/vars").attrs["name"] = "flatten"
        for name, arrays in zip(keras_names(parameters), parameters.values()):
            kind = "conv2d" if arrays["weight"].ndim == 4 else "dense"
            number = counts[kind] = counts.get(kind, -1) + 1
            group = file.create_group(f"layers/{kind}_{number}/vars" if number else f"layers/{kind}/vars")
            group.attrs["name"] = name
            group["0"], group["1"] = arrays["weight"], arrays["bias"]


def write_2015(path, parameters):
    """The layout of 2015, whose kernels are turned; every second layer has no parameters. Dense layers saw C, H, W."""
    with h5py.File(path, "w") as file:
        file.attrs["nb_layers"] = 2 * len(parameters)
        for i, arrays in enumerate(parameters.values()):
            file.create_group(f"layer_{2 * i}").attrs["nb_params"] = 0
            layer = file.create_group(f"layer_{2 * i + 1}")
            layer.attrs["nb_params"] = 2
            weight = arrays["weight"]
            layer["param_0"] = weight.transpose(3, 2, 0, 1)[:, :, ::-1, ::-1] if weight.ndim == 4 else weight
            layer["param_1"] = arrays["bias"]


def small_parameters(seed=0):
    """Two convolutions and two dense layers, as random_parameters; the network of SMALL_DESCRIPTION."""
    generator = np.random.default_rng(seed)
    shapes = {"conv1_1": (3, 3, 3, 4), "conv2_1": (3, 2, 4, 5), "fc6": (2 * 2 * 5, 6), "fc8": (6, 4)}
    return {
        name: {
            "weight": generator.standard_normal(shape).astype(np.float32),
            "bias": generator.standard_normal(shape[-1:]).astype(np.float32),
        }
        for name, shape in shapes.items()
    }


SMALL_DESCRIPTION = """
input = [4, 7, 3]
layers = [
  {convolution = "conv1_1", filters = 4, size = 3, padding = 1},
  {relu = "relu1"},
  {max_pool = "pool1", size = 2},
  {convolution = "conv2_1", filters = 5, size = [3, 2], padding = [1, 0], stride = 1},
  {relu = "relu2"},
  {flatten = "flatten"},
  {dense = "fc6", units = 6},
  {relu = "relu3"},
  {dense = "fc8", units = 4},
]
"""


LAYOUTS = {"applications": write_applications, "full model": write_full_model, "keras 3": write_keras3}


def onnx_model(path, nodes, input_shape=(1, 3, 4, 6), opset=17, kind=1, **arrays):
    """Save an ONNX model of such nodes from x, of such a shape and kind of numbers, to y, with constants."""
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
    made = [
        onnx.helper.make_node(kind, inputs, outputs, name=f"node{i}", **options) for i, (kind, inputs, outputs, options) in enumerate(nodes)
    ]
    graph = onnx.helper.make_graph(made, "graph", [value("x", kind, input_shape)], [value("y", 1, None)], tensors)
    version = [onnx.helper.make_opsetid("", opset)]
    path.write_bytes(onnx.helper.make_model(graph, opset_imports=version, ir_version=8).SerializeToString())


def described_network(file):
    """Build the network that a file itself describes, without weights; returns it and its input's shape."""
    return build_network(described_layers(file), file.input_shape), file.input_shape


def write_pth(path, tensors):
    """A PyTorch file of the older format, of {name: float32 array} in this order, by a pickle written as PyTorch does."""

    class Global:
        def __init__(self, name):
            self.name = name

    class Tensor:
        def __init__(self, key, array):
            strides = tuple(stride // array.itemsize for stride in array.strides)
            self.storage, self.place = ("storage", Global("torch FloatStorage"), key, "cpu", array.size, None), (array.shape, strides)

    class Pickler(pickle._Pickler):
        def persistent_id(self, item):
            return item if isinstance(item, tuple) and item[:1] == ("storage",) else None

        def save(self, item, save_persistent_id=True):
            if isinstance(item, Global):
                self.write(b"c" + "\n".join(item.name.split()).encode() + b"\n")
            elif isinstance(item, Tensor):
                self.save(Global("torch._utils _rebuild_tensor_v2"))
                self.save((item.storage, 0, *item.place, False, {}))
                self.write(b"R")
            else:
                super().save(item, save_persistent_id)

    stream = io.BytesIO()
    for value in (LEGACY_MAGIC, LEGACY_VERSION, {"little_endian": True}):
        stream.write(pickle.dumps(value, 2))
    arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in tensors.items()}
    Pickler(stream, 2).dump({name: Tensor(name, array) for name, array in arrays.items()})
    stream.write(pickle.dumps(list(arrays), 2))
    for array in arrays.values():
        stream.write(array.size.to_bytes(8, "little") + array.tobytes())
    path.write_bytes(stream.getvalue())
