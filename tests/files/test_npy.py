"""Archives of arrays that claim what they do not hold."""

import io
import struct
import zipfile

import numpy as np
import pytest

from minicnn.files.npy import Arrays


def as_npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("read", [Arrays.__getitem__, Arrays.mapped])
def test_a_member_that_ends_early_under_a_right_checksum(tmp_path, compression, read):
    """What would be read behind its end is the next member, or whatever is in memory."""
    whole = as_npy(np.arange(200_000, dtype=np.uint8))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        archive.writestr("x.npy", whole[:5000])
        archive.writestr("y.npy", as_npy(np.arange(250_000)))
    content = bytearray(stream.getvalue())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", len(whole))
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="claims|mmap"):
        read(Arrays(tmp_path / "a.npz"), "x")


def test_asking_whether_an_array_is_there_does_not_read_it(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([None]))
    arrays = Arrays(tmp_path / "a.npz")
    assert "x" in arrays and "y" not in arrays
    with pytest.raises(ValueError, match="objects"):
        arrays["x"]


@pytest.mark.parametrize("order", "<>")
def test_texts_of_characters_that_do_not_exist_and_records(tmp_path, order):
    np.savez(tmp_path / "a.npz", good=np.array("K\U0001f43c", f"{order}U2"), bad=np.array([65, 0x110000], f"{order}u4").view(f"{order}U2"))
    np.savez(tmp_path / "b.npz", record=np.zeros(2, "i4,U3"))
    assert str(Arrays(tmp_path / "a.npz")["good"]) == "K\U0001f43c"
    with pytest.raises(ValueError, match="characters that do not exist"):
        Arrays(tmp_path / "a.npz")["bad"]
    with pytest.raises(ValueError, match="records"):
        Arrays(tmp_path / "b.npz")["record"]
