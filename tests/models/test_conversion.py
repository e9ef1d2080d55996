"""Which network a weight file is of, and what has to be assumed about it."""

import numpy as np
import pytest

import minicnn
from minicnn.errors import DescriptionError, UnknownNameError, WeightFileError
from minicnn.layers.options import placeholder
from minicnn.models.architectures import ARCHITECTURES
from minicnn.models.classes import imagenet
from minicnn.models.conversion import described_layers, find_for, find_network
from minicnn.models.descriptions import read_description, write_description
from minicnn.models.files import describe, describe_text
from minicnn.models.guessing import guess_network
from minicnn.models.matching import match_layers
from minicnn.models.specs import build_network, specs_of
from minicnn.models.wiring import renamed
from minicnn.weightfiles import StoredLayer, WeightFile, write_keras
from minicnn.weightfiles.stored import Step

TRUNK = [layer for layer in ARCHITECTURES["vgg16"].network().layers.items() if layer[0].startswith("conv")]


def stored(*dense, names=None, trunk=TRUNK, **fields):
    """A file of weights alone: VGG16's convolutions, and dense layers of (inputs, outputs); its arrays take no memory."""
    layers = [StoredLayer(name, "convolution", dict(layer.arrays)) for name, layer in trunk]
    for name, shape in zip(names or [f"classifier.{3 * i}" for i in range(len(dense))], dense, strict=True):
        layers.append(StoredLayer(name, "dense", {"weight": placeholder(*shape), "bias": placeholder(shape[1])}))
    return WeightFile("PyTorch", layers, channels_first=True, preprocessing="torch", **fields)


def steps_of(network, names=None):
    layers = list(network.layers.items())
    return [Step(layer.word, layer.to_options(), names(name) if names else "") for name, layer in layers]


def head_of(found):
    layers = list(found.description.layers.items())
    return [str(spec) for name, spec in layers[[name for name, _ in layers].index("pool5") + 1 :]]


@pytest.mark.parametrize("find", [find_network, lambda file, where: find_for(ARCHITECTURES["vgg16"], file, where)], ids=["alone", "named"])
def test_the_published_head_for_any_number_of_classes(find):
    found = find(stored((25088, 4096), (4096, 4096), (4096, 5)), "mine.pth")
    assert found.description.name == "vgg16" and list(found.description.layers)[-1] == "fc8"
    assert found.description.classes is None and found.description.preprocessing == minicnn.PREPROCESSING["torch"]
    assert list(found.assumptions) == ["preprocessing"] and "'torch'" in found.assumptions["preprocessing"]
    published = find(stored((25088, 4096), (4096, 4096), (4096, 1000)), "vgg16.pth")
    assert published.description.classes is imagenet() and not published.assumptions


@pytest.mark.parametrize("find", [find_network, lambda file, where: find_for(ARCHITECTURES["vgg16"], file, where)], ids=["alone", "named"])
def test_another_head(find):
    found = find(stored((25088, 512), (512, 5)), "mine.pth")
    assert head_of(found) == ["flatten", "dense, units 512", "relu", "dense, units 5"]
    assert found.assumptions["head"] == "a ReLU after each dense layer but the last"
    found = find(stored((512, 256), (256, 3), names=["dense", "dense_1"]), "mine.h5")
    assert head_of(found) == ["global_average_pool", "dense, units 256", "relu", "dense, units 3"]
    assert found.assumptions["head"] == "global average pooling before its first dense layer and a ReLU after each dense layer but the last"


def test_one_dense_layer_on_global_average_pooling():
    """Whoever names vgg16-gap says so himself; otherwise it is assumed, and so is the images' size."""
    file = stored((512, 5))
    assert "head" not in find_for(ARCHITECTURES["vgg16-gap"], file, "mine.pth").assumptions
    found = find_network(file, "mine.pth")
    assert found.description.name == "vgg16-gap" and found.assumptions.keys() == {"head", "input", "preprocessing"}


def test_heads_that_do_not_tell_enough():
    vgg16 = ARCHITECTURES["vgg16"]
    with pytest.raises(WeightFileError, match=r"classifier.0 and classifier.1 leave no room.*minicnn describe mine.pth --out my.toml"):
        find_for(vgg16, stored((25088, 512), (512, 5), names=["classifier.0", "classifier.1"]), "mine.pth")
    with pytest.raises(WeightFileError, match="takes 8,192 numbers; expected 25,088.*or 512"):
        find_for(vgg16, stored((8192, 5)), "mine.pth")
    with pytest.raises(WeightFileError, match="its classifier.3 takes 500 numbers or channels where 512 come"):
        find_for(vgg16, stored((25088, 512), (500, 5)), "mine.pth")
    with pytest.raises(WeightFileError, match="fits none of the models .* 13 convolutions, 1 dense layer.*minicnn describe"):
        find_network(stored((8192, 5)), "mine.pth")
    with pytest.raises(WeightFileError, match="3 convolutions"):
        find_for(vgg16, stored((512, 5), trunk=TRUNK[:3]), "mine.pth")
    guessed = guess_network(stored((25088, 512), (512, 5), names=["classifier.0", "classifier.1"]), "mine.pth")
    assert head_of(guessed) == ["flatten", "dense, units 512", "dense, units 5"]
    branched = stored(trunk=[*TRUNK, TRUNK[0]])
    with pytest.raises(WeightFileError, match="are no line, as its conv1_1 takes 3 .* where 512 come"):
        find_network(branched, "branched.pth")


def test_without_top():
    found = find_network(stored(), "notop.pth")
    assert found.description.name == "vgg16" and list(found.description.layers)[-1] == "pool5"
    assert found.description.classes is None and not found.assumptions


def test_images_of_another_size_are_guessed_and_no_more():
    """Flattened, 4 x 4 positions can come of many sizes; nothing is computed of that, it is only written down."""
    file = stored((8192, 256), (256, 5))
    found = guess_network(file, "mine.pth")
    assert found.description.input_shape == (128, 128, 3) and "128 to 159" in found.assumptions["input"]
    assert list(found.description.network.shapes((128, 128, 3)).values())[-1] == (5,)


def test_a_line_of_unknown_layers_is_guessed():
    layers = [
        StoredLayer("a", "convolution", {"weight": placeholder(5, 3, 1, 8), "bias": placeholder(8)}),
        StoredLayer("n", "batch_norm", {key: placeholder(8) for key in ("weight", "bias", "mean", "variance")}),
        StoredLayer("b", "convolution", {"weight": placeholder(3, 3, 8, 4)}),
        StoredLayer("c", "dense", {"weight": placeholder(4 * 6 * 7, 3)}),
    ]
    found = guess_network(WeightFile("PyTorch", layers), "mine.pth")
    assert [spec.word for spec in found.description.layers.values()] == [
        "convolution", "batch_norm", "relu", "convolution", "relu", "flatten", "dense",
    ]  # fmt: skip
    assert found.description.input_shape == (6, 7, 1)
    assert {"input", "layers", "preprocessing", "classes"} <= found.assumptions.keys()
    with pytest.raises(WeightFileError, match="c2 takes 9 numbers or channels where 8 come"):
        guess_network(WeightFile("x", [layers[0], StoredLayer("c2", "convolution", {"weight": placeholder(3, 3, 9, 4)})]), "branched.pth")


def renamed_file(name, rename):
    """A file of a network by name, whose layers are called differently."""
    layers = ARCHITECTURES[name].network(classes=10).layers.items()
    stored = [StoredLayer(rename(layer), kind.word, dict(kind.arrays)) for layer, kind in layers if kind.arrays]
    return WeightFile("PyTorch", [StoredLayer(layer.name, layer.kind, without_zeros(layer.arrays)) for layer in stored], order="definition")


def without_zeros(arrays):
    """Leave out the biases that a convolution without such has: files do."""
    return {key: array for key, array in arrays.items() if key != "bias" or "mean" in arrays or np.isnan(array).any()}


@pytest.mark.parametrize(
    "name, pair",
    [
        ("resnet18", "net.layer2.0.downsample.0 takes 64 .* where 128 come from net.layer2.0.bn2"),
        ("mobilenet-v2", "takes 1 .* unless it is"),
    ],
)
def test_a_network_with_branches_under_other_names_is_no_line(name, pair):
    """And no network by name either, of which there are variants of the same shapes; but it may be one, and that is said."""
    file = renamed_file(name, lambda layer: f"net.{layer}")
    for find in (guess_network, find_network):
        with pytest.raises(WeightFileError, match=f"line, as its .*{pair}.*Its shapes are those of {name}: 'minicnn describe {name}"):
            find(file, "mine.pth")
    layers = renamed(ARCHITECTURES[name].layers(10), {layer: f"net.{layer}" for layer in ARCHITECTURES[name].layers(10)})
    assert len(match_layers(file, build_network(layers, (224, 224, 3)), (224, 224, 3))) == len(file.layers)  # what the error advises


def test_a_named_network_with_another_head_for_images_of_another_size_is_guessed():
    file = renamed_file("resnet18", lambda layer: layer)
    head = StoredLayer("head", "dense", {"weight": placeholder(512 * 9, 5), "bias": placeholder(5)})
    found = guess_network(WeightFile("PyTorch", [*file.layers[:-1], head], order="definition"), "mine.pth")
    assert found.description.name == "resnet18" and found.description.input_shape == (65, 65, 3)


def test_layers_have_the_files_names_where_these_are_names():
    steps = [Step("convolution", {"filters": 4, "size": 3}, name) for name in ("block1_conv1", "twice", "twice", "/a/Conv", "", "conv7")]
    file = WeightFile("x", [], steps=[*steps, Step("relu")])
    assert list(described_layers(file)) == ["block1_conv1", "conv2", "conv3", "conv4", "conv5", "conv7", "relu1"]
    taken = [Step("convolution", {"filters": 4, "size": 3}, name) for name in ("conv2", "")]
    assert list(described_layers(WeightFile("x", [], steps=taken))) == ["conv2", "conv3"]


def test_a_file_with_steps_is_a_registered_network_only_if_all_steps_are():
    vgg16 = ARCHITECTURES["vgg16"].network()
    own = WeightFile("Keras", stored().layers, steps=steps_of(vgg16, lambda name: f"k_{name}"), input_shape=(224, 224, 3))
    found = find_network(own, "vgg16.keras").description
    assert [name for name in found.layers if not name.startswith("k_drop")] == [name for name in vgg16.layers if "drop" not in name]
    assert found.name == "vgg16" and found.classes is imagenet()
    steps = [step if step.word != "max_pool" else Step("average_pool", {"size": 2}, step.name) for step in own.steps]
    changed = WeightFile("Keras", stored().layers, steps=steps, input_shape=(224, 224, 3))
    found = find_network(changed, "other.keras").description
    assert (found.name, found.classes, found.preprocessing) == ("other", None, None) and "k_conv5_3" in found.layers
    with pytest.raises(WeightFileError, match=r"another network than vgg16: layer 5 is \(average_pool.* there .*--model other.keras"):
        find_for(ARCHITECTURES["vgg16"], changed, "other.keras")


def test_a_named_network_with_steps_of_another_head():
    text = write_description(ARCHITECTURES["vgg16-gap"].network(classes=4), (96, 96, 3)).replace('"conv1_1"', '"first"')
    dense = '{dense = "h", units = 6}, {dense = "conv1_1", units = 6},'
    text = text.replace('{global_average_pool = "gap"},', '{global_average_pool = "g"}, ' + dense)
    network = read_description(text, "x").network
    file = WeightFile("Keras", [], steps=steps_of(network, lambda name: name), input_shape=(96, 96, 3))
    found = find_for(ARCHITECTURES["vgg16"], file, "mine.keras")
    names = list(found.description.layers)
    assert (names[0], names[-4:]) == ("conv1_1", ["g", "h", "conv1_1_", "fc"])
    assert found.description.input_shape == (96, 96, 3) and list(found.assumptions) == ["preprocessing"]


def test_a_model_file_that_does_not_say_how_pixels_are_prepared(tmp_path):
    network = minicnn.he_initialized(ARCHITECTURES["minivgg"].network(classes=3))
    minicnn.save(minicnn.Model(network, "mine", None, None, 32), tmp_path / "mine.h5")
    with pytest.warns(UserWarning, match="assumed: the preprocessing 'cifar10' of the published weights"):
        model = minicnn.load("minivgg", tmp_path / "mine.h5")
    assert model.preprocessing == minicnn.PREPROCESSING["cifar10"]
    assert minicnn.load("minivgg", tmp_path / "mine.h5", preprocessing="unit").origin.assumptions == ()
    assert minicnn.load(tmp_path / "mine.h5").preprocessing is None


def test_what_a_file_says_of_its_pixels():
    table = {"colors": "rgb", "scale": 1 / 255, "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}
    gap = ARCHITECTURES["vgg16-gap"].network(classes=4)
    file = WeightFile("Keras", [], steps=steps_of(gap), input_shape=(64, 64, 3), preprocessing=table)
    found = find_network(file, "x.keras")
    assert found.description.preprocessing == minicnn.PREPROCESSING["unit"] and not found.assumptions


@pytest.fixture(scope="module")
def finetuned(tmp_path_factory):
    """minivgg's convolutions under two dense layers, as weights alone, and as a description."""
    path = tmp_path_factory.mktemp("finetuned")
    text = write_description(ARCHITECTURES["minivgg"].network(classes=8), (32, 32, 3))
    text = text.replace('{dense = "fc", units = 8},', '{dense = "fc1", units = 8}, {relu = "r"}, {dense = "fc2", units = 3},')
    (path / "mine.toml").write_text(text)
    network = minicnn.he_initialized(read_description(text, "x").network, seed=4)
    write_keras(path / "mine.h5", network.arrays, {})
    return path, network


@pytest.mark.filterwarnings("ignore:.*assumed. epsilon")
def test_numbers_of_another_head(finetuned, generator):
    path, _ = finetuned
    x = generator.standard_normal((2, 32, 32, 3)).astype(np.float32)
    with pytest.warns(UserWarning, match=r"mine.h5 does not say .*global average pooling.* ReLU .*minicnn describe"):
        model = minicnn.load("minivgg", path / "mine.h5", fold=False)
    assert len(model.origin.assumptions) == 1
    described = minicnn.load(path / "mine.toml", path / "mine.h5", fold=False)
    assert np.array_equal(model.network(x), described.network(x)) and model.network(x).shape == (2, 3)
    minicnn.save(model, path / "saved.h5", overwrite=True)
    assert "assumed" in minicnn.load(path / "saved.h5").origin.metadata


@pytest.mark.filterwarnings("ignore:.*assumed. epsilon")
def test_given_classes_and_preprocessing(finetuned, tmp_path):
    path, _ = finetuned
    options = {"classes": ["ant", "bee", "cow"], "preprocessing": "tf"}
    model = minicnn.load(path / "mine.toml", path / "mine.h5", **options)
    assert list(model.classes) == options["classes"] and model.preprocessing == minicnn.PREPROCESSING["tf"]
    assert model.origin.given == options
    own = {"colors": "rgb", "scale": 1.0, "mean": [1.0, 2.0, 3.0], "std": [4.0, 4.0, 4.0]}
    model = minicnn.load(path / "mine.toml", path / "mine.h5", preprocessing=own)
    assert model.origin.given == {"preprocessing": own}
    text = "{mean = [1, 2, 3], std = [4, 4, 4]}"
    assert minicnn.load(path / "mine.toml", path / "mine.h5", preprocessing=text).preprocessing == model.preprocessing
    with pytest.raises(DescriptionError, match="2 classes are named, .* fc2, puts out 3 numbers"):
        minicnn.load(path / "mine.toml", path / "mine.h5", classes=["ant", "bee"])
    with pytest.raises(DescriptionError, match="no preprocessing 'touch' .*'torch'"):
        minicnn.load(path / "mine.toml", path / "mine.h5", preprocessing="touch")
    with pytest.raises(UnknownNameError, match="does not exist"):
        minicnn.load(path / "mine.toml", path / "mine.h5", classes=tmp_path / "none.txt")
    with pytest.raises(WeightFileError, match="one network alone"):
        minicnn.load(path / "mine.toml", path / "mine.h5", key="model")


def test_preprocessing_that_treats_colors_alike_fits_gray():
    text = 'input=[4,4,1]\npreprocessing="unit"\nlayers=[{flatten="f"},{dense="d",units=2}]'
    assert read_description(text, "x").preprocessing.names == ("gray",)
    with pytest.raises(DescriptionError, match="gives 3 channels"):
        read_description(text.replace("unit", "torch"), "x")


@pytest.mark.parametrize("name", ["vgg16", "minivgg-cifar10"])
def test_described_and_read_again(name):
    again, known = read_description(describe_text(name), name), describe(name)
    assert (again.layers, again.input_shape, again.preprocessing) == (known.layers, known.input_shape, known.preprocessing)
    assert list(again.classes) == list(known.classes)


def test_a_guess_is_a_description(finetuned):
    path, network = finetuned
    text = describe_text(path / "mine.h5")
    assert text.startswith("# ") and "global average pooling" in text
    assert list(specs_of(read_description(text, "x").network).values()) == list(specs_of(network).values())


@pytest.mark.parametrize("named", [True, False])
def test_mobilenet_v1_in_a_file_that_numbers_layers(named):
    """Keras 3 counts depthwise convolutions apart, and the last layer is a convolution of one pixel."""
    network = ARCHITECTURES["mobilenet-v1"].network(classes=7)
    depthwise = {name for name in network.layers if name.startswith("conv_dw") and name[-1].isdecimal()}
    convolutions = [name for name in network.arrays if name.startswith("conv") and not name.endswith("_bn")]
    norms = [name for name in network.arrays if name.endswith("_bn")]
    layers = []
    for name in [*norms, *(name for name in convolutions if name not in depthwise), *sorted(depthwise, key=convolutions.index)]:
        arrays = dict(network.layers[name].arrays)
        if name == "conv_preds":
            arrays["weight"] = placeholder(1, 1, *arrays["weight"].shape)
        kind = "batch_norm" if name in norms else "convolution"
        layers.append(StoredLayer(f"layers/{len(layers)}", kind, arrays, depthwise=name in depthwise))
    file = WeightFile("Keras, Keras 3", layers, order="kind", usual_epsilon=1e-3)
    found = find_for(ARCHITECTURES["mobilenet-v1"], file, "x") if named else find_network(file, "x")
    assert found.description.name == "mobilenet-v1" and found.description.layers["conv_preds"].options["units"] == 7
    assert found.description.preprocessing == minicnn.PREPROCESSING["tf"]
    assert ("layers" in found.assumptions) == (not named)
    pairs = match_layers(file, found.description.network, (224, 224, 3))
    assert [pair.stored.name for pair in pairs if pair.name in depthwise] == [f"layers/{i}" for i in range(42, 55)]
    assert next(pair.stored.name for pair in pairs if pair.name == "conv_preds") == "layers/41"
    with pytest.raises(WeightFileError, match="not those of mobilenet-v2 by their names"):
        find_for(ARCHITECTURES["mobilenet-v2"], file, "x")


def of_network(name):
    """A PyTorch file of all layers of a network by name; its arrays take no memory."""
    kinds = {"convolution", "dense", "batch_norm"}
    layers = [(each, layer) for each, layer in ARCHITECTURES[name].network().layers.items() if layer.word in kinds]
    own = {
        each: {key: array for key, array in layer.arrays.items() if getattr(layer, "use_bias", True) or key != "bias"}
        for each, layer in layers
    }
    return WeightFile("PyTorch", [StoredLayer(each, layer.word, own[each]) for each, layer in layers], order="definition")


@pytest.mark.parametrize(
    ("named", "file", "message"),
    [
        ("resnet50", "resnet34", r"first that differs: the weight of layer1.0.conv1 has shape \(3, 3, 64, 64\), expected \(1, 1, 64, 64\)"),
        ("resnet34", "resnet50", r"first that differs: the weight of layer1.0.conv1 has shape \(1, 1, 64, 64\), expected \(3, 3, 64, 64\)"),
        ("resnet34", "resnet18", r"by their names \(it has no layer1.2.conv1, layer1.2.bn1"),
        ("vgg16-bn", "vgg13-bn", r"10 conv.* 13; the first that differs: the weight of conv4_1 .* expected \(3, 3, 256, 256\) for conv3_3"),
    ],
)
def test_the_first_layer_that_differs_is_named(named, file, message):
    """Not the one of which a kind has too few, nor the first that is missing."""
    with pytest.raises(WeightFileError, match=message):
        find_for(ARCHITECTURES[named], of_network(file), "x.pth")


def test_the_dense_layer_that_differs_is_named_not_the_one_after_it():
    with pytest.raises(WeightFileError, match=r"classifier.0 has shape \(25088, 100\), expected \(25088, 4096\) for fc6"):
        find_for(ARCHITECTURES["vgg16"], stored((25088, 100), (4096, 4096), (4096, 5)), "x.pth")
