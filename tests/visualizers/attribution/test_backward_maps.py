"""Maps from other ways back through the network, and maps that share out the score."""

import numpy as np
import pytest

import minicnn
from minicnn.errors import MinicnnError
from minicnn.layers import (
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    MaxPool2D,
    ReLU,
)
from minicnn.network.objectives import class_score
from minicnn.network.relevance import rule_book
from minicnn.network.rules import deconvnet, guided
from minicnn.pictures.render import stretch
from minicnn.visualizers.attribution.fills import filled


@pytest.fixture
def network(small_model):
    return small_model.network.astype(np.float64)


def unbiased(generator, bias=0.0):
    """A network as the large ones are: flattened, with dropout."""

    def layer(kind, *shape, **options):
        return kind(generator.standard_normal(shape), np.full(shape[-1], bias), **options)

    return minicnn.Network(
        {
            "conv1": layer(Conv2D, 3, 3, 3, 6, stride=2),
            "relu1": ReLU(),
            "pool1": MaxPool2D(2),
            "flatten": Flatten(),
            "fc1": layer(Dense, 7 * 11 * 6, 8),
            "relu2": ReLU(),
            "drop": Dropout(),
            "fc2": layer(Dense, 8, 4),
        }
    )


@pytest.mark.parametrize("rule, method", [(guided, minicnn.guided_backprop), (deconvnet, minicnn.deconvnet)])
def test_backward_rules_and_their_forms(small_model, x, rule, method):
    network = small_model.network.astype(np.float64)
    expected = class_score(1).value_and_gradient(network, x, {ReLU: rule})[1][0]
    maps = {form: method(network, x, 1, form=form, prepared=True).values for form in ("absolute", "signed", "raw")}
    assert np.array_equal(maps["raw"], expected)
    assert np.array_equal(maps["absolute"], np.abs(expected).max(axis=2))
    assert np.array_equal(np.abs(maps["signed"]), maps["absolute"])
    assert not np.allclose(maps["signed"], minicnn.saliency(network, x, 1, form="signed", prepared=True).values)


@pytest.mark.parametrize("method", [minicnn.guided_backprop, minicnn.deconvnet, minicnn.guided_grad_cam])
def test_without_a_relu_they_are_the_plain_gradient(method, network, x):
    linear = minicnn.Network({name: layer for name, layer in network.layers.items() if not isinstance(layer, ReLU)})
    with pytest.warns(UserWarning, match="the network has no ReLU, so this is the plain gradient"):
        result = method(linear, x, 1, prepared=True)
    assert result.warnings
    if method is not minicnn.guided_grad_cam:
        assert np.array_equal(result.values, minicnn.saliency(linear, x, 1, form="raw", prepared=True).values)
    assert not method(network, x, 1, prepared=True).warnings


@pytest.mark.parametrize("method", [minicnn.guided_backprop, minicnn.deconvnet, minicnn.guided_grad_cam])
def test_raw_forms_are_in_rgb_order(method, model, panda):
    """The network's own order is blue, green, red."""
    x = model.prepare(panda, 64)
    of_a_bare_network = method(model.network, x, 388, prepared=True).values
    assert np.array_equal(method(model, x, 388, prepared=True).values, of_a_bare_network[..., ::-1])


def test_guided_grad_cam_is_the_product(network, x):
    options = {"prepared": True, "output": "log-probability"}
    for target, layer in ((3, "pool1"), (4, "relu2")):
        cam = minicnn.grad_cam(network, x, target, layer, **options).values
        expected = minicnn.guided_backprop(network, x, target, **options).values * stretch(cam, 30, 46)[..., None]
        assert expected.any()
        assert minicnn.guided_grad_cam(network, x, target, layer, **options).values == pytest.approx(expected)


def test_gradient_x_input_explains_everything_without_biases(generator, x):
    network = unbiased(generator)
    score = network(x)[0, 2]
    result = minicnn.gradient_x_input(network, x, 2, prepared=True)
    assert result.values.sum() == pytest.approx(score, rel=1e-12)
    assert f"the score is {score:.4g}" in result.text


def test_gradient_x_input_leaves_the_biases_over(generator, x):
    network = unbiased(generator, bias=0.7)
    trace = network.trace(x)
    gradients = network.gradients(trace, {"fc2": np.eye(4)[2:3]})
    biases = sum((gradients[name] * network.layers[name].bias).sum() for name in network.parameters)
    result = minicnn.gradient_x_input(network, x, 2, prepared=True)
    assert result.values.sum() + biases == pytest.approx(trace.result[0, 2])
    assert f"{biases:.4g} comes from the biases" in result.text


@pytest.mark.filterwarnings("ignore:the map adds up to")
@pytest.mark.parametrize("baseline", ["gray", "mean", "blur", "noise"])
def test_integrated_gradients_step_by_step(network, x, baseline):
    begin = filled(x, baseline, 3.0, 4)
    expected = np.zeros(x.shape)
    for step in range(7):
        point = begin + (step + 0.5) / 7 * (x - begin)
        expected += class_score(1).value_and_gradient(network, point)[1] * (x - begin) / 7
    options = {"baseline": baseline, "steps": 7, "seed": 4, "prepared": True}
    for batch_size in (1, 3, 10):
        result = minicnn.integrated_gradients(network, x, 1, batch_size=batch_size, **options)
        assert result.values == pytest.approx(expected[0].sum(axis=2))


def test_integrated_gradients_from_black(model, panda):
    """Black is not 0 in the network's units."""
    x = model.prepare(panda, 48)
    black = model.preprocessing.apply(np.zeros(x.shape))
    share = class_score(388).value_and_gradient(model.network, black + np.float32(0.5) * (x - black))[1] * (x - black)
    with pytest.warns(UserWarning, match="more steps"):
        result = minicnn.integrated_gradients(model, x, 388, baseline="black", steps=1, prepared=True)
    assert result.values == pytest.approx(share[0].sum(axis=2), rel=1e-3, abs=1e-5)
    with pytest.raises(MinicnnError, match="knows no black; expected"):
        minicnn.integrated_gradients(model.network, x, 388, baseline="black", prepared=True)


def test_integrated_gradients_complete(network, x):
    """They add up to the difference of the scores, the better the more steps."""
    wanted = network(x)[0, 1] - network(np.zeros_like(x))[0, 1]
    result = minicnn.integrated_gradients(network, x, 1, steps=400, batch_size=20, prepared=True)
    assert result.values.sum() == pytest.approx(wanted, rel=1e-3)
    assert f"by {wanted:.4g}" in result.text and not result.warnings


def test_integrated_gradients_of_a_linear_network_are_complete_in_one_step(generator, x):
    weight = generator.standard_normal((3, 4))
    linear = minicnn.Network({"gap": GlobalAveragePool2D(), "fc": Dense(weight, np.ones(4))})
    for baseline in ("gray", "noise"):
        result = minicnn.integrated_gradients(linear, x, 2, baseline=baseline, steps=1, prepared=True)
        assert not result.warnings
    with pytest.warns(UserWarning, match="are zero: nothing changes the score"):
        minicnn.integrated_gradients(linear, np.zeros_like(x), 2, prepared=True)


@pytest.mark.parametrize("rule", ["composite", "epsilon", "alpha-beta", "z-plus"])
def test_lrp_is_what_its_rules_say(generator, x, rule):
    network = unbiased(generator, bias=0.3)
    trace = network.trace(x)
    rules = rule_book(trace, rule, 0.1, 3.0, x.min(axis=(0, 1, 2)), x.max(axis=(0, 1, 2)))
    below = network.backward(trace, {"fc2": trace.result * np.eye(4)[1]}, rules)
    result = minicnn.lrp(network, x, 1, rule=rule, epsilon=0.1, alpha=3.0, prepared=True)
    assert result.values.dtype == np.float64 and result.values == pytest.approx(below[0].sum(axis=2))
    assert f"{result.values.sum() / trace.result[0, 1]:.1%} of it arrives" in result.text


def test_lrp_conserves_the_score_without_biases(generator, x):
    network = unbiased(generator)
    for rule in ("composite", "z-plus", "epsilon"):
        result = minicnn.lrp(network, x, 1, rule=rule, epsilon=0.0, prepared=True)
        assert result.values.sum() == pytest.approx(network(x)[0, 1])
        assert "100.0% of it arrives" in result.text
    plain = minicnn.gradient_x_input(network, x, 1, prepared=True).values
    assert minicnn.lrp(network, x, 1, rule="epsilon", epsilon=0.0, prepared=True).values == pytest.approx(plain)


@pytest.mark.parametrize("rule, why", [("composite", "no input raises"), ("z-plus", "no input raises"), ("epsilon", "only biases do")])
def test_lrp_says_why_little_arrives(x, rule, why):
    """Of the second convolution's twenty units an input raises one; the others have all from their biases."""
    second = np.where(np.arange(20) > 0, -0.3, 0.3) * np.ones((1, 1, 3, 20))
    nodes = {"conv1": Conv2D(np.full((1, 1, 3, 3), 0.3), np.zeros(3)), "relu1": ReLU()}
    nodes |= {"conv2": Conv2D(second, np.where(np.arange(20) > 0, 50.0, 0.0)), "relu2": ReLU()}
    network = minicnn.Network({**nodes, "gap": GlobalAveragePool2D(), "fc": Dense(np.ones((20, 2)), np.zeros(2))})
    result = minicnn.lrp(network, np.abs(x), 1, rule=rule, epsilon=5.0, prepared=True)
    assert result.values.sum() < 0.1 * network(np.abs(x))[0, 1] and why in result.text
    raised = network.with_layers({"conv2": Conv2D(np.abs(second), np.zeros(20))})
    assert why not in minicnn.lrp(raised, np.abs(x), 1, rule=rule, epsilon=0.0, prepared=True).text


def test_lrp_warns_of_scores_that_cancel(generator, x):
    weights = generator.standard_normal((30 * 46 * 3, 2)) / 100
    weights[:, 1] *= 1e-3
    network = minicnn.Network({"flatten": Flatten(), "fc": Dense(weights, np.zeros(2))})
    with pytest.warns(UserWarning, match="nearly cancel"):
        minicnn.lrp(network, x, 1, prepared=True)
    assert not minicnn.lrp(network, x, 0, prepared=True).warnings


def test_lrp_names_the_layer_that_loses_most(small_model, x):
    network = small_model.network.astype(np.float64).with_parameters({"fc": {"bias": np.full(5, 1e3)}})
    assert "The largest change is at fc: -" in minicnn.lrp(network, x, 1, prepared=True).text


@pytest.mark.parametrize("options", [{"epsilon": -0.1}, {"alpha": 0.5}, {"rule": "magic"}])
def test_lrps_options(small_model, x, options):
    with pytest.raises(MinicnnError, match="; expected "):
        minicnn.lrp(small_model.network, x, prepared=True, **options)
