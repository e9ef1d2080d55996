"""One self-contained web page over the sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

from minicnn.report.sections import Section
from minicnn.report.subject import Subject
from minicnn.report.templates import fill


@dataclass(frozen=True)
class PartTime:
    """How long a part of the report took, in seconds."""

    part: str
    seconds: float


def page(
    subject: Subject, sections: Sequence[Section], times: Sequence[PartTime], left_out: Sequence[str], unfinished: Sequence[str]
) -> str:
    """Write the page.

    Parameters
    ----------
    subject : Subject
    sections : sequence of Section
        In the order of the page.
    times : sequence of PartTime
    left_out : sequence of str
        Which methods are not on it, and why.
    unfinished : sequence of str
        The methods that are not on it because it was stopped.
    """
    model, answer = subject.model, subject.answer
    return fill(
        "page.html",
        model=model,
        photo_name=subject.photo_name,
        credit=subject.credit,
        pixels=subject.pixels,
        answer=answer,
        unsure=answer and model.unsure(answer.top),
        target_name=answer and model.class_name(answer.target),
        chapters=_chapters(sections),
        left_out=left_out,
        unfinished=unfinished,
        times=times,
        version=metadata.version("minicnn-numpy"),
    )


def _chapters(sections: Sequence[Section]) -> dict[str, list[Section]]:
    """Group the sections by the question that they help to answer."""
    chapters: dict[str, list[Section]] = {}
    for section in sections:
        chapters.setdefault(section.question, []).append(section)
    return chapters
