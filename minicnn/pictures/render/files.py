"""Pictures as the bytes of files: PNG, and animations as GIF or MP4."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from minicnn.errors import OutputError

#: Pictures per second of an animation.
FRAME_RATE = 12


def png(pixels: np.ndarray, texts: Mapping[str, str] | None = None) -> bytes:
    """Encode pixels, uint8 (H, W, 3), or (H, W, 4) with transparency, as a PNG file, with texts in its metadata."""
    information = PngImagePlugin.PngInfo()
    for key, text in (texts or {}).items():
        information.add_itxt(key, text)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=information)
    return buffer.getvalue()


def jpeg(pixels: np.ndarray) -> bytes:
    """Encode pixels (H, W, 3), or (H, W, 4) on white, as a JPEG file of high quality."""
    image = Image.fromarray(pixels)
    if pixels.shape[2] == 4:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def animation(frames: Sequence[np.ndarray], suffix: str) -> bytes:
    """Encode pictures, uint8 (H, W, 3) of equal size, as an animation.

    Parameters
    ----------
    frames : sequence of array
    suffix : {".gif", ".mp4"}
        MP4 needs the encoder of the package imageio-ffmpeg, which the extra "video" installs.

    Raises
    ------
    OutputError
        If the encoder is missing.
    """
    return _gif(frames) if suffix == ".gif" else _mp4(frames)


def check_video_encoder() -> None:
    """Raise OutputError if the encoder for MP4 is not installed."""
    try:
        import imageio_ffmpeg  # noqa: F401
    except ImportError:
        raise OutputError(
            "MP4 needs an encoder that is not installed; install it with pip install 'minicnn-numpy[video]', or write a .gif"
        ) from None


def _gif(frames: Sequence[np.ndarray]) -> bytes:
    """Encode a GIF that repeats, its last frame shown longer."""
    durations = [1000 // FRAME_RATE] * (len(frames) - 1) + [1500]
    first, *rest = (Image.fromarray(frame).quantize(256) for frame in frames)
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=rest, duration=durations, loop=0)
    return buffer.getvalue()


def _mp4(frames: Sequence[np.ndarray]) -> bytes:
    """Encode H.264 with even sides, as players want them."""
    check_video_encoder()
    import imageio_ffmpeg

    height, width = (side - side % 2 for side in frames[0].shape[:2])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "animation.mp4"
        writer = imageio_ffmpeg.write_frames(str(path), (width, height), fps=FRAME_RATE, macro_block_size=2, ffmpeg_log_level="error")
        writer.send(None)
        for frame in [*frames, *[frames[-1]] * FRAME_RATE]:
            writer.send(np.ascontiguousarray(frame[:height, :width]))
        writer.close()
        return path.read_bytes()
