"""What minicnn raises when the input, not the code, is at fault.

Every message names what was found, what was expected and what to do next. The command line prints the message alone and exits
with code 2. All are ``ValueError``s, so that code which knows nothing of minicnn can catch them too.
"""


class MinicnnError(ValueError):
    """The base of all errors below."""


class ShapeError(MinicnnError):
    """An array, or an image, of a shape that the layer or the network cannot take."""


class UnknownNameError(MinicnnError):
    """A model, layer, class or method that does not exist."""


class ImageError(MinicnnError):
    """A photo that cannot be read, or an array that is no picture."""


class WeightFileError(MinicnnError):
    """A weight file that cannot be read or does not belong to the network."""


class OutputError(MinicnnError):
    """A file or folder that cannot be written."""


class DownloadError(MinicnnError):
    """A file that cannot be fetched, or that is not the one that was published."""
