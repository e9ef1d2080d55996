"""Each objective: its value by its definition, its gradient by finite differences."""

import numpy as np
import pytest

from minicnn.network.gradcheck import check_objective
from minicnn.network.objectives import (
    direction,
    diversity,
    energy,
    gram_match,
    gram_matrix,
    likeness,
    match,
    unit,
)

SHAPE = (3, 30, 24, 3)


@pytest.fixture
def network(small_model):
    return small_model.network.astype(np.float64)


@pytest.fixture
def x(generator):
    return generator.standard_normal(SHAPE)


@pytest.fixture
def other(network, generator):
    """A trace of another image."""
    return network.trace(generator.standard_normal((1, *SHAPE[1:])))


def of_another_image(make):
    """Make an objective from the output of a layer for another image."""
    return lambda other, generator: make(other.outputs)


OBJECTIVES = {
    "direction": lambda other, generator: direction("conv2", generator.standard_normal(12)),
    "directions": lambda other, generator: direction("conv2", generator.standard_normal((3, 12))),
    "direction of a dense layer": lambda other, generator: direction("fc", generator.standard_normal(5)),
    "unit": lambda other, generator: unit("conv2", (2, 1, 4)),
    "unit of a dense layer": lambda other, generator: unit("fc", (2,)),
    "energy": lambda other, generator: energy("relu2"),
    "diversity": lambda other, generator: diversity("conv2"),
    "likeness": of_another_image(lambda outputs: likeness("conv2", outputs["conv2"].reshape(-1, 12))),
    "match": of_another_image(lambda outputs: match("conv2", outputs["conv2"])),
    "match of a dense layer": of_another_image(lambda outputs: match("fc", outputs["fc"])),
    "match of nothing": of_another_image(lambda outputs: match("conv2", np.zeros_like(outputs["conv2"]))),
    "gram": of_another_image(lambda outputs: gram_match("relu1", gram_matrix(outputs["relu1"])[0])),
    "mixed": of_another_image(
        lambda outputs: match("pool2", outputs["pool2"]) + 3 * gram_match("conv1", gram_matrix(outputs["conv1"])[0]) - 0.1 * energy("pool1")
    ),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients(network, x, other, generator, name):
    check = check_objective(network, OBJECTIVES[name](other, generator), x)
    assert check.verdict == "ok", check


def values(objective, network, x):
    return objective.evaluate(network.trace(x))[0]


def test_values_by_loops(network, x, other, generator):
    trace, vector = network.trace(x), generator.standard_normal(12)
    output, wanted = trace.outputs["conv2"], other.outputs["conv2"]
    _, rows, columns, _ = output.shape
    positions = [(i, j) for i in range(rows) for j in range(columns)]
    assert values(direction("conv2", vector), network, x) == pytest.approx(
        [np.mean([image[p] @ vector for p in positions]) for image in output]
    )
    assert values(unit("conv2", (2, 1, 4)), network, x) == pytest.approx(output[:, 2, 1, 4])
    assert values(energy("conv2"), network, x) == pytest.approx([np.mean(image**2) / 2 for image in output])
    features = [wanted[0][p] for p in positions]
    assert values(likeness("conv2", np.array(features)), network, x) == pytest.approx(
        [np.mean([max(image[p] @ feature for feature in features) for p in positions]) for image in output]
    )
    assert values(match("conv2", wanted), network, x) == pytest.approx(
        [-np.sum((image - wanted[0]) ** 2) / np.sum(wanted**2) for image in output]
    )


def naive_gram(image):
    """Sum the outer products of the channels at each position."""
    rows, columns, _ = image.shape
    return sum(np.outer(image[i, j], image[i, j]) for i in range(rows) for j in range(columns)) / (rows * columns)


def test_gram_matrices_by_loops(network, x, other):
    output, wanted = network.trace(x).outputs["relu1"], naive_gram(other.outputs["relu1"][0])
    assert gram_matrix(output) == pytest.approx(np.array([naive_gram(image) for image in output]))
    expected = [-np.sum((naive_gram(image) - wanted) ** 2) / np.sum(wanted**2) for image in output]
    assert values(gram_match("relu1", wanted), network, x) == pytest.approx(expected)


def test_diversity_by_loops(network, x):
    grams = [naive_gram(image).ravel() for image in network.trace(x).outputs["conv2"]]
    grams = [gram / np.linalg.norm(gram) for gram in grams]
    expected = [-np.mean([a @ b for j, b in enumerate(grams) if j != i]) for i, a in enumerate(grams)]
    assert values(diversity("conv2"), network, x) == pytest.approx(expected)
    assert values(diversity("conv2"), network, x[:1]) == pytest.approx([0])


def test_a_perfect_match_is_zero(network, other):
    x, output = other.input, other.outputs["conv2"]
    for objective in (match("conv2", output), gram_match("conv2", gram_matrix(output)[0])):
        value, gradient = objective.value_and_gradient(network, x)
        assert value == pytest.approx([0], abs=1e-20) and not np.abs(gradient).max() > 1e-12


def test_gram_matrices_forget_where(generator):
    """The same positions in another order have the same Gram matrix: that is what makes it a texture."""
    output = generator.standard_normal((1, 4, 6, 5))
    shuffled = generator.permuted(output.reshape(24, 5), axis=0).reshape(output.shape)
    assert not np.allclose(gram_matrix(shuffled), gram_matrix(output))  # channels shuffled each by itself
    shuffled = output.reshape(24, 5)[generator.permutation(24)].reshape(output.shape)
    assert gram_matrix(shuffled) == pytest.approx(gram_matrix(output))
