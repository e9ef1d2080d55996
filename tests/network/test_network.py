import gc
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minicnn import Network, he_initialized, use_algorithm
from minicnn.errors import ShapeError, UnknownNameError
from minicnn.layers import Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU
from minicnn.network.objectives import class_gradients, class_score


@pytest.fixture
def network():
    layers = {
        "conv1": Conv2D(np.zeros((3, 3, 2, 4)), np.zeros(4), padding=1),
        "relu1": ReLU(),
        "pool1": MaxPool2D(2),
        "flatten": Flatten(),
        "drop1": Dropout(0.5),
        "fc1": Dense(np.zeros((3 * 4 * 4, 5)), np.zeros(5)),
    }
    return he_initialized(Network(layers), seed=1).astype(np.float64)


@pytest.fixture
def x(generator):
    return generator.standard_normal((2, 6, 8, 2))


def test_trace_and_call_agree(network, x):
    trace = network.trace(x)
    assert list(trace.outputs) == list(network.layers)
    assert np.array_equal(network(x), trace.result)
    assert trace.last == "fc1"


def test_a_trace_computes_what_it_left_out(network, x):
    """A convolution and the ReLU above it are one step; yet the convolution's output can be had."""
    trace, conv1 = network.trace(x), network.layers["conv1"]
    plain = conv1.forward(x)[0]
    assert np.array_equal(trace.outputs["conv1"], plain)
    assert trace.outputs["conv1"] is trace.outputs["conv1"]
    assert np.array_equal(trace.outputs["relu1"], np.maximum(plain, 0))
    seed = {"fc1": np.ones((2, 5))}
    (alone,) = [gradient for name, gradient in network.gradients(trace, seed).items() if name == "conv1"]
    assert np.array_equal(alone == 0, (plain <= 0) | (network.gradients(trace, seed)["relu1"] == 0))
    with pytest.raises(KeyError):
        trace.outputs["nothing"]


def test_what_a_trace_left_out_is_as_the_pass_would_have_it(network, x):
    float32 = network.astype(np.float32)
    with use_algorithm("im2col"):
        trace = float32.trace(x.astype(np.float32))
    assert np.array_equal(np.maximum(trace.outputs["conv1"], 0), trace.outputs["relu1"])


def test_outputs_are_a_mapping(network, x):
    trace = network.trace(x)
    assert "conv1" in trace.outputs and "nothing" not in trace.outputs
    assert trace.outputs.shape("conv1") == (2, 6, 8, 4) and repr(trace.outputs).startswith("Outputs of conv1 (2, 6, 8, 4), relu1")
    above = trace.after("relu1").outputs
    assert list(above) == ["pool1", "flatten", "drop1", "fc1"] and "conv1" not in above
    with pytest.raises(KeyError):
        above["conv1"]
    copy = pickle.loads(pickle.dumps(trace.outputs))
    assert all(np.array_equal(copy[name], output) for name, output in trace.outputs.items())


def test_split(network, x):
    for name in network.layers:
        trunk, head = network.split(name)
        assert np.array_equal(head(trunk(x)), network(x)) if head.layers else np.array_equal(trunk(x), network(x))


def test_a_second_forward_pass_does_not_spoil_the_first(network, x, generator):
    seed = generator.standard_normal((2, 5))
    trace = network.trace(x)
    expected = network.backward(trace, {"fc1": seed})
    network.trace(10 * x)
    network(-x)
    assert np.array_equal(network.backward(trace, {"fc1": seed}), expected)


def test_nobody_changes_an_array_he_was_handed(network, x, generator):
    x.flags.writeable = False
    trace = network.trace(x)
    for array in trace.outputs.values():
        array.flags.writeable = False
    seed = generator.standard_normal((2, 5))
    seed.flags.writeable = False
    network.backward(trace, {"fc1": seed})
    network.parameter_gradients(trace, {"fc1": seed})


def test_seeds_at_several_layers_add_up(network, x, generator):
    trace = network.trace(x)
    seeds = {name: generator.standard_normal(trace.outputs[name].shape) for name in ("relu1", "conv1", "fc1")}
    together = network.backward(trace, seeds)
    assert together == pytest.approx(sum(network.backward(trace, {name: seed}) for name, seed in seeds.items()))


def test_a_seed_in_the_middle_equals_the_trunks_gradient(network, x, generator):
    trunk, _ = network.split("pool1")
    seed = generator.standard_normal((2, 3, 4, 4))
    assert np.array_equal(network.backward(network.trace(x), {"pool1": seed}), trunk.backward(trunk.trace(x), {"pool1": seed}))


def test_rules_for_all_layers_of_a_type_and_for_one_by_its_name(network, x, generator):
    seed = generator.standard_normal((2, 5))
    trace = network.trace(x)
    used = []

    def noted(word):
        return lambda layer, gradient, context: used.append(word) or layer.backward(gradient, context)

    gradient = network.backward(trace, {"fc1": seed}, {ReLU: noted("type"), "relu1": noted("name"), "fc1": noted("dense")})
    assert used == ["dense", "name"]
    assert np.array_equal(gradient, network.backward(trace, {"fc1": seed}))
    network.backward(trace, {"fc1": seed}, {ReLU: noted("type")})
    assert used == ["dense", "name", "type"]


def test_batched_equals_one_by_one(network, x, generator):
    seed = generator.standard_normal((2, 5))
    trace = network.trace(x)
    for i in range(2):
        one = network.trace(x[i : i + 1])
        assert one.result == pytest.approx(trace.result[i : i + 1])
        assert network.backward(one, {"fc1": seed[i : i + 1]}) == pytest.approx(network.backward(trace, {"fc1": seed})[i : i + 1])


def test_parameter_gradients_cover_all_parameters(network, x, generator):
    gradients = network.parameter_gradients(network.trace(x), {"fc1": generator.standard_normal((2, 5))})
    shapes = {name: {key: array.shape for key, array in arrays.items()} for name, arrays in gradients.items()}
    assert shapes == {name: {key: array.shape for key, array in arrays.items()} for name, arrays in network.parameters.items()}


def test_dropout_only_in_training(network, x):
    assert np.array_equal(network(x), network.trace(x).result)
    first, again = (network.trace(x, np.random.default_rng(0)) for _ in range(2))
    assert np.array_equal(first.result, again.result)
    dropped, kept = first.outputs["drop1"], first.outputs["flatten"]
    assert set(np.unique(np.round(dropped[kept != 0] / kept[kept != 0], 9))) == {0.0, 2.0}


def test_float32_stays_float32(network, x, generator):
    network, x = network.astype(np.float32), x.astype(np.float32)
    trace = network.trace(x)
    assert {array.dtype for array in trace.outputs.values()} == {np.dtype(np.float32)}
    assert network.backward(trace, {"fc1": np.ones((2, 5), np.float32)}).dtype == np.float32
    gradients = network.parameter_gradients(trace, {"fc1": np.ones((2, 5), np.float32)})
    assert {array.dtype for arrays in gradients.values() for array in arrays.values()} == {np.dtype(np.float32)}


def test_errors_name_the_layer(network, x):
    with pytest.raises(ShapeError, match=r"conv1: .*\(6, 8, 3\); expected \(height, width, 2\)"):
        network(np.zeros((1, 6, 8, 3)))
    with pytest.raises(ShapeError, match="fc1: .* expected \\(48,\\)"):
        network(np.zeros((1, 10, 8, 2)))
    with pytest.raises(ShapeError, match="pool1: a window of 2 .* 1 pixels"):
        network(np.zeros((1, 1, 8, 2)))
    with pytest.raises(ShapeError, match="uint8"):
        network(np.zeros((1, 6, 8, 2), np.uint8))
    with pytest.raises(UnknownNameError, match="'conv9'.*conv1, relu1"):
        network.split("conv9")
    trace = network.trace(x)
    with pytest.raises(UnknownNameError, match="conv9"):
        network.backward(trace, {"conv9": x})
    with pytest.raises(ShapeError, match="seed for fc1"):
        network.backward(trace, {"fc1": np.ones((1, 5))})
    with pytest.raises(UnknownNameError, match="no gradient to start from"):
        network.backward(trace, {})


@pytest.mark.parametrize(
    "layer, x, gradient",
    [
        (Conv2D(np.zeros((3, 3, 2, 4)), np.zeros(4)), (1, 5, 5, 2), (1, 5, 5, 4)),
        (MaxPool2D(2), (1, 6, 6, 2), (1, 6, 6, 2)),
        (Dense(np.zeros((4, 3)), np.zeros(3)), (2, 4), (1, 3)),
    ],
)
def test_a_gradient_of_the_wrong_shape_is_an_error(layer, x, gradient):
    _, context = layer.forward(np.zeros(x))
    with pytest.raises(ShapeError, match="gradient has shape"):
        layer.backward(np.zeros(gradient), context)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Conv2D(np.zeros((3, 3, 2)), np.zeros(2)),
        lambda: Conv2D(np.zeros((3, 3, 2, 4)), np.zeros(3)),
        lambda: Dense(np.zeros((3, 3, 2)), np.zeros(2)),
        lambda: MaxPool2D(2, padding=2),
        lambda: MaxPool2D(0),
        lambda: Dropout(1.0),
    ],
)
def test_layers_that_make_no_sense(make):
    with pytest.raises(ValueError, match="expected|must be"):
        make()


def test_a_trace_seen_from_a_layer_on(network, x, generator):
    """Nothing is computed again, and the way back is the same."""
    trace, seed = network.trace(x), generator.standard_normal((2, 5))
    for name in list(network.layers)[:-1]:
        above = trace.after(name)
        assert above.input is trace.outputs[name] and above.result is trace.result
        assert np.array_equal(above.network.backward(above, {"fc1": seed}), network.gradients(trace, {"fc1": seed})[name])


def test_gradients_go_as_far_as_asked(network, x):
    trace = network.trace(x)
    values, gradients = class_gradients(trace, 3)
    assert np.array_equal(values, trace.result[:, 3])
    _, seeds = class_score(3).evaluate(trace)
    top = gradients["flatten"]
    assert class_gradients(trace, 3)[1]["flatten"] is top and class_gradients(trace, 2)[1] is not gradients
    assert np.array_equal(gradients.input, network.backward(trace, seeds))
    assert [name for name, _ in gradients.items()] == list(network.layers)[::-1]
    with pytest.raises(UnknownNameError, match="'fc1'.* pool1, relu1, conv1"):
        network.gradients(trace, {"pool1": np.ones_like(trace.outputs["pool1"])})["fc1"]


def test_gradients_go_on_after_an_interruption(network, x, monkeypatch):
    trace = network.trace(x)
    _, gradients = class_gradients(trace, 1)
    backward, calls = MaxPool2D.backward, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return backward(*arguments)

    monkeypatch.setattr(MaxPool2D, "backward", interrupted)
    with pytest.raises(KeyboardInterrupt):
        gradients.input  # noqa: B018
    assert np.array_equal(gradients.input, network.backward(trace, {"fc1": np.eye(5)[[1, 1]]}))


def test_threads_may_share_gradients(network, x):
    for _ in range(20):
        trace = network.trace(x)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda name: class_gradients(trace, 1)[1][name], ["conv1", "pool1", "relu1", "flatten"]))  # noqa: B023
        assert all(gradient.any() for gradient in found)


def test_a_trace_goes_with_its_last_user(network, x):
    """Not when the garbage collector comes: it holds much memory."""
    trace = network.trace(x)
    class_gradients(trace, 1)[1]["relu1"].any()
    gone = weakref.ref(trace), weakref.ref(trace.outputs), weakref.ref(trace.outputs["relu1"])
    gc.disable()
    try:
        del trace
        assert [each() for each in gone] == [None, None, None]
    finally:
        gc.enable()


def test_rules_for_layers_that_do_not_exist(network, x):
    trace = network.trace(x)
    with pytest.raises(UnknownNameError, match="no layer 'relu53'"):
        network.backward(trace, {"fc1": trace.result}, {"relu53": lambda layer, gradient, context: gradient})
