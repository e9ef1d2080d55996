"""What ships with the package: weights, class names, photos."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from minicnn.errors import UnknownNameError

PHOTOS = Path(__file__).parent / "photos"


def shipped_file(name: str) -> Path:
    """Return the path of a file in the package `minicnn.shipped`, which is the folder weights/ of the source."""
    return Path(str(resources.files("minicnn.shipped").joinpath(name)))


def shipped_photo(name: str = "panda") -> Path:
    """Return the path of a photo that ships with the package: "panda" or "moose".

    Raises
    ------
    UnknownNameError
        With the list of photos, for any other name.
    """
    photos = {path.stem: path for path in sorted(PHOTOS.glob("*.jpg"))}
    if name not in photos:
        raise UnknownNameError(f"there is no shipped photo {name!r}; there are {', '.join(photos)}")
    return photos[name]
