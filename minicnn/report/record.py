"""What a report says of itself beside its page: what it is of, which files are its own, and if it was stopped, its finished sections.

It is the file report.json. With it, a report that was stopped goes on, and one that is replaced leaves no old picture among new ones.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from minicnn.errors import OutputError
from minicnn.report.sections import Section

#: The file's name, and how long it may be, in bytes.
NAME, LONGEST = "report.json", 1 << 28


#: How the fields of a section are read.
SECTION_FIELDS = {"name": str, "question": str, "html": str, "seconds": float}


@dataclass(frozen=True)
class Record:
    """What there is to know of a report.

    Attributes
    ----------
    identity : dict
        What it is of; see `minicnn.report.subject.Subject.identity`.
    methods : sequence of str
        All that it has or is to have.
    files : sequence of str
        Its files in the folder, with this one.
    finished : sequence of Section
        What there was when it was stopped; empty if it is whole.
    """

    identity: Mapping[str, object]
    methods: Sequence[str]
    files: Sequence[str]
    finished: Sequence[Section] = field(default_factory=tuple)


def write_record(folder: Path, record: Record) -> None:
    """Write the file to a folder."""
    (folder / NAME).write_text(json.dumps(dataclasses.asdict(record), indent=1), encoding="utf-8")


def read_record(folder: Path) -> Record | None:
    """Read the file of a folder; None if there is none, or if it is not one that `write_record` wrote."""
    try:
        if not (folder / NAME).is_file() or (folder / NAME).stat().st_size > LONGEST:
            return None
        fields = json.loads((folder / NAME).read_text(encoding="utf-8"))
        finished = [Section(*(kind(entry[name]) for name, kind in SECTION_FIELDS.items())) for entry in fields["finished"]]
        record = Record(dict(fields["identity"]), list(fields["methods"]), list(fields["files"]), finished)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    names = [*record.methods, *record.files, *(section.name for section in record.finished)]
    return record if all(isinstance(name, str) and Path(name).name == name for name in names) else None


def unfinished_record(folder: Path) -> Record:
    """Read the record of a report that was stopped.

    Raises
    ------
    OutputError
        If there is no such report in the folder.
    """
    record = read_record(folder)
    if record is None or not record.finished:
        if record is None and (folder / NAME).exists():
            raise OutputError(
                f"{folder / NAME} is damaged, so the report there cannot go on; begin anew with --overwrite instead of --resume"
            )
        found = "is no report" if record is None else "the report is finished"
        raise OutputError(f"in {folder} {found}, so there is nothing to go on with; leave --resume out (resume=False)")
    return record


def check_not_stopped(folder: Path) -> None:
    """Raise OutputError if there is a report in the folder that was stopped, with which one can go on."""
    record = read_record(folder)
    if record is not None and record.finished:
        raise OutputError(f"the report in {folder} was stopped; go on with --resume, or begin anew with --overwrite")


def check_same(folder: Path, record: Record, identity: Mapping[str, object], methods: Collection[str]) -> None:
    """Raise OutputError if a report that was stopped is of something else than the one that is to go on."""
    before, now = {**record.identity, "methods": list(record.methods)}, {**identity, "methods": list(methods)}
    if names := sorted(name for name in {**before, **now} if before.get(name) != now.get(name)):
        raise OutputError(
            f"the report in {folder} was made with another {', '.join(names)}; go on with the same command, or begin anew with --overwrite "
            "instead of --resume"
        )
