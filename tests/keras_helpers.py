"""Full models of Keras for tests, written without Keras: a configuration, and arrays that fit it."""

import copy
import json

import h5py
import numpy as np

from minicnn.weightfiles import read_weights


def layer(class_name, **config):
    return {"class_name": class_name, "config": {"name": class_name.lower(), **config}}


def conv(filters=2, size=3, **config):
    return layer("Conv2D", filters=filters, kernel_size=[size, size], **config)


def arrays_of(entry, channels):
    """Arrays for a layer that so many channels reach; those of a dense layer always take 3 numbers."""
    config, kind = entry["config"], entry["class_name"]
    if kind == "Conv2D":
        inputs_each = channels // config.get("groups", 1)
        return {"kernel": np.ones((*config["kernel_size"], inputs_each, config["filters"])), "bias": np.zeros(config["filters"])}
    if kind == "Conv2DTranspose":
        return {"kernel": np.ones((*config["kernel_size"], config["filters"], channels)), "bias": np.zeros(config["filters"])}
    if kind == "DepthwiseConv2D":
        return {"depthwise_kernel": np.ones((*config["kernel_size"], channels, config["depth_multiplier"]))}
    if kind == "Dense":
        return {"kernel": np.ones((3, config["units"])), "bias": np.zeros(config["units"])}
    if kind == "PReLU":
        return {"alpha": np.ones(config.get("alpha_shape", (1, 1, channels)))}
    if kind == "LayerScale":
        return {"gamma": np.ones(channels)}
    names = {"BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"), "LayerNormalization": ("gamma", "beta")}
    return {name: np.ones(channels) for name in names.get(kind, ())}


def write_model(path, layers, inputs=(8, 8, 3), channels=3, version="3.15.1", **whole):
    """Write a full model, a Sequential or what `whole` says; each layer's arrays fit those before it."""
    layers = [layer("InputLayer", batch_shape=[None, *inputs]), *copy.deepcopy(layers)]
    arrays = {}
    for i, entry in enumerate(layers):
        entry["config"]["name"] += f"_{i}"
        arrays[entry["config"]["name"]] = arrays_of(entry, channels)
        channels = entry["config"].get("filters", channels)
    write_file(path, {"class_name": "Sequential", "config": {"name": "model", "layers": layers}, **whole}, arrays, version)


def call(*names, **options):
    """A layer's call as Keras 2 writes it."""
    return [[name, 0, 0, options] for name in names]


def keras_3_call(*arguments, **options):
    """A layer's call as Keras 3 writes it; texts are names of layers."""
    tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": [a, 0, 0]}} if isinstance(a, str) else a for a in arguments]
    return {"args": tensors, "kwargs": options}


def graph(*layers, outputs=None):
    """A Functional of layers: each a name, a class or a table, and its calls."""
    listed = []
    for name, entry, *calls in layers:
        entry = layer(entry) if isinstance(entry, str) else copy.deepcopy(entry)
        listed.append({**entry, "config": {**entry["config"], "name": name}, "name": name, "inbound_nodes": calls})
    inputs = [[listed[0]["name"], 0, 0]]
    return {"name": "model", "layers": listed, "input_layers": inputs, "output_layers": outputs or [[listed[-1]["name"], 0, 0]]}


def write_graph(path, config, channels=3, inputs=(8, 8, 3), **whole):
    """Write a Functional that takes such images; all layers with arrays take so many channels."""
    config = copy.deepcopy(config)
    config["layers"][0]["config"]["batch_shape"] = [None, *inputs]
    arrays = {entry["name"]: arrays_of(entry, channels) for entry in config["layers"]}
    write_file(path, {"class_name": "Functional", "config": config, **whole}, arrays)


def write_file(path, configuration, arrays, version="3.15.1"):
    """Write a full model with such arrays, {layer: {name: array}}."""
    with h5py.File(path, "w") as file:
        for name, by_name in arrays.items():
            group = file.create_group(f"model_weights/{name}")
            group.attrs["weight_names"] = [f"{name}/{key}" for key in by_name]
            for key, array in by_name.items():
                group[f"{name}/{key}"] = array.astype(np.float32)
        file.attrs["keras_version"] = version
        file.attrs["model_config"] = json.dumps(configuration)


def words(path):
    """A file's steps as texts."""
    return [" ".join([step.word, *(f"{key} {value}" for key, value in step.options.items())]) for step in read_weights(path).steps]
