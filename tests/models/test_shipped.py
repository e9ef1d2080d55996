"""What ships is what it says it is: the published statistics, the stated checksum, the right answers."""

import csv
import hashlib
import json
import re
from pathlib import Path

import pytest

import minicnn
from minicnn.files.resources import PHOTO_CREDITS, PHOTOS, shipped_file
from minicnn.layers import BatchNorm

ROOT = Path(__file__).parents[2]

# Mean, standard deviation, minimum, maximum of Keras' published VGG16 weights. Ours are rounded to float16, whose precision is 2^-11.
PUBLISHED = {
    ("conv1_1", "weight"): (-0.0024379087, 0.20669945, -0.67140007, 0.6085159),
    ("conv1_1", "bias"): (0.5013912, 0.32847992, -0.015828926, 2.064037),
    ("conv5_3", "weight"): (-0.0010818949, 0.008478405, -0.09288482, 0.28699666),
    ("conv5_3", "bias"): (0.14986369, 0.4928213, -0.50036746, 9.431553),
}


@pytest.mark.parametrize("layer, parameter", PUBLISHED)
def test_the_convolutions_have_the_published_statistics(model, layer, parameter):
    array = model.network.parameters[layer][parameter].astype(float)
    mean, deviation, low, high = PUBLISHED[layer, parameter]
    assert array.mean() == pytest.approx(mean, abs=2**-14 * deviation)
    assert array.std() == pytest.approx(deviation, rel=2**-11)
    assert array.min() == pytest.approx(low, rel=2**-11)
    assert array.max() == pytest.approx(high, rel=2**-11)


def test_checksums_in_the_readme():
    text = shipped_file("README.md").read_text()
    stated = re.findall(r"\| `(\S+)` \|.*\| `([0-9a-f]{64})` \|", text)
    models = {"vgg16-gap.h5", "minivgg-cifar10.h5", "resnet20-cifar10.h5", "efficientnet-lite0.h5"}
    assert {name for name, _ in stated} == {*models, "imagenet_class_index.json", "imagenet_synonyms.json"}
    for name, digest in stated:
        assert hashlib.sha256(shipped_file(name).read_bytes()).hexdigest() == digest


def test_every_photo_is_credited():
    text = (PHOTOS / "README.md").read_text()
    assert {path.stem for path in PHOTOS.glob("*.jpg")} == set(PHOTO_CREDITS)
    assert all(f"{name}.jpg" in text for name in PHOTO_CREDITS)


def test_a_giant_panda(model, panda):
    (name, probability), *others = model.predict(panda)
    assert name == "giant panda" and probability > 0.99
    assert len(others) == 4
    assert model.unsure(model.predict(panda)) is None


def test_efficientnet_lite0_sees_a_giant_panda(panda):
    model = minicnn.load("efficientnet-lite0")
    (name, probability), *_ = model.predict(panda)
    assert name == "giant panda" and probability > 0.9
    assert model.preprocessing == minicnn.PREPROCESSING["lite"]


def test_a_moose_is_none_of_the_classes(model):
    ranking = model.predict(minicnn.shipped_photo("moose"))
    assert ranking[0][1] < 0.3
    assert "Not sure" in model.unsure(ranking)


@pytest.mark.parametrize("name", ["minivgg", "resnet20"])
def test_the_small_models_were_trained_as_their_files_say(name):
    model = minicnn.load(f"{name}-cifar10")
    training = json.loads(model.origin.metadata["training"])
    command = rf"minicnn train (data/cifar10-train.npz --model {name} .*) --out"
    said = dict(re.findall(r"--(\S+) (\S+)", re.search(command, shipped_file("README.md").read_text()).group(1)))
    assert said == {option: name if option == "model" else str(training[option.replace("-", "_")]) for option in said} and len(said) >= 5
    with open(ROOT / "weights" / f"{name}-cifar10-log.csv") as file:
        rows = list(csv.DictReader(file))
    best = max(float(row["validation accuracy"]) for row in rows)
    assert len(rows) == int(said["epochs"]) and f"{best:.1%}".replace("%", " %") in (ROOT / "weights" / "README.md").read_text()
    assert not model.network.of_type(BatchNorm)  # merged
    assert model.predict(minicnn.shipped_photo("moose"))[0][0] == "deer"


def test_the_score_is_the_documented_formula(model, panda):
    """Logits are the mean of pool5 over all positions, times the head's weights."""
    x = model.prepare(panda)
    trunk, _ = model.network.split("pool5")
    head = model.network.layers["fc"]
    assert model.network(x) == pytest.approx(trunk(x).mean(axis=(1, 2)) @ head.weight + head.bias, rel=1e-5, abs=1e-5)
