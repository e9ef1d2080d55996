"""The registry: every method by its name on the command line, with what the fronts must know of it.

The package's own methods are in it once `minicnn.visualizers` is imported. Other packages bring theirs by an entry point of the group
"minicnn.visualizers" that names a module; the command line imports these modules when a command is looked up or listed, by `load_plugins`,
so that `import minicnn` stays fast. In Python one imports the other package.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import warnings
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any, Literal

from minicnn.pictures.results import Result
from minicnn.visualizers.contract.kinds import ImageKind, PhotoKind, PhotosKind, SecondPhotoKind
from minicnn.visualizers.contract.parameters import Parameter
from minicnn.visualizers.contract.values import Kind

#: The questions that the visualizers answer, in the order in which they teach.
Question = Literal[
    "What is a filter?",
    "What do the layers see?",
    "What mattered for this answer?",
    "Can the maps be trusted?",
    "What does the network dream of?",
]

#: Which numbers of an attribution map mark what the answer rests on: those large in size, whatever their sign, or those that are low.
Attribution = Literal["large", "low"]

#: Options of a method, by name; or a function that chooses them for the height and width of the network's input.
Options = Mapping[str, Any] | Callable[[int, int], Mapping[str, Any]]

REGISTRY: dict[str, Visualizer] = {}

#: The group of entry points by which other packages bring methods.
PLUGINS = "minicnn.visualizers"

#: What methods need that is not installed with the rest: the module, by the extra of the distribution that installs it.
EXTRAS = {"segment": "cv2"}


@dataclasses.dataclass(frozen=True)
class Visualizer:
    """An entry of the registry.

    Attributes
    ----------
    name : str
        The name on the command line.
    function : function
        The public function.
    parameters : mapping of str to Parameter
        The method's own parameters.
    question : str
        What it helps to answer: the report's chapter.
    paper : str
        Where the method comes from.
    report, quick : mapping, or function
        The options that the report uses, and the quick report; see `Options`.
    saves : tuple of str
        How the names of files may end that its results can be saved as.
    image : str or None
        Which of its arrays is a picture in itself.
    attribution : {"large", "low"} or None
        If its values are an attribution map, which of them mark what the answer rests on.
    extra : str or None
        The extra that it needs, one of `EXTRAS`.
    photo_in_report : bool
        Whether the report gives it the photo, though it can do without one.
    """

    name: str
    function: Callable[..., Result]
    parameters: Mapping[str, Parameter]
    question: Question
    paper: str
    report: Options
    quick: Options
    saves: tuple[str, ...]
    image: str | None
    attribution: Attribution | None
    extra: str | None
    photo_in_report: bool

    @property
    def missing_extra(self) -> str | None:
        """What is to be installed before it can run, in a sentence; None if nothing is."""
        if self.extra is None or importlib.util.find_spec(EXTRAS[self.extra]) is not None:
            return None
        return f"{self.name} needs the module {EXTRAS[self.extra]}, which is not installed: pip install 'minicnn-numpy[{self.extra}]'"

    def report_options(self, height: int, width: int) -> dict[str, Any]:
        """Return the options that the report uses for an input of this size."""
        return dict(self.report(height, width) if callable(self.report) else self.report)

    def quick_options(self, height: int, width: int) -> dict[str, Any]:
        """Return the options that the quick report uses."""
        return dict(self.quick(height, width) if callable(self.quick) else self.quick)

    @property
    def settings(self) -> dict[str, Parameter]:
        """The parameters that a result records, and that can be set again."""
        return {name: parameter for name, parameter in self.parameters.items() if parameter.kind.is_setting}

    @property
    def photo_parameters(self) -> list[str]:
        """The parameters that take photos."""
        return [name for name, parameter in self.parameters.items() if isinstance(parameter.kind, PhotoKind)]

    def parameter_of(self, kind: type[Kind]) -> str | None:
        """Return the name of the first parameter of a kind; None if there is none."""
        return next((name for name, parameter in self.parameters.items() if isinstance(parameter.kind, kind)), None)

    def arguments(self, offered: Mapping[type[Kind], Any]) -> dict[str, Any]:
        """Return what is offered by kind as arguments, by name, leaving out what the method does not take."""
        return {name: value for kind, value in offered.items() if (name := self.parameter_of(kind)) is not None}

    @property
    def second_photo(self) -> str | None:
        """The name of the parameter for a second photo that it cannot do without; None if there is none."""
        name = self.parameter_of(SecondPhotoKind)
        return name if name is not None and self.parameters[name].required else None

    @property
    def photo_name(self) -> str | None:
        """What its parameter for the photo, or photos, that it is about is called; None if it looks at none."""
        return self.parameter_of(ImageKind) or self.parameter_of(PhotosKind)

    @property
    def takes_photo(self) -> bool:
        """Whether it looks at a photo, if only when there is one."""
        return self.photo_name is not None

    @property
    def takes_photos(self) -> bool:
        """Whether it looks at several photos together, and makes one result of them."""
        return self.parameter_of(PhotosKind) is not None

    @property
    def needs_photo(self) -> bool:
        """Whether it cannot do without a photo."""
        return self.photo_name is not None and self.parameters[self.photo_name].required

    @property
    def whole(self) -> int | None:
        """For methods that work on the whole photo: the longer side by default, in pixels."""
        kinds = (parameter.kind for parameter in self.parameters.values())
        return next((kind.whole for kind in kinds if isinstance(kind, ImageKind)), None)


def attribution_methods() -> list[str]:
    """List the methods whose values are an attribution map, in the order of the registry."""
    return [name for name, entry in REGISTRY.items() if entry.attribution]


@functools.cache
def load_plugins() -> None:
    """Import, once, the modules by which installed packages bring methods; one that cannot be imported is left out with a warning."""
    for entry_point in metadata.entry_points(group=PLUGINS):
        try:
            entry_point.load()
        except (Exception, SystemExit) as error:
            warnings.warn(
                f"the plug-in {entry_point.name} ({entry_point.value}) cannot be loaded: {type(error).__name__}: {error}", stacklevel=2
            )
