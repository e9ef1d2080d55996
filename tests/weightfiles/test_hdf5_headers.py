"""What the HDF5 library must not see, as it crashes, hangs or takes all memory: each of these files did that, or is of such a kind."""

import struct

import h5py
import numpy as np
import pytest
from weight_file_helpers import small_parameters, write_applications

from minicnn.errors import WeightFileError
from minicnn.weightfiles import read_weights
from minicnn.weightfiles.hdf5.headers import CONTINUATION, LAYOUT, NUMBER_TYPE

DENSE = "fc1/fc1_W_1:0"
FLOAT32 = bytes.fromhex("11201f00 04000000 00002000 17080017 7f000000")


@pytest.fixture
def path(tmp_path):
    write_applications(tmp_path / "file", small_parameters())
    return tmp_path / "file"


def header_of(path, place):
    with h5py.File(path) as file:
        group, _, name = place.rpartition("/")
        group = file[group or "/"].id
        return group.links.get_info(name.encode()).u


def changed(path, place, layout, *values):
    content = bytearray(path.read_bytes())
    struct.pack_into(layout, content, place, *values)
    path.write_bytes(content)


def messages(path, header):
    """The messages of a header in one piece: their kinds, and where their contents begin."""
    content = path.read_bytes()
    at, end = header + 16, header + 16 + struct.unpack_from("<I", content, header + 8)[0]
    while at < end:
        kind, size = struct.unpack_from("<HH", content, at)
        yield kind, at + 8
        at += 8 + size


def give_type(path, header, number_type):
    """Replace the type in an array's header by one in a piece at the end of the file, which may be long."""
    number_type += bytes(-len(number_type) % 8)
    piece = struct.pack("<HHBxxx", NUMBER_TYPE, len(number_type), 0) + number_type
    start = next(start for kind, start in messages(path, header) if kind == NUMBER_TYPE)
    end = -(-path.stat().st_size // 8) * 8
    path.write_bytes(path.read_bytes().ljust(end, b"\0") + piece)
    changed(path, start - 8, "<H", CONTINUATION)
    changed(path, start, "<QQ", end, len(piece))
    changed(path, header + 2, "<H", len(list(messages(path, header))) + 1)
    changed(path, 40, "<Q", end + len(piece))


def refused(path, message):
    with pytest.raises(WeightFileError, match=message):
        read_weights(path)


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("of", ["array", "attribute"])
def test_types_that_other_objects_hold(of, libver, path):
    with h5py.File(path, "r+", libver=libver) as file:
        file["float32"] = np.dtype("<f4")
        if of == "array":
            array = file[DENSE][...]
            del file[DENSE]
            file.create_dataset(DENSE, data=array, dtype=file["float32"])
        else:
            file.create_group("more").attrs.create("number", 1.0, dtype=file["float32"])
            file.move("fc1", "more/fc1")
            file.move("more", "fc1")
            file["fc1"].attrs["weight_names"] = [b"fc1/fc1_W_1:0", b"fc1/fc1_b_1:0"]
    refused(path, "number type .*elsewhere")


def test_a_type_that_refers_to_itself(path):
    with h5py.File(path, "r+") as file:
        file["float32"] = np.dtype("<f4")
        array = file[DENSE][...]
        del file[DENSE]
        file.create_dataset(DENSE, data=array, dtype=file["float32"])
    header = header_of(path, DENSE)
    start = next(start for kind, start in messages(path, header) if kind == NUMBER_TYPE)
    changed(path, start + 2, "<Q", header)
    refused(path, "number type .*elsewhere")


@pytest.mark.parametrize("around", [struct.pack("<BxxxIBI", 0x3A, 4, 1, 1), struct.pack("<BxxxI", 0x39, 16)], ids=["arrays", "sequences"])
def test_types_in_types(around, path):
    give_type(path, header_of(path, DENSE), FLOAT32)
    read_weights(path)
    give_type(path, header_of(path, "fc1/fc1_b_1:0"), around * 5000 + FLOAT32)
    refused(path, "a very long number type")


def test_a_header_that_goes_in_circles(path):
    header = header_of(path, DENSE)
    start = next(start for kind, start in messages(path, header) if kind == NUMBER_TYPE)
    changed(path, start - 8, "<H", CONTINUATION)
    changed(path, start, "<QQ", header + 16, start + 24 - header - 16)
    refused(path, "a header without end")


def test_a_header_that_is_longer_than_the_file(path):
    changed(path, header_of(path, DENSE) + 8, "<I", 0xFFFFFFF0)
    refused(path, "claims to go on for 4,294,967,280 bytes")


@pytest.mark.parametrize(
    "what, message",
    [
        ("nothing", None),
        ("members", "a group or attributes in a heap"),
        ("attributes", "a group or attributes in a heap"),
        ("chunks", "stored in HDF5's way number [45]"),
    ],
)
def test_what_newer_files_keep_in_heaps_and_other_trees(what, message, path):
    parameters = small_parameters()["fc6"]
    with h5py.File(path, "r+", libver="latest") as file:
        del file["fc1"]
        group = file.create_group("fc1")
        group.attrs["weight_names"] = [b"fc1_W_1:0", b"fc1_b_1:0"]
        group.create_dataset("fc1_W_1:0", data=parameters["weight"], chunks=(5, 3) if what == "chunks" else None)
        group["fc1_b_1:0"] = parameters["bias"]
        for i in range(20):
            if what == "members":
                group.create_group(f"more{i}")
            elif what == "attributes":
                group.attrs[f"note{i}"] = i
    assert path.read_bytes().count(b"OHDR") >= 3
    if message:
        refused(path, message)
    else:
        (layer,) = (layer for layer in read_weights(path).layers if layer.name == "fc1")
        assert np.array_equal(layer.arrays["weight"], parameters["weight"])


def test_arrays_in_one_piece_as_newer_files_have_them(path):
    """HDF5 1.10 and 1.12 call this way number 4 when they are asked for their latest; version 2.0 calls it 3, as all did before."""
    start = next(start for kind, start in messages(path, header_of(path, DENSE)) if kind == LAYOUT)
    changed(path, start, "<B", 4)
    (layer,) = (layer for layer in read_weights(path).layers if layer.name == "fc1")
    assert np.array_equal(layer.arrays["weight"], small_parameters()["fc6"]["weight"])


@pytest.mark.parametrize("count, item_size", [(1 << 31, 1), (3, 1 << 31)])
def test_texts_that_claim_to_be_long(count, item_size, path):
    with h5py.File(path, "r+") as file:
        file["fc1"].attrs["a_note_to_find"] = "abc"
    content = path.read_bytes()
    number_type = content.index(b"a_note_to_find") + 16
    text = number_type + 32
    assert content[number_type : number_type + 2] == b"\x19\x01" and struct.unpack_from("<I", content, text) == (3,)
    read_weights(path)
    changed(path, number_type + 8 + 4, "<I", item_size)
    changed(path, text, "<I", count)
    refused(path, "texts .*longer than the file")


@pytest.mark.parametrize("place, value, message", [(13, 4, "unusual kind"), (14, 2, "unusual kind"), (40, 255, "truncated: .* bytes of")])
def test_superblocks(place, value, message, path):
    changed(path, place, "<B", value)
    refused(path, message)


def test_a_superblock_with_an_extension(path):
    with h5py.File(path.with_name("new"), "w", libver="latest", fs_strategy="page") as file:
        file["array"] = np.ones(3)
    refused(path.with_name("new"), "unusual kind")
