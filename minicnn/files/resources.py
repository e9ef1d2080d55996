"""What ships with the package: weights, class names, photos."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from minicnn.errors import UnknownNameError

PHOTOS = Path(str(resources.files("minicnn").joinpath("photos")))

#: Whom to name beside each shipped photo, as its license asks.
PHOTO_CREDITS = {
    "panda": "photo: Aaron Logan, CC BY 1.0, Wikimedia Commons",
    "moose": "photo: Ryan Hagerty, public domain, Wikimedia Commons",
}


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
    if name not in PHOTO_CREDITS:
        raise UnknownNameError(f"there is no shipped photo {name!r}; there are {', '.join(PHOTO_CREDITS)}")
    return PHOTOS / f"{name}.jpg"
