"""Files of pictures become upright 8-bit RGB in the colors of screens (sRGB), or one clear error.

Files come from anywhere, so only formats of photos are opened, and sizes are looked at before pixels are unpacked. Two kinds of files are
read that Pillow refuses: JPEGs of up to `MOST_JPEG_PIXELS`, which are reduced while they are decoded, as the format allows; and on demand
(`accept_truncated`) JPEGs whose end is missing. Pillow's own switches for both, `MAX_IMAGE_PIXELS` and `LOAD_TRUNCATED_IMAGES`, hold for
the whole process, as do Python's filters of warnings, so they are left alone: photos may be read in many threads.

A profile in the file (ICC) says what its numbers mean: the same red is 255 in one camera's colors and 219 in another's. Colors are
converted to sRGB, which networks' training photos are in, relative to white and black, as browsers do it. A profile that is damaged, or
made for another kind of pixels, is passed over, as by browsers; one that amounts to sRGB, whatever it is called, changes nothing.
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
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin

from minicnn.errors import ImageError

#: The formats that are opened, as Pillow calls them. It knows others, and would start Ghostscript for an EPS file.
FORMATS = ("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "MPO", "PCX", "PNG", "PPM", "SGI", "TGA", "TIFF", "WEBP")

#: No JPEG has more pixels; a camera of 200 megapixels has 16384 x 12288. That takes 0.4 GB while it is read;
#: a progressive one 0.8 GB, with colors at full resolution 1.7 GB, whatever it is reduced to.
MOST_JPEG_PIXELS = 250_000_000

#: So many pixels of a JPEG take at least a byte: a block of 8 x 8 has at least one bit. Files that say less than they claim to show are not
#: worth the memory.
MOST_PIXELS_PER_BYTE = 512

#: What files of the family HEIF call themselves. HEIC, which iPhones make, holds HEVC, AVIF holds AV1; mif1 and msf1 may be either.
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
AVIF_BRANDS = {b"avif", b"avis"}

#: How LittleCMS calls, by numbers: black point compensation, and no tables in between, which are up to 10 levels off.
BLACK_STAYS_BLACK, EXACTLY = 0x2000, 0x0100

#: So much of a file is looked at to tell what it is.
START = 256

#: A JPEG's first bytes, and its last; and a TIFF's first, with the lower or the higher byte in front, small or big.
JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

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
        Is told of each such file once, in a sentence that says how much is missing. Default: `warnings.warn`.
    """
    told: set[str] = set()

    def tell(text: str) -> None:
        if text not in told:
            told.add(text)
            (notice or warnings.warn)(text)

    token = _truncated.set(tell)
    try:
        yield
    finally:
        _truncated.reset(token)


def read_picture(path: Path) -> Image.Image:
    """Read a file as upright RGB of 8 bits; raises ImageError as `minicnn.pictures.photos.load_photo`."""
    check_file(path)
    with _clear_errors(str(path)):
        with _silent_libtiff(path):
            image = _loaded(path)
        ImageOps.exif_transpose(image, in_place=True)  # which spares a copy
        return _finished(image, str(path))


def convert_picture(image: Image.Image) -> Image.Image:
    """Turn an image of Pillow into upright RGB of 8 bits; raises ImageError as `minicnn.pictures.photos.load_photo`."""
    with _clear_errors("the image"):
        image.load()
        return _finished(ImageOps.exif_transpose(image), "the image")


def check_photo(path: str | os.PathLike) -> None:
    """Raise ImageError unless a file begins like a photo; damage further inside shows when it is read."""
    path = Path(path)
    check_file(path)
    with _clear_errors(str(path)), _silent_libtiff(path), _open(path):
        pass


def check_file(path: Path, expected: str = "a photo, such as a JPEG or PNG file") -> None:
    """Raise ImageError unless there is a file to read at the path; a pipe would be waited for without end."""
    try:
        found = path.stat()
    except PermissionError:
        raise ImageError(f"{path} may not be read; check its permissions") from None
    except (OSError, ValueError):
        raise ImageError(f"there is no file {path}; expected {expected}") from None
    if stat.S_ISDIR(found.st_mode):
        raise ImageError(f"{path} is a directory; expected {expected}")
    if not stat.S_ISREG(found.st_mode):
        raise ImageError(f"{path} is no ordinary file; expected {expected}")


def _loaded(path: Path) -> Image.Image:
    """Open and decode a picture."""
    image = _open(path)
    try:
        with _closed_on_failure(image):
            image.load()
    except OSError as error:
        if image.format != "JPEG" or "truncated" not in str(error):
            raise
        return _loaded_as_far_as_possible(path)
    return image


@contextmanager
def _closed_on_failure(image: Image.Image) -> Iterator[None]:
    """Close a picture's file if it cannot be read; Pillow does that by itself only when all has been read."""
    try:
        yield
    except BaseException:
        image.close()
        raise


def _loaded_as_far_as_possible(path: Path) -> Image.Image:
    """Decode a JPEG whose end is missing, if that was asked for, with an end put to it."""
    notice = _truncated.get()
    if notice is None:
        raise ImageError(
            f"{path} is damaged: its end is missing (the file is truncated); copy or export it again, or take what there is of it "
            "(--accept-truncated; with minicnn.accept_truncated():)"
        )
    image = _open_jpeg(io.BytesIO(path.read_bytes() + JPEG_END), path.stat().st_size)
    image.load()
    share = _gray_share(image)
    little = "fine detail" if "progressive" in image.info else "less than 1 % of the picture"
    missing = f"about {100 * share:.0f} % of the picture, which is gray" if share >= 0.01 else little
    notice(f"{path} is damaged: its end is missing, and with it {missing}")
    return image


def _gray_share(image: Image.Image) -> float:
    """Return the share of a picture's rows, at its end, that are as the decoder leaves what it knows nothing of: in the middle of all."""
    pixels = np.asarray(image).reshape(image.height, -1)
    known = np.flatnonzero(((pixels < 127) | (pixels > 128)).any(axis=1))
    return 1 - (known[-1] + 1) / image.height if known.size else 1.0


def _open(path: Path) -> Image.Image:
    """Open a picture of one of `FORMATS`, whatever its name is, or in HEIC."""
    start = _start(path)
    if start.startswith(JPEG_START):
        return _open_jpeg(path, path.stat().st_size)
    Image.init()
    brands = _brands(start)
    if brands & AVIF_BRANDS and "AVIF" not in Image.SAVE:  # its plugin is there, and can save, only where Pillow was built with AVIF
        raise ImageError(f"{path} is a photo in AVIF, which needs Pillow 11.3 or newer: pip install --upgrade pillow. Or export it as JPEG")
    if brands & HEIC_BRANDS and not brands & AVIF_BRANDS:
        return _open_heic(path)
    image = Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])
    with _closed_on_failure(image):
        _check_size(image.size)
    return image


def _check_size(size: tuple[int, int]) -> None:
    """Refuse what Pillow only warns of: more pixels than its limit, before they are decoded."""
    if Image.MAX_IMAGE_PIXELS is not None and size[0] * size[1] > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError


def _start(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(START)


def _brands(start: bytes) -> set[bytes]:
    """Return what a file of the family HEIF calls itself, as its first box says (ISO 14496-12, 4.3); nothing of other files."""
    if start[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(start[:4], "big"), len(start) - 3)
    return {start[8:12], *(start[i : i + 4] for i in range(16, end, 4))}


def _open_jpeg(file: Path | io.BytesIO, size: int) -> Image.Image:
    """Open a JPEG of so many bytes; one of more pixels than other pictures may have will be decoded to a half of its sides or less."""
    image = JpegImagePlugin.JpegImageFile(file)
    width, height = image.size
    scale, limit = 1, Image.MAX_IMAGE_PIXELS
    while limit is not None and (width // scale) * (height // scale) > limit:
        scale *= 2
    if scale > 1:
        with _closed_on_failure(image):
            if width * height > MOST_JPEG_PIXELS:
                raise Image.DecompressionBombError
            if width * height > MOST_PIXELS_PER_BYTE * size:
                raise OSError(f"it claims {width} x {height} pixels, which {size:,} bytes cannot hold")
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
    _check_size(heif.size)
    return heif.to_pillow()  # upright: what the file says of rotation has been done


@contextmanager
def _silent_libtiff(path: Path) -> Iterator[None]:
    """Keep libtiff, and Pillow's log, from writing to the process's standard error what they find in a TIFF; our error says it."""
    if not _start(path).startswith(TIFF_STARTS):
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
def _clear_errors(name: str) -> Iterator[None]:
    """Turn every way in which reading a picture fails into one clear error."""
    try:
        yield
    except Image.DecompressionBombError:
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
    """Turn a decoded picture that is upright into 8-bit RGB on white."""
    if 0 in image.size:
        raise ImageError(f"{name} has {image.width} x {image.height} pixels; expected at least one")
    profile = image.info.get("icc_profile")
    if image.mode == "LAB":  # which says itself what it means
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    if image.mode.startswith("I"):
        image = Image.fromarray(_integers_to_pixels(image, name))
    if image.mode == "F":
        raise ImageError(f"{name} holds floating-point pixels, whose range is not known; save it with 8 or 16 bits per color")
    if image.mode in ("La", "RGBa"):  # colors multiplied with the transparency
        image = image.convert(image.mode.replace("a", "A"))
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    transparency = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    colors = _in_srgb(image, profile) if profile else image.convert("RGB")
    if transparency is None:
        return colors
    colors.putalpha(transparency)
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colors).convert("RGB")


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert a picture's colors from what its profile says to sRGB, relative to white and with black kept black."""
    plain = image.convert({"RGBA": "RGB", "LA": "L", "1": "L"}.get(image.mode, image.mode))
    with suppress(ImageCms.PyCMSError, OSError, ValueError):
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        kind = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}.get(source.profile.xcolor_space.strip())
        if kind == plain.mode:
            screen = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
            wanted = ImageCms.Intent.RELATIVE_COLORIMETRIC
            flags: Any = BLACK_STAYS_BLACK | EXACTLY  # numbers, as Pillow has had names for them only since 10.3
            transform = ImageCms.buildTransform(source, screen, plain.mode, "RGB", wanted, flags)
            if not _changes_nothing(transform, plain.mode):
                converted = ImageCms.applyTransform(plain, transform)
                if converted is not None:
                    return converted
    return plain.convert("RGB")


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Tell whether a profile amounts to sRGB: no color moves further than rounding does. What it is called says little about that."""
    if mode not in ("RGB", "L"):
        return False
    gray = np.arange(256, dtype=np.uint8)[:, None].repeat(3, axis=1)
    colors = np.stack(np.meshgrid(*[np.arange(0, 256, 17, dtype=np.uint8)] * 3), axis=-1).reshape(-1, 3)
    probe = Image.fromarray(np.concatenate([gray, colors])[None] if mode == "RGB" else gray[None, :, 0])
    found = ImageCms.applyTransform(probe, transform)
    return found is not None and np.abs(np.asarray(found, np.int16) - np.asarray(probe.convert("RGB"))).max() <= 1


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
