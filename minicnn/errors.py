"""What minicnn raises when the input, not the code, is at fault.

Every message names what was found, what was expected and what to do next. The command line prints the message alone and exits
with code 2. All are ``ValueError``s, so that code which knows nothing of minicnn can catch them too.

Messages quote what files say, and their names, which may hold anything. What a terminal could take for a command is replaced, and a message
that is very long is cut in its middle, so that both what was found and what to do stay.
"""

import difflib
from collections.abc import Iterable, Sequence

#: No message has more characters.
LONGEST_MESSAGE = 500


class MinicnnError(ValueError):
    """The base of all errors below."""

    def __init__(self, message: str = ""):
        super().__init__(shortened(printable(message)))


class ShapeError(MinicnnError):
    """An array, or an image, of a shape that the layer or the network cannot take."""


class UnknownNameError(MinicnnError):
    """A model, layer, class or method that does not exist."""


class ImageError(MinicnnError):
    """A photo that cannot be read, or an array that is no picture."""


class DatasetError(MinicnnError):
    """Photos and labels for training that cannot be read, or do not fit together."""


class WeightFileError(MinicnnError):
    """A weight file that cannot be read or does not belong to the network."""


class DescriptionError(MinicnnError):
    """A description of a network that makes no sense, or a network that cannot be described."""


class OutputError(MinicnnError):
    """A file or folder that cannot be written."""


class DownloadError(MinicnnError):
    """A file that cannot be fetched, or that is not the one that was published."""


def printable(text: str) -> str:
    """Return a text with "?" for each character that cannot be printed, such as those that control a terminal, and on one line."""
    text = "".join(character if character.isprintable() else " " if character in "\n\t\r" else "?" for character in text)
    return text.encode("utf-8", "replace").decode()


def shortened(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Return a text, of one that is too long its beginning and its end."""
    end = longest // 3
    return text if len(text) <= longest else f"{text[: longest - end - 5]} ... {text[-end:]}"


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return " (did you mean 'conv1'?)" with the nearest of some names, or nothing if none is near."""
    near = difflib.get_close_matches(str(name), list(names), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def several(count: int, word: str) -> str:
    """Count things for people: "1 photo", "1,234 photos"."""
    return f"{count:,} {word}{'s' * (count != 1)}"


def listed(names: Sequence[str], most: int = 6) -> str:
    """Write names with commas, of many only the first."""
    return ", ".join([*names[:most], *([f"... ({len(names)} in all)"] if len(names) > most else [])])
