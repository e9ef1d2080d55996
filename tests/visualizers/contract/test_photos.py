"""One photo or many, one at a time."""

import os

import numpy as np
import pytest
from PIL import Image

import minicnn
from minicnn.errors import ImageError
from minicnn.files.writing import file_sha256
from minicnn.visualizers.contract.photos import Photos


def test_photos_are_read_when_their_turn_comes(small_model, panda, tmp_path):
    photos = iter(Photos(small_model, [panda, tmp_path / "missing.jpg"], (30, 46)))
    position, x = next(photos)
    assert position == 0 and np.array_equal(x, small_model.prepare(panda, (30, 46)))
    with pytest.raises(ImageError, match="there is no file .*missing.jpg"):
        next(photos)


def test_one_photo(small_model, panda):
    pixels = np.asarray(Image.open(panda))
    for given in (panda, str(panda), Image.open(panda), pixels):
        photos = Photos(small_model, given, 32)
        assert photos.single and len(photos) == 1 and photos.shape == (32, 32, 3)
        assert [x.shape for _, x in photos] == [(1, 32, 32, 3)]
    assert photos.name(0) == "photo 1" and photos.files() == [{"path": None, "sha256": None}]
    assert Photos(small_model, panda).shape == (40, 40, 3)
    assert Photos(small_model, small_model.prepare(panda, (30, 46)), prepared=True).shape == (30, 46, 3)


def test_a_folder(small_model, panda, tmp_path):
    for name in (b"b.jpg", b"bad\xff.jpg", b"a.jpg"):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(panda.read_bytes())
    (tmp_path / "c.txt").write_text("no photo")
    photos = Photos(small_model, tmp_path, 32)
    assert not photos.single and len(photos) == 4
    for _ in range(2):  # as often as one likes
        assert [photos.name(position) for position, _ in photos] == ["a.jpg", "b.jpg", "bad\ufffd.jpg"]
        assert list(photos.skipped) == [3] and "c.txt is not an image" in photos.skipped[3]
    assert [file["sha256"] for file in photos.files()] == [file_sha256(panda)] * 3
    assert np.array_equal(photos[1], small_model.prepare(panda, 32))


def test_a_folder_of_class_folders(small_model, panda, tmp_path):
    """Where a folder holds no files itself, those of the folders in it count."""
    for name in ("b/1.jpg", "a/2.jpg", "a/.hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(panda.read_bytes())
    assert [source.name for source in Photos(small_model, tmp_path).sources] == ["2.jpg", "1.jpg"]
    (tmp_path / "3.jpg").write_bytes(panda.read_bytes())
    assert [source.name for source in Photos(small_model, tmp_path).sources] == ["3.jpg"]


def test_a_relative_path_is_found_again(small_model, panda, monkeypatch):
    monkeypatch.chdir(panda.parent)
    assert Photos(small_model, "panda.jpg").files() == [{"path": str(minicnn.shipped_photo()), "sha256": file_sha256(panda)}]
