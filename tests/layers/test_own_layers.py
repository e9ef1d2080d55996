"""A layer of one's own, an ordinary class with a forward and a backward pass, works everywhere, or says why not."""

import sys
import types

import numpy as np
import pytest

import minicnn
from minicnn.errors import DescriptionError, MinicnnError, ShapeError
from minicnn.layers import BatchNorm, Conv2D, Dense, Elementwise, GlobalAveragePool2D, Layer, ReLU
from minicnn.models.descriptions import read_description
from minicnn.network.incremental import Incremental
from minicnn.network.relevance import rule_book
from minicnn.training import start_training


class Sigmoid(Layer):
    def forward(self, x):
        y = 1 / (1 + np.exp(-x))
        return y, y

    def backward(self, gradient, context):
        return gradient * context * (1 - context)


class Dilated(Layer):
    """Each pixel plus the one that lies `step` pixels to the right of it, round the border: it sees far, and says nothing of a window."""

    def __init__(self, step=7):
        self.step = step

    def forward(self, x):
        return x + np.roll(x, -self.step, axis=2), None

    def backward(self, gradient, context):
        return gradient + np.roll(gradient, self.step, axis=2)


class Scale(Layer):
    parameter_names = ("scale",)

    def __init__(self, scale, note="plain"):
        self.scale, self.note = scale, note

    def forward(self, x):
        return x * self.scale, x

    def backward(self, gradient, context):
        return gradient * self.scale

    def parameter_gradients(self, gradient, context):
        return {"scale": (gradient * context).reshape(-1, context.shape[-1]).sum(axis=0)}


def network_with(**layers):
    def empty(*shape):
        return np.zeros(shape, np.float32)

    trunk = {"conv1": Conv2D(empty(3, 3, 3, 6), empty(6), padding=1)}
    head = {"conv2": Conv2D(empty(3, 3, 6, 5), empty(5), stride=2), "gap": GlobalAveragePool2D(), "fc": Dense(empty(5, 4), empty(4))}
    return minicnn.he_initialized(minicnn.Network({**trunk, **layers, **head}), seed=2)


@pytest.fixture
def module(monkeypatch):
    """The classes above as a module that can be imported by name."""
    module = types.ModuleType("my_layers")
    for layer in (Sigmoid, Dilated, Scale):
        named = type(layer.__name__, (layer,), {"__module__": "my_layers"})
        setattr(module, layer.__name__, named)
    monkeypatch.setitem(sys.modules, "my_layers", module)
    return module


def test_shapes_come_from_the_layer_itself():
    class Halve(Layer):
        def forward(self, x):
            return x[:, ::2, ::2], x.shape

    assert Halve().output_shape((7, 8, 3)) == (4, 4, 3)
    assert list(network_with(sigmoid=Sigmoid()).shapes((9, 11, 3)).values()) == [(9, 11, 6), (9, 11, 6), (4, 5, 5), (5,), (4,)]


def test_an_unknown_window_may_see_everything(generator):
    """So receptive fields end there, and nothing is cut short when a box of the image changes."""
    network = network_with(dilated=Dilated()).astype(np.float64)
    fields = network.receptive_fields()
    assert fields["conv1"].size == (3, 3) and fields["dilated"] is None and fields["conv2"] is None
    assert network.image_layers == ["conv1", "dilated", "conv2"]
    image = generator.standard_normal((1, 24, 30, 3))
    patches, places = generator.standard_normal((2, 5, 5, 3)), np.array([[0, 0], [8, 20]])
    changed = np.repeat(image, 2, axis=0)
    for whole, patch, (top, left) in zip(changed, patches, places):
        whole[top : top + 5, left : left + 5] = patch
    assert Incremental(network.trace(image))(patches, places) == pytest.approx(network(changed), abs=1e-12)


def test_an_elementwise_layer_of_ones_own_goes_on_with_windows():
    class Square(Elementwise):
        def forward(self, x):
            return x**2, x

        def backward(self, gradient, context):
            return 2 * gradient * context

    assert network_with(square=Square()).receptive_fields()["conv2"].size == (5, 5)
    assert Square().value_terms(np.full((2, 2, 1), 3.0), (0, 1, 0)).sum == 9


def test_values_are_replaced_in_any_class():
    layer = Scale(np.arange(3.0))
    other = layer.replace(scale=np.ones(3))
    assert layer.scale[2] == 2 and other.scale[2] == 1 and other.note == "plain" and type(other) is Scale
    network = minicnn.Network({"scale": layer}).astype(np.float32)
    assert network.layers["scale"].scale.dtype == np.float32


def test_gradients_are_checked():
    checks = dict(minicnn.gradcheck.check_network(network_with(sigmoid=Sigmoid(), scale=Scale(np.ones(6))), np.ones((1, 9, 9, 3)) * 0.3))
    assert [check.verdict for check in checks["scale"]] == ["ok", "ok"] and checks["network"][0].verdict == "ok"


@pytest.fixture
def panda_model():
    network = network_with(sigmoid=Sigmoid())
    return minicnn.Model(network, "own", minicnn.PREPROCESSING["torch"], ["ant", "bee", "cat", "dog"], input_size=40)


@pytest.mark.parametrize("method", ["saliency", "occlusion", "grad_cam", "smoothgrad", "channels", "layer_outputs", "integrated_gradients"])
def test_methods_take_it(method, panda_model, panda):
    assert np.isfinite(next(iter(getattr(minicnn, method)(panda_model, panda).arrays.values()))).all()


def test_relevance_asks_for_a_rule(panda_model, panda):
    with pytest.raises(MinicnnError, match="sigmoid, a Sigmoid; let its class say so"):
        minicnn.lrp(panda_model, panda)

    class Passing(Sigmoid):
        relevance = "unchanged"

    class Sharing(Sigmoid):
        """Its context is not its input, which the rule needs."""

        relevance = "shared"

    class Halving(Sigmoid):
        def relevance(self, relevance, context):
            return relevance / 2

    maps = []
    for layer in (Passing(), Halving(), Sharing()):
        network = minicnn.Network({**panda_model.network.layers, "sigmoid": layer})
        maps.append(minicnn.lrp(panda_model.with_network(network), panda, target=1, rule="epsilon").values)
    assert maps[1] == pytest.approx(maps[0] / 2)
    assert np.isfinite(maps[2]).all()


def test_saved_and_loaded_by_name(module, tmp_path, panda, generator):
    layers = {
        "sigmoid": module.Sigmoid(),
        "dilated": module.Dilated(step=3),
        "scale": module.Scale(np.arange(1, 7, dtype=np.float32), note="mine"),
    }
    model = minicnn.Model(network_with(**layers), "own", minicnn.PREPROCESSING["torch"], ["ant", "bee", "cat", "dog"], input_size=40)
    minicnn.save(model, tmp_path / "own.h5")
    again = minicnn.load(tmp_path / "own.h5")
    assert again.network.layers["dilated"].step == 3 and again.network.layers["scale"].note == "mine"
    x = model.prepare(panda)
    assert np.array_equal(again.network(x), model.network(x))
    del sys.modules["my_layers"]
    with pytest.raises(DescriptionError, match=r"my_layers:Sigmoid comes from the module my_layers, .*import it first"):
        minicnn.load(tmp_path / "own.h5")


TEXT = 'input = [9, 9, 3]\nlayers = [{{"my_layers:{}" = "own"{}}}]'


def test_described(module):
    network = read_description(TEXT.format("Dilated", ", step = 2"), "x").network
    assert network.layers["own"].step == 2
    assert read_description(TEXT.format("Scale", ", scale = [3]"), "x").network.layers["own"].scale.shape == (3,)


@pytest.mark.parametrize(
    "word, options, message",
    [
        ("Dilated", ", far = 2", "has no option 'far'.*its options are step"),
        ("Scale", "", "needs scale"),
        ("Nothing", "", "has no layer Nothing"),
        ("Dilated", ', step = "a"', "layer 1, own"),
    ],
)
def test_described_wrongly(module, word, options, message):
    with pytest.raises(DescriptionError, match=message):
        read_description(TEXT.format(word, options), "x")


def test_what_cannot_be_found_again_is_not_saved(tmp_path):
    class Local(Layer):
        def forward(self, x):
            return x, None

    class Forgetful(Layer):
        def __init__(self, rate):
            pass

    with pytest.raises(DescriptionError, match="put the class into a module"):
        minicnn.save(minicnn.Model(network_with(local=Local())), tmp_path / "a.h5")
    with pytest.raises(DescriptionError, match="the attribute rate of a Forgetful is missing"):
        Forgetful(1).to_options()


def test_training_starts_from_what_it_was_made_with(module):
    assert np.array_equal(network_with(scale=Scale(np.full(6, 2.0))).layers["scale"].scale, np.full(6, 2.0))
    with pytest.raises(MinicnnError, match="which arrays a Scale starts from"):
        minicnn.he_initialized(read_description(TEXT.format("Scale", ", scale = [3]"), "x").network)


class Clipped(Conv2D):
    """Another forward pass than its parent's: what the parent says of its own does not count."""

    def forward(self, x):
        y, context = super().forward(x)
        return np.minimum(y[:, ::2], 1), context


def test_what_a_parent_says_of_another_forward_pass_does_not_count(generator):
    layer = Clipped(generator.standard_normal((3, 3, 2, 4)), np.zeros(4), padding=1)
    network = minicnn.Network({"clipped": layer, "relu": ReLU()})
    x = generator.standard_normal((1, 8, 9, 2))
    assert np.array_equal(network(x), network.trace(x).result)  # the parent would be fused with the ReLU
    assert network.shapes((8, 9, 2))["relu"] == (4, 9, 4) and network.receptive_fields()["clipped"] is None
    norm = BatchNorm(*(np.ones(4) for _ in range(4)))
    assert list(minicnn.folded(minicnn.Network({"clipped": layer, "norm": norm})).layers) == ["clipped", "norm"]
    with pytest.raises(MinicnnError, match="clipped, a Clipped"):
        rule_book(network.trace(x), "epsilon", 0.1, 2.0, np.zeros(2), np.ones(2))
    assert layer.described("window") is None and Conv2D(layer.weight, layer.bias).described("window") is not None
    assert ReLU().described("elementwise") and ReLU().described("relevance") == "unchanged"


class Leaky(ReLU):
    def __init__(self, slope=0.1):
        object.__setattr__(self, "slope", slope)

    def forward(self, x):
        return np.where(x > 0, x, self.slope * x), x


class Gain(Conv2D):
    """What its `__init__` takes is not what its parent's does."""

    def __init__(self, weight, bias, gain=1.0):
        super().__init__(weight, bias, padding=1)
        object.__setattr__(self, "gain", gain)

    def forward(self, x):
        y, context = super().forward(x)
        return self.gain * y, context


def test_subclasses_are_not_taken_for_their_parents(generator, tmp_path, module):
    weight = generator.standard_normal((3, 3, 3, 4)).astype(np.float32)
    norm = BatchNorm(*(np.full(4, 2, np.float32) for _ in range(4)))
    other_norm = type("OtherNorm", (BatchNorm,), {"forward": lambda self, x: (x, None)})(*(np.ones(4, np.float32) for _ in range(4)))
    for name, layer in {"Leaky": Leaky, "Gain": Gain}.items():
        setattr(module, name, type(name, (layer,), {"__module__": "my_layers"}))
    layers = {"gain": module.Gain(weight, np.zeros(4, np.float32), gain=3.0), "leaky": module.Leaky(0.3)}
    network = minicnn.Network({"conv": Conv2D(weight, np.zeros(4, np.float32), padding=1), "norm": other_norm, "leaky": Leaky()})
    x = generator.standard_normal((1, 6, 6, 3)).astype(np.float32)
    assert np.array_equal(network(x), network.trace(x).result)  # a leaky ReLU is not fused as a ReLU is
    assert list(minicnn.folded(network).layers) == ["conv", "norm", "leaky"]
    assert list(minicnn.folded(minicnn.Network({"gain": layers["gain"], "norm": norm})).layers) == ["gain", "norm"]
    minicnn.save(minicnn.Model(minicnn.Network(layers), input_size=6), tmp_path / "own.h5")
    again = minicnn.load(tmp_path / "own.h5").network
    assert again.layers["gain"].gain == 3 and again.layers["leaky"].slope == 0.3
    assert np.array_equal(again(x), minicnn.Network(layers)(x))


def test_what_is_computed_from_an_array_is_computed_anew():
    class Squared(Scale):
        def __init__(self, scale):
            super().__init__(scale)
            self.square = scale**2

        def forward(self, x):
            return x * self.square, x

    layer = Squared(np.full(2, 3.0)).replace(scale=np.full(2, 4.0))
    assert layer.forward(np.ones((1, 1, 1, 2)))[0].ravel().tolist() == [16, 16]


def test_an_input_that_it_cannot_take_is_a_shape_error():
    class Picky(Layer):
        def forward(self, x):
            return x.reshape(len(x), 2, 2, 3), None

    network = minicnn.Network({"picky": Picky()})
    with pytest.raises(ShapeError, match="picky: a Picky cannot take an input of shape .3, 3, 3. .ValueError"):
        network.shapes((3, 3, 3))
    with pytest.raises(ShapeError, match="too large to try"):
        minicnn.Network({"sigmoid": Sigmoid()}).shapes((100_000, 100_000, 3))


class Contextless(Layer):
    def forward(self, x):
        return x


class Wayless(Layer):
    def forward(self, x):
        return x, None


def test_what_a_layer_lacks_is_said(generator):
    x = generator.standard_normal((2, 3, 3, 2))
    with pytest.raises(MinicnnError, match="own: .*Contextless returned a ndarray; expected .output, context."):
        minicnn.Network({"own": Contextless()}).trace(x)
    with pytest.raises(MinicnnError, match="a Wayless has no way back"):
        minicnn.gradcheck.check_layer(Wayless(), x)
    with pytest.raises(MinicnnError, match="scale of a Scale is a float; expected a NumPy array"):
        minicnn.gradcheck.check_layer(Scale(2.0), x)


def test_nothing_is_imported_because_a_description_says_so(module):
    def asked(name):
        raise AssertionError(f"{name} was asked for")

    module.__getattr__ = asked
    with pytest.raises(DescriptionError, match="has no layer Missing"):
        read_description(TEXT.format("Missing", ""), "x")


def test_sanity_does_not_pass_what_stays_as_it_is(panda):
    network = network_with(scale=Scale(np.ones(6, np.float32)))
    model = minicnn.Model(network, "own", minicnn.PREPROCESSING["torch"], ["ant", "bee", "cat", "dog"], input_size=40)
    with pytest.raises(MinicnnError, match="which arrays a Scale starts from"):
        minicnn.sanity(model, panda, methods=["saliency"])
    minicnn.sanity(model, panda, methods=["saliency"], randomize="permutation", steps=2)


def test_trained_further_with_its_own_arrays(module, tmp_path):
    scale = np.arange(1, 7, dtype=np.float32)
    model = minicnn.Model(network_with(scale=module.Scale(scale)), "own", minicnn.PREPROCESSING["torch"], ["ant", "bee"], input_size=40)
    network = minicnn.Network({**model.network.layers, "fc": Dense(np.zeros((5, 2), np.float32), np.zeros(2, np.float32))})
    minicnn.save(model.with_network(network), tmp_path / "own.h5")
    start = start_training(tmp_path / "own.h5", ["ant", "bee"])
    assert np.array_equal(start.model.network.layers["scale"].scale, scale)


def test_what_a_class_says_itself_counts():
    class Passing(Leaky):
        relevance = "unchanged"

    class Other(Leaky):
        relevance = "unchanged"

        def forward(self, x):
            return x, x

    assert Passing().described("relevance") == Other().described("relevance") == "unchanged"
    assert Leaky().described("relevance") is None and Leaky().described("elementwise") is False


def test_a_rule_holds_for_subclasses_too(generator):
    class Named(ReLU):
        pass

    x, passed = generator.standard_normal((1, 3, 3, 2)), lambda layer, gradient, context: gradient
    network = minicnn.Network({"relu": Named()})
    trace = network.trace(x)
    assert np.array_equal(network.backward(trace, {"relu": x}, {ReLU: passed}), x)


def test_an_elementwise_number_is_its_tangent():
    """Also where the input is 0 and the output is not."""

    class Softened(Elementwise):
        forward, backward = Sigmoid.forward, Sigmoid.backward

    norm = BatchNorm(np.array([2.0]), np.array([1.0]), np.array([3.0]), np.array([4.0]))
    for layer in (Softened(), norm, ReLU()):
        for value in (-1.0, 0.0, 2.0):
            x = np.full((1, 1, 1), value)
            terms = layer.value_terms(x, (0, 0, 0))
            assert terms.sum == pytest.approx(layer.forward(x[None])[0][0, 0, 0, 0])
            assert terms.factors[0, 0, 0] == layer.gradient_terms(np.ones((1, 1, 1)), x, (0, 0, 0)).factors[0, 0, 0]
