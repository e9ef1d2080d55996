import numpy as np
import pytest
from PIL import Image

import minicnn
from minicnn.errors import (
    ImageError,
    MinicnnError,
    ShapeError,
    UnknownNameError,
    WeightFileError,
)


def test_prepare_gives_what_the_network_takes(model, panda):
    x = model.prepare(panda)
    assert x.shape == (1, 224, 224, 3) and x.dtype == np.float32
    assert np.array_equal(x, model.prepare(Image.open(panda)))
    assert np.array_equal(x, model.prepare(np.asarray(Image.open(panda))))
    assert model.prepare(x, prepared=True) is x


@pytest.mark.parametrize("size, shape", [(96, (96, 96)), ((64, 128), (64, 128)), ([64, 128], (64, 128))])
def test_other_sizes(model, panda, size, shape):
    x = model.prepare(panda, size)
    assert x.shape[1:3] == shape
    assert model.network(x).shape == (1, 1000)


@pytest.mark.parametrize("size", [0, -5, 2.5, (3, 4, 5), "big"])
def test_sizes_that_are_none(model, panda, size):
    with pytest.raises(ShapeError, match="size"):
        model.prepare(panda, size)


def test_sizes_the_network_or_the_memory_cannot_take(model, panda):
    with pytest.raises(ShapeError, match=r"pool5: .*window of 2.* smallest size that works is 32 \(--size 32\)"):
        model.prepare(panda, 31)
    with pytest.raises(ShapeError, match="GB of memory.*smaller size"):
        model.prepare(panda, 60_000)


@pytest.mark.parametrize("x", [np.zeros((224, 224, 3)), np.zeros((2, 8, 8, 3)), [[1.0]], "panda.jpg"])
def test_prepared_arrays_are_one_image(model, x):
    with pytest.raises(ImageError, match="; expected an array"):
        model.prepare(x, prepared=True)


def test_a_photo_passed_as_prepared_is_noticed(model, panda):
    pixels = np.asarray(Image.open(panda), np.float32)[None]
    for x in (pixels, pixels / 255):
        with pytest.raises(ImageError, match="does not look prepared"):
            model.predict(x, prepared=True)


def test_deprocess_undoes_prepare(model, panda):
    x = model.prepare(panda)
    assert np.array_equal(model.preprocessing.apply(model.deprocess(x)), x)


def test_predict(model, panda):
    ranking = model.predict(panda, top=1000)
    assert sum(probability for _, probability in ranking) == pytest.approx(1, abs=1e-5)
    probabilities = [probability for _, probability in ranking]
    assert probabilities == sorted(probabilities, reverse=True)
    assert model.predict(panda, top=3) == ranking[:3]
    assert len(model.predict(panda, top=5000)) == 1000
    with pytest.raises(MinicnnError, match="top is 0"):
        model.predict(panda, top=0)


def test_class_names(model, small_model):
    assert model.class_name(model.class_index("tabby")) == "tabby"
    listed = minicnn.Model(small_model.network, classes=["a", "b", "c", "d", "e"])
    assert listed.class_index("d") == 3
    too_few = minicnn.Model(small_model.network, classes=["a"])
    with pytest.raises(MinicnnError, match="1 class names for 5 outputs"):
        too_few.predict(np.ones((1, 30, 30, 3), np.float32), prepared=True)
    bare = minicnn.Model(small_model.network)
    assert bare.class_index(3) == 3 and bare.class_name(3) == "class 3"
    with pytest.raises(UnknownNameError, match="no class names"):
        bare.class_index("tabby")


def test_weights_sha256(model):
    from hashlib import sha256

    assert model.weights_sha256 == sha256(model.origin.weights.read_bytes()).hexdigest()
    assert minicnn.Model(model.network).weights_sha256 is None


def test_load_errors():
    with pytest.raises(UnknownNameError, match="'minicnn models' lists them, such as vgg16-gap, vgg16, resnet50"):
        minicnn.load("resnet5")
    with pytest.raises(WeightFileError, match="weights.*'minicnn weights download vgg19'"):
        minicnn.load("vgg19")


def test_full_vgg16_takes_its_own_size_only(tmp_path, panda):
    """The dense layers fix the size: another one is an error that says what to do."""
    from minicnn.models.architectures import find_architecture
    from minicnn.pictures.photos import PREPROCESSING

    model = minicnn.Model(find_architecture("vgg16").network(), "vgg16", PREPROCESSING["caffe"])
    with pytest.raises(ShapeError, match=r"fc6: .*\(51200,\); expected \(25088,\)\. .*global average pooling"):
        model.prepare(panda, 320)


def test_he_initialization(small_model):
    for name, arrays in minicnn.he_initialized(small_model.network, seed=1).parameters.items():
        inputs = np.prod(arrays["weight"].shape[:-1])
        assert arrays["weight"].std() == pytest.approx(np.sqrt(2 / inputs), rel=0.25), name
        assert not arrays["bias"].any()
    first, again, other = (minicnn.he_initialized(small_model.network, seed).layers["fc"].weight for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_several_photos(small_model, panda, tmp_path):
    moose = minicnn.shipped_photo("moose")
    alone = [small_model.predict(photo, top=3) for photo in (moose, panda)]
    found = small_model.predict([moose, panda], top=3)
    assert found == alone and isinstance(found, list) and found.names == ["moose.jpg", "panda.jpg"]
    for photo in (moose, panda):
        (tmp_path / photo.name).write_bytes(photo.read_bytes())
    (tmp_path / "nothing.jpg").write_bytes(b"")
    with pytest.warns(UserWarning, match="passed over 1 of 3 files"):
        found = small_model.predict(str(tmp_path), top=3)
    assert found == alone and found.names == ["moose.jpg", "panda.jpg"]
    x = np.concatenate([small_model.prepare(moose), small_model.prepare(panda)])
    assert small_model.predict(x, top=3, prepared=True) == alone
    with pytest.raises(ImageError, match="there is no file"):
        small_model.predict([panda, tmp_path / "missing.jpg"])
