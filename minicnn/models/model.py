"""A model: a network, the pixels it wants, and the names of what it answers."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any, cast, overload

import numpy as np
import psutil

from minicnn.errors import (
    ImageError,
    MinicnnError,
    ShapeError,
    UnknownNameError,
)
from minicnn.files.writing import file_sha256
from minicnn.geometry import as_pair
from minicnn.models.classes import ClassNames
from minicnn.network.network import Network
from minicnn.network.probability import check_logits, softmax
from minicnn.network.sizes import other_sizes
from minicnn.network.summary import summarize
from minicnn.pictures.photos import PREPROCESSING, Photo, Preprocessing, fit_photo, load_photo, whole_size
from minicnn.pictures.sources import Sources
from minicnn.pictures.tables import folded_table

#: Class names and probabilities, the likeliest first.
Ranking = list[tuple[str, float]]

#: Pixels to scale a photo to: those of its center, or (height, width); None for what the model takes.
Size = int | tuple[int, int] | None

#: A forward trace, and the gradients on the way back, take about this many times the memory of all layers' outputs.
MEMORY_FACTOR = 2.5

#: No class name has more commas in it.
MOST_COMMAS = 12

#: No photo is larger than this, in pixels a side.
MOST_PIXELS = 1_000_000


@dataclass(frozen=True)
class Origin:
    """The files that a model was read from.

    Attributes
    ----------
    weights : Path
    description : Path or None
        The description, or the model file itself; None for a registered architecture.
    fold : bool
        Whether batch normalization was merged into the layers below.
    metadata : dict of str to str
        What the weight file says about itself.
    given : dict of str to Any
        The class names, the preprocessing and the key that `minicnn.load` was given beside the files, as texts, lists and tables.
    assumptions : tuple of str
        What the weight file does not say, and was assumed.
    """

    weights: Path
    description: Path | None = None
    fold: bool = True
    metadata: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()


class Rankings(list[Ranking]):
    """A ranking for each of several photos, and their `names`: the files."""

    def __init__(self, rankings: Sequence[Ranking] = (), names: Sequence[str] = ()):
        super().__init__(rankings)
        self.names = list(names)


class Model:
    """A network with everything around it that a photo needs.

    Parameters
    ----------
    network : Network
        Ends in logits.
    name : str
    preprocessing : Preprocessing, optional
        Without it (a bare network) the model takes prepared arrays only.
    classes : sequence of str, optional
        One name for each logit.
    input_size : int or (height, width)
        Of a prepared photo, in pixels, unless another size is asked for.
    origin : Origin, optional
        The files that it was read from.
    """

    def __init__(
        self,
        network: Network,
        name: str = "network",
        preprocessing: Preprocessing | None = None,
        classes: Sequence[str] | None = None,
        input_size: int | tuple[int, int] = 224,
        origin: Origin | None = None,
    ):
        self.network = network
        self.name = name
        self.preprocessing = preprocessing
        self.classes = classes if classes is None or isinstance(classes, ClassNames) else ClassNames(classes)
        self.input_size = input_size
        self.origin = origin

    def __repr__(self) -> str:
        layers, parameters = len(self.network.layers), self.network.parameter_count
        size = " x ".join(map(str, self.input_shape()))
        classes = [] if self.classes is None else [f"{len(self.classes)} class{'es' * (len(self.classes) != 1)}"]
        return f"Model({', '.join([repr(self.name), f'{layers} layers', f'{parameters:,} parameters', f'input {size}', *classes])})"

    def _repr_html_(self) -> str:
        try:
            rows = [
                {"layer": row.name, "output": " x ".join(map(str, row.output_shape)), "parameters": f"{row.parameters:,}"}
                for row in summarize(self.network, self.input_shape())
            ]
        except ShapeError:  # it takes images of another size
            return self.network._repr_html_()
        return folded_table(repr(self), rows)

    @classmethod
    def of(cls, model: Model | Network) -> Model:
        """Return the model itself, or one around a bare network; raises MinicnnError for anything else."""
        if not isinstance(model, (Model, Network)):
            raise MinicnnError(f"the model is a {type(model).__name__}; expected what minicnn.load(name) returns, or a Network")
        return cls(model) if isinstance(model, Network) else model

    def with_network(self, network: Network) -> Model:
        """Return a model of another network for the same photos and classes, whose weights come from no file."""
        return Model(network, self.name, self.preprocessing, self.classes, self.input_size)

    @cached_property
    def weights_sha256(self) -> str | None:
        """The SHA-256 of the weight file in hexadecimal, or None if the weights come from no file."""
        return None if self.origin is None else file_sha256(self.origin.weights)

    @property
    def credit(self) -> str | None:
        """Whom to name for the weights, if their file says so."""
        return None if self.origin is None else self.origin.metadata.get("source")

    @cached_property
    def trunk(self) -> Model:
        """The model without its top: the layers whose outputs are images, which take photos of any size; it has no classes."""
        shown = self.network.image_layers
        if not shown:
            raise UnknownNameError(f"the network has no layer whose output is an image; its layers are {', '.join(self.network.layers)}")
        return self.up_to(shown)

    def up_to(self, layers: Collection[str]) -> Model:
        """Return the part of the model that computes the named layers; it has no classes."""
        return Model(self.network.up_to(layers), self.name, self.preprocessing, None, self.input_size, self.origin)

    def prepare(
        self,
        photo: Photo,
        size: int | tuple[int, int] | None = None,
        prepared: bool = False,
        whole: bool = False,
    ) -> np.ndarray:
        """Turn a photo into what the network takes.

        Parameters
        ----------
        photo : path, PIL image or RGB array
            See `minicnn.pictures.photos.load_photo`. With `prepared`, an array that is already what this method returns.
        size : int or (height, width), optional
            Pixels to scale the photo's center to; by default the size that the network was trained on.
        prepared : bool
            Only check the array.
        whole : bool
            Keep the photo's borders, and with a single number for the size its proportions: the number is then that of the longer side.

        Returns
        -------
        array (1, height, width, channels), float32
            In the units and color order of the model's preprocessing.

        Raises
        ------
        ImageError
            If the photo cannot be read, or a prepared array has a wrong range.
        ShapeError
            If the network cannot take an image of this size.
        """
        if prepared:
            if size is not None:
                raise ImageError(f"got size={size} and prepared=True; a prepared array has its size already, so leave one of them out")
            return self._check_prepared(photo)
        preprocessing = self.needed_preprocessing
        height, width = as_pair(self.input_size if size is None else size, "size", 1)
        image = load_photo(photo)
        if whole and not isinstance(size, tuple):
            height, width = whole_size(image, height)
        self.check_memory(height, width, self.channels)
        image = fit_photo(image, height, width, whole)
        return preprocessing.apply(np.asarray(image))[None]

    def blank(self, size: int | tuple[int, int] | None = None) -> np.ndarray:
        """Return an image of zeros, (1, height, width, channels), float32: in the network's units that is the training photos' mean color.

        Parameters
        ----------
        size : int or (height, width), optional
            By default the size that the network was trained on.
        """
        shape = self.input_shape(size)
        self.check_memory(*shape)
        return np.zeros((1, *shape), np.float32)

    def input_shape(self, size: int | tuple[int, int] | None = None) -> tuple[int, int, int]:
        """Tell the shape (height, width, channels) of an image of the given size, by default that which the network was trained on."""
        return (*as_pair(self.input_size if size is None else size, "size", 1), self.channels)

    @cached_property
    def channels(self) -> int:
        """The number of the input's channels: those of the preprocessing, or else of the first convolution, or else 3."""
        if self.preprocessing is not None:
            return len(self.preprocessing.names)
        kernels = (arrays["weight"] for arrays in self.network.parameters.values() if "weight" in arrays)
        first = next((kernel for kernel in kernels if kernel.ndim == 4), None)
        return 3 if first is None else first.shape[2]

    @property
    def needed_preprocessing(self) -> Preprocessing:
        """The preprocessing, where there is no doing without; raises ImageError if it is not known."""
        if self.preprocessing is None:
            raise ImageError(
                f"{'a bare network' if self.origin is None else self.name} knows no preprocessing, how pixels become its input; load "
                f"it with one of {', '.join(PREPROCESSING)} (--preprocessing torch; load(..., preprocessing='torch')), or pass an array "
                "that is ready for it, and prepared=True"
            )
        return self.preprocessing

    def deprocess(self, x: np.ndarray) -> np.ndarray:
        """Turn a prepared array (..., channels) back into RGB pixels, uint8.

        Raises
        ------
        ImageError
            If the model is a bare network, which knows no preprocessing.
        """
        if self.preprocessing is None:
            raise ImageError(
                "a bare network knows no preprocessing, so its input cannot be turned into pixels; load it with one "
                "(--preprocessing torch; load(..., preprocessing='torch'))"
            )
        return self.preprocessing.undo(x)

    def color_name(self, channel: int) -> str:
        """Name a channel of the network's input: its number and, if the model knows colors, its color, as in "0 (blue)"."""
        return str(channel) if self.preprocessing is None else f"{channel} ({self.preprocessing.names[channel]})"

    def swap_channels(self, array: np.ndarray) -> np.ndarray:
        """Turn the last axis from the network's order of colors into red, green, blue, or back; gray and a bare network's stay."""
        return array if self.preprocessing is None else self.preprocessing.swap_channels(array)

    @overload  # a text is a photo, or a folder
    def predict(  # type: ignore[overload-overlap]
        self, photo: Photo, top: int = 5, size: Size = None, prepared: bool = False
    ) -> Ranking: ...

    @overload
    def predict(self, photo: Sequence[Photo] | Iterator[Photo], top: int = 5, size: Size = None, prepared: bool = False) -> Rankings: ...

    def predict(
        self,
        photo: Photo | Sequence[Photo] | Iterator[Photo],
        top: int = 5,
        size: Size = None,
        prepared: bool = False,
    ) -> Ranking | Rankings:
        """Name what is on a photo, or on each of several.

        Parameters
        ----------
        photo, size, prepared
            As for `prepare`. Several photos are a list, the path of a folder, or an array with one more axis in front. What is in a folder
            and no photo is passed over, with a warning.
        top : int
            How many classes to return.

        Returns
        -------
        list of (str, float), or Rankings
            Class names and probabilities in [0, 1], the likeliest first. Of several photos a list of such lists, each just what its photo
            alone gives; its `names` are the photos'.

        Raises
        ------
        MinicnnError
            If a photo cannot be used, `top` is less than 1, or the network has no classes.
        """
        if not isinstance(top, Integral) or top < 1:
            raise MinicnnError(f"top is {top!r}; expected an integer of at least 1")
        photos = Sources(photo, prepared)
        found = {position: self.ranked(answer, top) for position, answer in self.answers(photos, size, prepared)}
        if photos.single:
            return found[0]
        if photos.remark:
            warnings.warn(photos.remark, stacklevel=2)
        return Rankings(list(found.values()), [photos.name(position) for position in found])

    def answers(self, photos: Sources, size: Size = None, prepared: bool = False) -> Iterator[tuple[int, np.ndarray]]:
        """Compute the probability of every class for one photo after the other; yields their positions and arrays (classes,)."""
        for position, x in photos.each(lambda position: self.prepare(photos.sources[position], size, prepared)):
            yield position, self.probabilities(x)

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """Compute the probability of every class for one prepared image (1, H, W, C); returns an array (classes,)."""
        self.check_classifier(x.shape)
        return self.read_probabilities(self.network(x))

    def read_probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Turn the network's answer to one image, (1, classes), into the probability of every class, (classes,).

        Raises
        ------
        MinicnnError
            If there are no numbers, or not as many as class names.
        """
        probabilities = softmax(logits)[0]
        if not np.isfinite(probabilities).all():
            raise MinicnnError(
                f"{self.name} answers with NaN; expected numbers. Its weights, or the image, hold some that are far too large, or damaged"
            )
        if self.classes is not None and len(self.classes) != len(probabilities):
            raise MinicnnError(f"{self.name} has {len(self.classes)} class names for {len(probabilities)} outputs; give one for each")
        return probabilities

    def ranked(self, probabilities: np.ndarray, top: int) -> Ranking:
        """Pair the largest probabilities (classes,) with the names of their classes, the likeliest first."""
        order = np.argsort(-probabilities, kind="stable")[:top]
        return [(self.class_name(int(i)), float(probabilities[i])) for i in order]

    def unsure(self, ranking: Ranking) -> str | None:
        """Say so if even the likeliest class is more likely wrong than right; None otherwise."""
        name, probability = ranking[0]
        if probability >= 0.5:
            return None
        share = f"only {probability:.0%}" if probability >= 0.01 else "less than 1%"
        return f"Not sure: even the likeliest class, {name}, has {share}. Perhaps no class of {self.name} fits the photo."

    def class_index(self, target: str | int) -> int:
        """Find a class by name, index or identifier; see `ClassNames.find`.

        Raises
        ------
        UnknownNameError
            If there is no such class, or more than one.
        """
        if self.classes is not None:
            return self.classes.find(target)
        if isinstance(target, Integral):
            return int(target)
        if number := re.fullmatch("(?:class )?([0-9]{1,9})", str(target).strip()):
            return int(number[1])
        raise UnknownNameError(
            f"{self.name} has no class names, got {target!r}; give the index of the output instead, or load it with names (--classes FILE, "
            "classes=)"
        )

    def class_indices(self, targets: str | int | Sequence[str | int]) -> list[int]:
        """Find one class or several; a text that is no class's name may hold several with commas between them.

        Raises
        ------
        UnknownNameError
            If there is no such class, or more than one.
        """
        if isinstance(targets, (list, tuple)):
            return [self.class_index(target) for target in targets]
        if not isinstance(targets, str):
            return [self.class_index(cast("int", targets))]
        parts, found = targets.split(","), []
        while parts:
            counts = range(min(len(parts), MOST_COMMAS + 1), 0, -1)  # a name may have commas in it
            names = {count: ",".join(parts[:count]) for count in counts}
            count = next((count for count in counts if self.classes is not None and self.classes.knows(names[count])), 1)
            found.append(self.class_index(names[count]))
            parts = parts[count:]
        return found

    def class_name(self, index: int) -> str:
        """Name a class; without names, "class 7"."""
        return f"class {index}" if self.classes is None else self.classes[index]

    def is_classifier(self, x_shape: tuple[int, ...]) -> bool:
        """Tell whether for such an input (1, height, width, channels) the network ends in one number for each class."""
        return len(list(self.network.shapes(x_shape[1:]).values())[-1]) == 1 if self.network.layers else False

    def check_classifier(self, x_shape: tuple[int, ...]) -> None:
        """Raise MinicnnError if for such an input the network ends in no logits, as one "without top" does."""
        if not self.is_classifier(x_shape):
            shapes = self.network.shapes(x_shape[1:])
            last, shape = list(shapes.items())[-1] if shapes else ("nothing", x_shape[1:])
            raise UnknownNameError(
                f"{self.name} ends with {last}, whose output of shape {shape} holds no classes; expected one number for each class. "
                "If its weight file has no top, use one with top, or vgg16-gap"
            )
        check_logits(self.network)

    def check_memory(self, height: int, width: int, channels: int, batch: int = 1) -> None:
        """Raise ShapeError unless the network can take images of this size, and this machine has the memory for a batch of them."""
        if max(height, width) > MOST_PIXELS:
            raise ShapeError(f"images of {height} x {width} are beyond reason; expected at most {MOST_PIXELS:,} pixels a side")
        try:
            shapes = self.network.shapes((height, width, channels))
        except ShapeError as error:
            raise ShapeError(f"{error}{other_sizes(self.network, (height, width), channels)}") from None
        needed = 4 * MEMORY_FACTOR * batch * sum(math.prod(shape) for shape in shapes.values())
        available = psutil.virtual_memory().available
        if needed > available:
            raise ShapeError(
                f"{f'{batch} images' if batch > 1 else 'an image'} of {height} x {width} would take about {needed / 1e9:.1f} GB of memory, "
                f"and {available / 1e9:.1f} GB are free; choose a smaller size or batch size"
            )

    def _check_prepared(self, x: Photo) -> np.ndarray:
        if not isinstance(x, np.ndarray) or x.ndim != 4 or len(x) != 1 or 0 in x.shape or x.dtype.kind != "f":
            found = f"an array of shape {x.shape} and type {x.dtype}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
            raise ImageError(f"the prepared image is {found}; expected an array (1, height, width, channels), float32")
        if not np.isfinite(x).all():
            raise ImageError("the prepared array holds NaN or infinite values; expected finite ones, as model.prepare(photo) gives")
        self.network.shapes(x.shape[1:])
        if self.preprocessing is not None:
            self.preprocessing.check_range(x)
        return x
