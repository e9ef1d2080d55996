"""One call of a visualizer, while what the user passed becomes what the method gets: the photo, its one forward pass, the class."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from minicnn.errors import ImageError, MinicnnError, ShapeError
from minicnn.geometry import as_pair
from minicnn.models.model import Model, Size
from minicnn.network.network import Network, Trace
from minicnn.pictures.photos import Photo
from minicnn.visualizers.contract.photos import Photos


@dataclass
class Call:
    """What is known so far; the kinds of the parameters read and complete it, see `minicnn.visualizers.contract.kinds`.

    Attributes
    ----------
    method : str
        Its name.
    model : Model
        That the user passed; for methods that work on whole photos only the part that is needed.
    about_class : bool
        Whether the method asks about a class.
    size, prepared
        As for `Model.prepare`.
    network : Network
        That the user passed, whatever becomes of the model.
    batch_size : int
        How many images the method works on at once.
    whole : int or None
        For methods that work on the whole photo: the longer side by default, in pixels.
    layer : str or None
        The layer that the method looks at, if it is one.
    layers : list of str
        The layers, if it takes several.
    x : array (1, H, W, C) or None
        The prepared image; zeros if there is no photo.
    blank : bool
        Whether there is no photo.
    photos : Photos or None
        In place of `x`, if the method takes several.
    photos_name : str
        Their parameter's name.
    inputs : dict of str to array
        The photos that were given, prepared, by their parameters' names.
    remark : str or None
        That the network is not sure, if it was asked for the likeliest class.
    """

    method: str
    model: Model
    about_class: bool = False
    size: Size = None
    prepared: bool = False
    network: Network = field(init=False)
    batch_size: int = 1
    whole: int | None = None
    layer: str | None = None
    layers: list[str] = field(default_factory=list)
    x: np.ndarray | None = None
    blank: bool = False
    photos: Photos | None = None
    photos_name: str = ""
    inputs: dict[str, np.ndarray] = field(default_factory=dict)
    remark: str | None = None
    _trace: Trace | None = None
    _answer: np.ndarray | None = None

    def __post_init__(self) -> None:
        self.network = self.model.network

    def take_image(self, name: str, given: Photo | Trace | None, whole: int | None) -> np.ndarray:
        """Prepare the photo that the method is about, or take over what a trace has seen of it; None is an image of zeros."""
        self.whole, self.blank = whole, given is None
        if whole is not None and self.layers:
            self.model = self.model.up_to(self.layers)  # the other layers may not take a photo of that size
        if given is None:
            x = self.model.blank(self.size)
        elif isinstance(given, Trace):
            x = self._take_trace(given)
        else:
            x = self.model.prepare(given, self._size(), self.prepared, whole=whole is not None)
        if given is not None:
            self.inputs[name] = x
        self._check_memory(x.shape[1:])
        if self.about_class:
            self.model.check_classifier(x.shape)
        self.x = x
        return x

    def take_second_photo(self, name: str, given: Photo) -> np.ndarray:
        """Prepare another photo as the image is, but in its own proportions."""
        size = self._size()
        size = max(size) if isinstance(size, (tuple, list)) else size
        x = self.inputs[name] = self.model.prepare(given, size, self.prepared, whole=self.whole is not None)
        self._check_memory(x.shape[1:])
        return x

    def take_photos(self, name: str, given: Photo | Trace) -> Photos:
        """Take photos that are prepared one at a time."""
        self.photos_name = name
        self.photos = Photos(self.model, given, self.size, self.prepared)
        self._check_memory(self.photos.shape)
        if self.about_class:
            self.model.check_classifier((1, *self.photos.shape))
        return self.photos

    @property
    def trace(self) -> Trace:
        """The forward pass of the image, made when it is first asked for, up to the layer that the method looks at."""
        if self._trace is None:
            network = self.model.network
            self._trace = (network if self.about_class or self.layer is None else network.up_to([self.layer])).trace(self._image())
            if self.about_class:
                self.model.read_probabilities(self._trace.result)  # which refuses an answer of NaN, whatever the class is
        return self._trace

    def likeliest_class(self, name: str) -> int:
        """Ask the network for the likeliest class, which it may not be sure of; `name` is the parameter's."""
        if self.blank:
            raise MinicnnError(f"{self.method} needs a class to show ({name}) if there is no photo; give its name or index")
        probabilities = self._probabilities()
        self.remark = self.model.unsure(self.model.ranked(probabilities, 1))
        return int(probabilities.argmax())

    def answer(self) -> np.ndarray | None:
        """Return the probability of every class, (classes,), for the photo; None if there is none, or the method asks about no class."""
        return None if self.x is None or self.blank or not self.about_class else self._probabilities()

    def _probabilities(self) -> np.ndarray:
        if self._answer is None:
            known = self._trace
            self._answer = self.model.probabilities(self._image()) if known is None else self.model.read_probabilities(known.result)
        return self._answer

    def _image(self) -> np.ndarray:
        if self.x is None:
            raise MinicnnError(f"{self.method} looks at no image, so there is none to run forward; declare a parameter Image or Traced")
        return self.x

    def _take_trace(self, trace: Trace) -> np.ndarray:
        if trace.network is not self.network:
            raise ImageError(f"{self.method} got a trace of another network; expected one of this model's, as model.network.trace(x) gives")
        if self.size is not None:
            raise ImageError(f"got size={self.size} and a trace, which has its size already; leave one of them out")
        if len(trace.input) != 1:
            raise ImageError(f"got a trace of {len(trace.input)} images; expected one of a single image, or a list of such traces")
        self._trace = trace
        return self.model.prepare(trace.input, prepared=True)

    def _check_memory(self, shape: tuple[int, ...]) -> None:
        if self.batch_size > 1 or self.prepared:  # a photo alone was checked when it was prepared
            height, width, channels = shape
            self.model.check_memory(height, width, channels, self.batch_size)

    def _size(self) -> Size:
        """Choose the size of a photo: what was asked for; or of a whole photo the method's, if the network takes it, else the network's."""
        if self.whole is None or self.size is not None or self.prepared:
            return self.size
        fits = accepts_shape(self.model.network, self.model.input_shape(self.whole))
        return self.whole if fits else as_pair(self.model.input_size, "size", 1)


def accepts_shape(network: Network, shape: tuple[int, int, int]) -> bool:
    """Tell whether a network takes images of this shape (height, width, channels)."""
    try:
        network.shapes(shape)
    except ShapeError:
        return False
    return True
