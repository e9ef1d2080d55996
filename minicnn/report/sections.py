"""A section of the page: one method, run on the photo, with its figure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from docstring_parser import parse

from minicnn.pictures.photos import load_photo, whole_size
from minicnn.report.subject import Subject
from minicnn.report.templates import fill
from minicnn.visualizers import Visualizer
from minicnn.visualizers.contract.call import accepts_shape
from minicnn.visualizers.contract.kinds import ProgressKind, SeedKind, TargetKind

#: Called as progress(part, done, total): when a part begins (done = 0), along the way, and when it ends (done = total).
ReportProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Section:
    """A part of the page: one visualization.

    Attributes
    ----------
    name : str
        The method's.
    question : str
        The chapter.
    html : str
        The section as it stands on the page.
    seconds : float
        How long the method took.
    """

    name: str
    question: str
    html: str
    seconds: float


def make_section(visualizer: Visualizer, subject: Subject, progress: ReportProgress) -> tuple[Section, bytes]:
    """Run one visualizer; returns its section, and the whole figure as PNG.

    Raises
    ------
    MinicnnError
        If the method does not work on this network and photo.
    KeyboardInterrupt
        If it was stopped.
    """
    name = visualizer.name
    clock = time.perf_counter()
    progress(name, 0, 1)
    result = visualizer.function(subject.model, **_arguments(visualizer, subject, progress))
    if result.stopped:
        raise KeyboardInterrupt  # the user meant the report
    figure = result._repr_png_()
    progress(name, 1, 1)
    seconds = time.perf_counter() - clock
    html = fill(
        "section.html",
        name=name,
        title=result.title,
        text=parse(visualizer.function.__doc__ or "").long_description or "",
        paper=visualizer.paper,
        numbers=result.text,
        settings=_settings(visualizer, result.source["settings"]),
        panels=result.panels(),
        columns=result.columns,
        warnings=result.warnings,
        seconds=seconds,
    )
    return Section(name, visualizer.question, html, seconds), figure


def _arguments(visualizer: Visualizer, subject: Subject, progress: ReportProgress) -> dict[str, Any]:
    """Choose what a visualizer is called with: methods that work on the whole photo get the photo, the others its forward pass."""
    height, width = subject.trace.input.shape[1:3]
    offered = {
        TargetKind: subject.answer and subject.answer.target,
        SeedKind: subject.seed,
        ProgressKind: lambda done, total: progress(visualizer.name, done, total),
    }
    arguments = visualizer.arguments(offered)
    arguments |= (visualizer.quick_options if subject.quick else visualizer.report_options)(height, width)
    if visualizer.second_photo:
        arguments[visualizer.second_photo] = subject.style
    if visualizer.photo_name is None:
        return arguments
    if visualizer.whole is not None:
        return {**arguments, visualizer.photo_name: subject.photo, "size": _size_of_whole(visualizer, subject)}
    if visualizer.needs_photo or visualizer.photo_in_report:
        return {**arguments, visualizer.photo_name: subject.trace}
    return {**arguments, "size": (height, width)}


def _size_of_whole(visualizer: Visualizer, subject: Subject) -> int | tuple[int, int]:
    """Choose the size for a method that works on the whole photo: as large as the other pictures, where the network takes the photo so."""
    height, width, channels = subject.trace.input.shape[1:]
    longer = max(height, width)
    shape = (*whole_size(load_photo(subject.photo), longer), channels)
    return (height, width) if visualizer.parameter_of(TargetKind) and not accepts_shape(subject.model.network, shape) else longer


def _settings(visualizer: Visualizer, settings: Mapping[str, Any]) -> str:
    """Write the settings for people, without those that were left out."""
    chosen = {name: value for name, value in settings.items() if value is not None and value != ()}
    words = [f"{name.replace('_', ' ')} {visualizer.parameters[name].kind.shown(value)}" for name, value in chosen.items()]
    return ", ".join(words) or "no settings"
