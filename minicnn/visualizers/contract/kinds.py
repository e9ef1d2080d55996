"""The kinds of values that a visualizer's parameters take: the one table of them.

A kind knows what a user may pass and how that is checked, how it is read from the command line, what the method gets in its place, how it
is recorded and shown. It is attached to the type that the *method* gets, so a method's body declares what it really works with:

    =============  ========================  =============================================  =====================================
    annotation     what the method gets      what a user may pass                           on the command line
    =============  ========================  =============================================  =====================================
    Model          Model                     a model, or a bare network                     --model, --weights
    Image          array (1, H, W, C)        a photo, a prepared array with                 PHOTO
                                             ``prepared=True``, a trace, or several
    Traced         Trace of the image        the same                                       PHOTO
    Photos         Photos, one at a time     one photo, several, or a folder                PHOTO or FOLDER
    SecondPhoto    array (1, H', W', C)      a photo                                        PHOTO, or --guide flowers.jpg
    Target         int                       a class by name or index, or several           --target "giant panda"
    Classes        tuple of int              several classes                                --also tabby,282
    LayerName      str                       a layer's name                                 --layer relu4_3
    Layers         dict of str to float      layers with weights                            --layers relu4_3,relu5_1=0.5
    int            int                       integers of at least 1                         --samples 50
    Index          int                       integers of at least 0                         --channel 0
    Seed           int                       the same; for everything random                --seed 7
    BatchSize      int                       integers of at least 1: images at once         --batch-size 8
    Indices        list of int               one integer of at least 0, or several          --channel 3,7,40
    float          float                     finite numbers                                 --noise 0.15
    bool           bool                      True or False                                  --preserve-color
    str            str                       text                                           --title "A panda"
    Literal        str                       one of the words                               --fill gray
    Position       (row, column)             two integers of at least 0                     --step 10,12
    Unit           tuple of int              (row, column, channel), (row, column), or      --unit 10,12,57
                                             (channel,) of a layer without rows
    FilePath       str                       the path of a file                             --resume state.npz
    Method         str                       a method that draws an attribution map         --method grad-cam
    Methods        tuple of str              several of them                                --methods saliency,grad-cam
    Progress       function                  called as progress(done, total)                a bar
    =============  ========================  =============================================  =====================================

(`Method` and `Methods` are in `minicnn.visualizers.contract.method_kinds`.) Joined with None, as in ``Position | None``, a parameter may be
left out, and the method sees None. Where minicnn chooses what is left out, the default is one of the constants `LIKELIEST` (a class),
`USUAL` (layers) and `BLANK` (an image of zeros), and the method sees what was chosen. Of several images or targets it sees one at a time
(`minicnn.visualizers.contract.batch`). On the command line several values of one option have commas between them.

A kind of one's own is a subclass of `minicnn.visualizers.contract.values.Kind`: every front knows it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from minicnn.files.resources import shipped_photo
from minicnn.network.network import Network, Trace
from minicnn.visualizers.contract.call import Call
from minicnn.visualizers.contract.layers import layer_weights
from minicnn.visualizers.contract.photos import Photos as SeveralPhotos
from minicnn.visualizers.contract.values import (
    AFTER_PHOTO,
    BEFORE_PHOTO,
    LAST,
    PHOTO,
    BatchSizeKind,
    FilePathKind,
    IndicesKind,
    IntKind,
    Kind,
    SeedKind,
    UnitKind,
    is_integer,
)

#: What the name of a shipped photo begins with on the command line.
SHIPPED = "shipped:"


class LayerKind(Kind):
    """A layer, by its name; the usual one is what a function chooses for the network."""

    expected = "the name of a layer"
    outside = "str"
    metavar = "TEXT"

    def __init__(self, usual: Callable[[Network], str] = lambda network: network.last_convolution):
        self.usual = usual

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str)

    def inside(self, name: str, value: str, call: Call) -> str:
        call.model.network.check_name(value)
        call.layer = value
        return value

    def choose(self, name: str, call: Call) -> str:
        return self.inside(name, self.usual(call.model.network), call)


class LayersKind(Kind):
    """Several layers with weights; the usual ones are what a function chooses among the layers whose outputs are images."""

    expected = "names of layers, such as relu4_3,relu5_1=0.5"
    outside = "str | Sequence[str] | Mapping[str, float]"
    metavar = "NAME,NAME=WEIGHT"
    multiple = True

    def __init__(self, usual: Callable[[Network], str | Sequence[str]] = lambda network: network.last_convolution):
        self.usual = usual

    def accepts(self, value: Any) -> bool:
        return isinstance(value, (str, list, tuple, Mapping))

    def inside(self, name: str, value: str | Sequence[str] | Mapping[str, float], call: Call) -> dict[str, float]:
        weights = layer_weights(value, call.model.network)
        call.layers += weights
        return weights

    def choose(self, name: str, call: Call) -> dict[str, float]:
        return self.inside(name, self.usual(call.model.trunk.network), call)

    def shown(self, value: Any) -> str:
        return ", ".join(name if weight == 1 else f"{name}={weight:g}" for name, weight in value.items())


class TargetKind(Kind):
    """A class, by name or index, by default the likeliest; the method gets its index. Of several it gets one at a time."""

    expected = "a class by name or index, or a list of them"
    outside = "str | int | Sequence[str | int]"
    metavar = "CLASS,CLASS"
    multiple = True

    def accepts(self, value: Any) -> bool:
        return not isinstance(value, (tuple, list)) or len(value) > 0

    def stage(self, value: Any) -> int:
        return AFTER_PHOTO if value is None else BEFORE_PHOTO

    def inside(self, name: str, value: str | int, call: Call) -> int:
        return call.model.class_index(value)

    def choose(self, name: str, call: Call) -> int:
        return call.likeliest_class(name)


class ClassesKind(Kind):
    """Several classes, each by name or index; the method gets their indices."""

    expected = "a list of classes, each by name or index"
    outside = "str | Sequence[str | int]"
    metavar = "CLASS,CLASS"
    multiple = True

    def accepts(self, value: Any) -> bool:
        items = value if isinstance(value, (tuple, list)) else [value]
        return isinstance(value, (str, tuple, list)) and all(isinstance(item, str) or is_integer(item, 0) for item in items)

    def inside(self, name: str, value: str | Sequence[str | int], call: Call) -> tuple[int, ...]:
        return tuple(call.model.class_indices(value))


class ModelKind(Kind):
    """The model, or the part of it that the method needs."""

    what = "model"
    expected = "what minicnn.load(name) returns, or a Network"
    outside = "Model | Network"
    is_setting = False

    def stage(self, value: Any) -> int:
        return LAST

    def inside(self, name: str, value: Any, call: Call) -> Any:
        return call.model


class PhotoKind(Kind):
    """What methods look at: the common part of images, photos and second photos."""

    what = "photo"
    expected = "the path of a file, a PIL image, or an array"
    outside = "Photo"
    metavar = "PHOTO"
    is_setting = False

    def stage(self, value: Any) -> int:
        return PHOTO

    def parse(self, text: str) -> Path:
        return shipped_photo(text.removeprefix(SHIPPED)) if text.startswith(SHIPPED) else Path(text)


class ImageKind(PhotoKind):
    """The photo that the method is about; the method gets the prepared array.

    Parameters
    ----------
    whole : int, optional
        For methods that work on the whole photo and not on its center: the longer side in pixels if no size is given. Those that take
        `Layers` do without the layers above these, and so mostly on any size.
    """

    outside = "Photo | Trace | Iterable[Photo | Trace]"
    metavar = "PHOTO|FOLDER"

    def __init__(self, whole: int | None = None):
        self.whole = whole

    def inside(self, name: str, value: Any, call: Call) -> Any:
        return call.take_image(name, value, self.whole)

    def choose(self, name: str, call: Call) -> Any:
        return call.take_image(name, None, self.whole)


class TracedKind(ImageKind):
    """The same photo; the method gets the trace of its forward pass, up to the layer that it looks at."""

    def inside(self, name: str, value: Any, call: Call) -> Trace:
        super().inside(name, value, call)
        return call.trace


class SecondPhotoKind(PhotoKind):
    """A further photo, prepared as the image is."""

    def inside(self, name: str, value: Any, call: Call) -> np.ndarray:
        return call.take_second_photo(name, value)


class PhotosKind(PhotoKind):
    """One photo, several, or a folder of them; the method gets `minicnn.visualizers.contract.photos.Photos`."""

    outside = "Photo | Trace | Iterable[Photo | Trace]"
    metavar = "PHOTO|FOLDER"

    def inside(self, name: str, value: Any, call: Call) -> SeveralPhotos:
        return call.take_photos(name, value)


class ProgressKind(Kind):
    """Who is told how far a long method is."""

    outside = "Callable[[int, int], None]"
    expected = "a function that is called as progress(done, total)"
    is_setting = False

    def accepts(self, value: Any) -> bool:
        return callable(value)


Image = Annotated[np.ndarray, ImageKind()]
Traced = Annotated[Trace, TracedKind()]
Photos = Annotated[SeveralPhotos, PhotosKind()]
SecondPhoto = Annotated[np.ndarray, SecondPhotoKind()]
Target = Annotated[int, TargetKind()]
Classes = Annotated[tuple[int, ...], ClassesKind()]
LayerName = Annotated[str, LayerKind()]
FirstConvolution = Annotated[str, LayerKind(lambda network: network.first_convolution)]
Layers = Annotated[dict[str, float], LayersKind()]
Index = Annotated[int, IntKind(0)]
Seed = Annotated[int, SeedKind(0)]
BatchSize = Annotated[int, BatchSizeKind()]
Indices = Annotated[list[int], IndicesKind()]
Position = Annotated[tuple[int, int], UnitKind([2], "ROW,COL", "(row, column), counted from 0")]
Unit = Annotated[
    tuple[int, ...],
    UnitKind(
        [1, 2, 3],
        "ROW,COL,CHANNEL",
        "(row, column), counted from 0, or (row, column, channel), or of a layer without rows (channel,)",
    ),
]
FilePath = Annotated[str, FilePathKind()]
Progress = Annotated[Callable[[int, int], None], ProgressKind()]

#: Defaults that leave the choice to minicnn: a class, layers, the image. On every front they are the None that they are.
LIKELIEST: Any = None
USUAL: Any = None
BLANK: Any = None
