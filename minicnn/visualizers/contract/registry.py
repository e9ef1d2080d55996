"""The registry: every method by its name on the command line, with what the fronts must know of it."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

from minicnn.errors import ShapeError
from minicnn.network import Network
from minicnn.pictures.results import Result
from minicnn.visualizers.contract.options import SecondPhoto, base_annotation

#: Called as progress(done, total) while a long method runs.
Progress = Callable[[int, int], None]

#: The questions that the visualizers answer, in the order in which they teach.
Question = Literal[
    "What is a filter?",
    "What do the layers see?",
    "What mattered for this answer?",
    "Can the maps be trusted?",
    "What does the network dream of?",
]

#: Which numbers of a map mark what is important for the answer: those large in size, whatever their sign, or those that are low.
Important = Literal["large", "low"]

REGISTRY: dict[str, Visualizer] = {}

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
    parameters : mapping of str to inspect.Parameter
        The method's own parameters.
    question : str
        What it helps to answer: the report's chapter.
    paper : str
        Where the method comes from.
    report_options, quick_options : function
        From the height and width of the network's input to the options that the report uses, and the quick report.
    saves : tuple of str
        How the names of files may end that its results can be saved as.
    image : str or None
        Which of its arrays is a picture in itself.
    whole : int or None
        For methods that work on the whole photo: the longer side by default, in pixels.
    important : {"large", "low"} or None
        If its values are a map of what is important, which of them mark it.
    extra : str or None
        The extra that it needs, one of `EXTRAS`.
    """

    name: str
    function: Callable[..., Result]
    parameters: Mapping[str, inspect.Parameter]
    question: Question
    paper: str
    report_options: Callable[[int, int], Mapping[str, Any]]
    quick_options: Callable[[int, int], Mapping[str, Any]]
    saves: tuple[str, ...]
    image: str | None
    whole: int | None
    important: Important | None
    extra: str | None

    @property
    def missing_extra(self) -> str | None:
        """What is to be installed before it can run, in a sentence; None if nothing is."""
        if self.extra is None or importlib.util.find_spec(EXTRAS[self.extra]) is not None:
            return None
        return f"{self.name} needs the module {EXTRAS[self.extra]}, which is not installed: pip install 'minicnn-numpy[{self.extra}]'"

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """The keyword-only parameters that a user sets; not `progress`."""
        keyword_only = (p for p in self.parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY)
        return {p.name: p for p in keyword_only if p.name != "progress"}

    @property
    def photo_parameters(self) -> list[str]:
        """The parameters that take photos."""
        optional = [name for name, parameter in self.options.items() if base_annotation(parameter) is SecondPhoto]
        return [name for name in ("image", "photos", "style") if name in self.parameters] + optional

    @property
    def photo_name(self) -> str | None:
        """What its parameter for photos is called: "image", or "photos" if it takes several; None if it looks at none."""
        return next((name for name in ("image", "photos") if name in self.parameters), None)

    @property
    def takes_photo(self) -> bool:
        """Whether it looks at a photo, if only when there is one."""
        return self.photo_name is not None

    @property
    def needs_photo(self) -> bool:
        """Whether it cannot do without a photo."""
        return self.takes_photo and self.parameters[self.photo_name].default is inspect.Parameter.empty


def map_methods() -> list[str]:
    """List the methods whose values are a map of what is important, in the order of the registry."""
    return [name for name, entry in REGISTRY.items() if entry.important]


def check_image_output(network: Network, layer: str, x_shape: tuple[int, ...]) -> None:
    """Raise ShapeError unless a layer's output for an input (N, H, W, C) is an image."""
    shape = network.shapes(x_shape[1:])[layer]
    if len(shape) != 3:
        raise ShapeError(f"the output of layer {layer} is no image but has shape {shape}; choose an earlier layer")
