"""Weight files that others publish: where they are, how to recognize them, and where a copy of one is kept on this machine.

The data only; `minicnn.files.download` fetches. A file is checked against its published hash when it is downloaded. When it is loaded
later only its size is compared, because reading 553 MB takes longer than everything else that `minicnn predict` does: the size shows that
a file was cut short or mistaken for another, not that it was changed. ``minicnn weights download NAME`` on a file that is there checks
its hash again.

Keras publishes MD5 hashes of its files and no others. An MD5 shows damage, and a mirror that passes off another file as this one (nobody
knows how to make a second file of a given MD5), but a publisher who wanted to could make two files of one MD5. A SHA-256 can take its
place in the table.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from minicnn.errors import UnknownNameError, WeightFileError, did_you_mean
from minicnn.files.writing import file_hash

#: The environment variable that names another folder for downloaded files.
CACHE_VARIABLE = "MINICNN_CACHE"

KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"


@dataclass(frozen=True)
class PublishedFile:
    """A file that can be downloaded.

    Attributes
    ----------
    name : str
        What it is called on the command line.
    model : str
        The architecture that it holds the weights of.
    description : str
    address : str
    size : int
        In bytes.
    checksum : str
        The published hash: the algorithm as `hashlib` names it, a colon, and the hash in hexadecimal.
    credit : str
        Whose work it is, and under which license.
    """

    name: str
    model: str
    description: str
    address: str
    size: int
    checksum: str
    credit: str = "K. Simonyan and A. Zisserman, Visual Geometry Group, Oxford, CC BY 4.0; converted by Keras"

    @property
    def file_name(self) -> str:
        """The last part of the address."""
        return self.address.rpartition("/")[2]

    @property
    def algorithm(self) -> str:
        """The hash's algorithm: md5, sha256 ..."""
        return self.checksum.partition(":")[0]

    @property
    def megabytes(self) -> str:
        """The size for people, as in "553 MB"."""
        return f"{self.size / 1e6:.0f} MB"


def _keras(name: str, file: str, description: str, size: int, md5: str) -> PublishedFile:
    model = name.partition("-")[0]
    return PublishedFile(
        name, model, description, f"{KERAS}/{model}/{model}_weights_tf_dim_ordering_tf_kernels{file}.h5", size, f"md5:{md5}"
    )


#: By name. A file that is called as its model is what `minicnn.load` of that model takes when it is told of no other.
PUBLISHED: dict[str, PublishedFile] = {
    file.name: file
    for file in (
        _keras("vgg16", "", "VGG16 as Keras publishes it", 553_467_096, "64373286793e3c8b2b4e3219cbf3544b"),
        _keras("vgg16-notop", "_notop", "only its convolutions", 58_889_256, "6d6bbae143d832006294945121d1f1fc"),
        _keras("vgg19", "", "VGG19 as Keras publishes it", 574_710_816, "cbe5617147190e668d6c5d5026f83318"),
        _keras("vgg19-notop", "_notop", "only its convolutions", 80_134_624, "253f8cb515780f3b799900260a226db6"),
    )
}


def find_published(name: str) -> PublishedFile:
    """Look a file up by name.

    Raises
    ------
    UnknownNameError
        With the nearest name and the list of all.
    """
    if name not in PUBLISHED:
        raise UnknownNameError(f"there is no file {name!r} to download{did_you_mean(name, PUBLISHED)}; there are {', '.join(PUBLISHED)}")
    return PUBLISHED[name]


def cache_folder() -> Path:
    """Return the folder for downloaded files: what the environment variable MINICNN_CACHE names, or the user's usual cache folder."""
    folder = os.environ.get(CACHE_VARIABLE)
    return Path(folder).expanduser() if folder else Path(platformdirs.user_cache_dir("minicnn", appauthor=False))


def cached_path(published: PublishedFile) -> Path:
    """Return the place of a file in the cache, whether it is there or not."""
    return cache_folder() / published.file_name


def cached_file(published: PublishedFile) -> Path:
    """Return the path of a downloaded file, after a look at its size.

    Raises
    ------
    WeightFileError
        If it is not there, or has another size; the message names the command that fetches it.
    """
    path = cached_path(published)
    command = f"minicnn weights download {published.name}"
    if not path.is_file():
        raise WeightFileError(
            f"{published.model} does not ship with weights, and {published.name} has not been downloaded: '{command}' fetches it "
            f"({published.megabytes}); or give a file (--weights FILE, weights=), or use vgg16-gap"
        )
    if (size := path.stat().st_size) != published.size:
        raise WeightFileError(
            f"{path} has {size:,} bytes, expected {published.size:,}: it is damaged, or another file; '{command} --overwrite' fetches it "
            f"again ({published.megabytes})"
        )
    return path


def published_metadata(path: Path) -> dict[str, str]:
    """Return the metadata for a weight file that has none: "source", whom to name, if by its name and size it is a published file."""
    size = path.stat().st_size
    for file in PUBLISHED.values():
        if (file.file_name, file.size) == (path.name, size):
            return {"source": file.credit}
    return {}


#: torchvision's files by the first 8 hexadecimal digits of their SHA-256, which are part of their names.
TORCHVISION = {
    "8a719046": "VGG11",
    "19584684": "VGG13",
    "397923af": "VGG16",
    "dcbb9e9d": "VGG19",
    "6002323d": "VGG11 with batch normalization",
    "abd245e5": "VGG13 with batch normalization",
    "6c64b313": "VGG16 with batch normalization",
    "c79401a0": "VGG19 with batch normalization",
    "7be5be79": "AlexNet",
}


def recognized(path: Path, sha256: str) -> str | None:
    """Say which published file this is, by its hashes; None if it is none of those that are known."""
    size = path.stat().st_size
    for file in PUBLISHED.values():
        if file.size == size and file_hash(path, file.algorithm).hexdigest() == file.checksum.partition(":")[2]:
            return f"It is the published file {file.name}: {file.description} ({file.checksum}). Credit: {file.credit}."
    if sha256[:8] in TORCHVISION:
        return f"By the first 8 digits of its SHA-256 it is torchvision's {TORCHVISION[sha256[:8]]}."
    return None
