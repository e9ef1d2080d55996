"""Sanity checks: what becomes random when, and how alike maps are."""

import numpy as np
import pytest

import minicnn
from minicnn.errors import MinicnnError, ShapeError
from minicnn.layers import GlobalAveragePool2D
from minicnn.network.objectives import class_score
from minicnn.pictures.render import Signed
from minicnn.visualizers import LIKELIEST, REGISTRY, Image, Target
from minicnn.visualizers.attribution.gradients import guided_gradient
from minicnn.visualizers.contract.decorator import visualizer
from minicnn.visualizers.evaluation.sanity import _cascade, verdict
from minicnn.visualizers.evaluation.similarity import (
    MEASURES,
    gradient_histogram_similarity,
    rank_correlation,
    structural_similarity,
)


@pytest.mark.parametrize("randomize", ["initialization", "permutation"])
def test_layers_become_random_from_the_top(small_model, randomize):
    trained = small_model.network.parameters
    steps = list(_cascade(small_model.network, None, randomize, seed=1))
    assert [layer for layer, _ in steps] == ["trained", "fc", "conv2", "conv1"]
    for done, (_, network) in enumerate(steps):
        for layer in ("fc", "conv2", "conv1")[:done]:
            weight = network.parameters[layer]["weight"]
            assert not np.array_equal(weight, trained[layer]["weight"]) and weight.dtype == np.float32
            assert np.array_equal(np.sort(weight, axis=None), np.sort(trained[layer]["weight"], axis=None)) == (randomize == "permutation")
            assert np.array_equal(weight, steps[-1][1].parameters[layer]["weight"])  # and stay so
        for layer in ("fc", "conv2", "conv1")[done:]:
            assert network.parameters[layer]["weight"] is trained[layer]["weight"]
    biased = small_model.network.with_parameters({"fc": {"bias": np.arange(5, dtype=np.float32)}})
    bias = list(_cascade(biased, None, randomize, seed=1))[1][1].parameters["fc"]["bias"]
    assert sorted(bias.tolist()) == ([0] * 5 if randomize == "initialization" else [0, 1, 2, 3, 4]) and bias.tolist() != [0, 1, 2, 3, 4]


def test_several_layers_in_a_step(small_model):
    (_, first), (name, half), (last, _) = _cascade(small_model.network, 2, "initialization", seed=0)
    assert (name, last) == ("conv2", "conv1")
    assert half.parameters["conv1"]["weight"] is first.parameters["conv1"]["weight"]
    assert half.parameters["fc"]["weight"] is not first.parameters["fc"]["weight"]
    assert [name for name, _ in _cascade(small_model.network, 99, "initialization", 0)] == ["trained", "fc", "conv2", "conv1"]
    with pytest.raises(MinicnnError, match="no parameters"):
        list(_cascade(minicnn.Network({"gap": GlobalAveragePool2D()}), None, "initialization", 0))


def test_maps_are_those_of_the_methods(small_model, x):
    network = small_model.network
    result = minicnn.sanity(network, x, 3, methods=["saliency", "grad-cam"], seed=2, prepared=True)
    maps, similarity = result.values["maps"], result.values["similarity"]
    assert maps.shape == (2, 4, 30, 46) and similarity.shape == (3, 2, 4)
    for step, (_, random) in enumerate(_cascade(network, None, "initialization", seed=2)):
        assert np.array_equal(maps[0, step], minicnn.saliency(random, x, 3, prepared=True).values)
    for k, measure in enumerate(MEASURES.values()):
        assert similarity[k, 0] == pytest.approx([measure(maps[0, 0], each) for each in maps[0]])
    assert similarity[:, :, 0] == pytest.approx(np.ones((3, 2)))
    assert [(row["method"], row["random down to"]) for row in result.table][:5] == [
        ("saliency", "trained"), ("saliency", "fc"), ("saliency", "conv2"), ("saliency", "conv1"), ("grad-cam", "trained"),
    ]  # fmt: skip
    assert result.table[2]["rank correlation"] == pytest.approx(similarity[0, 0, 2])


@pytest.fixture
def guided(monkeypatch):
    """A signed method that is known to fail."""
    monkeypatch.setitem(REGISTRY, "test-guided", None)  # so that it is taken out again

    @visualizer(question="What mattered for this answer?", paper="", if_zero="", attribution="large", name="test-guided")
    def method(model: minicnn.Model, image: Image, target: Target = LIKELIEST):
        """Go back through ReLUs where both the input and the gradient are positive."""
        return minicnn.Result(guided_gradient(model.network, image, class_score(target))[0], Signed(), "guided")

    return "test-guided"


def test_the_known_verdicts(model, panda, guided):
    """Adebayo et al.: the gradient and Grad-CAM change with the weights, guided backpropagation hardly does."""
    result = minicnn.sanity(model, panda, methods=["saliency", "grad-cam", guided], steps=4, size=112)
    words = {line.split()[0]: line for line in result.text.splitlines()}
    assert "changes with" in words["saliency"] and "changes with" in words["grad-cam"] and "hardly changes" in words[guided]
    signed = [row.get("signed rank correlation") for row in result.table]
    assert signed[:10] == [None] * 10 and signed[10] == pytest.approx(1) and abs(signed[-1]) < 0.8


def test_verdicts():
    assert [verdict(value).split(":")[0] for value in (-0.5, 0.39, 0.4, 0.6, 1)] == [
        *["changes with the weights"] * 2, "changes only in part", *["hardly changes"] * 2,
    ]  # fmt: skip


def test_empty_maps_count_as_no_similarity(small_model, x):
    """A dead layer below the random ones leaves nothing to draw."""
    network = small_model.network.with_parameters({"fc": {"weight": np.ones((12, 5), np.float32)}})
    flat = np.zeros((30, 46))
    assert [measure(flat, np.abs(x[0, ..., 0])) for measure in MEASURES.values()] == [0, 0, 0]
    dead = network.with_parameters({"conv2": {"bias": np.full(12, -1e9, np.float32)}})
    with pytest.warns(UserWarning, match="saliency: all values of saliency are zero|the map is empty once"):
        result = minicnn.sanity(dead, x, 0, methods=["saliency"], prepared=True)
    assert result.values["similarity"][:, 0, 0].tolist() == [0, 0, 0] and "the map is empty once" in " ".join(result.warnings)


def test_measures(generator):
    a, b = np.abs(generator.standard_normal((2, 60, 80)))
    assert [measure(a, a) for measure in MEASURES.values()] == pytest.approx([1, 1, 1])
    assert all(abs(measure(a, b)) < 0.2 for measure in (rank_correlation, structural_similarity))
    ranks = [each.ravel().argsort().argsort() for each in (a, b)]
    assert rank_correlation(a, b) == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert rank_correlation(a, a**3) == pytest.approx(1) and rank_correlation(a, -a) == pytest.approx(-1)
    assert structural_similarity(a, 5 * a) == pytest.approx(1)  # each on its own scale
    stripes = np.tile(np.sin(np.arange(80)) + 1, (60, 1))
    assert gradient_histogram_similarity(stripes, np.roll(stripes, 3, axis=1)) > 0.9
    assert gradient_histogram_similarity(stripes, stripes[:, :60].T.repeat(2, axis=1)[:60, :80]) < 0.5


def test_photos_too_small(small_model, generator):
    with pytest.raises(ShapeError, match="8 x 46 are too small to compare"):
        minicnn.sanity(small_model.network, generator.standard_normal((1, 8, 46, 3)), 0, prepared=True)
