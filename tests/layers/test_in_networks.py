"""Networks of all kinds of layers: described, trained, saved and loaded, and seen into."""

import numpy as np
import pytest

import minicnn
from minicnn.errors import DescriptionError, MinicnnError, WeightFileError
from minicnn.geometry import ReceptiveField
from minicnn.layers import LAYERS, Dense, GlobalMaxPool2D, Softmax
from minicnn.models.descriptions import read_description, write_description
from minicnn.network.gradcheck import check_network
from minicnn.network.incremental import Incremental
from minicnn.network.summary import summarize

#: As in GoogLeNet, ShuffleNet, ConvNeXt, U-Net, and a CIFAR ResNet.
TEXT = """
input = [24, 20, 3]
layers = [
  {convolution = "conv1", filters = 8, size = 3, padding = 1},
  {prelu = "prelu1"},
  {local_response_norm = "norm1", size = 3, alpha = 0.5},
  {max_pool = "pool1", size = 2},

  {channel_shuffle = "shuffle", groups = 2},
  {take_channels = "left", start = 0, stop = 3, inputs = ["shuffle"]},
  {take_channels = "right", start = 3, stop = 8, inputs = ["shuffle"]},
  {layer_norm = "norm2"},
  {prelu = "prelu2", shared = true},
  {convolution = "conv2", filters = 5, size = 1},
  {gelu = "gelu"},
  {scale = "scale", start = 0.5},
  {add = "add", inputs = ["scale", "right"]},
  {concatenate = "block", inputs = ["left", "add"]},

  {upsample = "up2", factor = [1, 2]},
  {adaptive_average_pool = "pool2", size = [5, 4]},
  {upsample = "up", factor = 2, method = "bilinear"},
  {pad_channels = "zeros", before = 1, after = 2},
  {adaptive_max_pool = "pool3", size = 3},
  {global_max_pool = "top"},

  {dense = "attention", units = 11, inputs = ["top"]},
  {softmax = "shares"},
  {add = "sum", inputs = ["shares", "top"]},
  {layer_norm = "norm3", epsilon = 0.001},
  {dense = "fc", units = 4},
]
"""


@pytest.fixture(scope="module")
def network():
    return minicnn.he_initialized(read_description(TEXT, "text").network, seed=3)


@pytest.fixture(scope="module")
def model(network):
    return minicnn.Model(network, "all", minicnn.PREPROCESSING["torch"], ["ant", "bee", "cat", "dog"], input_size=(24, 20))


def test_shapes(network):
    shapes = network.shapes((24, 20, 3))
    assert shapes["block"] == (12, 10, 8) and shapes["up"] == (10, 8, 8) and shapes["zeros"] == (10, 8, 11)
    assert shapes["up2"] == (12, 20, 8) and shapes["top"] == (11,)
    rows = {row.name: row for row in summarize(network, (24, 20, 3))}
    assert [rows[name].parameters for name in ("prelu1", "norm2", "scale", "prelu2", "norm3")] == [8, 10, 5, 1, 22]
    assert rows["block"].receptive_field == ReceptiveField((4, 4), (2, 2), (1, 1)) and rows["up"].receptive_field is None


def test_gradients(network, generator):
    for name, checks in check_network(network, generator.standard_normal((2, 24, 20, 3))):
        for check in checks:
            assert check.verdict.startswith("ok"), (name, check)


def test_written_as_read(network):
    text = write_description(network, (24, 20, 3))
    assert '{prelu = "prelu2", shared = true}' in text and '{scale = "scale", start = 0.5}' in text and '{layer_norm = "norm2"}' in text
    again = read_description(text, "again").network
    assert write_description(again, (24, 20, 3)) == text


def test_saved_and_loaded(model, tmp_path, generator):
    changed = {
        layer: {name: array + generator.standard_normal(array.shape).astype(np.float32) for name, array in arrays.items()}
        for layer, arrays in model.network.arrays.items()
    }
    model = model.with_network(model.network.with_parameters(changed))
    minicnn.save(model, tmp_path / "all.h5")
    again = minicnn.load(tmp_path / "all.h5")
    x = generator.standard_normal((2, 24, 20, 3)).astype(np.float32)
    assert np.array_equal(again.network(x), model.network(x)) and np.isfinite(model.network(x)).all()
    assert again.network.layers["scale"].start == 0.5 and again.network.layers["norm3"].epsilon == 0.001


@pytest.mark.parametrize("method", ["saliency", "occlusion", "grad_cam", "receptive_field"])
def test_methods(model, panda, method):
    asked = {"layer": "block"} if method == "receptive_field" else {}
    assert all(np.isfinite(array).all() for array in getattr(minicnn, method)(model, panda, **asked).arrays.values())


@pytest.mark.parametrize("layer", ["norm1", "shuffle", "left", "norm2", "pool2", "up", "zeros", "pool3", "up2", "top", "shares", "norm3"])
def test_numbers_taken_apart(model, panda, layer):
    found = minicnn.window(model, panda, layer=layer)
    rest = found.arrays["value"][0] - found.arrays["products"].sum()
    assert np.isfinite(rest) and found.arrays["products"].size > 0


def test_what_changed_is_computed_alone(network, generator):
    network = network.astype(np.float64)
    image = generator.standard_normal((1, 24, 20, 3))
    patches, places = generator.standard_normal((2, 4, 5, 3)), np.array([[0, 0], [11, 9]])
    changed = np.repeat(image, 2, axis=0)
    for whole, patch, (top, left) in zip(changed, patches, places):
        whole[top : top + 4, left : left + 5] = patch
    assert Incremental(network.trace(image))(patches, places) == pytest.approx(network(changed), abs=1e-11)


def test_relevance(model, panda):
    """All of the score comes down through layers that only pass it on, and a layer normalization is refused."""
    text = """
    input = [24, 20, 3]
    layers = [{convolution = "conv1", filters = 6, size = 3}, {prelu = "prelu"}, {local_response_norm = "norm", size = 3},
      {channel_shuffle = "shuffle", groups = 3}, {scale = "scale", start = 2}, {upsample = "up", method = "bilinear"},
      {pad_channels = "zeros", after = 2}, {take_channels = "taken", start = 0, stop = 6}, {adaptive_average_pool = "pool", size = 5},
      {adaptive_max_pool = "pool2", size = [2, 3]}, {global_max_pool = "top"}, {dense = "fc", units = 2}]
    """
    network, all_kinds = minicnn.he_initialized(read_description(text, "text").network, seed=1).astype(np.float64), model
    model = minicnn.Model(network, "passing", minicnn.PREPROCESSING["torch"], ["ant", "bee"], input_size=(24, 20))
    x = model.prepare(panda).astype(np.float64)
    found = minicnn.lrp(model, x, target=1, rule="alpha-beta", prepared=True, alpha=1.0)
    assert found.values.sum() == pytest.approx(network(x)[0, 1], rel=1e-6)
    with pytest.raises(MinicnnError, match="LRP has no rule for norm2 .layer_norm., shares .softmax."):
        minicnn.lrp(all_kinds, panda)


def test_a_classifier_that_ends_in_a_softmax(generator, panda):
    with pytest.raises(DescriptionError, match="text: the network ends in shares, a softmax; expected logits"):
        read_description('input = [9, 9, 3]\nlayers = [{global_max_pool = "top"}, {softmax = "shares"}]', "text")
    read_description('input = [9, 9, 3]\nlayers = [{softmax = "shares"}]', "text")  # a share for each pixel: no classifier
    layers = {"top": GlobalMaxPool2D(), "fc": Dense(generator.standard_normal((3, 2)), np.zeros(2)), "shares": Softmax()}
    model = minicnn.Model(minicnn.Network(layers), "double", minicnn.PREPROCESSING["torch"], ["ant", "bee"], input_size=40)
    for asked in (model.predict, lambda photo: minicnn.saliency(model, photo, target="bee")):
        with pytest.raises(MinicnnError, match="ends in shares, a softmax; expected logits"):
            asked(panda)


@pytest.mark.parametrize("word", ["layer_norm", "prelu", "scale"])
def test_weights_of_other_programs_do_not_leave_arrays_out(word, tmp_path, generator):
    """They are found by name alone; a network must not be run without."""
    text = f'input = [9, 9, 3]\nlayers = [{{convolution = "conv1_1", filters = 4, size = 3}}, {{{word} = "own"}}, {{flatten = "f"}}]'
    (tmp_path / "net.toml").write_text(text)
    np.savez(tmp_path / "other.npz", conv1_1_W=generator.random((3, 3, 3, 4)), conv1_1_b=generator.random(4))
    with pytest.raises(WeightFileError, match=f"has own, a {word}, which is found in a file by its name alone"):
        minicnn.load(tmp_path / "net.toml", weights=tmp_path / "other.npz")


def test_training_moves_all(model, generator):
    """One step down the loss changes every parameter, and lowers it."""
    network = model.network.astype(np.float64)
    x = generator.standard_normal((4, 24, 20, 3))
    trace = network.trace(x)
    _, seed = minicnn.cross_entropy(trace.result, np.arange(4))
    gradients = network.parameter_gradients(trace, {trace.last: seed})
    assert gradients.keys() == network.parameters.keys()
    moved = network.with_parameters(
        {layer: {name: network.parameters[layer][name] - 1e-4 * step for name, step in steps.items()} for layer, steps in gradients.items()}
    )
    assert minicnn.cross_entropy(moved(x), np.arange(4))[0] < minicnn.cross_entropy(trace.result, np.arange(4))[0]


@pytest.mark.parametrize("word", LAYERS)
def test_no_option_is_called_as_its_layer(word):
    """In a description both are keys of one table."""
    assert word not in (LAYERS[word].options or {})
