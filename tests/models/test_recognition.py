"""Files that describe a network by name in another form: batch normalizations merged, parts put together at once, sums the other way."""

import dataclasses

import numpy as np
import pytest

import minicnn
from minicnn.errors import WeightFileError
from minicnn.models.architectures import ARCHITECTURES
from minicnn.models.classes import imagenet
from minicnn.models.conversion import find_for, find_network
from minicnn.models.matching import load_arrays
from minicnn.models.recognition import is_network, merged
from minicnn.models.specs import build_network, spec, specs_of
from minicnn.network.folding import folded
from minicnn.network.graph import INPUT
from minicnn.weightfiles import StoredLayer, WeightFile
from minicnn.weightfiles.stored import Step


def file_of(layers, format="ONNX", shape=(224, 224, 3), **fields):
    """A file that tells the steps of layers, and nothing of their names."""
    places = {INPUT: -1, **{name: place for place, name in enumerate(layers)}}
    before = {name: (INPUT, *layers)[place] for place, name in enumerate(layers)}
    steps = [
        Step(layer.word, layer.options, f"node {name}", tuple(places[source] for source in layer.inputs or (before[name],)))
        for name, layer in layers.items()
    ]
    return WeightFile(format, [], steps=steps, input_shape=shape, **fields)


def layers_of(name, classes=1000):
    return dict(ARCHITECTURES[name].layers(classes))


def inserted(layers, after, **more):
    """Put layers behind another one, which take what they say."""
    items = list(layers.items())
    place = list(layers).index(after) + 1
    return dict([*items[:place], *more.items(), *items[place:]])


def test_which_networks_are_the_same_once_merged():
    """No two but the VGGs, with and without, and those that also come with weights; so the others can be told from their merged form."""
    found = set()
    for name in ARCHITECTURES:
        layers = merged(layers_of(name))
        same = [other.name for other in ARCHITECTURES.values() for merge in (False, True) if is_network(other, layers, None, merge)]
        found.add(tuple(sorted(set(same))))
    several = {names for names in found if len(names) > 1}
    with_weights = {("minivgg", "minivgg-cifar10"), ("resnet20", "resnet20-cifar10")}
    assert several == {*with_weights, *((f"vgg{n}", f"vgg{n}-bn") for n in (11, 13, 16, 19))}


@pytest.mark.parametrize("name", ["resnet20", "mobilenet-v3-small", "shufflenet-v2-x0-5", "minivgg"])
def test_merged_layers_are_those_of_the_folded_network(name):
    network = ARCHITECTURES[name].network(64)
    own = {
        name: layer.replace(**{key: np.ones(array.shape) for key, array in layer.arrays.items()}) for name, layer in network.layers.items()
    }
    assert list(merged(layers_of(name))) == list(folded(network.with_layers(own)).layers)


def test_a_merged_file_says_what_its_network_says_and_is_told(generator):
    network = ARCHITECTURES["resnet20"].network()
    arrays = {
        layer: {key: generator.uniform(0.5, 1.5, array.shape).astype(np.float32) / array[..., 0].size for key, array in own.items()}
        for layer, own in network.arrays.items()
    }
    network = network.with_parameters(arrays)
    left = folded(network)
    layers = [StoredLayer(f"node {name}", "dense" if name == "fc" else "convolution", own) for name, own in left.arrays.items()]
    file = dataclasses.replace(file_of(specs_of(left), shape=(32, 32, 3)), layers=layers)
    alone, named = find_network(file, "x.onnx"), find_for(ARCHITECTURES["resnet20"], file, "x.onnx")
    assert alone.assumptions["network"] == "that it is resnet20 with batch normalizations merged into convolutions, and has its classes"
    assert alone.assumptions["preprocessing"] == "the preprocessing 'cifar10' of the published weights"
    assert not named.assumptions
    image = generator.normal(size=(1, 32, 32, 3)).astype(np.float32)
    for found in (alone.description, named.description):
        assert (found.name, found.preprocessing, len(found.classes)) == ("resnet20", minicnn.PREPROCESSING["cifar10"], 10)
        assert list(found.layers) == list(left.layers)
        loaded = found.network.with_parameters(load_arrays(file, found.network, (32, 32, 3)))
        assert loaded(image) == pytest.approx(network(image), rel=1e-4)


def test_a_merged_file_of_other_classes_and_of_another_head():
    found = find_network(file_of(merged(layers_of("resnet18", 7))), "x.onnx")
    assert found.description.classes is None and "classes" not in found.assumptions["network"]
    other = merged(layers_of("resnet18", 7))
    last = list(other)[-1]
    other = inserted(other, last, relu_=spec("relu"), fc2=spec("dense", units=3))
    found = find_for(ARCHITECTURES["resnet18"], file_of(other), "x.onnx").description
    assert found.name == "resnet18" and "layer4.1.conv2" in found.layers and "layer4.1.bn2" not in found.layers
    with pytest.raises(WeightFileError, match=r"another network than resnet34: layer 14 is \(convolution, filters 128, .* there and .* 64"):
        find_for(ARCHITECTURES["resnet34"], file_of(other), "x.onnx")


def test_what_could_be_two_networks_says_so():
    file = file_of(merged(layers_of("vgg16-bn")), preprocessing="torch")
    found = find_network(file, "x.onnx")
    assert found.assumptions["network"].startswith("that it is vgg16, and not vgg16-bn with batch normalizations merged")
    assert find_for(ARCHITECTURES["vgg16-bn"], file, "x.onnx").description.name == "vgg16-bn"
    assert "network" not in find_network(dataclasses.replace(file, format="Keras"), "x.keras").assumptions  # which merges nothing


def test_a_format_that_merges_nothing_is_not_taken_for_merged():
    assert find_network(file_of(merged(layers_of("resnet18")), "Keras"), "other.keras").description.name == "other"


@pytest.mark.parametrize(("word", "known"), [("add", True), ("concatenate", False)])
def test_the_order_of_what_is_joined(word, known):
    """A sum is the same; channels are not."""
    layers = layers_of("convnext-tiny" if word == "add" else "densenet121")
    name = next(name for name, layer in layers.items() if layer.word == word)
    layers[name] = layers[name]._replace(inputs=layers[name].inputs[::-1])
    assert (find_network(file_of(layers, "Keras"), "x.keras").description.name == "x") != known


def test_parts_put_together_at_once_or_one_by_one():
    layers = layers_of("densenet121")
    block = "features.denseblock1.denselayer"
    parts = ("features.pool0", f"{block}1.conv2", f"{block}2.conv2")
    layers[f"{block}2.concat"] = spec("concatenate", *parts)
    found = find_network(file_of(layers), "x.onnx").description
    assert found.name == "densenet121" and list(found.layers) == list(layers)
    layers[f"{block}2.concat"] = spec("concatenate", parts[0], parts[2], parts[1])
    assert find_network(file_of(layers), "x.onnx").description.name == "x"


def test_parts_of_parts_keep_their_names():
    layers = layers_of("inception-v3")
    del layers["dropout"]
    assert list(find_network(file_of(layers, shape=(299, 299, 3)), "x.onnx").description.layers) == list(layers)
    part = "Mixed_7b.branch3x3.concat"
    parts = layers.pop(part).inputs
    whole = layers["Mixed_7b.concat"]
    layers["Mixed_7b.concat"] = whole._replace(inputs=tuple(name for each in whole.inputs for name in (parts if each == part else (each,))))
    found = find_network(file_of(layers, shape=(299, 299, 3)), "x.onnx").description
    assert found.name == "inception-v3"
    assert found.layers["Mixed_7c.branch1x1.conv"].inputs == ("Mixed_7b.concat",)
    assert found.layers["Mixed_7c.concat"].inputs[0] == "Mixed_7c.branch1x1.relu"


def test_pools_that_round_up_where_nothing_is_left_over():
    """55 pixels are 27 by windows of 3 and steps of 2 either way, 112 are not."""
    layers = layers_of("squeezenet1-1")
    down = {
        name: layer._replace(options={**layer.options, "ceil_mode": False}) if layer.word == "max_pool" else layer
        for name, layer in layers.items()
    }
    assert find_network(file_of(down), "x.onnx").description.name == "squeezenet1-1"
    assert find_network(file_of(down, shape=(226, 224, 3)), "x.onnx").description.name == "x"
    build_network(down, (226, 224, 3))


def test_a_factor_for_each_channel_may_be_a_batch_normalization():
    layers = {name: spec("batch_norm") if layer.word == "scale" else layer for name, layer in layers_of("convnext-tiny").items()}
    found = find_network(file_of(layers), "x.onnx").description
    assert found.name == "convnext-tiny" and found.layers["features.1.0.layer_scale"].word == "batch_norm"


@pytest.mark.parametrize(("producer", "preprocessing"), [("torch", minicnn.PREPROCESSING["torch"]), (None, None)])
def test_a_change_of_colors_before_the_network(producer, preprocessing):
    """As torchvision's Inceptions have: what makes their colors of the usual ones takes the usual ones."""
    layers = layers_of("googlenet")
    found = find_network(file_of(merged({"change": spec("batch_norm"), **layers}), preprocessing=producer), "x.onnx")
    assert found.description.name == "googlenet" and found.description.classes is imagenet()
    assert found.description.preprocessing == preprocessing and "network" in found.assumptions
    without = find_network(file_of(merged(layers), preprocessing=producer), "x.onnx")
    assert without.description.preprocessing == minicnn.PREPROCESSING["tf"] and "'tf'" in without.assumptions["preprocessing"]
