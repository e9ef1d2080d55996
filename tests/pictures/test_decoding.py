"""Files of photos as people have them: from other color spaces, from phones, too large, cut off."""

import contextlib
import io
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from color_profiles import ADOBE_RGB, PROPHOTO, in_srgb, profile
from PIL import Image, ImageCms, JpegImagePlugin

import minicnn
from minicnn.errors import ImageError
from minicnn.pictures import decoding
from minicnn.pictures.photos import load_photo


@pytest.fixture
def pixels(generator):
    return generator.integers(0, 256, (24, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize("matrix, gamma", [(ADOBE_RGB, 2.2), (PROPHOTO, 1.8)])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_colors_of_a_profile_become_srgb(tmp_path, pixels, matrix, gamma, suffix):
    options = {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(pixels).save(tmp_path / f"photo{suffix}", icc_profile=profile(matrix, gamma), **options)
    found = np.asarray(load_photo(tmp_path / f"photo{suffix}")).astype(float)
    expected = in_srgb(pixels, matrix, round(gamma * 256) / 256)
    assert np.abs(found - expected).max() <= 2 and np.abs(found - pixels).max() > 20


def test_an_image_of_pillow_has_its_profile_with_it(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "photo.png", icc_profile=profile(ADOBE_RGB, 2.2))
    with Image.open(tmp_path / "photo.png") as image:
        assert np.array_equal(load_photo(image), load_photo(tmp_path / "photo.png"))


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA", "1"])
def test_other_kinds_of_pixels_with_a_profile(tmp_path, pixels, mode):
    """Colors are converted, transparency stays; a profile for colors says nothing about gray."""
    image = Image.fromarray(pixels).quantize(8) if mode == "P" else Image.fromarray(pixels).convert(mode)
    image.save(tmp_path / "plain.png")
    image.save(tmp_path / "photo.png", icc_profile=profile(ADOBE_RGB, 2.2))
    plain, found = (np.asarray(load_photo(tmp_path / f"{name}.png")).astype(float) for name in ("plain", "photo"))
    if mode in ("RGBA", "P"):
        assert np.abs(found - in_srgb(plain, ADOBE_RGB, 2.2)).max() <= 2.5
    else:
        assert np.array_equal(found, plain)


def test_gray_with_a_profile(tmp_path):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for name, array in (("8.png", levels), ("16.png", levels.astype(np.uint16) * 257)):
        Image.fromarray(array).save(tmp_path / name, icc_profile=profile(None, 1.0, space=b"GRAY"))
        found = np.asarray(load_photo(tmp_path / name))
        assert (np.ptp(found.astype(int), axis=2) <= 1).all()
        light = levels / 255
        expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        assert np.abs(found[..., 0] - expected).max() <= 2


def test_cmyk_with_a_profile_for_other_pixels(tmp_path, pixels):
    image = Image.fromarray(pixels).convert("CMYK")
    image.save(tmp_path / "photo.tif", icc_profile=profile(ADOBE_RGB, 2.2))
    assert np.array_equal(load_photo(tmp_path / "photo.tif"), image.convert("RGB"))


@pytest.mark.parametrize(
    "content",
    [
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        profile(ADOBE_RGB, 2.2)[:200],
        b"damaged",
        bytes(300),
    ],
    ids=["srgb", "cut", "short", "zeros"],
)
def test_profiles_that_change_nothing(tmp_path, pixels, content):
    """The screen's own, and those that are damaged, as in browsers."""
    Image.fromarray(pixels).save(tmp_path / "photo.png", icc_profile=content)
    assert np.array_equal(load_photo(tmp_path / "photo.png"), pixels)


def jpeg_of(width, height, **options):
    """A JPEG of one color, made in stripes: 200 megapixels in little memory are the test's own matter."""
    file = io.BytesIO()
    Image.new("L", (width, height), 90).save(file, "JPEG", quality=30, **options)
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("width, height", [(12000, 9000), (16384, 12288)])
def test_photos_of_108_and_200_megapixels(tmp_path, width, height):
    (tmp_path / "photo.jpg").write_bytes(jpeg_of(width, height))
    image = load_photo(tmp_path / "photo.jpg")
    assert image.width * image.height <= Image.MAX_IMAGE_PIXELS and image.width / image.height == pytest.approx(width / height, rel=1e-3)
    assert abs(image.getpixel((100, 100))[0] - 90) <= 2


def test_large_jpegs_are_reduced(tmp_path, panda, monkeypatch):
    """As the format allows: to a half, a quarter or an eighth, by which the picture that a network sees hardly changes."""
    whole = load_photo(panda)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", whole.width * whole.height // 3)
    reduced = load_photo(panda)
    assert reduced.size == (-(-whole.width // 2), -(-whole.height // 2))
    differences = np.asarray(whole.resize((56, 56), Image.Resampling.BOX)).astype(float) - np.asarray(
        reduced.resize((56, 56), Image.Resampling.BOX)
    )
    assert np.abs(differences).mean() < 2
    monkeypatch.setattr(decoding, "MOST_JPEG_PIXELS", 1000)
    with pytest.raises(ImageError, match=r"holds more pixels than are read, .* or in a JPEG 1,000; scale it down first"):
        load_photo(panda)


def test_other_large_pictures_are_refused(tmp_path, pixels, monkeypatch):
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ImageError, match="more pixels than are read"):
        load_photo(tmp_path / "photo.png")


@pytest.fixture
def cut(tmp_path, panda):
    (tmp_path / "cut.jpg").write_bytes(panda.read_bytes()[:-3000])
    return tmp_path / "cut.jpg"


def test_jpegs_that_are_cut_off(cut, panda):
    with pytest.raises(ImageError, match=r"cut.jpg is damaged: its end is missing .* \(--accept-truncated"):
        load_photo(cut)
    told = []
    with minicnn.accept_truncated(told.append):
        image = load_photo(cut)
        whole = np.asarray(load_photo(panda)).astype(int)
    assert len(told) == 1 and "its end is missing, and what is missing of the picture is gray" in told[0]
    found = np.asarray(image).astype(int)
    assert found.shape == whole.shape and np.array_equal(found[: len(found) // 2], whole[: len(found) // 2])
    with minicnn.accept_truncated(), pytest.warns(UserWarning, match="its end is missing"):
        load_photo(cut)
    with pytest.raises(ImageError):
        load_photo(cut)


def test_that_truncated_is_accepted_holds_in_its_context_only(cut):
    found = []

    def elsewhere():
        with contextlib.suppress(ImageError):
            found.append(load_photo(cut))

    with minicnn.accept_truncated(found.append):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert not found


def test_other_damage_is_not_accepted(tmp_path, pixels, panda):
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "photo.png").read_bytes()[:-200])
    (tmp_path / "head.jpg").write_bytes(panda.read_bytes()[:300])
    with minicnn.accept_truncated():
        for name in ("cut.png", "head.jpg"):
            with pytest.raises(ImageError, match="damaged|not an image"):
                load_photo(tmp_path / name)


def heic_stub(tmp_path):
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500))
    return tmp_path / "photo.heic"


def test_heic_without_the_package_that_reads_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"is a photo in HEIC, .* pip install 'minicnn-numpy\[heic\]'. Or export it as JPEG"):
        load_photo(heic_stub(tmp_path))


def test_a_damaged_heic(tmp_path):
    pytest.importorskip("pillow_heif")
    with pytest.raises(ImageError, match="damaged"):
        load_photo(heic_stub(tmp_path))


@pytest.mark.parametrize("orientation", [1, 6])
def test_heic(tmp_path, orientation):
    pillow_heif = pytest.importorskip("pillow_heif")
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:, 48:] = 200, 60, 20
    exif = Image.Exif()
    exif[0x0112] = orientation
    heif = pillow_heif.from_pillow(Image.fromarray(pixels))
    heif.save(tmp_path / "photo.heic", quality=95, exif=exif.tobytes())
    (tmp_path / "called.jpg").write_bytes((tmp_path / "photo.heic").read_bytes())
    for name in ("photo.heic", "called.jpg"):
        found = np.asarray(load_photo(tmp_path / name)).astype(int)
        expected = pixels if orientation == 1 else np.rot90(pixels, -1)
        assert found.shape == expected.shape and np.abs(found - expected).mean() < 4


DAMAGED_TIFF = """
import sys
from minicnn.errors import ImageError
from minicnn.pictures.photos import load_photo
try:
    load_photo(sys.argv[1])
except ImageError as error:
    print(error)
print("still there", file=sys.stderr)
"""


def test_libtiff_says_nothing_of_its_own(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "photo.tif", compression="tiff_deflate")
    content = bytearray((tmp_path / "photo.tif").read_bytes())
    content[20:60] = bytes(40)
    (tmp_path / "photo.tif").write_bytes(content)
    process = subprocess.run([sys.executable, "-c", DAMAGED_TIFF, tmp_path / "photo.tif"], capture_output=True, text=True)
    assert process.stdout.count("\n") == 1 and "photo.tif is damaged" in process.stdout
    assert process.stderr == "still there\n"


def test_pipes_are_no_photos(tmp_path):
    os.mkfifo(tmp_path / "photo.jpg")
    with pytest.raises(ImageError, match="no ordinary file"):
        load_photo(tmp_path / "photo.jpg")


def test_nothing_of_pillow_is_changed_for_others(tmp_path, cut):
    before = Image.MAX_IMAGE_PIXELS, JpegImagePlugin.ImageFile.LOAD_TRUNCATED_IMAGES
    with minicnn.accept_truncated(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load_photo(cut)
    assert before == (Image.MAX_IMAGE_PIXELS, JpegImagePlugin.ImageFile.LOAD_TRUNCATED_IMAGES)
