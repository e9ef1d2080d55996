"""Networks that are not a line: residual, concatenating, gated, with several consumers of one layer."""

import numpy as np
import pytest

from minicnn import Network, folded, he_initialized
from minicnn.errors import ShapeError, UnknownNameError
from minicnn.geometry import ReceptiveField, Window
from minicnn.layers import (
    Add,
    AveragePool2D,
    BatchNorm,
    Concatenate,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePool2D,
    MaxPool2D,
    Multiply,
    ReLU,
    ReLU6,
    SiLU,
)
from minicnn.network.gradcheck import check_network
from minicnn.network.incremental import Incremental
from minicnn.network.objectives import class_score
from minicnn.network.summary import summarize


def conv(inputs, outputs, size=3, stride=1):
    return Conv2D(np.zeros((size, size, inputs, outputs)), np.zeros(outputs), stride, size // 2)


def norm(channels):
    return BatchNorm(*np.ones((2, channels)), *np.ones((2, channels)))


RESIDUAL = {
    "conv1": conv(3, 4),
    "relu1": ReLU(),
    "conv2": conv(4, 4),
    "norm2": norm(4),
    "relu2": ReLU(),
    "conv3": conv(4, 4),
    "add": (Add(), "conv3", "relu1"),
    "relu3": ReLU(),
    "shortcut": (conv(4, 6, 1, 2), "relu3"),
    "conv4": (conv(4, 6, 3, 2), "relu3"),
    "add2": (Add(), "conv4", "shortcut"),
    "gap": GlobalAveragePool2D(),
    "fc": Dense(np.zeros((6, 5)), np.zeros(5)),
}

DENSE = {
    "conv1": conv(3, 4),
    "grown": (Concatenate(), "conv1", "input"),
    "relu1": ReLU(),
    "conv2": conv(7, 4),
    "grown2": (Concatenate(), "grown", "conv2", "conv1"),
    "relu2": ReLU(),
    "pool": MaxPool2D(2),
    "flatten": Flatten(),
    "fc": Dense(np.zeros((15 * 3 * 4, 5)), np.zeros(5)),
}

GATED = {
    "conv1": conv(3, 4),
    "squeeze": GlobalAveragePool2D(),
    "fc1": Dense(np.zeros((4, 4)), np.zeros(4)),
    "gate": ReLU(),
    "scaled": (Multiply(), "conv1", "gate"),
    "relu": ReLU(),
    "conv2": conv(4, 4),
    "pool": AveragePool2D(2),
    "gap": GlobalAveragePool2D(),
    "fc": Dense(np.zeros((4, 5)), np.zeros(5)),
}

DEPTHWISE = {
    "conv1": conv(3, 4),
    "expand": conv(4, 8, 1),
    "relu1": ReLU6(),
    "depthwise": Conv2D(np.zeros((3, 3, 1, 8)), np.zeros(8), 1, ((1, 1), (1, 1)), groups=8),
    "relu2": ReLU6(),
    "project": conv(8, 4, 1),
    "add": (Add(), "project", "conv1"),
    "smaller": Conv2D(np.zeros((3, 3, 1, 4)), np.zeros(4), 2, ((0, 1), (0, 1)), groups=4),
    "relu3": SiLU(),
    "gap": GlobalAveragePool2D(),
    "fc": Dense(np.zeros((4, 5)), np.zeros(5)),
}

GRAPHS = {"residual": RESIDUAL, "dense": DENSE, "gated": GATED, "depthwise": DEPTHWISE}


@pytest.fixture(params=GRAPHS)
def network(request):
    return he_initialized(Network(GRAPHS[request.param]), seed=2).astype(np.float64)


@pytest.fixture
def x(generator):
    return generator.standard_normal((2, 6, 8, 3))


def naive(network, x):
    """All outputs, each computed from its inputs again by recursion."""
    found = {"input": x}

    def output(name):
        if name not in found:
            layer, *sources = network.nodes[name]
            found[name] = layer.forward(*map(output, sources))[0]
        return found[name]

    return {name: output(name) for name in network.layers}


def test_forward(network, x):
    expected = naive(network, x)
    trace = network.trace(x)
    assert all(np.array_equal(trace.outputs[name], array) for name, array in expected.items())
    assert np.array_equal(network(x), trace.result)
    for name in network.layers:
        assert all(a is b for a, b in zip(trace.inputs_of(name), [{"input": x, **trace.outputs}[s] for s in network.inputs[name]]))
    shapes = network.shapes(x.shape[1:])
    assert shapes == {name: array.shape[1:] for name, array in expected.items()}


def test_all_backward_passes_are_those_of_finite_differences(network, x):
    for name, checks in check_network(network, x):
        assert all(not check.problem and check.error <= check.tolerance for check in checks), (name, checks)


def test_parameter_gradients(network, x, generator):
    """The step that changes each parameter along its gradient changes the score by that much."""
    biases = {name: {"bias": 0.1 * generator.standard_normal(arrays["bias"].shape)} for name, arrays in network.parameters.items()}
    network = network.with_parameters(biases)  # without, what sees only zeros is at its kink
    direction = {
        layer: {name: generator.standard_normal(array.shape) for name, array in arrays.items()}
        for layer, arrays in network.parameters.items()
    }
    seed = generator.standard_normal(network(x).shape)
    last = list(network.layers)[-1]
    gradients = network.parameter_gradients(network.trace(x), {last: seed})
    expected = sum(np.vdot(gradients[layer][name], d) for layer, arrays in direction.items() for name, d in arrays.items())

    def score(step):
        moved = {
            layer: {name: network.parameters[layer][name] + step * d for name, d in arrays.items()} for layer, arrays in direction.items()
        }
        return np.vdot(network.with_parameters(moved)(x), seed)

    assert (score(1e-7) - score(-1e-7)) / 2e-7 == pytest.approx(expected, rel=1e-5)


def test_seeds_in_the_middle_add_up(network, x, generator):
    trace = network.trace(x)
    seeds = {name: generator.standard_normal(output.shape) for name, output in trace.outputs.items()}
    together = network.backward(trace, seeds)
    assert together == pytest.approx(sum(network.backward(trace, {name: seed}) for name, seed in seeds.items()))


def test_gradients_of_every_layer(network, x, generator):
    """The gradient at a layer is complete: it is that of the network above, where that can be cut off."""
    trace = network.trace(x)
    seed = generator.standard_normal(trace.result.shape)
    gradients = network.gradients(trace, {trace.last: seed})
    assert np.array_equal(gradients.input, network.backward(trace, {trace.last: seed}))
    for name in network.separators[:-1]:
        _, head = network.split(name)
        assert head.backward(head.trace(trace.outputs[name]), {trace.last: seed}) == pytest.approx(gradients[name])
        assert np.array_equal(trace.after(name).result, trace.result)


def test_cuts(network, x):
    for name in network.layers:
        trunk = network.up_to([name])
        assert list(trunk.layers)[-1] == name and np.array_equal(trunk(x), network.trace(x).outputs[name])
        if name in network.separators:
            assert np.array_equal(network.split(name)[1](trunk(x)), network(x)) or name == list(network.layers)[-1]
        else:
            with pytest.raises(UnknownNameError, match=f"cannot be cut after {name}, as .* past it; choose one of .*fc"):
                network.split(name)


def test_separators():
    found = {name: Network(nodes).separators for name, nodes in GRAPHS.items()}
    assert found["residual"] == ["conv1", "relu1", "add", "relu3", "add2", "gap", "fc"]
    assert found["dense"] == ["grown2", "relu2", "pool", "flatten", "fc"]
    assert found["gated"] == ["conv1", "scaled", "relu", "conv2", "pool", "gap", "fc"]


def test_separators_are_those_without_which_nothing_arrives(network):
    """By the definition: take a layer away, and no path leads from the input to the output any more."""
    last = list(network.layers)[-1]

    def arrives(without):
        reached = {"input"}
        for name, sources in network.inputs.items():
            if name != without and reached & set(sources):
                reached.add(name)
        return last in reached

    assert network.separators == [name for name in network.layers if not arrives(name)]


def test_what_is_not_needed_is_not_computed(network):
    for name in network.layers:
        part = network.up_to([name])
        assert all(other == name or part.consumers[other] for other in part.layers)


def test_it_can_be_made_again(network, x):
    assert np.array_equal(Network(network.nodes)(x), network(x))
    assert network.with_layers({}).inputs == network.inputs
    doubled = network.with_parameters({"fc": {"weight": 2 * network.layers["fc"].weight, "bias": 2 * network.layers["fc"].bias}})
    assert doubled(x) == pytest.approx(2 * network(x)) and doubled.inputs == network.inputs


def test_folding(x):
    network = he_initialized(Network(RESIDUAL), seed=1).astype(np.float64)
    assert list(folded(network).layers) == [name for name in RESIDUAL if name != "norm2"]
    assert folded(network)(x) == pytest.approx(network(x))


def test_a_layer_that_two_take_is_not_folded(x):
    nodes = {"conv": conv(3, 4), "norm": norm(4), "add": (Add(), "norm", "conv"), "gap": GlobalAveragePool2D()}
    network = he_initialized(Network(nodes), seed=1).astype(np.float64)
    assert folded(network).inputs == network.inputs and np.array_equal(folded(network)(x), network(x))


def test_the_last_layer_stays_the_last_when_folded(x):
    """Here another layer stands before it, which nobody takes."""
    network = he_initialized(Network({"conv": conv(3, 4), "aside": (ReLU(), "input"), "norm": (norm(4), "conv")}), seed=1)
    assert list(folded(network).layers)[-1] == "norm" and np.array_equal(folded(network)(x), network(x))


def test_the_default_layer_is_none_that_the_result_does_not_depend_on():
    nodes = {
        "conv": conv(3, 4),
        "relu": ReLU(),
        "aside": conv(4, 4),
        "gap": (GlobalAveragePool2D(), "relu"),
        "fc": Dense(np.ones((4, 2)), np.ones(2)),
    }
    assert Network(nodes).last_convolution == "relu"


def test_two_ways_that_meet_after_the_images_have_no_default_layer():
    nodes = {"conv1": conv(3, 4), "gap1": GlobalAveragePool2D(), "conv2": (conv(3, 4), "input"), "gap2": GlobalAveragePool2D()}
    nodes |= {"both": (Concatenate(), "gap1", "gap2"), "fc": Dense(np.ones((8, 2)), np.ones(2))}
    with pytest.raises(UnknownNameError, match="no layer of images that all of the result passes through; choose one of conv1, conv2"):
        Network(nodes).last_convolution  # noqa: B018


def test_a_convolution_that_two_take_is_not_fused(x):
    """With its ReLU, what the convolution itself puts out would be lost."""
    nodes = {"conv": conv(3, 4), "relu": ReLU(), "add": (Add(), "relu", "conv")}
    network = he_initialized(Network(nodes), seed=1)
    x = x.astype(np.float32)
    assert np.array_equal(network(x), network.trace(x).result)
    nodes = {"conv": conv(3, 4), "relu": ReLU(), "add": (Add(), "relu", "relu")}
    network = he_initialized(Network(nodes), seed=1)
    assert [step.name for step in network._steps] == ["relu", "add"]
    assert network(x) == pytest.approx(network.trace(x).result, abs=1e-6)


def test_receptive_fields(generator):
    """What a unit sees is exactly where its gradient is not zero, if everything passes."""
    network = he_initialized(Network(RESIDUAL).up_to(["add2"]), seed=1).astype(np.float64)
    x = generator.standard_normal((1, 25, 27, 3))
    trace = network.trace(x)
    for name, field in network.receptive_fields().items():
        unit = tuple(side // 2 for side in trace.outputs[name].shape[1:3])
        seed = np.zeros_like(trace.outputs[name])
        seed[0, unit[0], unit[1]] = 1
        gradient = np.abs(network.backward(trace, {name: seed}, {ReLU: lambda layer, gradient, context: gradient})).sum(axis=(0, 3))
        box = field.box(*unit, 25, 27)
        rows, columns = np.nonzero(gradient)
        assert (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)) == box


def test_the_union_of_receptive_fields():
    paddings = [((0, 0), (2, 2)), ((2, 2), (0, 0))]
    fields = [ReceptiveField().through(Window((3, 5), padding=padding)) for padding in paddings]
    union = ReceptiveField.union(fields)
    boxes = [field.box(4, 4, 100, 100) for field in fields]
    for axis, side in enumerate(union.box(4, 4, 100, 100)):
        assert side == slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes))
    with pytest.raises(ShapeError, match="units lie .* pixels apart"):
        ReceptiveField.union([ReceptiveField(), ReceptiveField(jump=(2, 2))])


def test_a_gate_sees_everything_and_what_it_scales_is_an_image():
    network = Network(GATED)
    assert network.receptive_fields()["scaled"] is None
    assert network.image_layers == ["conv1", "scaled", "relu", "conv2", "pool"]
    assert Network(RESIDUAL).image_layers == list(RESIDUAL)[:-2]


@pytest.mark.parametrize("batch", [1, 5])
def test_incremental(network, batch, generator):
    size = (6, 8)
    x = generator.standard_normal((1, *size, 3))
    changes = generator.standard_normal((batch, 2, 3, 3))
    places = np.stack([generator.integers(0, size[axis] - (2, 3)[axis] + 1, batch) for axis in range(2)], axis=1)
    changed = np.repeat(x, batch, axis=0)
    for image, box, (row, column) in zip(changed, changes, places):
        image[row : row + 2, column : column + 3] = box
    assert Incremental(network.trace(x))(changes, places) == pytest.approx(network(changed))


def test_memory_is_freed_after_the_last_use(network):
    """Nothing is kept that nobody takes any more."""
    steps = network._steps
    for place, step in enumerate(steps):
        later = {source for other in steps[place + 1 :] for source in other.sources}
        assert set(step.done) == set(step.sources) - later


def test_summary(network):
    rows = list(summarize(network, (6, 8, 3)))
    assert [row.name for row in rows] == list(network.layers)
    assert [row.output_shape for row in rows] == list(network.shapes((6, 8, 3)).values())


def test_a_score_and_its_gradient(network, x):
    values, gradient = class_score(1).value_and_gradient(network, x)
    assert values == pytest.approx(network(x)[:, 1]) and gradient.shape == x.shape


@pytest.mark.parametrize(
    "nodes, message",
    [
        ({"add": (Add(), "input", "relu"), "relu": ReLU()}, "add takes 'relu', which does not come before it; expected 'input' or one of"),
        ({"relu": ReLU(), "add": (Add(), "relu", "add")}, "add takes 'add', which does not come before it"),
        ({"input": ReLU()}, "called 'input', which stands for the network's own input"),
        ({"relu": [ReLU(), "input"]}, r"relu is .*; expected a layer, or a tuple of a layer and the names"),
        ({"relu": ()}, r"relu is \(\); expected a layer"),
        ({"relu": ReLU}, "expected a layer, or a tuple"),
        ({"relu": ReLU(), "add": (Add(), ["relu", "input"])}, "expected a layer, or a tuple"),
        ({"relu": ReLU(), "add": Add()}, r"add \(Add\) takes relu; expected at least two inputs"),
        ({"relu": ReLU(), "twice": (ReLU(), "relu", "input")}, r"twice \(ReLU\) takes relu, input; expected one input"),
    ],
)
def test_what_is_no_graph(nodes, message):
    with pytest.raises(UnknownNameError, match=message):
        Network(nodes)


@pytest.mark.parametrize(
    "join, shapes, message",
    [
        (Add(), [(4, 4, 2), (4, 4, 3)], r"\(4, 4, 2\) and \(4, 4, 3\); expected equal ones"),
        (Concatenate(), [(4, 4, 2), (4, 5, 2)], "differ in their channels alone"),
        (Multiply(), [(4, 4, 2), (3,)], r"expected \(height, width, channels\) and \(channels,\)"),
        (Multiply(), [(2,), (2,)], "expected"),
        (Multiply(), [(4, 4, 2), (1, 1, 2)], r"expected \(height, width, channels\) and \(channels,\), in this order"),
    ],
)
def test_inputs_that_do_not_go_together(join, shapes, message):
    with pytest.raises(ShapeError, match=message):
        join.output_shape(*shapes)
    with pytest.raises(ShapeError, match=message):
        join.forward(*(np.zeros((1, *shape)) for shape in shapes))
