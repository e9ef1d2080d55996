"""Files of pictures become upright 8-bit RGB in the colors of screens (sRGB), or one clear error.

Files come from anywhere, so only formats of photos are opened, and sizes are looked at before pixels are unpacked. Two kinds of files are
read that Pillow refuses: JPEGs of up to `MOST_JPEG_PIXELS`, which are reduced while they are decoded, as the format allows; and on demand
(`accept_truncated`) JPEGs whose end is missing.

A profile in the file (ICC) says what its numbers mean: the same red is 255 in one camera's colors and 219 in another's. Colors are
converted to sRGB, which networks' training photos are in, relative to white and black, as browsers do it. A profile that is damaged, or
made for another kind of pixels, is passed over, as by browsers.
"""

from __future__ import annotations

import io
import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin

from minicnn.errors import ImageError

#: The formats that are opened, as Pillow calls them. It knows others, and would start Ghostscript for an EPS file.
FORMATS = ("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "MPO", "PCX", "PNG", "PPM", "SGI", "TGA", "TIFF", "WEBP")

#: No JPEG has more pixels; a camera of 200 megapixels has 16384 x 12288. A progressive one of this size takes up to 1.5 GB while it is
#: decoded, whatever it is reduced to.
MOST_JPEG_PIXELS = 250_000_000

#: What HEIC files, which iPhones make, call themselves: the brands of HEIF with pictures in HEVC, or in any coding.
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

#: How LittleCMS calls, by numbers: black point compensation, and no tables in between, which are up to 10 levels off.
BLACK_STAYS_BLACK, EXACTLY = 0x2000, 0x0100

#: A JPEG's first bytes, and its last.
JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"

#: What is told of JPEGs whose end is missing; None if they are not accepted.
_truncated: ContextVar[Callable[[str], None] | None] = ContextVar("truncated", default=None)

#: Only one at a time may silence libtiff.
_silencing = threading.Lock()


@contextmanager
def accept_truncated(notice: Callable[[str], None] | None = None) -> Iterator[None]:
    """Let JPEGs whose end is missing be read in a ``with`` block, in this context only (see `contextvars`; so not in other threads).

    What is missing of such a picture is gray.

    Parameters
    ----------
    notice : function, optional
        Is told of each such file in a sentence. Default: `warnings.warn`.
    """
    token = _truncated.set(notice or warnings.warn)
    try:
        yield
    finally:
        _truncated.reset(token)


def read_picture(path: Path) -> Image.Image:
    """Read a file as upright RGB of 8 bits; raises ImageError as `minicnn.pictures.photos.load_photo`."""
    check_file(path)
    with _clear_errors(str(path)):
        return _finished(_loaded(path), str(path))


def convert_picture(image: Image.Image) -> Image.Image:
    """Turn an image of Pillow into upright RGB of 8 bits; raises ImageError as `minicnn.pictures.photos.load_photo`."""
    with _clear_errors("the image"):
        image.load()
        return _finished(image, "the image")


def check_photo(path: str | os.PathLike) -> None:
    """Raise ImageError unless a file begins like a photo; damage further inside shows when it is read."""
    path = Path(path)
    check_file(path)
    with _clear_errors(str(path)), _open(path):
        pass


def check_file(path: Path) -> None:
    """Raise ImageError unless there is a file to read at the path."""
    try:
        found = path.stat()
    except PermissionError:
        raise ImageError(f"{path} may not be read; check its permissions") from None
    except (OSError, ValueError):
        raise ImageError(f"there is no file {path}; expected the path of a photo") from None
    if stat.S_ISDIR(found.st_mode):
        raise ImageError(f"{path} is a directory; expected a photo, such as a JPEG or PNG file")
    if not stat.S_ISREG(found.st_mode):
        raise ImageError(f"{path} is no ordinary file; expected a photo, such as a JPEG or PNG file")


def _loaded(path: Path) -> Image.Image:
    """Open and decode a picture."""
    image = _open(path)
    try:
        with _silent_libtiff(image):
            image.load()
    except OSError as error:
        if image.format not in ("JPEG", "MPO") or "truncated" not in str(error):
            raise
        return _loaded_as_far_as_possible(path)
    return image


def _loaded_as_far_as_possible(path: Path) -> Image.Image:
    """Decode a JPEG whose end is missing, if that was asked for, with an end put to it."""
    notice = _truncated.get()
    if notice is None:
        raise ImageError(
            f"{path} is damaged: its end is missing (the file is truncated); copy or export it again, or take what there is of it "
            "(--accept-truncated; with minicnn.accept_truncated():)"
        )
    image = _reduced(JpegImagePlugin.JpegImageFile(io.BytesIO(path.read_bytes() + JPEG_END)))
    image.load()
    notice(f"{path} is damaged: its end is missing, and what is missing of the picture is gray")
    return image


def _open(path: Path) -> Image.Image:
    """Open a picture of one of `FORMATS`, whatever its name is."""
    with open(path, "rb") as file:
        start = file.read(32)
    if start[4:8] == b"ftyp" and start[8:12] in HEIC_BRANDS:
        return _open_heic(path)
    Image.init()
    try:
        return Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        if not start.startswith(JPEG_START):
            raise
        return _reduced(JpegImagePlugin.JpegImageFile(path))


def _reduced(image: JpegImagePlugin.JpegImageFile) -> Image.Image:
    """Have a JPEG decoded to a half, a quarter or an eighth of its sides if it has more pixels than other pictures may have."""
    width, height = image.size
    if width * height > MOST_JPEG_PIXELS:
        raise Image.DecompressionBombError
    scale, limit = 1, Image.MAX_IMAGE_PIXELS
    while limit is not None and (width // scale) * (height // scale) > limit:
        scale *= 2
    image.draft(None, (width // scale, height // scale))
    return image


def _open_heic(path: Path) -> Image.Image:
    """Open a photo in HEIC with the package that reads it."""
    try:
        import pillow_heif
    except ImportError:
        raise ImageError(
            f"{path} is a photo in HEIC, as iPhones make them, which needs the package pillow-heif: pip install 'minicnn-numpy[heic]'. Or "
            "export it as JPEG"
        ) from None
    heif = pillow_heif.open_heif(path)
    if Image.MAX_IMAGE_PIXELS is not None and heif.size[0] * heif.size[1] > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError
    return heif.to_pillow()  # upright: what the file says of rotation has been done


@contextmanager
def _silent_libtiff(image: Image.Image) -> Iterator[None]:
    """Keep libtiff from writing what it finds to the process's standard error, while it decodes; our error says it."""
    if image.format != "TIFF":
        yield
        return
    with _silencing, open(os.devnull, "w") as nothing:
        try:
            kept = os.dup(2)
        except OSError:  # there is no standard error
            yield
            return
        try:
            os.dup2(nothing.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@contextmanager
def warnings_of_pictures() -> Iterator[None]:
    """Let a picture of too many pixels be an error, and odd metadata nothing.

    Python has one list of such rules for all threads, which each puts back as it found it, perhaps while another is at work. So whoever
    decodes in several threads enters this once around all of them: then they all find the same rules, and the old ones come back.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextmanager
def _clear_errors(name: str) -> Iterator[None]:
    """Turn every way in which reading a picture fails into one clear error."""
    try:
        with warnings_of_pictures():
            yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(
            f"{name} holds more pixels than are read, {Image.MAX_IMAGE_PIXELS:,}, or in a JPEG {MOST_JPEG_PIXELS:,}; scale it down first"
        ) from None
    except Image.UnidentifiedImageError:
        raise ImageError(
            f"{name} is not an image that can be read ({', '.join(FORMATS)}, and with pillow-heif HEIC); save it as JPEG or PNG"
        ) from None
    except PermissionError:
        raise ImageError(f"{name} may not be read; check its permissions") from None
    except ImageError:
        raise
    except MemoryError:
        raise ImageError(f"{name} does not fit into memory; scale it down first") from None
    except Exception as error:
        raise ImageError(f"{name} is damaged ({error}); expected a complete photo. Copy or export it again") from None


def _finished(image: Image.Image, name: str) -> Image.Image:
    """Turn a decoded picture upright, and into 8-bit RGB on white."""
    image = ImageOps.exif_transpose(image)
    if 0 in image.size:
        raise ImageError(f"{name} has {image.width} x {image.height} pixels; expected at least one")
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        image = Image.fromarray(_integers_to_pixels(image, name))
    if image.mode == "F":
        raise ImageError(f"{name} holds floating-point pixels, whose range is not known; save it with 8 or 16 bits per color")
    if image.mode in ("La", "RGBa"):  # colors multiplied with the transparency
        image = image.convert(image.mode.replace("a", "A"))
    transparency = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    colors = _in_srgb(image, profile) if profile else image.convert("RGB")
    if transparency is None:
        return colors
    colors.putalpha(transparency)
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colors).convert("RGB")


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert a picture's colors from what its profile says to sRGB, relative to white and with black kept black."""
    plain = image.convert("RGB" if image.mode in ("P", "PA", "RGBA") else "L" if image.mode in ("1", "LA") else image.mode)
    with suppress(ImageCms.PyCMSError, OSError, ValueError):
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        kind = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}.get(source.profile.xcolor_space.strip())
        if kind == plain.mode and "sRGB" not in (source.profile.profile_description or ""):
            screen = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
            wanted = ImageCms.Intent.RELATIVE_COLORIMETRIC
            converted = ImageCms.profileToProfile(plain, source, screen, wanted, "RGB", flags=BLACK_STAYS_BLACK | EXACTLY)  # type: ignore[arg-type]
            if converted is not None:
                return converted
    return plain.convert("RGB")


def _integers_to_pixels(image: Image.Image, name: str) -> np.ndarray:
    """Bring gray with more than 8 bits to 8: 16 bits, or 32 bits (mode "I") that hold numbers of 16 bits or only 8."""
    values = np.asarray(image)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise ImageError(f"{name} holds numbers from {low} to {high}; expected 0 to 255 or 0 to 65535. Save it with 8 or 16 bits")
    only_8_bits = image.mode == "I" and high <= 255 and image.format != "PNG"  # older Pillow opens 16-bit PNG as "I"
    return values.astype(np.uint8) if only_8_bits else from_16_bits(values)


def from_16_bits(values: np.ndarray) -> np.ndarray:
    """Turn numbers of 0 to 65535 into the nearest of 0 to 255."""
    return (values / 257 + 0.5).astype(np.uint8)
