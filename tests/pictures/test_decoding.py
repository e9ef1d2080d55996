"""Files of photos as people have them: from other color spaces, from phones, too large, cut off."""

import contextlib
import gc
import io
import os
import re
import struct
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from color_profiles import ADOBE_RGB, PROPHOTO, SRGB, in_srgb, ink_profile, lab_in_srgb, profile
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


def test_cmyk_with_a_profile(tmp_path):
    """The colors of full inks are what the profile's table says, and not what Pillow guesses."""
    inks = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), axis=-1).reshape(4, 4, 4)
    shares = inks.reshape(2, 2, 2, 2, 4)
    lab = np.stack([100 - shares @ [25, 20, 5, 50], shares @ [-20, 40, -5, 0], shares @ [-30, -5, 50, 0]], axis=-1)
    image = Image.fromarray((inks * 255).astype(np.uint8), "CMYK")
    image.save(tmp_path / "photo.tif", icc_profile=ink_profile(lab))
    found = np.asarray(load_photo(tmp_path / "photo.tif")).astype(float)
    assert np.abs(found - lab_in_srgb(lab).reshape(4, 4, 3)).max() <= 3
    assert np.abs(found - np.asarray(image.convert("RGB"))).max() > 40


def test_lab(tmp_path):
    lab = np.stack(np.meshgrid([20, 50, 80], [-20, 0, 25], [-15, 0, 30], indexing="ij"), axis=-1).reshape(9, 3, 3)
    numbers = np.rint(lab * [255 / 100, 1, 1]).astype(int)
    Image.fromarray((numbers % 256).astype(np.uint8), "LAB").save(tmp_path / "photo.tif")
    found = np.asarray(load_photo(tmp_path / "photo.tif")).astype(float)
    assert np.abs(found - lab_in_srgb(numbers * [100 / 255, 1, 1])).max() <= 2


LEVELS = np.linspace(0, 1, 1024)


@pytest.mark.parametrize(
    "content",
    [
        profile(SRGB, np.where(LEVELS <= 0.04045, LEVELS / 12.92, ((LEVELS + 0.055) / 1.055) ** 2.4), name="c2"),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        profile(ADOBE_RGB, 2.2)[:200],
        b"damaged",
        bytes(300),
    ],
    ids=["srgb by another name", "srgb", "cut", "short", "zeros"],
)
def test_profiles_that_change_nothing(tmp_path, pixels, content):
    """The screen's own, and those that are damaged, as in browsers."""
    Image.fromarray(pixels).save(tmp_path / "photo.png", icc_profile=content)
    assert np.array_equal(load_photo(tmp_path / "photo.png"), pixels)


def test_a_profile_is_not_srgb_by_its_name(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "photo.png", icc_profile=profile(SRGB, 1.0, name="sRGB, linear"))
    found = np.asarray(load_photo(tmp_path / "photo.png"))
    assert np.abs(found - in_srgb(pixels, SRGB, 1.0)).max() <= 2 and np.abs(found - pixels.astype(int)).max() > 60


def test_converting_twice_changes_nothing(tmp_path, pixels):
    """What was converted does not carry its old profile or rotation any longer."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "photo.png", icc_profile=profile(ADOBE_RGB, 2.2), exif=exif)
    once = load_photo(tmp_path / "photo.png")
    assert once.size == (24, 30) and np.array_equal(load_photo(once), once)


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


@pytest.mark.parametrize("progressive", [False, True])
def test_tiny_jpegs_that_claim_to_be_huge_are_refused(tmp_path, progressive):
    content = bytearray(jpeg_of(64, 64, progressive=progressive))
    size = content.index(b"\xff\xc2" if progressive else b"\xff\xc0") + 5
    content[size : size + 4] = (12288).to_bytes(2, "big") + (20000).to_bytes(2, "big")
    (tmp_path / "photo.jpg").write_bytes(content)
    with minicnn.accept_truncated(), pytest.raises(ImageError, match="claims 20000 x 12288 pixels, which [0-9]+ bytes cannot hold"):
        load_photo(tmp_path / "photo.jpg")


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
        load_photo(cut)
    assert len(told) == 1 and "its end is missing, and with it about 1 % of the picture, which is gray" in told[0]
    found = np.asarray(image).astype(int)
    assert found.shape == whole.shape and np.array_equal(found[: len(found) // 2], whole[: len(found) // 2])
    with minicnn.accept_truncated(), pytest.warns(UserWarning, match="its end is missing"):
        load_photo(cut)
    with pytest.raises(ImageError):
        load_photo(cut)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_how_much_is_missing(tmp_path, panda, mode, share):
    whole = load_photo(panda).convert(mode)
    whole.save(tmp_path / "whole.jpg")
    content = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(content[: int(share * len(content))])
    told = []
    with minicnn.accept_truncated(told.append):
        found = np.asarray(load_photo(tmp_path / "cut.jpg"))
    same = (found == load_photo(tmp_path / "whole.jpg")).all(axis=(1, 2))
    percent = int(re.search("about ([0-9]+) % of the picture", told[0])[1])
    assert percent == pytest.approx(100 * (1 - same.mean()), abs=4) and 5 < percent < 95


def test_files_that_cannot_be_read_are_closed(cut, tmp_path, monkeypatch):
    Image.new("RGB", (30, 20)).save(tmp_path / "large.png")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        with pytest.raises(ImageError, match="truncated"):
            load_photo(cut)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        with pytest.raises(ImageError, match="more pixels than are read"):
            load_photo(tmp_path / "large.png")
        gc.collect()
    assert not [str(each.message) for each in caught if each.category is ResourceWarning]


def test_what_is_missing_of_progressive_jpegs_is_detail(tmp_path, panda):
    load_photo(panda).save(tmp_path / "whole.jpg", progressive=True)
    content = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) // 2])
    with minicnn.accept_truncated(), pytest.warns(UserWarning, match="its end is missing, and with it fine detail"):
        load_photo(tmp_path / "cut.jpg")


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


@pytest.mark.parametrize("brand", [b"mif1", b"miaf"])
def test_a_heic_that_calls_itself_by_the_familys_name(tmp_path, monkeypatch, brand):
    """What it is stands among the brands that it is compatible with."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x1cftyp" + brand + b"\0\0\0\0mif1miafheic" + bytes(500))
    with pytest.raises(ImageError, match="is a photo in HEIC"):
        load_photo(tmp_path / "photo.heic")


def test_avif(tmp_path, pixels, monkeypatch):
    Image.init()
    if "AVIF" not in Image.SAVE:
        pytest.skip("Pillow without AVIF")
    Image.fromarray(pixels).save(tmp_path / "photo.avif", quality=100)
    content = bytearray((tmp_path / "photo.avif").read_bytes())
    content[8:12] = b"mif1"
    (tmp_path / "mif1.avif").write_bytes(content)
    assert np.array_equal(load_photo(tmp_path / "mif1.avif"), load_photo(tmp_path / "photo.avif"))
    monkeypatch.delitem(Image.SAVE, "AVIF")
    for name in ("mif1.avif", "photo.avif"):
        with pytest.raises(ImageError, match="is a photo in AVIF, which needs Pillow 11.3 or newer"):
            load_photo(tmp_path / name)


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


def test_pillows_log_says_nothing_of_its_own(tmp_path, pixels):
    """Of a TIFF with more colors than it knows it writes to the log, which goes to the terminal."""
    Image.fromarray(pixels).save(tmp_path / "photo.tif")
    content = (tmp_path / "photo.tif").read_bytes()
    samples = struct.pack("<HHI", 277, 3, 1)
    assert content.count(samples) == 1
    (tmp_path / "photo.tif").write_bytes(content.replace(samples + b"\3", samples + b"\x09"))
    process = subprocess.run([sys.executable, "-c", DAMAGED_TIFF, tmp_path / "photo.tif"], capture_output=True, text=True)
    assert process.stdout.count("\n") == 1 and "not an image that can be read" in process.stdout
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


def test_threads_leave_the_filters_of_warnings_alone(tmp_path, generator):
    """Python's `warnings.catch_warnings` changes them for the process, and in threads not back."""
    Image.fromarray(generator.integers(0, 256, (200, 200, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    before = list(warnings.filters)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(load_photo, [tmp_path / "photo.png"] * 60))
    assert warnings.filters == before


def test_a_palette_with_transparency_is_read_without_a_word(tmp_path, recwarn):
    image = Image.new("P", (4, 4))
    image.putpalette([200, 10, 20, 0, 0, 0])
    image.save(tmp_path / "photo.png", transparency=bytes([255, 0]))
    assert load_photo(tmp_path / "photo.png").getpixel((0, 0)) == (200, 10, 20) and not recwarn.list
