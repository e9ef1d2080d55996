"""A report: one method after the other, then the page, and the pictures beside it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from minicnn.errors import MinicnnError, UnknownNameError
from minicnn.files.folders import staged_folder
from minicnn.models.model import Model
from minicnn.pictures import render
from minicnn.pictures.photos import Photo
from minicnn.report.page import PartTime, page
from minicnn.report.record import NAME as RECORD
from minicnn.report.record import Record, check_not_stopped, check_same, read_record, unfinished_record, write_record
from minicnn.report.sections import ReportProgress, Section, make_section
from minicnn.report.subject import Subject, look_at
from minicnn.visualizers import REGISTRY

#: The page, and the pictures of no method.
PAGE, PHOTO, PREDICTION = "index.html", "photo.png", "prediction.png"


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes
    ----------
    page : Path
        The file to open.
    times : sequence of PartTime
    unfinished : sequence of str
        The methods that are not on the page because it was stopped.
    removed : sequence of str
        The files of an earlier report that went, and have no new ones in their place.
    """

    page: Path
    times: Sequence[PartTime]
    unfinished: Sequence[str] = ()
    removed: Sequence[str] = ()


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
    resume: bool = False,
    progress: ReportProgress | None = None,
    on_stop: Callable[[], None] | None = None,
) -> Report:
    """Write a web page about what a model sees in a photo, and its pictures as PNG files.

    If it is stopped (Ctrl-C), it writes the page with the methods that are finished.

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
        Whether files of an earlier report may be replaced; those that the new one does not have go.
    resume : bool
        Whether to go on with the report in the folder, which was stopped: only what is missing is computed.
    progress : function, optional
        Called as progress(part, done, total).
    on_stop : function, optional
        Called when it is stopped, before what is finished is written.

    Returns
    -------
    Report

    Raises
    ------
    MinicnnError
        If the photo cannot be used, or the folder cannot be written, or a method that was named in `only` does not work on this
        network. Then the folder is as before. Other methods that do not work on it are left out, and the page says so.
    OutputError
        If there is no report to go on with, or one of something else.
    KeyboardInterrupt
        If it is stopped before any method is finished. Then the folder is as before.
    """
    progress = progress or (lambda part, done, total: None)
    methods = choose_methods(only, skip, style is not None)
    names = [PAGE, RECORD, PHOTO, PREDICTION, *map(_picture, methods)]
    if not (overwrite or resume):
        check_not_stopped(Path(folder))
    before = unfinished_record(Path(folder)) if resume else read_record(Path(folder)) if overwrite else None
    with staged_folder(folder, names, overwrite, () if before is None else before.files) as stage:
        clock = time.perf_counter()
        progress("prediction", 0, 1)
        subject = look_at(model, photo, target, size, style, seed, quick)
        sections: dict[str, Section] = {}
        if resume and before is not None:
            check_same(Path(folder), before, subject.identity, methods)
            sections = _taken_over(before, Path(folder), stage)
        _write_answer(subject, stage)
        progress("prediction", 1, 1)
        times = [PartTime("prediction", time.perf_counter() - clock)]
        failed: dict[str, str] = {}
        try:
            _add_sections(methods, only, subject, stage, progress, sections, failed)
        except KeyboardInterrupt:
            if not sections:
                raise
            if on_stop is not None:
                on_stop()
        finished = [sections[name] for name in methods if name in sections]
        unfinished = [name for name in methods if name not in sections and name not in failed]
        times += [PartTime(section.name, section.seconds) for section in finished]
        (stage / PAGE).write_text(page(subject, finished, times, _left_out(failed), unfinished), encoding="utf-8")
        files = [RECORD, *sorted(path.name for path in stage.iterdir())]
        write_record(stage, Record(subject.identity, methods, files, finished if unfinished else ()))
        earlier = () if before is None else before.files
        removed = [name for name in earlier if name not in files and (Path(folder) / name).is_file()]
    return Report(Path(folder) / PAGE, times, unfinished, removed)


def _add_sections(
    methods: Sequence[str],
    only: Sequence[str],
    subject: Subject,
    stage: Path,
    progress: ReportProgress,
    sections: dict[str, Section],
    failed: dict[str, str],
) -> None:
    """Run the methods that have no section yet, and write their figures; notes of those that do not work here why."""
    for name in methods:
        if name in sections:
            continue
        try:
            sections[name], figure = make_section(REGISTRY[name], subject, progress)
        except MinicnnError as error:
            if name in only or len(methods) == 1:
                raise
            failed[name] = str(error)
        else:
            (stage / _picture(name)).write_bytes(figure)


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
            raise UnknownNameError(f"{name} needs a second photo; name one with --style PHOTO (style=)")
    possible = [name for name, entry in REGISTRY.items() if (with_style or not entry.second_photo) and not entry.missing_extra]
    chosen = [name for name in possible if (not only or name in only) and name not in skip]
    if not chosen:
        raise UnknownNameError("no method is left to show; choose fewer to skip, or others to show alone")
    return chosen


def _picture(method: str) -> str:
    """Name the file of a method's figure."""
    return f"{method}.png"


def _taken_over(before: Record, folder: Path, stage: Path) -> dict[str, Section]:
    """Copy the figures of finished sections from the folder to the stage; returns those sections whose figures are there, by name."""
    kept = {section.name: section for section in before.finished if (folder / _picture(section.name)).is_file()}
    for name in kept:
        shutil.copyfile(folder / _picture(name), stage / _picture(name))
    return kept


def _write_answer(subject: Subject, stage: Path) -> None:
    """Write the photo as the network sees it, and the likeliest classes."""
    (stage / PHOTO).write_bytes(render.png(subject.pixels))
    if subject.answer is not None:
        classes, probabilities = zip(*subject.answer.top)
        title = f"{subject.model.name}: the likeliest classes"
        (stage / PREDICTION).write_bytes(render.png(render.bars(classes, probabilities, title)))


def _left_out(failed: Mapping[str, str]) -> list[str]:
    """Say which methods are not on the page, and why: those that lack something to run, and those that do not work here."""
    reasons: dict[str, list[str]] = {}
    for name, reason in failed.items():
        reasons.setdefault(reason, []).append(name)
    return [
        *(entry.missing_extra for entry in REGISTRY.values() if entry.missing_extra),
        *(f"{', '.join(names)} on this network and photo: {reason}" for reason, names in reasons.items()),
    ]
