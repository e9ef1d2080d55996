import numpy as np
import pytest

from minicnn import cross_entropy, softmax
from minicnn.errors import ShapeError


def test_softmax_of_known_values():
    assert softmax(np.log([[1.0, 2.0, 5.0]])) == pytest.approx(np.array([[0.125, 0.25, 0.625]]))


def test_softmax_does_not_overflow():
    assert softmax(np.array([[1e4, 0.0], [-1e4, -1e4]])) == pytest.approx(np.array([[1.0, 0.0], [0.5, 0.5]]))


def test_cross_entropy_of_equal_logits_is_the_logarithm_of_the_number_of_classes():
    loss, gradient = cross_entropy(np.zeros((2, 4)), np.array([0, 3]))
    assert loss == pytest.approx(np.log(4))
    assert gradient == pytest.approx(np.array([[-0.75, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, -0.75]]) / 2)


def test_cross_entropy_gradient_against_finite_differences(generator):
    logits, labels = generator.standard_normal((3, 5)), np.array([1, 4, 0])
    direction = generator.standard_normal(logits.shape)
    _, gradient = cross_entropy(logits, labels)
    above, below = (cross_entropy(logits + h * direction, labels)[0] for h in (1e-5, -1e-5))
    assert (above - below) / 2e-5 == pytest.approx(np.vdot(gradient, direction), rel=1e-8)


@pytest.mark.parametrize("labels", [[0], [0, 4], [0, -1], [0.0, 1.0], [[0], [1]]])
def test_bad_labels(labels):
    with pytest.raises(ShapeError, match="labels"):
        cross_entropy(np.zeros((2, 4)), np.array(labels))
