import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from minicnn.errors import ImageError
from minicnn.pictures.decoding import check_photo
from minicnn.pictures.photos import PREPROCESSING, Preprocessing, center_box, fit_photo, load_photo, whole_size


@pytest.fixture
def colors():
    """Four quarters, red, green, blue and gray, twice as wide as high."""
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:20, :40] = 255, 0, 0
    pixels[:20, 40:] = 0, 255, 0
    pixels[20:, :40] = 0, 0, 255
    pixels[20:, 40:] = 128
    return Image.fromarray(pixels)


def quarters(image):
    return [image.getpixel(spot) for spot in ((20, 10), (60, 10), (20, 30), (60, 30))]


RED_GREEN_BLUE_GRAY = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)]


@pytest.mark.parametrize(
    "suffix, mode", [("png", "RGB"), ("png", "RGBA"), ("png", "P"), ("bmp", "RGB"), ("gif", "P"), ("webp", "RGB"), ("tiff", "RGB")]
)
def test_colors_survive_every_format(tmp_path, colors, suffix, mode):
    path = tmp_path / f"photo.{suffix}"
    colors.convert(mode, palette=Image.Palette.ADAPTIVE).save(path, **({"lossless": True} if suffix == "webp" else {}))
    assert quarters(load_photo(path)) == RED_GREEN_BLUE_GRAY


def test_cmyk(tmp_path, colors):
    colors.convert("CMYK").save(tmp_path / "photo.jpg", quality=95)
    assert np.allclose(quarters(load_photo(tmp_path / "photo.jpg")), RED_GREEN_BLUE_GRAY, atol=6)


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_gray(tmp_path, colors, mode):
    colors.convert("L").convert(mode).save(tmp_path / "photo.png")
    image = load_photo(tmp_path / "photo.png")
    assert image.mode == "RGB"
    assert all(red == green == blue for red, green, blue in quarters(image))


def test_16_bit(tmp_path):
    deep = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    Image.fromarray(deep).save(tmp_path / "photo.png")
    assert np.array_equal(np.asarray(load_photo(tmp_path / "photo.png"))[..., 0].ravel(), np.arange(256))
    assert np.array_equal(np.asarray(load_photo(deep)), np.asarray(load_photo(tmp_path / "photo.png")))


def test_32_bit_integers():
    values = np.arange(256, dtype=np.int32).reshape(16, 16)
    assert np.array_equal(np.asarray(load_photo(Image.fromarray(values)))[..., 0], values)
    assert np.array_equal(np.asarray(load_photo(Image.fromarray(values * 257)))[..., 0], values)
    for wrong in (values - 1, values * 1000):
        with pytest.raises(ImageError, match="0 to 255 or 0 to 65535"):
            load_photo(Image.fromarray(wrong))


def test_pil_images_that_cannot_be_used(tmp_path, panda):
    (tmp_path / "half.jpg").write_bytes(panda.read_bytes()[:50_000])
    with pytest.raises(ImageError, match="truncated"):
        load_photo(Image.open(tmp_path / "half.jpg"))
    with pytest.raises(ImageError, match="0 x 0 pixels"):
        load_photo(Image.new("RGB", (0, 0)))
    with pytest.raises(ImageError, match="floating-point"):
        load_photo(Image.new("F", (3, 3)))


@pytest.mark.parametrize("photo", [None, 3, b"photo.jpg", [1, 2]])
def test_things_that_are_no_photos(photo):
    with pytest.raises(ImageError, match="expected .*path"):
        load_photo(photo)


def test_transparent_becomes_white(tmp_path):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2, :, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    image = load_photo(tmp_path / "photo.png")
    assert image.getpixel((0, 0)) == (0, 0, 0)
    assert image.getpixel((0, 3)) == (255, 255, 255)


@pytest.mark.parametrize(
    "orientation, turn", [(3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_90), (8, Image.Transpose.ROTATE_270)]
)
def test_the_cameras_rotation_is_undone(tmp_path, colors, orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    colors.transpose(turn).save(tmp_path / "photo.png", exif=exif)
    image = load_photo(tmp_path / "photo.png")
    assert image.size == (80, 40)
    assert quarters(image) == RED_GREEN_BLUE_GRAY


def test_arrays():
    pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    assert np.array_equal(load_photo(pixels), pixels)
    assert np.array_equal(load_photo(pixels / 255), pixels)
    assert np.array_equal(load_photo(pixels[..., 0]), np.repeat(pixels[..., :1], 3, axis=2))


@pytest.mark.parametrize(
    "array, found",
    [
        (np.zeros((4, 5, 2), np.uint8), r"\(4, 5, 2\)"),
        (np.zeros((1, 4, 5, 3), np.uint8), r"\(1, 4, 5, 3\)"),
        (np.zeros((0, 5, 3), np.uint8), r"\(0, 5, 3\)"),
        (np.full((4, 5, 3), 200.0), "float64 with values from 200 to 200"),
        (np.full((4, 5, 3), -1.0), "-1"),
        (np.full((4, 5, 3), np.nan), "nan"),
        (np.full((4, 5, 3), "a"), "<U1"),
        (np.zeros((4, 5, 3), np.int64), "int64"),
    ],
)
def test_arrays_that_are_no_pictures(array, found):
    with pytest.raises(ImageError, match=f"{found}.*expected|expected.*{found}"):
        load_photo(array)


def test_fit_keeps_proportions_and_the_center(colors):
    assert fit_photo(colors, 20, 20).size == (20, 20)
    tall = fit_photo(colors, 40, 10)
    assert tall.size == (10, 40)
    assert tall.getpixel((1, 2)) == (255, 0, 0)
    assert tall.getpixel((8, 37)) == (128, 128, 128)
    square = np.asarray(fit_photo(Image.fromarray(np.pad(np.full((20, 20, 3), 255, np.uint8), ((0, 0), (10, 10), (0, 0)))), 20, 20))
    assert (square == 255).all()  # the black sides are outside the center


def test_photos_with_few_pixels_are_not_enlarged_by_cutting(generator):
    pixels = generator.integers(0, 256, (36, 50, 3), np.uint8)
    photo = Image.fromarray(pixels)
    assert np.array_equal(np.asarray(fit_photo(photo, 36, 50)), pixels)
    assert np.array_equal(np.asarray(fit_photo(photo, 34, 34)), pixels[1:35, 8:42])  # 34 of 36: their own pixels
    small = np.asarray(fit_photo(photo, 28, 28), int)  # 31.5 of 36
    assert np.abs(small - np.asarray(photo.resize((28, 28), Image.Resampling.BILINEAR, box=(9.25, 2.25, 40.75, 33.75)), int)).max() <= 1


def test_fit_matches_resizing_to_256_and_cropping_224(panda):
    image = load_photo(panda).crop((0, 0, 768, 512))  # so that no fraction of a pixel is left over
    ours = np.asarray(fit_photo(image, 224, 224), float)
    resized = image.resize((384, 256), Image.Resampling.BILINEAR)
    theirs = np.asarray(resized.crop((80, 16, 80 + 224, 16 + 224)), float)
    assert np.abs(ours - theirs).max() <= 1


@pytest.mark.parametrize("name", PREPROCESSING)
def test_preprocessing_and_back(name, generator):
    pixels = generator.integers(0, 256, (6, 7, 3), dtype=np.uint8)
    x = PREPROCESSING[name].apply(pixels)
    assert x.dtype == np.float32 and x.flags.c_contiguous
    PREPROCESSING[name].check_range(x)
    assert np.array_equal(PREPROCESSING[name].undo(x), pixels)


def test_preprocessing_by_hand():
    red = np.array([[[255, 0, 0]]], np.uint8)
    assert PREPROCESSING["caffe"].apply(red)[0, 0] == pytest.approx([-103.939, -116.779, 131.32])
    assert PREPROCESSING["torch"].apply(red)[0, 0] == pytest.approx([(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225])


@pytest.mark.parametrize("name", PREPROCESSING)
@pytest.mark.parametrize("scale", [255, 1])
def test_unprepared_ranges_are_errors(name, scale, generator):
    """Unless they are what the network is given in any case, as pixels of 0-1 are for "unit"."""
    x = scale * generator.random((1, 6, 7, 3)).astype(np.float32)
    if (name, scale) in (("none", 255), ("unit", 1), ("tf", 1), ("lite", 1)):
        PREPROCESSING[name].check_range(x)
    else:
        with pytest.raises(ImageError, match="does not look prepared"):
            PREPROCESSING[name].check_range(x)


GRAY = Preprocessing("gray", 1 / 255, (0.45,), (0.25,))


def test_gray_by_hand():
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [7, 7, 7]]], np.uint8)
    x = GRAY.apply(pixels)
    assert x.shape == (1, 4, 1) and x.dtype == np.float32
    assert x[0, :, 0] == pytest.approx([(level / 255 - 0.45) / 0.25 for level in (76, 150, 29, 7)], abs=1e-6)
    assert np.array_equal(GRAY.undo(x)[0], np.repeat([[76], [150], [29], [7]], 3, axis=1))


def test_gray_is_what_pillow_calls_gray(panda):
    image = load_photo(panda).resize((50, 40))
    assert np.abs(GRAY.undo(GRAY.apply(np.asarray(image)))[..., 0] - np.asarray(image.convert("L"), float)).max() <= 1


def test_every_gray_level_there_and_back():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    x = GRAY.apply(levels)
    GRAY.check_range(x)
    assert np.array_equal(GRAY.undo(x), levels)
    assert np.array_equal(GRAY.apply(GRAY.undo(x)), x)
    black, white = GRAY.limits
    assert (black, white) == (x.min(), x.max()) and black.shape == (1,)


def test_a_network_that_wants_0_to_1_gets_it(generator):
    plain = Preprocessing(scale=1 / 255)
    plain.check_range(plain.apply(generator.integers(0, 256, (4, 5, 3), dtype=np.uint8)))
    with pytest.raises(ImageError, match="does not look prepared"):
        plain.check_range(generator.random((4, 5, 3)).astype(np.float32) * 255)


@given(st.integers(1, 1200), st.integers(1, 1200), st.integers(1, 600), st.integers(1, 600), st.booleans())
@example(800, 450, 384, 216, True)
@example(400, 225, 384, 216, True)
@settings(max_examples=2000, deadline=None)
def test_the_box_stays_in_the_photo(width, height, wanted_width, wanted_height, whole):
    """Whatever the sizes: Pillow refuses a box that begins at -7e-15."""
    left, top, right, bottom = center_box((width, height), (wanted_width, wanted_height), whole)
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    assert (right - left) * wanted_height == pytest.approx((bottom - top) * wanted_width)


@pytest.mark.parametrize("size", [(32, 32), (224, 224), (320, 400), (384, 216), (7, 600)])
def test_the_box_stays_in_photos_of_all_widths(size):
    """Of every width up to 1200, and heights that have no divisor in common with it for long."""
    for width in range(1, 1201):
        for height in range(1 + width % 37, 1201, 37):
            for whole in (False, True):
                left, top, right, bottom = center_box((width, height), size, whole)
                assert 0 <= left < right <= width and 0 <= top < bottom <= height
                assert abs((right - left) * size[1] - (bottom - top) * size[0]) < 1e-9 * width * height


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 600))
def test_the_whole_photos_size_keeps_its_proportions(width, height, longer):
    size = whole_size(Image.new("1", (width, height)), longer)
    assert max(size) == longer and min(size) >= 1
    assert abs(size[0] - height * longer / max(width, height)) <= 0.5 or size[0] == 1
    assert abs(size[1] - width * longer / max(width, height)) <= 0.5 or size[1] == 1


@pytest.mark.parametrize("width, height", [(800, 450), (400, 225), (1, 1), (223, 7), (31, 33), (109, 218)])
def test_photos_of_any_size_fit(width, height):
    image = Image.new("RGB", (width, height), (10, 20, 30))
    for whole in (False, True):
        for size in ((224, 224), whole_size(image, 384)):
            assert fit_photo(image, *size, whole).size == size[::-1]


def test_only_formats_of_photos_are_opened(tmp_path, colors, monkeypatch):
    """An EPS file is a program, which Pillow would give to Ghostscript."""
    monkeypatch.setattr("subprocess.check_call", lambda *arguments, **options: pytest.fail(f"{arguments} was started"))
    for name in ("photo.eps", "photo.png"):
        colors.save(tmp_path / name, format="EPS")
        with pytest.raises(ImageError, match=f"{name} is not an image that can be read .*JPEG"):
            load_photo(tmp_path / name)
        with pytest.raises(ImageError, match="not an image"):
            check_photo(tmp_path / name)
