"""Files that PyTorch wrote, and such as nobody should open with pickle."""

import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tiny_torch import DESCRIPTION, tiny_network
from weight_file_helpers import described_network

from minicnn.errors import WeightFileError
from minicnn.models.descriptions import read_description
from minicnn.models.matching import load_arrays
from minicnn.weightfiles import pickles, read_weights
from minicnn.weightfiles.pytorch import LEGACY_MAGIC

STORED = Path(__file__).parent.parent / "references" / "weight_files"

#: The largest error of the logits, which are about 1, by how exactly the file has the weights.
EXACT = {"zip.pth": 1e-6, "legacy.pth": 1e-6, "checkpoint.pth": 1e-6, "tiny.safetensors": 1e-6, "half.pth": 1e-3}
EXACT |= {"bfloat16.pth": 1e-2, "bfloat16.safetensors": 1e-2}


def tiny_logits(path, x):
    description = read_description(DESCRIPTION, "tiny")
    arrays = load_arrays(read_weights(path), description.network, description.input_shape)
    return description.network.with_parameters(arrays)(x)


@pytest.fixture(scope="module")
def outputs():
    with np.load(STORED / "outputs.npz") as stored:
        return np.ascontiguousarray(stored["x"]), stored["logits"]


@pytest.mark.parametrize("name", EXACT)
def test_the_network_says_what_pytorch_says(name, outputs):
    """The first dense layer sees 2 x 5 pixels of 5 channels, which PyTorch flattens in another order."""
    x, logits = outputs
    assert np.abs(tiny_logits(STORED / name, x) - logits).max() < EXACT[name]


@pytest.mark.parametrize("name", ["torchscript.onnx", "dynamo.onnx"])
def test_onnx_files_describe_their_network(name, outputs):
    pytest.importorskip("onnx")
    x, logits = outputs
    file = read_weights(STORED / name)
    network, shape = described_network(file)
    assert shape == (8, 12, 3)
    assert network.layers["features.4"].window.stride == (2, 1)
    assert np.abs(network.with_parameters(load_arrays(file, network, shape))(x) - logits).max() < 1e-6


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 4])
def test_another_network_by_the_installed_pytorch(zipped, protocol, tmp_path):
    torch = pytest.importorskip("torch")
    network = tiny_network(torch, seed=5)
    torch.save(network.state_dict(), tmp_path / "file", _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    x = np.random.default_rng(0).standard_normal((2, 8, 12, 3)).astype(np.float32)
    with torch.no_grad():
        logits = network(torch.tensor(np.moveaxis(x, 3, 1).copy())).numpy()
    assert np.abs(tiny_logits(tmp_path / "file", x) - logits).max() < 1e-5


def test_tensors_that_are_views_of_one_storage(tmp_path):
    torch = pytest.importorskip("torch")
    numbers = torch.arange(40, dtype=torch.float64)
    torch.save({"fc.weight": numbers[4:24].reshape(5, 4).T, "fc.bias": numbers[30:38:2]}, tmp_path / "file")
    (layer,) = read_weights(tmp_path / "file").layers
    assert np.array_equal(layer.arrays["weight"], np.arange(4, 24.0).reshape(5, 4))
    assert np.array_equal(layer.arrays["bias"], [30, 32, 34, 36])


class Calls:
    """Pickled as a call of any function with any arguments."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def in_zip(path, content, **storages):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        for key, numbers in storages.items():
            archive.writestr(f"archive/data/{key}", numbers)


def in_legacy(path, content):
    before = [pickle.dumps(value, 2) for value in (LEGACY_MAGIC, 1001, {"little_endian": True})]
    path.write_bytes(b"".join([*before, content, pickle.dumps([], 2)]))


NOTHING = "no dictionary of tensors"

#: Programs that would do harm, or that no pickle of weights is, and what is said of each.
HOSTILE = {
    "os.system": (pickle.dumps(Calls(os.system, "touch PWNED"), 2), f"an object posix.system, .* {NOTHING}"),
    "builtins.eval": (pickle.dumps(Calls(eval, "open('PWNED', 'w')"), 2), f"an object __builtin__.eval, .* {NOTHING}"),
    "protocol 4": (pickle.dumps(Calls(os.system, "touch PWNED"), 4), NOTHING),
    "nested in a dictionary": (pickle.dumps({"fc.weight": [({"a": Calls(exec, "open('PWNED', 'w')")},)]}, 2), NOTHING),
    "as a key": (b"\x80\x02}(cos\nsystem\nK\x01u.", NOTHING),
    "old protocol": (pickle.dumps(Calls(os.system, "touch PWNED"), 0), NOTHING),
    "INST": (b"(S'touch PWNED'\nios\nsystem\n.", NOTHING),
    "OBJ": (b"\x80\x02(cos\nsystem\nX\x0b\x00\x00\x00touch PWNEDo.", NOTHING),
    "NEWOBJ": (b"\x80\x02cos\nsystem\nX\x0b\x00\x00\x00touch PWNED\x85\x81.", NOTHING),
    "NEWOBJ_EX": (b"\x80\x04cos\nsystem\n\x8c\x0btouch PWNED\x85}\x92.", NOTHING),
    "an extension": (b"\x80\x02\x82\x01.", "instruction EXT1"),
    "a name in text": (b"Pposix.system\n.", "instruction PERSID"),
    "attribute of an allowed name": (b"\x80\x04\x8c\x0ctorch._utils\x8c\x02os\x93.", "an object torch._utils.os"),
    "a built-up name": (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0btouch PWNED\x85R.", NOTHING),
    "state that calls": (b"\x80\x02ccollections\nOrderedDict\n)R}X\x0c\x00\x00\x00__setstate__cos\nsystem\nsb.", NOTHING),
    "state for something else": (b"\x80\x02]}b.", NOTHING),
    "a storage that is called": (b"\x80\x02ctorch\nFloatStorage\nK\x05\x85R.", "no function"),
    "no end": (b"\x80\x02}", "damaged|one value"),
    "nothing on the stack": (b"\x80\x02\x85.", "not there"),
    "unknown instruction": (b"\x80\x02\xff.", "damaged"),
    "memo bomb": (b"\x80\x02]r\xff\xff\xff\x7f" + b"j\xfe\xff\xff\x7f.", "not there"),
    "a long text that is not there": (b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"a.", "damaged"),
    "a long integer": (
        b"\x80\x02\x8b" + struct.pack("<i", 100_000) + b"\x01" * 100_000 + b".",
        NOTHING,
    ),
    "nested tuples as a key": (b"\x80\x02})" + b"q\x00h\x00\x86" * 60 + b"K\x01s.", NOTHING),
    "nested lists": (b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b".", NOTHING),
    "too many instructions": (b"\x80\x02" + b"]0" * 30_000 + b".", "more than 50,000 instructions"),
    "too long": (b"\x80\x02" + b"U\xff" + b"a" * 255 + b"0" * (1 << 20) + b".", "bytes; expected at most|not there"),
}


@pytest.mark.parametrize("wrap", [in_zip, in_legacy])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_are_refused_and_run_nothing(name, wrap, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pickles, "MOST_INSTRUCTIONS", 50_000)
    content, message = HOSTILE[name]
    wrap(tmp_path / "file.pth", content)
    with pytest.raises(WeightFileError, match=message):
        read_weights(tmp_path / "file.pth")
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize(
    "version", [b"\x80\x02)" + b"q\x00h\x00\x86" * 60 + b".", b"\x80\x02)" + b"\x85" * 100_000 + b"."], ids=["doubled", "deep"]
)
def test_a_version_that_is_no_number(version, tmp_path):
    """Written out it would fill the memory."""
    rest = [pickle.dumps(value, 2) for value in ({"little_endian": True}, {}, [])]
    (tmp_path / "file.pth").write_bytes(b"".join([pickle.dumps(LEGACY_MAGIC, 2), version, *rest]))
    with pytest.raises(WeightFileError, match="of version a tuple; expected 1001"):
        read_weights(tmp_path / "file.pth")


def test_the_hostile_pickles_do_run_with_pickle(tmp_path, monkeypatch):
    """Or the test above would show nothing."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(HOSTILE["os.system"][0])
    assert (tmp_path / "PWNED").exists()


def tensor_pickle(offset, shape, strides, count=6, key="0"):
    """A pickle of {"fc.weight": a tensor}, as PyTorch writes it."""

    class Global:
        def __init__(self, name):
            self.name = name

    class Pickler(pickle._Pickler):
        def persistent_id(self, item):
            return ("storage", Global("torch FloatStorage"), key, "cpu", count) if item is ... else None

        def save(self, item, save_persistent_id=True):
            if isinstance(item, Global):
                self.write(b"c" + "\n".join(item.name.split()).encode() + b"\n")
            elif isinstance(item, Calls):
                self.save(item.function)
                self.save(item.arguments)
                self.write(b"R")
            else:
                super().save(item, save_persistent_id)

    stream = io.BytesIO()
    call = Calls(Global("torch._utils _rebuild_tensor_v2"), ..., offset, shape, strides, False, {})
    Pickler(stream, 2).dump({"fc.weight": call})
    return stream.getvalue()


TENSORS = {
    "beyond its storage": (tensor_pickle(1, (2, 3), (3, 1)), "does not lie within its storage"),
    "huge": (tensor_pickle(0, (1 << 30, 1 << 17), (0, 0)), "claims 562,949,953,421,312 bytes in a file of"),
    "huge strides": (tensor_pickle(0, (2, 3), (1 << 40, 1)), "does not lie within its storage"),
    "repeated by strides": (tensor_pickle(0, (500, 600), (0, 0)), "claims 1,200,000 bytes in a file of"),
    "negative stride": (tensor_pickle(5, (2, 3), (-3, -1)), "something else than a storage"),
    "no whole numbers": (tensor_pickle(0, (2, 3.0), (3, 1)), "something else than a storage"),
    "too many axes": (tensor_pickle(0, (1,) * 40, (1,) * 40), "something else than a storage"),
    "empty": (tensor_pickle(0, (0, 1 << 40), (1, 1)), "does not lie within its storage"),
    "a storage of another size": (tensor_pickle(0, (2, 3), (3, 1), count=7), "has 24 bytes; expected 28"),
    "a storage that is missing": (tensor_pickle(0, (2, 3), (3, 1), key="../../etc/passwd"), "data/../../etc/passwd is missing"),
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_that_do_not_lie_in_the_file(name, tmp_path):
    content, message = TENSORS[name]
    in_zip(tmp_path / "file.pth", content, **{"0": np.arange(6, dtype=np.float32).tobytes()})
    with pytest.raises(WeightFileError, match=message):
        read_weights(tmp_path / "file.pth")


def test_the_tensor_that_does_lie_in_the_file(tmp_path):
    in_zip(tmp_path / "file.pth", tensor_pickle(0, (2, 3), (3, 1)), **{"0": np.arange(6, dtype=np.float32).tobytes()})
    (layer,) = read_weights(tmp_path / "file.pth").layers
    assert np.array_equal(layer.arrays["weight"], [[0, 3], [1, 4], [2, 5]])


def test_a_tensor_that_repeats_its_numbers(tmp_path):
    """As PyTorch's expand() makes it."""
    in_zip(tmp_path / "file.pth", tensor_pickle(1, (4, 3), (0, 1)), **{"0": np.arange(6, dtype=np.float32).tobytes()})
    (layer,) = read_weights(tmp_path / "file.pth").layers
    assert np.array_equal(layer.arrays["weight"], [[1] * 4, [2] * 4, [3] * 4])


@pytest.mark.parametrize("part", ["archive/data.pkl", "conv1_1_W.npy"])
def test_bombs_take_no_memory(part, tmp_path):
    """512 MB of zeros in a file of 0.5 MB, read by a process that may have 128 MB more than it began with."""
    with zipfile.ZipFile(tmp_path / "bomb", "w", zipfile.ZIP_DEFLATED) as archive, archive.open(part, "w", force_zip64=True) as file:
        for _ in range(1 << 9):
            file.write(bytes(1 << 20))
    code = (
        "import sys, resource; from minicnn.weightfiles import read_weights; from minicnn.errors import WeightFileError\n"
        "now = int(open('/proc/self/statm').read().split()[0]) * 4096; resource.setrlimit(resource.RLIMIT_AS, (now + (1 << 27),) * 2)\n"
        "try: read_weights(sys.argv[1])\n"
        "except WeightFileError as error: print('refused:', error)"
    )
    run = subprocess.run([sys.executable, "-c", code, tmp_path / "bomb"], check=True, capture_output=True, text=True)
    assert run.stdout.startswith("refused:")
