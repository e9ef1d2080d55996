"""Which array of a file belongs to which layer, where several have the same shape: by name, or told, or refused."""

import warnings

import h5py
import numpy as np
import pytest
from weight_file_helpers import write_pth

import minicnn
from minicnn.errors import WeightFileError
from minicnn.models.descriptions import read_description
from minicnn.models.files import describe, describe_text
from minicnn.models.matching import matching_assumptions
from minicnn.weightfiles import StoredLayer, WeightFile
from minicnn.weightfiles.stored import Step

#: Two branches that are added, and what each step takes.
STEPS = {"a": (-1,), "b": (-1,), "sum": (0, 1)}

CONVOLUTION = '{{convolution = "{}", filters = 3, size = 1}}'


def in_text(*names, join=""):
    """A network of convolutions, each of one pixel, in a row; with `join` behind them."""
    return f"input = [4, 4, 3]\nlayers = [{', '.join(CONVOLUTION.format(name) for name in names)}{join}]"


def numbered_file(path, *names):
    """A PyTorch file of such convolutions, defined in this order; the weights of the first are all 0, of the second all 1, and so on."""
    write_pth(path, {f"{name}.weight": np.full((3, 3, 1, 1), value) for value, name in enumerate(names)})


def loaded(path, text):
    """Load the file for a description; returns the number that each layer has got, and the warnings."""
    (path / "net.toml").write_text(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = minicnn.load(path / "net.toml", path / "file.pth", fold=False)
    return {name: arrays["weight"].flat[0] for name, arrays in model.network.arrays.items()}, [str(each.message) for each in caught]


def test_layers_defined_in_another_order_than_they_run(tmp_path):
    """Names decide; without them it is told what was taken for what."""
    numbered_file(tmp_path / "file.pth", "stem", "late", "early")
    assert loaded(tmp_path, in_text("stem", "early", "late")) == ({"stem": 0, "early": 2, "late": 1}, [])
    numbers, (warning,) = loaded(tmp_path, in_text("k1", "k2", "k3"))
    assert list(numbers.values()) == [0, 1, 2]
    assert "by their order in the file: stem is k1, late is k2, early is k3" in warning and "call these layers" in warning
    assert loaded(tmp_path, in_text("stem", "k2", "k3"))[1][0].count(" is k") == 2


def test_names_and_order_that_contradict_each_other(tmp_path):
    numbered_file(tmp_path / "file.pth", "stem", "late", "early")
    with pytest.raises(WeightFileError, match="has a layer early, but .* all are the file's: call the layers .* as the file does"):
        loaded(tmp_path, in_text("k1", "early", "late"))


def test_numbers_in_names_tell_an_order(tmp_path):
    """Those of a Sequential, and of names such as conv2; but only if the file has the same order."""
    numbered_file(tmp_path / "file.pth", "features.0", "features.2", "features.10")
    assert loaded(tmp_path, in_text("k1", "k2", "k3")) == ({"k1": 0, "k2": 1, "k3": 2}, [])
    numbered_file(tmp_path / "file.pth", "conv1", "conv3", "conv2")
    assert "conv3 is k2" in loaded(tmp_path, in_text("k1", "k2", "k3"))[1][0]


def test_a_layer_with_biases_can_stand_for_one_without(tmp_path):
    write_pth(
        tmp_path / "file.pth", {"late.weight": np.zeros((3, 3, 1, 1)), "early.weight": np.ones((3, 3, 1, 1)), "early.bias": np.ones(3)}
    )
    assert "late is a, early is b" in loaded(tmp_path, in_text("a", "b"))[1][0]


def test_a_bias_that_the_network_has_no_room_for(tmp_path):
    """It would be left out without a word; one that the file does not have is 0."""
    write_pth(tmp_path / "file.pth", {"a.weight": np.ones((3, 3, 1, 1)), "a.bias": np.ones(3), "b.weight": np.ones((3, 3, 1, 1))})
    without = in_text("x", "y").replace("size = 1", "size = 1, use_bias = false")
    with pytest.raises(WeightFileError, match="a has a bias, expected none for x, a convolution without"):
        loaded(tmp_path, without)
    (warning,) = loaded(tmp_path, without.replace(", use_bias = false", "", 1))[1]
    assert "a is x, b is y" in warning


def test_branches_have_no_order(tmp_path):
    """Numbers do not tell which branch a description names first."""
    join = ', {add = "sum", inputs = ["a", "b"]}'
    text = in_text("a", "b", join=join).replace('{convolution = "b",', '{convolution = "b", inputs = ["input"],')
    numbered_file(tmp_path / "file.pth", "conv1", "conv2")
    assert "conv1 is a, conv2 is b" in loaded(tmp_path, text)[1][0]
    text = text.replace('"a"', '"conv2"').replace('"b"', '"conv1"')
    assert loaded(tmp_path, text) == ({"conv2": 1, "conv1": 0}, [])


def test_a_file_that_says_what_every_layer_takes_leaves_nothing_undecided():
    """Its steps are compared with the network, so that no order is assumed."""
    join = ', {add = "sum", inputs = ["a", "b"]}'
    text = in_text("a", "b", join=join).replace('{convolution = "b",', '{convolution = "b", inputs = ["input"],')
    network = read_description(text, "text").network
    layers = [StoredLayer(name, "convolution", {"weight": np.ones((1, 1, 3, 3), np.float32)}) for name in ("x/1", "y/2")]
    steps = [Step(network.layers[name].word, network.layers[name].to_options(), name, inputs) for name, inputs in STEPS.items()]
    assert matching_assumptions(WeightFile("ours", layers), network, (4, 4, 3)).keys() == {"order"}
    assert matching_assumptions(WeightFile("ours", layers, steps=steps), network, (4, 4, 3)) == {}


def test_a_guess_has_the_files_names_and_is_told_until_it_is_checked(tmp_path):
    write_pth(
        tmp_path / "file.pth",
        {f"{name}.weight": np.full((3, 3, 1, 1), value) for value, name in enumerate(("late", "early"))} | {"fc.weight": np.ones((2, 3))},
    )
    text = describe_text(tmp_path / "file.pth")
    assert '{convolution = "late"' in text and '{global_average_pool = "gap"}' in text
    numbers, (warning,) = loaded(tmp_path, text)
    assert numbers == {"late": 0, "early": 1, "fc": 1}
    assert "net.toml is a guess that nobody has checked: " in warning and "pools, strides" in warning and "delete the lines" in warning
    assert describe_text(tmp_path / "net.toml") == text[text.index("# Guessed") :]  # what nobody has checked does not get lost
    assert "classes" not in describe(tmp_path / "net.toml").unchecked
    lines = text.splitlines()
    (layer,) = (line for line in lines if '"late"' in line)
    corrected = [line for line in lines if not line.startswith("unchecked") and line != layer]
    corrected.insert(corrected.index(next(line for line in corrected if '"gap"' in line)), layer)
    assert loaded(tmp_path, "\n".join(corrected)) == ({"early": 1, "late": 0, "fc": 1}, [])


def test_keras_weights_alone_with_batch_normalization(tmp_path):
    """The file tells the order of each kind; the usual epsilon is told, until a description states one."""
    channels = {"": 4, "_1": 5}
    with h5py.File(tmp_path / "file.pth", "w") as file:
        for number, count in channels.items():
            file[f"layers/conv2d{number}/vars/0"] = np.ones((3, 3, {"": 3, "_1": 4}[number], count), np.float32)
            for i in range(4):
                file[f"layers/batch_normalization{number}/vars/{i}"] = np.ones(count, np.float32)
        file["layers/dense/vars/0"] = np.ones((5, 2), np.float32)
    with pytest.raises(WeightFileError, match="fits none of the models.*writes down what its shapes tell"):
        minicnn.load(tmp_path / "file.pth")
    text = describe_text(tmp_path / "file.pth")
    kinds = ["convolution", "batch_norm", "relu"]
    words = [spec.word for spec in read_description(text, "text").layers.values()]
    assert words == [*kinds, *kinds, "global_average_pool", "dense"]
    assert text.count("epsilon = 0.001}") == 2 and "unchecked.epsilon" in text
    assert len(loaded(tmp_path, text)[1]) == 1
    unstated = "\n".join(line for line in text.splitlines() if not line.startswith("unchecked")).replace(", epsilon = 0.001", "")
    (warning,) = loaded(tmp_path, unstated)[1]
    assert "epsilon 0.001 of batch normalization" in warning and "state it" in warning
    assert loaded(tmp_path, unstated.replace('"norm2"', '"norm2", epsilon = 0.001').replace('"norm4"', '"norm4", epsilon = 1e-5'))[1] == []


CHANNELS = np.array([3.0, 1.0, 2.0])


def test_numbers_for_each_channel_belong_to_the_layer_of_their_name(tmp_path):
    """A layer normalization, a PReLU, a layer scale; and a dense layer that sees each pixel is a convolution of 1x1."""
    text = (
        'input = [4, 4, 3]\nlayers = [{layer_norm = "norm"}, {convolution = "mix", filters = 2, size = 1}, {prelu = "slopes"}, '
        '{convolution = "back", filters = 3, size = 1}, {scale = "block.layer_scale"}]'
    )
    arrays = {
        "block.layer_scale": CHANNELS.reshape(3, 1, 1),
        "back.weight": np.ones((3, 2, 1, 1)),
        "mix.weight": np.arange(6.0).reshape(2, 3),
        "slopes.weight": CHANNELS[:2],
        "norm.bias": -CHANNELS,
        "norm.weight": CHANNELS,
    }
    write_pth(tmp_path / "file.pth", arrays)
    (tmp_path / "net.toml").write_text(text)
    found = minicnn.load(tmp_path / "net.toml", tmp_path / "file.pth", fold=False).network.arrays
    assert found["norm"]["weight"].tolist() == CHANNELS.tolist() and found["norm"]["bias"].tolist() == (-CHANNELS).tolist()
    assert found["mix"]["weight"].tolist() == [[[[0, 3], [1, 4], [2, 5]]]] and not found["mix"]["bias"].any()
    assert found["slopes"]["weight"].tolist() == CHANNELS[:2].tolist()
    assert found["block.layer_scale"]["weight"].tolist() == CHANNELS.tolist()
    (tmp_path / "net.toml").write_text(text.replace('"norm"', '"first"'))
    with pytest.raises(WeightFileError, match=r"the network has first, a layer_norm, .* by its name alone; .* norm \(other layer\)"):
        minicnn.load(tmp_path / "net.toml", tmp_path / "file.pth")


@pytest.mark.parametrize(
    ("layer", "weight"),
    [
        ('{batch_norm = "b"}', CHANNELS),  # without mean and variance: they are no 0 and 1
        ('{transposed_convolution = "b", filters = 3, size = 1}', CHANNELS),
        ('{dense = "b", units = 3}', CHANNELS),
    ],
)
def test_a_name_of_another_kind_of_layer_is_refused(tmp_path, layer, weight):
    write_pth(tmp_path / "file.pth", {"a.weight": np.ones((3, 3, 1, 1)), "b.weight": weight})
    gap = '{global_average_pool = "gap"}, ' if "dense" in layer else ""
    with pytest.raises(WeightFileError, match=r"it has b, such as layer normalizations|the weight of b has shape \(3,\)"):
        loaded(tmp_path, in_text("a", join=f", {gap}{layer}"))


@pytest.mark.parametrize("filters", [2, 3])
def test_a_transposed_convolution_by_its_name(tmp_path, filters):
    """There its axes are (channels, filters, height, width); with as many filters as channels it looks like a convolution."""
    weight = np.arange(3.0 * filters * 4).reshape(3, filters, 2, 2)
    write_pth(tmp_path / "file.pth", {"a.weight": np.ones((3, 3, 1, 1)), "up.weight": weight, "up.bias": np.arange(float(filters))})
    text = in_text("a", join=f', {{transposed_convolution = "up", filters = {filters}, size = 2, stride = 2}}')
    (tmp_path / "net.toml").write_text(text)
    found = minicnn.load(tmp_path / "net.toml", tmp_path / "file.pth", fold=False).network.arrays["up"]
    assert found["weight"].tolist() == weight.transpose(2, 3, 1, 0).tolist() and found["bias"].tolist() == list(range(filters))


SEPARATED = (
    'input = [9, 9, 3]\nlayers = [{convolution = "a", filters = 4, size = 3, use_bias = false}, '
    '{convolution = "dw_b", filters = 4, size = 3, groups = 4, use_bias = false}, {convolution = "c", filters = 1, size = 3}, '
    '{convolution = "d", filters = 3, size = 1}, {convolution = "dw_e", filters = 6, size = 3, groups = 3}, {flatten = "flat"}, '
    '{dense = "f", units = 2}]'
)


def separated_arrays(generator):
    """Arrays of such a network as Keras has them: depthwise kernels are (height, width, channels, filters of each channel)."""
    shapes = {"a": (3, 3, 3, 4), "dw_b": (3, 3, 4, 1), "c": (3, 3, 4, 1), "d": (1, 1, 1, 3), "dw_e": (3, 3, 3, 2), "f": (6, 2)}
    kernels = {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    biases = {name: np.arange(1.0, count + 1, dtype=np.float32) for name, count in {"c": 1, "d": 3, "dw_e": 6, "f": 2}.items()}
    return {name: [kernel, *([biases[name]] if name in biases else [])] for name, kernel in kernels.items()}


def write_listed(path, layers, depthwise):
    """Keras' list of layers; the depthwise kernels are called as given."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = list(layers)
        for name, arrays in layers.items():
            end = ":0" * (depthwise != "kernel")
            names = [f"{name}/{depthwise if name.startswith('dw') else 'kernel'}{end}", f"{name}/bias{end}"][: len(arrays)]
            file.create_group(name).attrs["weight_names"] = names
            for array_name, array in zip(names, arrays, strict=True):
                file[name][array_name] = array


def write_numbered(path, layers):
    """Keras 3's weights alone: layers of each class have numbers."""
    counts = {}
    with h5py.File(path, "w") as file:
        for name, arrays in layers.items():
            kind = "depthwise_conv2d" if name.startswith("dw") else {4: "conv2d", 2: "dense"}[arrays[0].ndim]
            counts[kind] = counts.get(kind, -1) + 1
            for i, array in enumerate(arrays):
                file[f"layers/{kind}{f'_{counts[kind]}' * (counts[kind] > 0)}/vars/{i}"] = array


@pytest.mark.parametrize("form", ["Keras 2", "Keras 3, listed", "Keras 3, numbered"])
def test_depthwise_kernels_of_keras(form, tmp_path, generator):
    """Beside ordinary ones of the same shape, and with several filters for each channel; Keras 3 does not always say which are which."""
    layers = separated_arrays(generator)
    if form == "Keras 3, numbered":
        write_numbered(tmp_path / "file.h5", layers)
    else:
        write_listed(tmp_path / "file.h5", layers, "depthwise_kernel" if form == "Keras 2" else "kernel")
    (tmp_path / "net.toml").write_text(SEPARATED)
    found = minicnn.load(tmp_path / "net.toml", tmp_path / "file.h5", fold=False).network.arrays
    for name, (kernel, *biases) in layers.items():
        assert found[name]["weight"].ravel().tolist() == kernel.ravel().tolist()
        assert not biases or found[name]["bias"].tolist() == biases[0].tolist()


def test_an_ordinary_kernel_is_no_depthwise_one(tmp_path):
    """One filter over all channels has as many numbers; only a file of Keras may mean one for each channel, and not where it says which."""
    (tmp_path / "net.toml").write_text(
        'input = [9, 9, 3]\nlayers = [{convolution = "a", filters = 3, size = 3, groups = 3, use_bias = false}]'
    )
    kernel = np.ones((3, 3, 3, 1), np.float32)
    write_pth(tmp_path / "a.pth", {"a.weight": kernel.transpose(3, 2, 0, 1)})
    write_numbered(tmp_path / "a.h5", {"a": [kernel]})
    write_listed(tmp_path / "b.h5", {"a": [kernel]}, "named otherwise, as by Keras 2")
    for file in ("a.pth", "a.h5", "b.h5"):
        with pytest.raises(WeightFileError, match=r"has shape \(3, 3, 3, 1\), expected \(3, 3, 1, 3\)"):
            minicnn.load(tmp_path / "net.toml", tmp_path / file)
    (tmp_path / "net.toml").write_text('input = [9, 9, 3]\nlayers = [{convolution = "a", filters = 1, size = 3, use_bias = false}]')
    write_numbered(tmp_path / "c.h5", {"dw": [kernel]})
    with pytest.raises(WeightFileError, match=r"has shape \(3, 3, 1, 3\), expected \(3, 3, 3, 1\)"):
        minicnn.load(tmp_path / "net.toml", tmp_path / "c.h5")


def test_the_first_layer_that_differs_is_named(tmp_path):
    """One is missing in the file, so that all after it are shifted; the count is told of convolutions, the difference where it begins."""
    text = "input = [4, 4, 3]\nlayers = [" + ", ".join(
        f'{{convolution = "{name}", filters = {filters}, size = 1}}' for name, filters in (("a", 4), ("b", 4), ("c", 5), ("d", 6))
    )
    (tmp_path / "net.toml").write_text(text + "]")
    shapes = {"x": (4, 3), "z": (5, 4), "w": (6, 5)}
    write_pth(tmp_path / "file.pth", {f"{name}.weight": np.ones((*shape, 1, 1)) for name, shape in shapes.items()})
    message = (
        r"3 convolutions, expected 4; the first that differs: the weight of z has shape \(1, 1, 4, 5\), expected \(1, 1, 4, 4\) for b\."
    )
    with pytest.raises(WeightFileError, match=message):
        minicnn.load(tmp_path / "net.toml", tmp_path / "file.pth")
    write_pth(tmp_path / "file.pth", {"x.weight": np.ones((4, 3, 1, 1)), "y.weight": np.ones((4, 4, 1, 1))})
    with pytest.raises(WeightFileError, match=r"2 convolutions, expected 4; the first that is missing is c\."):
        minicnn.load(tmp_path / "net.toml", tmp_path / "file.pth")


def test_the_first_step_that_differs_is_named():
    """Not a later layer, whose array has another shape because of it."""
    layers = [("a", 3, 4), ("b", 4, 5), ("c", 5, 2)]
    text = ", ".join(f'{{convolution = "{name}", filters = {filters}, size = 1}}' for name, _, filters in layers)
    network = read_description(f"input = [4, 4, 3]\nlayers = [{text}]", "text").network
    stored = [StoredLayer(f"n{name}", "convolution", {"weight": np.ones((1, 1, 3 * taken, 7))}) for name, taken, _ in layers]
    steps = [Step("convolution", {"filters": filters + (name == "b"), "size": 1}, f"n{name}") for name, _, filters in layers]
    with pytest.raises(
        WeightFileError, match=r"filters 6, size 1 \(called nb\) where convolution with filters 5, size 1 \(called b\) is expected"
    ):
        matching_assumptions(WeightFile("ONNX", stored, steps=steps), network, (4, 4, 3))
