"""Checkpoints as training scripts write them, made by PyTorch (scripts/make_checkpoint_references)."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tiny_torch import DESCRIPTION

from minicnn.errors import WeightFileError
from minicnn.models.descriptions import read_description, read_preprocessing
from minicnn.models.matching import load_arrays
from minicnn.pictures.photos import PREPROCESSING
from minicnn.weightfiles import read_weights
from minicnn.weightfiles.module_kinds import module_of
from minicnn.weightfiles.modules import Budget, ModuleWalk
from minicnn.weightfiles.pickles import Marker
from minicnn.weightfiles.torch_layout import TorchTensors

STORED = Path(__file__).parent.parent / "references" / "weight_files"
CHECKPOINTS = STORED / "checkpoints"


@pytest.fixture(scope="module")
def outputs():
    with np.load(STORED / "outputs.npz") as stored:
        return np.ascontiguousarray(stored["x"]), stored["logits"]


def logits_of(file, x):
    description = read_description(DESCRIPTION, "tiny")
    return description.network.with_parameters(load_arrays(file, description.network, description.input_shape))(x)


@pytest.mark.parametrize(
    "name, key, called",
    [
        ("training.pth", None, "net"),
        ("training.pth", "net", "net"),
        ("averaged.pth", "state_dict_ema", "state_dict_ema"),
        ("lightning.ckpt", None, "state_dict"),
        ("object.pth", None, "model"),
        ("wrapped.pth", None, None),
    ],
)
def test_the_network_of_a_checkpoint(name, key, called, outputs):
    file = read_weights(CHECKPOINTS / name, key)
    assert np.abs(logits_of(file, outputs[0]) - outputs[1]).max() < 1e-6
    assert file.metadata.get("key") == called
    names = ["features.0", "features.1", "features.4", "features.5", "classifier.0", "classifier.3"]
    assert [layer.name for layer in file.layers] == names


def test_several_networks_are_listed(outputs):
    message = r"2 networks: 'state_dict' \(17 tensors, 604 numbers\), 'state_dict_ema' \(.*\); choose one \(--key state_dict"
    with pytest.raises(WeightFileError, match=message):
        read_weights(CHECKPOINTS / "averaged.pth")
    other = read_weights(CHECKPOINTS / "averaged.pth", "state_dict")
    assert np.abs(logits_of(other, outputs[0]) - outputs[1]).max() > 1e-3
    with pytest.raises(
        WeightFileError, match=r"no network 'state_dict_em' in it \(did you mean 'state_dict_ema'\?\); there are 'state_dict'"
    ):
        read_weights(CHECKPOINTS / "averaged.pth", "state_dict_em")


@pytest.mark.parametrize("name", ["tiny.safetensors", "nested.keras", "nested.h5"])
def test_a_key_for_files_of_one_network(name):
    with pytest.raises(WeightFileError, match="holds one network alone; leave the key 'ema' out"):
        read_weights(STORED / name, "ema")


def test_numbers_of_a_preprocessing_are_used():
    file = read_weights(CHECKPOINTS / "wrapped.pth")
    assert file.preprocessing == {
        "colors": "rgb",
        "scale": 1 / 255,
        "mean": [0.485, 0.456, 0.406],  # as PyTorch's, though stored in 32 bits
        "std": [0.229, 0.224, 0.225],
    }
    assert file.metadata["ignored"] == "features.0.total_ops"
    assert read_weights(CHECKPOINTS / "training.pth").preprocessing == "torch"
    assert read_weights(CHECKPOINTS / "object.pth").metadata["ignored"] == "seen"


WEIGHTS = {"conv.weight": np.ones((4, 3, 3, 3), np.float32), "conv.bias": np.zeros(4, np.float32)}


def stat(*numbers):
    return np.array(numbers, np.float32)


@pytest.mark.parametrize(
    "mean, std, expected",
    [
        (stat(0.5), stat(0.25), ("gray", 1 / 255)),
        (stat(123, 116, 103), stat(1, 1, 1), ("rgb", 1.0)),
        (stat(0, 0, 0), stat(255, 255, 255), ("rgb", 1.0)),
        (stat(103.53, 116.28, 123.675), stat(1, 1, 1), ("bgr", 1.0)),
        (stat(0, 0, 0), stat(1, 1, 1), None),
    ],
)
def test_what_pixels_a_preprocessing_is_for(mean, std, expected):
    found = TorchTensors({**WEIGHTS, "pixel_mean": mean, "pixel_std": std})
    if expected is None:
        assert found.preprocessing is None and found.ignored == ["pixel_mean", "pixel_std"]  # changes nothing
    else:
        assert (found.preprocessing["colors"], found.preprocessing["scale"]) == expected


def test_a_table_has_red_first():
    found = TorchTensors({**WEIGHTS, "pixel_mean": stat(103.53, 116.28, 123.675), "pixel_std": stat(57, 58, 59)})
    assert found.preprocessing == {"colors": "bgr", "scale": 1.0, "mean": [123.675, 116.28, 103.53], "std": [59, 58, 57]}


def test_the_epsilon_and_the_loss_of_an_object():
    norm = {f"net.norm.{name}": np.ones(4, np.float32) for name in ("weight", "bias", "running_mean", "running_var")}
    weights = {f"net.{name}": tensor for name, tensor in WEIGHTS.items()}
    found = TorchTensors({**weights, **norm}, {"net.norm": 1e-3})
    assert [layer.epsilon for layer in found.layers] == [None, 1e-3]
    assert TorchTensors({**WEIGHTS, "criterion.weight": stat(1, 2)}).ignored == ["criterion.weight"]


def test_a_part_of_a_network():
    file = read_weights(CHECKPOINTS / "training.pth", "net.features")
    assert [layer.name for layer in file.layers] == ["0", "1", "4", "5"] and file.metadata["key"] == "net.features"
    assert len(read_weights(STORED / "zip.pth", "features").layers) == 4


@pytest.mark.parametrize(
    "extra",
    [
        {"normalize.mean": stat(0.5, 0.5, 0.5)},
        {"normalize.mean": stat(0.5, 0.5, 0.5), "normalize.std": stat(0.5, 0, 0.5)},
        {"a.mean": stat(1, 2, 3, 4), "a.std": stat(1, 2, 3, 4)},
        {"a.mean": stat(np.nan), "a.std": stat(1)},
        {"conv.weight_g": stat(1, 1, 1, 1)},
        {"layer_scale": stat(1)},
        {"layer_scale": np.ones((4, 1, 1)), "layer_scale.weight": stat(1, 1, 1, 1)},
        {"order": np.array([2, 0, 1])},
    ],
)
def test_what_may_change_the_answer_is_refused(extra):
    with pytest.raises(WeightFileError, match="there is a tensor '(normalize.mean|a.mean|conv.weight_g|layer_scale|order)'; expected only"):
        TorchTensors({**WEIGHTS, **extra})


def test_an_empty_tensor_is_no_transposed_convolution():
    with pytest.raises(WeightFileError, match="its weight has shape .* and is empty"):
        TorchTensors({"up.weight": np.ones((3, 0, 2, 2)), "up.bias": stat(1)})


def test_names_of_wrappers():
    for prefix in ("module.", "_orig_mod.module.", "model.net."):
        (layer,) = TorchTensors({prefix + name: tensor for name, tensor in WEIGHTS.items()}).layers
        assert layer.name == "conv"
    (layer,) = TorchTensors({"model.weight": WEIGHTS["conv.weight"]}).layers
    assert layer.name == "model"  # it is the layer itself that is called so
    layers = TorchTensors({"model.conv.weight": WEIGHTS["conv.weight"], "head.weight": np.ones((2, 4), np.float32)}).layers
    assert [layer.name for layer in layers] == ["model.conv", "head"]


class Calls:
    """Pickled as a call of any function with any arguments."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def test_what_lies_beside_the_network_runs_nothing(tmp_path, monkeypatch, outputs):
    """A checkpoint whose settings would write a file, if anybody made them."""
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile(CHECKPOINTS / "training.pth") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (program,) = [name for name in members if name.endswith("data.pkl")]
    harm = Calls(exec, "open('PWNED', 'w').close()")
    for protocol in (0, 2, 4):
        stream = io.BytesIO()
        pickle.Pickler(stream, protocol).dump(harm)
        # the program of the harm, its value thrown away (POP), before that of the checkpoint
        head = stream.getvalue()[:-1] + b"0"
        with zipfile.ZipFile(tmp_path / "file.pth", "w") as archive:
            for name, content in members.items():
                archive.writestr(name, head + content.removeprefix(b"\x80\x02") if name == program else content)
        assert np.abs(logits_of(read_weights(tmp_path / "file.pth"), outputs[0]) - outputs[1]).max() < 1e-6
        assert not (tmp_path / "PWNED").exists()
    pickle.loads(pickle.dumps(harm))
    assert (tmp_path / "PWNED").exists()  # or this test would show nothing


def test_a_network_that_depends_on_something_unknown(tmp_path):
    """Its own tensors are rebuilt in a way that would have to be run."""
    with zipfile.ZipFile(CHECKPOINTS / "training.pth") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for found, other, why in (
        (b"FloatStorage", b"OtherStorage", "describes a storage by something else"),
        (b"_rebuild_tensor_v2", b"_rebuild_sparse_xx", "cannot be read, .*: torch._utils._rebuild_sparse_xx makes it, which is not run"),
    ):
        with zipfile.ZipFile(tmp_path / "file.pth", "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content.replace(found, other) if name.endswith("data.pkl") else content)
        with pytest.raises(WeightFileError, match=why):
            read_weights(tmp_path / "file.pth")


def in_file(path, program):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", program)
    return path


#: Makes an object of a class that is not looked up: cls in memo 0, its arguments in memo 1.
OBJECT = b"h\x00h\x01\x81"
BEGIN = b"\x80\x02cmine\nNet\nq\x000)q\x010"
MODULE = b"}(X\x0b\x00\x00\x00_parameters}X\x08\x00\x00\x00_buffers}X\x08\x00\x00\x00_modules"


@pytest.mark.parametrize("state", [b"}X\x05\x00\x00\x00model", b"}X\x05\x00\x00\x00state"])
def test_objects_in_objects(tmp_path, state):
    """3,000 deep; Python could not follow."""
    depth = 3000
    program = BEGIN + (OBJECT + state) * depth + b"N" + b"sb" * depth + b"."
    with pytest.raises(WeightFileError, match="no dictionary of tensors|too deep"):
        read_weights(in_file(tmp_path / "file.pth", program))


def test_modules_that_share_modules(tmp_path):
    """Each has the one before twice: 2 to the power of 40 ways through them."""
    program = BEGIN + OBJECT + MODULE + b"}ubq\x020"
    for _ in range(40):
        program += OBJECT + MODULE + b"}(X\x01\x00\x00\x00ah\x02X\x01\x00\x00\x00bh\x02uubq\x020"
    with pytest.raises(WeightFileError, match="more than 20,000 modules, or long names"):
        read_weights(in_file(tmp_path / "file.pth", program + b"h\x02."))


def module(name, **state):
    return Marker(name, state={"_parameters": {"weight": None}, "_buffers": {}, "_modules": {}, **state})


CONV2D = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1, "padding_mode": "zeros"}


def test_what_a_module_says():
    found = module_of("conv", module("torch.nn.modules.conv.Conv2d", **{**CONV2D, "dilation": (2, 2)}))
    assert (found.word, found.options["dilation"], found.own) == ("convolution", (2, 2), True)
    assert module_of("conv", module("mine.Conv", **{**CONV2D, "groups": 4})).options["groups"] == 4
    assert module_of("block", module("mine.Block", stride=2)) is None  # a block with a weight of its own
    assert module_of("conv", module("torch.nn.modules.conv.Conv2d", **{**CONV2D, "padding_mode": "circular"})).word is None
    assert module_of("pool", module("torch.nn.modules.pooling.MaxPool2d", kernel_size=2, dilation=2)).word is None
    assert module_of("pool", module("torch.nn.modules.pooling.AvgPool2d", kernel_size=2, divisor_override=3)).word is None
    assert (
        module_of("up", module("torch.nn.modules.upsampling.Upsample", scale_factor=2.0, mode="bilinear", align_corners=True)).word is None
    )
    assert module_of("up", module("torch.nn.modules.upsampling.Upsample", scale_factor=1.5, mode="nearest")).word is None
    assert module_of("flat", module("torch.nn.modules.flatten.Flatten", start_dim=2, end_dim=-1)).word is None


def test_a_module_whose_stride_nobody_can_write_down():
    """A tuple of itself twice, over and over."""
    stride = ()
    for _ in range(60):
        stride = (stride, stride)
    found = module_of("conv", module("torch.nn.modules.conv.Conv2d", **{**CONV2D, "stride": stride}))
    assert found.word is None
    assert "stride" not in found.said


@pytest.mark.parametrize("transformed, name", [(True, "tf"), (False, "torch")])
def test_a_network_that_prepares_its_input_once_more(transformed, name):
    walk = ModuleWalk(Budget())
    walk.add(module("torchvision.models.inception.Inception3", transform_input=transformed))
    assert read_preprocessing(walk.said.preprocessing, 3) == PREPROCESSING[name]
