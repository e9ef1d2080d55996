"""Photos in, pictures out: the one border between pixels and arrays.

On this side pixels are RGB, 8 bits, (height, width, 3). On the other side is what a network was trained on: float32,
(1, height, width, channels), its own order of colors or only gray, its own scale, the training set's mean color taken off. A
*preprocessing* says which:

    =======  =======  =======  ==========================  ====================  =============================
    name     colors  scale    minus (R, G, B)             divided by (R, G, B)  used by
    =======  =======  =======  ==========================  ====================  =============================
    caffe    B, G, R  0-255    123.68, 116.779, 103.939    1                     Keras' VGG16 and VGG19
    torch    R, G, B  0-1      0.485, 0.456, 0.406         0.229, 0.224, 0.225   torchvision
    cifar10  R, G, B  0-255    125.3, 123.0, 113.9         63.0, 62.1, 66.7      minivgg
    tf       R, G, B  0-2      1                           1                     Keras' MobileNet, and others
    unit     R, G, B  0-1      0                           1                     many small networks
    none     R, G, B  0-255    0                           1                     networks that scale pixels themselves
    =======  =======  =======  ==========================  ====================  =============================
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from minicnn.errors import ImageError
from minicnn.pictures.decoding import convert_picture, from_16_bits, read_picture

#: The order of a network's colors, or gray alone.
ColorOrder = Literal["rgb", "bgr", "gray"]

#: What is accepted as a photo.
Photo = str | os.PathLike | Image.Image | np.ndarray

#: Of the photo's largest centered part with the wanted proportions, the share of each side that is kept at least: networks are tested on
#: the center 224 x 224 of an image resized to 256.
CENTER_SHARE = 224 / 256

#: The colors of a network's input, in its order, by the name of the order.
COLORS: dict[ColorOrder, tuple[str, ...]] = {"rgb": ("red", "green", "blue"), "bgr": ("blue", "green", "red"), "gray": ("gray",)}

#: The share of red, green and blue in gray, as in television (ITU-R BT.601).
LUMINANCE = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Preprocessing:
    """How pixels become numbers for a network.

    Attributes
    ----------
    colors : {"rgb", "bgr", "gray"}
        In which order the network wants them, or that it wants their brightness alone.
    scale : float
        What 0-255 is multiplied by first.
    mean, std : tuple of float
        Then red, green and blue, or gray, become (value - mean) / std. One number for each, or a single one for all.
    """

    colors: ColorOrder = "rgb"
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the colors in the network's order."""
        return COLORS[self.colors]

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Turn RGB pixels, (..., 3), 0-255, into float32 in the network's units, (..., 3) or for gray (..., 1)."""
        colors = brightness(pixels)[..., None] if self.colors == "gray" else pixels
        mean, std = self._statistics
        return self.swap_channels((colors.astype(np.float32) * np.float32(self.scale) - mean) / std)

    def undo(self, x: np.ndarray) -> np.ndarray:
        """Turn numbers in the network's units back into RGB pixels, uint8 (..., 3); what lies out of range is clipped."""
        mean, std = self._statistics
        pixels = (self.swap_channels(x) * std + mean) / np.float32(self.scale)
        pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
        return pixels.repeat(3, axis=-1) if self.colors == "gray" else pixels

    def swap_channels(self, x: np.ndarray) -> np.ndarray:
        """Turn the network's order of colors, the last axis, into red, green, blue, or back; gray stays gray."""
        return np.ascontiguousarray(x[..., ::-1]) if self.colors == "bgr" else x

    @property
    def _statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, float32 (channels,), or (1,) where all channels have the same."""
        return np.array(self.mean, np.float32), np.array(self.std, np.float32)

    @property
    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Black and white in the network's units and order, each (channels,)."""
        return self.apply(np.zeros(3)), self.apply(np.full(3, 255.0))

    def check_range(self, x: np.ndarray) -> None:
        """Raise ImageError if an array is plainly no result of `apply`: pixels still in 0-255 or 0-1, or numbers far off.

        Some room is left on both sides, so that noise or an optimization may leave the range of photos. A plain photo of nearly the mean
        color is near 0 everywhere, so pixels in 0-1 are recognized by the brightest ones; where 1 is about white for the network, too,
        they pass.
        """
        black, white = self.limits
        low, high = black.min(), white.max()
        unprepared = x.min() >= 0 and (x.max() > 1.01 * high or (x.min() < x.max() and 0.5 < x.max() <= 1 < 0.99 * high))
        if unprepared or np.abs(x).max() > 10 * (high - low):
            raise ImageError(
                f"the array does not look prepared: its values run from {x.min():.4g} to {x.max():.4g}, those of photos between "
                f"{low:.4g} and {high:.4g}. Use model.prepare(photo), or for plain RGB leave prepared=True out"
            )


#: What published networks expect: the original VGG's, which Caffe gives blue first; the same, red first; torchvision's;
#: CIFAR-10's; Keras' "tf", -1 to 1; EfficientNet-Lite's, nearly the same; 0 to 1; and plain 0 to 255.
PREPROCESSING: dict[str, Preprocessing] = {
    "caffe": Preprocessing("bgr", mean=(123.68, 116.779, 103.939)),
    "caffe-rgb": Preprocessing("rgb", mean=(123.68, 116.779, 103.939)),
    "torch": Preprocessing(scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "cifar10": Preprocessing(mean=(125.3, 123.0, 113.9), std=(63.0, 62.1, 66.7)),
    "tf": Preprocessing(scale=1 / 127.5, mean=(1.0,)),
    "lite": Preprocessing(mean=(127.0,), std=(128.0,)),
    "unit": Preprocessing(scale=1 / 255),
    "none": Preprocessing(),
}


def brightness(pixels: np.ndarray) -> np.ndarray:
    """Turn RGB pixels (..., 3) into gray (...), in whole levels of 255."""
    return np.rint(pixels @ LUMINANCE)


def load_photo(photo: Photo) -> Image.Image:
    """Read a photo as upright 8-bit RGB.

    Parameters
    ----------
    photo : path, PIL image or array
        A file of one of `minicnn.pictures.decoding.FORMATS`, or with pillow-heif in HEIC; of animations the first frame. Arrays are RGB,
        (height, width, 3), or gray, (height, width): uint8 0-255, uint16 0-65535, or floating-point 0-1.

    Returns
    -------
    PIL.Image.Image
        Mode RGB. The camera's rotation (EXIF) is applied; gray, palette, 16-bit and CMYK pictures are converted, and other colors than
        the screen's (ICC profiles); what is transparent becomes white. JPEGs of very many pixels are reduced.

    Raises
    ------
    ImageError
        If there is no such file, or it is not a picture, damaged, or unreasonably large.
    """
    if isinstance(photo, np.ndarray):
        return Image.fromarray(_array_to_pixels(photo)).convert("RGB")
    if isinstance(photo, Image.Image):
        return convert_picture(photo)
    if isinstance(photo, (str, os.PathLike)):
        return read_picture(Path(photo))
    raise ImageError(f"the photo is a {type(photo).__name__}; expected the path of a file, a PIL image, or an array")


def fit_photo(image: Image.Image, height: int, width: int, whole: bool = False) -> Image.Image:
    """Cut the photo's center out and scale it to the given size (bilinear, averaging where it shrinks).

    It keeps 224/256 of the sides of the largest centered part that has the wanted proportions; more, or all, of a photo that has so few
    pixels that this part would have to be enlarged; and all with `whole`. Nothing is stretched.
    """
    box = center_box((image.width, image.height), (width, height), whole)
    return image.resize((width, height), Image.Resampling.BILINEAR, box=box)


def center_box(photo: tuple[int, int], size: tuple[int, int], whole: bool = False) -> tuple[float, float, float, float]:
    """Choose what `fit_photo` keeps of a photo, (left, top, right, bottom) in its pixels; both sizes are (width, height)."""
    scale = min(photo[0] / size[0], photo[1] / size[1])
    if not whole:
        scale = max(CENTER_SHARE * scale, min(scale, 1.0))
    left, top = (photo[0] - size[0] * scale) / 2, (photo[1] - size[1] * scale) / 2
    right, bottom = left + size[0] * scale, top + size[1] * scale
    return max(left, 0.0), max(top, 0.0), min(right, photo[0]), min(bottom, photo[1])  # rounding may lead a little over the border


def whole_size(image: Image.Image, longer: int) -> tuple[int, int]:
    """Choose (height, width) for a photo whose proportions stay and whose longer side gets so many pixels."""
    scale = longer / max(image.width, image.height)
    return max(1, round(image.height * scale)), max(1, round(image.width * scale))


def _array_to_pixels(array: np.ndarray) -> np.ndarray:
    """Check an RGB or gray array and bring it to 8 bits."""
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)) or 0 in array.shape:
        raise ImageError(f"the photo is an array of shape {array.shape}; expected (height, width, 3) in RGB order, or (height, width)")
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        return from_16_bits(array)
    found = f"type {array.dtype}"
    if array.dtype.kind == "f":
        if np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1:
            return (array * 255 + 0.5).astype(np.uint8)
        found += f" with values from {array.min():.4g} to {array.max():.4g}"
    raise ImageError(f"the photo is an array of {found}; expected uint8 (0 to 255), uint16 (0 to 65535) or floating-point (0 to 1)")
