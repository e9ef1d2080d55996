"""Layers against what PyTorch computes, forward and backward, and in descriptions."""

from pathlib import Path

import numpy as np
import pytest
from layer_cases import ON_IMAGES, images

from minicnn import layers
from minicnn.errors import DescriptionError, ShapeError
from minicnn.models.descriptions import read_description
from minicnn.models.specs import LayerSpec

REFERENCES = Path(__file__).parent.parent / "references" / "layers.npz"


@pytest.mark.parametrize("name", ON_IMAGES)
def test_against_pytorch(name):
    layer = ON_IMAGES[name][0](layers)
    output, context = layer.forward(images())
    with np.load(REFERENCES) as stored:
        assert output == pytest.approx(stored[f"{name}/output"], abs=1e-12)
        assert layer.backward(2 * output, context) == pytest.approx(stored[f"{name}/gradient"], abs=1e-11)
        for parameter, gradient in layer.parameter_gradients(2 * output, context).items():
            assert gradient == pytest.approx(stored[f"{name}/{parameter}"], rel=1e-12)


@pytest.mark.parametrize("name", ON_IMAGES)
def test_written_and_read_again(name):
    layer = ON_IMAGES[name][0](layers)
    spec = LayerSpec.of(layer.word, layer.to_options())
    again = type(layer).from_options(images().shape[1:], LayerSpec.of(layer.word, spec.written).options)
    assert again.to_options() == layer.to_options()
    assert {name: array.shape for name, array in again.arrays.items()} == {name: array.shape for name, array in layer.arrays.items()}


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.Conv2D(np.ones((3, 3, 2, 6)), np.ones(6), groups=4), "6 filters has 4 groups"),
        (lambda: layers.Conv2D(np.ones((3, 3, 2, 6)), np.ones(6), groups=2).output_shape((5, 5, 6)), "expected .height, width, 4."),
        (lambda: layers.Conv2D(np.ones((3, 3, 2, 6)), np.ones(6), padding=((1, 2), 3, 4)), "padding is .*top, bottom"),
        (lambda: layers.Conv2D(np.ones((3, 3, 2, 6)), np.ones(6), dilation=0), "dilation is 0"),
        (lambda: layers.Conv2D(np.ones((3, 3, 2, 6)), np.ones(6), dilation=4).output_shape((8, 9, 2)), "a window of 9 .* 8 pixels"),
        (lambda: layers.TransposedConv2D(np.ones((3, 3, 2, 6)), np.ones(2), 2, output_padding=2), "output_padding is 2"),
        (lambda: layers.TransposedConv2D(np.ones((3, 3, 2, 6)), np.ones(3)), "a transposed convolution of 1 groups"),
        (lambda: layers.Crop2D(3).output_shape((6, 9, 2)), "leaves nothing of 6 x 9"),
        (lambda: layers.ZeroPad2D(-1), "padding is -1"),
        (lambda: layers.MaxPool2D(2, padding=((0, 2), (0, 0))), "smaller"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ShapeError, match=message):
        make()


@pytest.mark.parametrize(
    "options, message",
    [
        ("groups = 4", "3 channels and 6 filters do not make 4 groups"),
        ("padding = [[1, 2], 3]", r"padding is .*expected .*\[\[top, bottom\], \[left, right\]\]"),
        ("dilation = 0", "dilation is 0"),
        ("groups = true", "groups is True"),
    ],
)
def test_errors_of_descriptions(options, message):
    with pytest.raises(DescriptionError, match=message):
        read_description(f'input = [9, 9, 3]\nlayers = [{{convolution = "c", filters = 6, size = 3, {options}}}]', "text")
