"""Models from files and to files: bit for bit, and one clear error for whatever is wrong."""

import h5py
import numpy as np
import pytest
from own_networks import FIXED, GRAY, NORMALIZED, TEXTS

import minicnn
from minicnn.errors import (
    DescriptionError,
    MinicnnError,
    OutputError,
    UnknownNameError,
    WeightFileError,
)
from minicnn.layers import BatchNorm
from minicnn.models.architectures import ARCHITECTURES
from minicnn.models.descriptions import read_description, write_description
from minicnn.models.files import describe
from minicnn.weightfiles import DESCRIPTION, write_keras


def random_model(text):
    """A model of a description with random arrays, statistics included."""
    description = read_description(text, "text")
    generator = np.random.default_rng(1)
    arrays = {
        layer: {key: (generator.random(array.shape) + 0.1).astype(np.float32) for key, array in arrays.items()}
        for layer, arrays in description.network.arrays.items()
    }
    size = description.input_shape[:2]
    return minicnn.Model(
        description.network.with_parameters(arrays), description.name, description.preprocessing, description.classes, size
    )


def same_arrays(one, other):
    return all(
        np.array_equal(array, other.arrays[layer][key]) and array.dtype == other.arrays[layer][key].dtype
        for layer, arrays in one.arrays.items()
        for key, array in arrays.items()
    ) and list(one.arrays) == list(other.arrays)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_there_and_back_bit_for_bit(text, tmp_path, panda):
    model = random_model(text)
    minicnn.save(model, tmp_path / "model.h5", metadata={"source": "somebody", "trained": "not at all"})
    again = minicnn.load(tmp_path / "model.h5", fold=False)
    assert same_arrays(model.network, again.network)
    assert (again.name, again.preprocessing, again.classes.names) == (model.name, model.preprocessing, model.classes.names)
    assert again.prepare(panda).shape == model.prepare(panda).shape
    assert np.array_equal(again.network(again.prepare(panda)), model.network(model.prepare(panda)))
    assert again.credit == "somebody" and again.origin.metadata["trained"] == "not at all"
    minicnn.save(again, tmp_path / "again.h5")
    assert minicnn.load(tmp_path / "again.h5").origin.metadata == again.origin.metadata


def test_weights_of_another_network_of_the_same_shapes(tmp_path):
    """A stride, say, changes no array; the file knows better."""
    text = 'input = [8, 8, 3]\nlayers = [{convolution = "c", filters = 2, size = 3, padding = 1}, {global_average_pool = "gap"}]'
    minicnn.save(random_model(text), tmp_path / "a.h5")
    (tmp_path / "b.toml").write_text(text.replace("padding = 1", "padding = 1, stride = 2"))
    with pytest.raises(
        WeightFileError,
        match=r"a.h5 .*b.toml: layer 1 .* there .*stride 2, .* here",
    ):
        minicnn.load(tmp_path / "b.toml", tmp_path / "a.h5")


def test_weights_of_the_same_layers_in_another_order(tmp_path):
    text = """
        input = [8, 8, 3]
        layers = [{convolution = "c", filters = 2, size = 3}, {relu = "r"}, {max_pool = "p", size = 2}, {global_average_pool = "gap"}]
    """
    minicnn.save(random_model(text), tmp_path / "a.h5")
    (tmp_path / "b.toml").write_text(text.replace('{relu = "r"}, {max_pool = "p", size = 2}', '{max_pool = "p", size = 2}, {relu = "r"}'))
    with pytest.raises(WeightFileError, match="layer 2 .*relu.* there .*max_pool.* here"):
        minicnn.load(tmp_path / "b.toml", tmp_path / "a.h5")


def test_a_description_with_weights(tmp_path):
    model = random_model(FIXED)
    (tmp_path / "my.toml").write_text(FIXED)
    minicnn.save(model, tmp_path / "weights.h5")
    loaded = minicnn.load(tmp_path / "my.toml", tmp_path / "weights.h5")
    assert same_arrays(model.network, loaded.network)
    assert loaded.weights_sha256 == minicnn.load(str(tmp_path / "weights.h5")).weights_sha256
    assert minicnn.load(tmp_path / "my.toml", weights=tmp_path / "weights.h5").origin.description == tmp_path / "my.toml"


@pytest.mark.parametrize(
    "change, field",
    [
        (('"ant", "bee"', '"bee", "ant"'), "classes .*my.toml: ant, bee, red fox, crane there .*bee, ant,"),
        (('"torch"', '"cifar10"'), "preprocessing .*: torch there and cifar10 here"),
    ],
)
def test_a_description_that_contradicts_its_weights(tmp_path, change, field):
    """Answers under wrong names, or from wrong pixels, look like answers."""
    minicnn.save(random_model(FIXED), tmp_path / "weights.h5")
    (tmp_path / "my.toml").write_text(FIXED.replace(*change))
    with pytest.raises(WeightFileError, match=f"weights.h5 has other {field}.* load it alone"):
        minicnn.load(tmp_path / "my.toml", tmp_path / "weights.h5")
    without = "\n".join(line for line in FIXED.splitlines() if not line.startswith(("classes", "preprocessing")))
    (tmp_path / "my.toml").write_text(without)
    loaded = minicnn.load(tmp_path / "my.toml", tmp_path / "weights.h5")
    assert list(loaded.classes) == ["ant", "bee", "red fox", "crane"] and loaded.preprocessing == minicnn.PREPROCESSING["torch"]


def test_a_model_file_knows_better_than_what_is_usual_for_its_architecture(tmp_path):
    network = minicnn.he_initialized(describe("minivgg").network)
    names = [f"class {i}" for i in range(10)]
    minicnn.save(minicnn.Model(network, "mine", minicnn.PREPROCESSING["torch"], names, 40), tmp_path / "mine.h5")
    loaded = minicnn.load("minivgg", tmp_path / "mine.h5")
    assert (list(loaded.classes), loaded.preprocessing, loaded.input_size) == (names, minicnn.PREPROCESSING["torch"], 40)
    three = ARCHITECTURES["minivgg"].network(classes=3)
    minicnn.save(
        minicnn.Model(minicnn.he_initialized(three), "three", minicnn.PREPROCESSING["torch"], names[:3], 32), tmp_path / "three.h5"
    )
    assert list(minicnn.load("minivgg", tmp_path / "three.h5").classes) == names[:3]
    two = minicnn.he_initialized(minicnn.Network({"conv": ARCHITECTURES["minivgg"].network(classes=3).layers["conv1_1"]}))
    minicnn.save(minicnn.Model(two, "two", None, None, 32), tmp_path / "two.h5")
    with pytest.raises(WeightFileError, match="two.h5 .*minivgg: layer 2 is missing there .*norm.* here.*--model .*two.h5"):
        minicnn.load("minivgg", tmp_path / "two.h5")


def test_a_model_file_without_top(tmp_path):
    """The file's layers are the beginning of the description's."""
    model = random_model(FIXED)
    minicnn.save(model.trunk, tmp_path / "trunk.h5")
    (tmp_path / "my.toml").write_text(FIXED)
    loaded = minicnn.load(tmp_path / "my.toml", tmp_path / "trunk.h5")
    assert list(loaded.network.layers) == list(model.trunk.network.layers) and loaded.classes is None
    assert same_arrays(loaded.network, model.trunk.network)


def test_files_of_others_that_have_a_description(tmp_path):
    """A text of that name in somebody else's file is no network of ours."""
    model = random_model(FIXED)
    minicnn.save(model, tmp_path / "weights.h5")
    with h5py.File(tmp_path / "weights.h5", "a") as file:
        del file.attrs["minicnn_description"]
        file.attrs["description"], file.attrs["preprocessing"] = "a fine network", "like VGG"
    (tmp_path / "my.toml").write_text(FIXED)
    assert same_arrays(minicnn.load(tmp_path / "my.toml", tmp_path / "weights.h5").network, model.network)


def test_a_file_of_the_users_beside_is_left_alone(tmp_path):
    (tmp_path / ".model.h5.unfinished").write_text("mine")
    minicnn.save(random_model(FIXED), tmp_path / "model.h5")
    assert {path.name for path in tmp_path.iterdir()} == {"model.h5", ".model.h5.unfinished"}


def test_a_registered_architecture(tmp_path, generator):
    network = minicnn.he_initialized(describe("minivgg").network)
    model = minicnn.Model(network, "minivgg", minicnn.PREPROCESSING["cifar10"], describe("minivgg").classes, 32)
    minicnn.save(model, tmp_path / "trained.h5")
    by_name, by_file = minicnn.load("minivgg", tmp_path / "trained.h5"), minicnn.load(tmp_path / "trained.h5")
    assert same_arrays(by_name.network, by_file.network)
    x = generator.standard_normal((2, 32, 40, 3)).astype(np.float32)
    assert by_name.network(x) == pytest.approx(network(x), abs=1e-4)
    assert not any(isinstance(layer, BatchNorm) for layer in by_name.network.layers.values())
    assert by_name.class_index("frog") == 6 and by_name.input_size == 32


def test_the_shipped_model_again(model, tmp_path, panda):
    minicnn.save(model, tmp_path / "copy.h5", half=True)
    copy = minicnn.load(tmp_path / "copy.h5")
    assert same_arrays(copy.network, model.network)  # whose file has 16 bits, too
    assert copy.credit == model.credit and copy.class_index("n02510455") == 388
    assert copy.predict(panda, top=1) == model.predict(panda, top=1)
    assert (tmp_path / "copy.h5").stat().st_size < 1.01 * model.origin.weights.stat().st_size


def test_folding_computes_the_same(tmp_path, panda):
    model = random_model(NORMALIZED)
    minicnn.save(model, tmp_path / "model.h5")
    folded, unfolded = minicnn.load(tmp_path / "model.h5"), minicnn.load(tmp_path / "model.h5", fold=False)
    assert list(folded.network.layers) == [name for name in unfolded.network.layers if not name.startswith("norm")]
    x = model.prepare(panda)
    assert folded.network(x) == pytest.approx(unfolded.network(x), rel=1e-4)
    minicnn.save(folded, tmp_path / "folded.h5")
    assert same_arrays(minicnn.load(tmp_path / "folded.h5").network, folded.network)


def test_the_file_is_a_keras_file(tmp_path):
    minicnn.save(random_model(NORMALIZED), tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        assert list(file.attrs["layer_names"]) == ["conv1", "norm1", "conv2", "norm2", "fc"]
        assert list(file["conv1"].attrs["weight_names"]) == ["kernel:0", "bias:0"]
        assert list(file["norm1"].attrs["weight_names"]) == ["gamma:0", "beta:0", "moving_mean:0", "moving_variance:0"]
        assert file["norm2/moving_variance:0"].shape == (8,)
        assert read_description(file.attrs["minicnn_description"], "x").name == "normalized"


def test_half_stores_the_weights_alone_with_16_bits(tmp_path):
    model = random_model(NORMALIZED)
    minicnn.save(model, tmp_path / "half.h5", half=True)
    with h5py.File(tmp_path / "half.h5") as file:
        assert file["conv1/kernel:0"].dtype == np.float16 and file["conv1/bias:0"].dtype == np.float32
        assert file["norm1/moving_variance:0"].dtype == np.float32
    again = minicnn.load(tmp_path / "half.h5", fold=False)
    weight = again.network.layers["conv2"].weight
    assert weight.dtype == np.float32
    assert np.array_equal(weight, model.network.layers["conv2"].weight.astype(np.float16).astype(np.float32))
    large = model.network.with_parameters({"fc": {"weight": np.full((8, 4), 1e5, np.float32)}})
    with pytest.raises(MinicnnError, match="fc: weight .*1e.05.* 16 bits"):
        minicnn.save(model.with_network(large), tmp_path / "large.h5", half=True)


def test_errors_of_saving(tmp_path):
    model = random_model(GRAY)
    with pytest.raises(MinicnnError, match="first: weight holds NaN"):
        minicnn.save(model.with_network(read_description(GRAY, "x").network), tmp_path / "a.h5")
    with pytest.raises(MinicnnError, match="None is no model; expected a minicnn.Model"):
        minicnn.save(None, tmp_path / "a.h5")
    with pytest.raises(OutputError, match="called 5; expected a name"):
        minicnn.save(model, 5)
    minicnn.save(model, tmp_path / "a.h5")
    with pytest.raises(OutputError, match="exists"):
        minicnn.save(model, tmp_path / "a.h5")
    minicnn.save(model, tmp_path / "a.h5", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5"]


def test_errors_of_loading(tmp_path):
    (tmp_path / "my.toml").write_text(GRAY)
    minicnn.save(random_model(GRAY), tmp_path / "gray.h5")
    minicnn.save(random_model(FIXED), tmp_path / "fixed.h5")
    with pytest.raises(WeightFileError, match="holds no weights"):
        minicnn.load(tmp_path / "my.toml")
    with pytest.raises(WeightFileError, match="fixed.h5 .*another network"):
        minicnn.load(tmp_path / "my.toml", tmp_path / "fixed.h5")
    with pytest.raises(WeightFileError, match="gray.h5 has weights of its own.*fixed.h5 cannot be loaded"):
        minicnn.load(tmp_path / "gray.h5", tmp_path / "fixed.h5")
    with pytest.raises(UnknownNameError, match="'vgg17' .*'vgg1.* path of a description"):
        minicnn.load("vgg17")
    for name in (5, None, b"vgg16", ""):
        with pytest.raises(UnknownNameError, match=f"the model is {name!r}; expected the name of one"):
            minicnn.load(name)
    for weights in (5, ""):
        with pytest.raises(WeightFileError, match=f"the weights are {weights!r}; expected the path"):
            minicnn.load("vgg16-gap", weights)
    with pytest.raises(WeightFileError, match="no file"):
        minicnn.load(tmp_path / "missing.h5")
    with pytest.raises(DescriptionError, match="no file"):
        minicnn.load(tmp_path / "missing.toml", tmp_path / "gray.h5")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(DescriptionError, match="is no ordinary file"):
        minicnn.load(tmp_path / "folder.toml")
    (tmp_path / "latin.toml").write_bytes("name = 'Löwe'".encode("latin-1"))
    with pytest.raises(DescriptionError, match="no text in UTF-8"):
        minicnn.load(tmp_path / "latin.toml")
    (tmp_path / "bom.toml").write_bytes(GRAY.encode("utf-8-sig"))
    assert describe(tmp_path / "bom.toml").name == "gray"
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file.attrs["layer_names"] = ["conv1"]
    with pytest.raises(WeightFileError, match="plain.h5: it is damaged"):
        minicnn.load(tmp_path / "plain.h5")
    with h5py.File(tmp_path / "gray.h5", "a") as file:
        file.attrs["minicnn_description"] = "layers = ["
    with pytest.raises(DescriptionError, match="gray.h5 is no valid TOML"):
        minicnn.load(tmp_path / "gray.h5")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda file: file.pop("norm1"), "expected conv1, norm1"),
        (lambda file: file.update(more={"weight": np.ones((2, 2), np.float32), "bias": np.ones(2, np.float32)}), "more"),
        (lambda file: file["conv1"].pop("bias"), "for conv1; expected bias, weight"),
        (lambda file: file["norm1"].pop("weight"), "for norm1; expected bias, mean, variance, weight"),
    ],
)
def test_arrays_that_are_not_those_of_the_description(change, message, tmp_path):
    """Nothing is filled in, and nothing passed over."""
    model = random_model(TEXTS["normalized"])
    description = write_description(model.network, model.input_shape(), model.name, model.preprocessing, model.classes)
    file = {layer: dict(arrays) for layer, arrays in model.network.arrays.items()}
    change(file)
    write_keras(tmp_path / "changed.h5", file, {DESCRIPTION: description})
    with pytest.raises(WeightFileError, match=message):
        minicnn.load(tmp_path / "changed.h5")
