"""Archives of arrays that claim what they do not hold."""

import io
import struct
import zipfile

import numpy as np
import pytest

from minicnn.files.npy import Arrays, opened


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


def test_headers_that_claim_to_be_long_and_texts_without_characters(tmp_path):
    """NumPy would read all that a header of version 2 claims; and of texts without characters any number takes no bytes in the file."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }".ljust(200_000_000)
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x02\0" + struct.pack("<I", len(header)) + header[:1000])
    with pytest.raises(ValueError, match="header claims 200,000,000 characters"):
        opened(tmp_path / "a.npy")
    for kind in ("|S0", "<U0"):
        text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': (3000000000,), }}\n".encode()
        (tmp_path / "b.npy").write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text)
        with pytest.raises(ValueError, match="texts without characters"):
            opened(tmp_path / "b.npy")
    np.save(tmp_path / "c.npy", np.arange(3.0))
    assert np.array_equal(opened(tmp_path / "c.npy"), np.arange(3.0))
