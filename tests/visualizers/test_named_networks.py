"""The methods on networks by name: which layers they look at, what ReLUs' rules do elsewhere, how relevance passes."""

import numpy as np
import pytest

import minicnn
from minicnn.layers import BatchNorm
from minicnn.models.architectures import find_architecture
from minicnn.network.relevance import rule_book
from minicnn.pictures.photos import PREPROCESSING

#: The last spatial activation that all of the answer passes through.
LAST = {
    "vgg16": "relu5_3",
    "resnet50": "layer4.2.relu",
    "resnet20": "layer3.2.relu2",
    "densenet121": "features.relu5",
    "squeezenet1-1": "features.12.concat",
    "googlenet": "inception5b.concat",
    "inception-v3": "Mixed_7c.concat",
    "mobilenet-v2": "features.18.2",
    "mobilenet-v3-small": "features.12.2",
    "efficientnet-b0": "features.8.2",
    "efficientnet-lite0": "_relu1",
}


@pytest.mark.parametrize("name", LAST)
def test_the_layer_of_class_activation_maps(name):
    network = find_architecture(name).network()
    assert network.last_convolution == LAST[name]
    assert LAST[name] in network.separators and LAST[name] in network.image_layers


def small_model(name, size=64):
    network = minicnn.folded(minicnn.he_initialized(find_architecture(name).network(classes=5), seed=1))
    return minicnn.Model(network, name, PREPROCESSING["torch"], list("abcde"), (size, size))


def test_the_default_layer_is_in_the_title(panda):
    result = minicnn.grad_cam(small_model("squeezenet1-1"), panda)
    assert "features.12.concat" in result.title


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet-v3-small", "efficientnet-lite0", "shufflenet-v2-x0-5"])
def test_relevance_is_conserved(name, panda):
    """Without biases all of the score arrives: through sums, concatenations, gates, and normalizations that stay."""
    model = small_model(name)
    network = model.network.astype(np.float64)
    network = network.with_parameters(
        {
            layer: {key: np.zeros_like(array) for key, array in arrays.items() if key in ("bias", "mean")}
            for layer, arrays in network.arrays.items()
        }
    )
    trace = network.trace(model.prepare(panda).astype(np.float64))
    score = np.zeros_like(trace.result)
    score[0, 3] = trace.result[0, 3]
    book = rule_book(trace, "epsilon", 0.0, 2.0, np.zeros(3), np.ones(3))
    assert network.backward(trace, {trace.last: score}, book).sum() == pytest.approx(score.sum(), rel=1e-6)


def test_normalization_that_stays_hands_relevance_on():
    network = small_model("densenet121").network
    assert network.of_type(BatchNorm)
    trace = network.trace(np.random.default_rng(0).standard_normal((1, 64, 64, 3)).astype(np.float32))
    book = rule_book(trace, "composite", 0.25, 2.0, np.zeros(3), np.ones(3))
    name = network.of_type(BatchNorm)[-1]
    given = np.ones_like(trace.outputs[name])
    assert np.array_equal(book[name](network.layers[name], given, None), given)


@pytest.mark.parametrize(
    "name, warning",
    [("resnet18", None), ("efficientnet-lite0", None), ("mobilenet-v3-small", "other nonlinearities"), ("efficientnet-b0", "no ReLU")],
)
def test_rules_for_rectifiers_say_where_there_are_none(name, warning, panda):
    model = small_model(name)
    for method in (minicnn.guided_backprop, minicnn.deconvnet, minicnn.guided_grad_cam):
        said = [text for text in method(model, panda, target=1).warnings if "ReLU" in text]
        assert (said == []) if warning is None else (warning in said[0])


def test_guided_backpropagation_through_relu6(panda):
    """A gradient below 0 is stopped there as at a ReLU."""
    model = small_model("efficientnet-lite0")
    assert not np.array_equal(
        minicnn.guided_backprop(model, panda, target=1).values, minicnn.saliency(model, panda, target=1, form="raw").values
    )
