"""One self-contained web page over the whole registry, and the pictures beside it."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from docstring_parser import parse

from minicnn.errors import MinicnnError, UnknownNameError
from minicnn.files.resources import PHOTO_CREDITS, shipped_photo
from minicnn.files.writing import readable_name, staged_folder
from minicnn.models.model import Model
from minicnn.network.network import Trace
from minicnn.pictures import render
from minicnn.pictures.photos import Photo, load_photo, whole_size
from minicnn.visualizers import REGISTRY, Visualizer
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
        Also the name of its PNG file.
    question : str
        The chapter.
    title, text, paper : str
        From the visualizer's result, docstring and registration.
    numbers : str
        What the result says in numbers.
    settings : str
        What made it.
    panels : list of render.Panel
    columns : int or None
        Panels in a row; None for what fits.
    warnings : tuple of str
    figure : bytes
        The whole figure as PNG.
    seconds : float
    """

    name: str
    question: str
    title: str
    text: str
    paper: str
    numbers: str
    settings: str
    panels: list[render.Panel]
    columns: int | None
    warnings: tuple[str, ...]
    figure: bytes
    seconds: float


@dataclass(frozen=True)
class Answer:
    """What the model says about the photo.

    Attributes
    ----------
    top : list of (str, float)
        The likeliest classes and their probabilities.
    class_count : int
    target : int
        The class that the maps are about.
    """

    top: list[tuple[str, float]]
    class_count: int
    target: int


@dataclass(frozen=True)
class PartTime:
    """How long a part of the report took, in seconds."""

    part: str
    seconds: float


def write_report(
    model: Model,
    photo: Photo,
    folder: str | os.PathLike,
    *,
    target: str | int | None = None,
    size: int | tuple[int, int] | None = None,
    seed: int = 0,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    quick: bool = False,
    style: Photo | None = None,
    overwrite: bool = False,
    progress: ReportProgress | None = None,
) -> tuple[Path, list[PartTime]]:
    """Write a web page about what a model sees in a photo, and its pictures as PNG files.

    Parameters
    ----------
    model : Model
        Without classes (one "without top") it gets a page of the methods that need none.
    photo : path, PIL image or RGB array
    folder : path
        Where index.html and the pictures go; made if it is not there.
    target : str or int, optional
        The class that the maps are about, by default the likeliest.
    size : int or (height, width), optional
        See `Model.prepare`.
    seed : int
        For the random methods.
    only, skip : sequence of str
        Methods to show alone, and to leave out, by the names in `minicnn.visualizers.REGISTRY`.
    quick : bool
        Fewer samples and steps.
    style : path, PIL image or RGB array, optional
        A second photo, for the methods that need one; without it they are left out.
    overwrite : bool
        Whether files of an earlier report may be replaced.
    progress : function, optional
        Called as progress(part, done, total).

    Returns
    -------
    page : Path
        The file to open.
    times : list of PartTime

    Raises
    ------
    MinicnnError
        If the photo cannot be used, or the folder cannot be written, or a method that was named in `only` does not work on this
        network. Then no file is left. Other methods that do not work on it are left out, and the page says so.
    """
    progress = progress or (lambda part, done, total: None)
    methods = choose_methods(only, skip, style is not None)
    names = ["index.html", "photo.png", "prediction.png", *(f"{name}.png" for name in methods)]
    with staged_folder(folder, names, overwrite) as stage:
        clock = time.perf_counter()
        progress("prediction", 0, 1)
        subject = _look_at(model, photo, target, size, style, seed, quick)
        (stage / "photo.png").write_bytes(render.png(subject.pixels))
        if subject.answer is not None:
            classes, probabilities = zip(*subject.answer.top)
            (stage / "prediction.png").write_bytes(render.png(render.bars(classes, probabilities, f"{model.name}: the likeliest classes")))
        progress("prediction", 1, 1)
        times = [PartTime("prediction", time.perf_counter() - clock)]
        sections: list[Section] = []
        failed: dict[str, list[str]] = {}
        for name in methods:
            try:
                section = _section(REGISTRY[name], subject, progress)
            except MinicnnError as error:
                if name in only or len(methods) == 1:
                    raise
                failed.setdefault(str(error), []).append(name)
                continue
            (stage / f"{section.name}.png").write_bytes(section.figure)
            times.append(PartTime(section.name, section.seconds))
            sections.append(section)
        left_out = [entry.missing_extra for entry in REGISTRY.values() if entry.missing_extra]
        left_out += [f"{', '.join(names)} on this network and photo: {reason}" for reason, names in failed.items()]
        (stage / "index.html").write_text(_page(subject, sections, times, left_out), encoding="utf-8")
    return Path(folder) / "index.html", times


@dataclass(frozen=True, eq=False)
class Subject:
    """What the page is about, and how its methods are to look at it.

    Attributes
    ----------
    model : Model
    photo : path, PIL image or RGB array
    style : the same, or None
        The second photo.
    trace : Trace
        The one forward pass of the photo, for all methods that look at this very image.
    pixels : uint8 array (H, W, 3)
        The photo as the network sees it.
    answer : Answer or None
        Nothing, if the network has no classes.
    seed : int
    quick : bool
    """

    model: Model
    photo: Photo
    style: Photo | None
    trace: Trace
    pixels: np.ndarray
    answer: Answer | None
    seed: int
    quick: bool


def _look_at(
    model: Model, photo: Photo, target: str | int | None, size: int | tuple[int, int] | None, style: Photo | None, seed: int, quick: bool
) -> Subject:
    """Run the network on the photo, once."""
    x = model.prepare(photo, size)
    trace = model.network.trace(x)
    answer = _answer(model, trace, target) if target is not None or model.is_classifier(x.shape) else None
    return Subject(model, photo, style, trace, model.deprocess(x)[0], answer, seed, quick)


def _answer(model: Model, trace: Trace, target: str | int | None) -> Answer:
    """Ask the model about the photo; raises UnknownNameError if it has no classes, or not that one."""
    model.check_classifier(trace.input.shape)
    probabilities = model.read_probabilities(trace.result)
    index = int(probabilities.argmax()) if target is None else model.class_index(target)
    return Answer(model.ranked(probabilities, 5), len(probabilities), index)


def choose_methods(only: Sequence[str] = (), skip: Sequence[str] = (), with_style: bool = False) -> list[str]:
    """Choose methods by name, in the order of the page, without those that lack something to run.

    Raises
    ------
    UnknownNameError
        For names that do not exist, for methods that need a second photo if there is none, or if none is left.
    """
    for name in (*only, *skip):
        if name not in REGISTRY:
            raise UnknownNameError(f"there is no method {name!r}; there are {', '.join(REGISTRY)}")
        if name in only and REGISTRY[name].second_photo and not with_style:
            raise UnknownNameError(f"{name} needs a second photo; give one as the style")
    possible = [name for name, entry in REGISTRY.items() if (with_style or not entry.second_photo) and not entry.missing_extra]
    chosen = [name for name in possible if (not only or name in only) and name not in skip]
    if not chosen:
        raise UnknownNameError("no method is left to show; choose fewer to skip, or others to show alone")
    return chosen


def _section(visualizer: Visualizer, subject: Subject, progress: ReportProgress) -> Section:
    """Run one visualizer."""
    name = visualizer.name
    clock = time.perf_counter()
    progress(name, 0, 1)
    result = visualizer.function(subject.model, **_arguments(visualizer, subject, progress))
    if result.stopped:
        raise KeyboardInterrupt  # the user meant the report
    figure = result._repr_png_()
    progress(name, 1, 1)
    return Section(
        name=name,
        question=visualizer.question,
        title=result.title,
        text=parse(visualizer.function.__doc__ or "").long_description or "",
        paper=visualizer.paper,
        numbers=result.text,
        settings=_settings(visualizer, result.source["settings"]),
        panels=result.panels(),
        columns=result.columns,
        warnings=result.warnings,
        figure=figure,
        seconds=time.perf_counter() - clock,
    )


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
    if visualizer.needs_photo:
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


def _page(subject: Subject, sections: Sequence[Section], times: Sequence[PartTime], left_out: Sequence[str]) -> str:
    """Write the page."""
    model, answer = subject.model, subject.answer
    environment = jinja2.Environment(loader=jinja2.PackageLoader("minicnn.report", "."), autoescape=True, trim_blocks=True)
    environment.filters["data_address"] = _data_address
    environment.filters["gradient"] = lambda colors: ", ".join(render.gradient_stops(colors))
    environment.filters["number"] = lambda value: f"{value:.3g}"
    return environment.get_template("page.html").render(
        model=model,
        photo_name=_readable_name(subject.photo),
        credit=_credit(subject.photo),
        pixels=subject.pixels,
        answer=answer,
        unsure=answer and model.unsure(answer.top),
        target_name=answer and model.class_name(answer.target),
        chapters=_chapters(sections),
        left_out=left_out,
        times=times,
        version=metadata.version("minicnn-numpy"),
    )


def _chapters(sections: Sequence[Section]) -> dict[str, list[Section]]:
    """Group the sections by the question that they help to answer."""
    chapters: dict[str, list[Section]] = {}
    for section in sections:
        chapters.setdefault(section.question, []).append(section)
    return chapters


def _readable_name(photo: Photo) -> str:
    """Name a photo on the page."""
    return readable_name(photo) if isinstance(photo, (str, os.PathLike)) else "the photo"


def _credit(photo: Photo) -> str | None:
    """Name the author of a photo that ships with the package."""
    if not isinstance(photo, (str, os.PathLike)):
        return None
    return next((credit for name, credit in PHOTO_CREDITS.items() if shipped_photo(name) == Path(photo)), None)


def _data_address(pixels: np.ndarray) -> str:
    """Put a picture into the page itself, as a data: address."""
    return "data:image/png;base64," + base64.b64encode(render.png(pixels)).decode("ascii")
