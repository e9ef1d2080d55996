"""Compressed arrays in HDF5 files, and damage in such files at which the HDF5 library itself hangs or crashes."""

import struct

import h5py
import numpy as np
import pytest
from weight_file_helpers import small_parameters, write_applications, write_keras3

from minicnn.errors import WeightFileError
from minicnn.weightfiles import read_weights

DENSE = "fc1/fc1_W_1:0"


@pytest.fixture
def parameters():
    return small_parameters()


def replace_dense(path, parameters, **options):
    with h5py.File(path, "r+") as file:
        del file[DENSE]
        file.create_dataset(DENSE, data=parameters["fc6"]["weight"], **options)


def dense_of(path):
    return next(layer for layer in read_weights(path).layers if layer.name == "fc1").arrays["weight"]


def changed(path, place, layout, *values):
    content = bytearray(path.read_bytes())
    struct.pack_into(layout, content, place, *values)
    path.write_bytes(content)


def places(path, signature):
    content = path.read_bytes()
    return [place for place in range(0, len(content), 8) if content.startswith(signature, place)]


@pytest.mark.parametrize("plain, refused", [(0b10, False), (0b11, False), (0b01, True)])
def test_filters_that_a_chunk_went_without(plain, refused, tmp_path, parameters):
    """Gzip is left out of a chunk that it would not shrink; the mask's bits are the filters, shuffling first."""
    write_applications(tmp_path / "file", parameters)
    replace_dense(tmp_path / "file", parameters, compression="gzip", shuffle=True, chunks=(20, 3))
    numbers = np.arange(60, dtype="<f4")
    content = numbers.tobytes() if plain & 1 else numbers.view(np.uint8).reshape(60, 4).T.tobytes()
    with h5py.File(tmp_path / "file", "r+") as file:
        file[DENSE].id.write_direct_chunk((0, 3), content, filter_mask=plain)
    if refused:
        with pytest.raises(WeightFileError, match=r"chunk at \(0, 3\)"):
            read_weights(tmp_path / "file")
        return
    found = dense_of(tmp_path / "file")
    assert np.array_equal(found[:, 3:], numbers.reshape(20, 3)) and np.array_equal(found[:, :3], parameters["fc6"]["weight"][:, :3])


@pytest.mark.parametrize("options", [{"compression": "lzf"}, {"compression": "gzip", "fletcher32": True}, {"scaleoffset": 3}])
def test_other_filters_are_refused(options, tmp_path, parameters):
    write_applications(tmp_path / "file", parameters)
    replace_dense(tmp_path / "file", parameters, **options)
    with pytest.raises(WeightFileError, match="compressed"):
        read_weights(tmp_path / "file")


@pytest.mark.parametrize("content", [b"x", bytes(240), bytes(5000)])
def test_chunks_that_hold_something_else(content, tmp_path, parameters):
    write_applications(tmp_path / "file", parameters)
    replace_dense(tmp_path / "file", parameters, compression="gzip", chunks=(20, 3))
    with h5py.File(tmp_path / "file", "r+") as file:
        file[DENSE].id.write_direct_chunk((0, 3), content)
    with pytest.raises(WeightFileError, match="damaged"):
        read_weights(tmp_path / "file")


@pytest.mark.parametrize("compression", ["gzip", None])
def test_chunks_that_are_missing(compression, tmp_path, parameters):
    write_applications(tmp_path / "file", parameters)
    with h5py.File(tmp_path / "file", "r+") as file:
        del file[DENSE]
        file.create_dataset(DENSE, (20, 6), np.float32, compression=compression, chunks=(5, 4))[5:10] = 1
    with pytest.raises(WeightFileError, match="lacks 6 of its 8 chunks"):
        read_weights(tmp_path / "file")


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}, {"compression": "gzip", "shuffle": True}])
@pytest.mark.parametrize("chunks", [(20, 6), (7, 4), (1, 1), (3, 6)])
def test_chunks_of_all_sizes(options, chunks, tmp_path, parameters):
    write_applications(tmp_path / "file", parameters)
    replace_dense(tmp_path / "file", parameters, chunks=chunks, maxshape=(None, 6), **options)
    for block in (0, 512):
        content = (tmp_path / "file").read_bytes()
        (tmp_path / "moved").write_bytes(bytes(block) + content)
        assert np.array_equal(dense_of(tmp_path / "moved"), parameters["fc6"]["weight"])


@pytest.mark.parametrize(
    "at, layout, value",
    [(0, "<I", 1 << 31), (0, "<I", 4), (4, "<I", 1), (8, "<Q", 1 << 60), (16, "<Q", 2), (8 + 24, "<Q", 1 << 60), (-18, "<H", 0)],
)
def test_a_tree_of_chunks_that_lies(at, layout, value, tmp_path, parameters):
    """Of the first chunk: its size, the filters it went without, its corner, its place; of the node, how many children it has."""
    write_applications(tmp_path / "file", parameters)
    replace_dense(tmp_path / "file", parameters, compression="gzip", chunks=(20, 3))
    (tree,) = places(tmp_path / "file", b"TREE\x01")
    changed(tmp_path / "file", tree + 24 + at, layout, value)
    with pytest.raises(WeightFileError, match="makes no sense"):
        read_weights(tmp_path / "file")


@pytest.mark.parametrize("level", [1, 255])
def test_a_tree_of_chunks_that_contains_itself(level, tmp_path, parameters):
    """A node of a B-tree: TREE, its type (1: of chunks), its level, ..., after 24 bytes a key of 32 and the place of its first child."""
    write_applications(tmp_path / "file", parameters)
    replace_dense(tmp_path / "file", parameters, compression="gzip", chunks=(1, 1))
    trees = places(tmp_path / "file", b"TREE\x01")
    assert len(trees) > 1
    for tree in trees:
        changed(tmp_path / "file", tree + 5, "<B", level)
        changed(tmp_path / "file", tree + 24 + 32, "<Q", tree)
    with pytest.raises(WeightFileError, match="damaged"):
        read_weights(tmp_path / "file")


@pytest.mark.parametrize("block", [0, 1024])
def test_names_whose_free_blocks_go_in_circles(block, tmp_path, parameters):
    write_applications(tmp_path / "file", parameters)
    content = bytes(block) + (tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(content)
    assert np.array_equal(dense_of(tmp_path / "file"), parameters["fc6"]["weight"])
    heaps = places(tmp_path / "file", b"HEAP\0\0\0\0")
    assert len(heaps) > 5
    for heap in heaps:
        (tmp_path / "file").write_bytes(content)
        (names,) = struct.unpack_from("<Q", content, heap + 24)
        changed(tmp_path / "file", heap + 16, "<Q", 8)
        changed(tmp_path / "file", block + names + 8, "<QQ", 24, 16)
        changed(tmp_path / "file", block + names + 24, "<QQ", 8, 16)
        with pytest.raises(WeightFileError, match=f"heap of names at byte {heap:,} makes no sense"):
            read_weights(tmp_path / "file")


def test_a_file_that_was_cut(tmp_path, parameters):
    write_applications(tmp_path / "whole", parameters)
    content = (tmp_path / "whole").read_bytes()
    for size in range(100, len(content), 97):
        (tmp_path / "file").write_bytes(content[:size])
        with pytest.raises(WeightFileError, match=f"it is truncated: {size:,} bytes of {len(content):,}; download"):
            read_weights(tmp_path / "file")


@pytest.mark.parametrize("size", [1 << 20, 1 << 40, (1 << 64) - 16])
def test_texts_beyond_the_end(size, tmp_path, parameters):
    write_applications(tmp_path / "file", parameters)
    for heap in places(tmp_path / "file", b"GCOL\x01\0\0\0"):
        changed(tmp_path / "file", heap + 8, "<Q", size)
    with pytest.raises(WeightFileError, match="damaged"):
        read_weights(tmp_path / "file")


def test_texts_that_take_no_room(tmp_path, parameters):
    write_keras3(tmp_path / "file", parameters)
    with h5py.File(tmp_path / "file", "r+") as file:
        file.attrs["note"] = "of any length"
    heap, *_ = places(tmp_path / "file", b"GCOL\x01\0\0\0")
    changed(tmp_path / "file", heap + 16, "<HHIQ", 0, 0, 0, 0)
    with pytest.raises(WeightFileError, match=f"heap of texts at byte {heap:,} makes no sense"):
        read_weights(tmp_path / "file")
