"""Several results of one call, as one: of several photos, or several classes, one after the other."""

from __future__ import annotations

import base64
import dataclasses
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minicnn.errors import OutputError, several
from minicnn.files.writing import check_place, explain_failure
from minicnn.pictures import render
from minicnn.pictures.results import Result, check_names
from minicnn.pictures.tables import Row, aligned

#: How the names of files may end that hold all results of a batch. A name without an ending is that of a folder, for one file each.
BATCH_SUFFIXES = (".npz", ".npy", ".csv", ".json", ".png")

#: One figure shows at most so many results, and a notebook so many of a batch.
MOST_IN_FIGURE, SHOWN_IN_NOTEBOOK = 24, 6


@dataclass(frozen=True, eq=False, repr=False)
class BatchResult(Result):
    """Results of one method for several photos, or several classes; a sequence of them, and a result itself.

    Attributes
    ----------
    values : array, or dict of str to array
        Those of all results, with one axis more in front, (N, ...). Arrays that have not the same shape everywhere cannot be stacked; they
        are called "0/NAME", "1/NAME" and so on.
    table : sequence of dict
        The rows of all results, each with its photo and class; if their method makes no table, `rows`.
    stopped : bool
        Whether it was interrupted; the results are those that were finished before.
    entries : sequence of Result
        Each what one photo and one class alone give.
    names : sequence of str
        Theirs, each once: what tells them apart, as names of files.
    rows : sequence of dict
        What each one is about: {"photo": its file, "target": the class that it explains, "predicted": the likeliest one, ...}.
    labels : sequence of str
        What tells each from the others, for people.
    """

    entries: Sequence[Result] = ()
    names: Sequence[str] = ()
    rows: Sequence[Row] = ()
    labels: Sequence[str] = ()

    @classmethod
    def of(cls, entries: Sequence[Result], rows: Sequence[Row], names: Sequence[str], labels: Sequence[str], **others: Any) -> BatchResult:
        """Join results; `others` are the fields that do not follow from them."""
        values, entries = stacked(entries)
        tables = [
            {**{name: row[name] for name in ("photo", "target") if name in row}, **line}
            for row, entry in zip(rows, entries)
            for line in entry.table
        ]
        texts = [f"{label}: {entry.text}" for label, entry in zip(labels, entries) if entry.text]
        text = "\n".join([_as_text(rows), *texts])
        return cls(values, {}, text=text, table=tables or rows, entries=tuple(entries), names=names, rows=rows, labels=labels, **others)

    def __getitem__(self, position: int | slice) -> Result:
        if not isinstance(position, slice):
            return self.entries[position]
        rows, names, labels = self.rows[position], self.names[position], self.labels[position]
        return self.of(
            self.entries[position],
            rows,
            names,
            labels,
            title=f"{self.title}: {len(rows)} of {several(len(self), 'result')}",
            image=self.image,
            source={**self.source, "results": self.source["results"][position]},
            warnings=tuple(text for text in self.warnings if any(text.startswith(f"{label}: ") for label in labels)),
            stopped=self.stopped,
        )

    def panels(self) -> list[render.Panel]:
        labels = [" ".join(str(row[name]) for name in ("photo", "target") if name in row) for row in self.rows]
        return [
            dataclasses.replace(panel, caption=f"{label}\n{panel.caption}")
            for label, entry in zip(labels, self.entries)
            for panel in entry.panels()
        ]

    def picture(self) -> np.ndarray:
        if len(self) > MOST_IN_FIGURE:
            raise OutputError(
                f"{len(self)} results are too many for one picture, which holds {MOST_IN_FIGURE}; save them to a folder, such as maps, one "
                "picture each, or their values to a file such as maps.npz"
            )
        panels = self.panels()
        each = max(1, len(panels) // len(self))
        return render.figure(panels, self.title, min(each * max(1, 6 // each), len(panels)))

    def save(self, path: str | os.PathLike, overwrite: bool = False) -> None:
        """Write a picture of each result to a folder, or all of them to one file, as the name says.

        Parameters
        ----------
        path : path
            Without an ending, or of a folder that is there: a picture of each, `names` and ".png". ``.npz`` for the values and `rows`,
            ``.npy``, ``.csv``, ``.json``, ``.png`` as of a single result; the picture shows a few results beside each other.
        overwrite : bool
            Whether files that are there may be replaced.

        Raises
        ------
        OutputError
            If the name ends otherwise, or a file exists or cannot be written, or there are too many results for one picture.
        """
        if is_folder(path):
            self._save_each(Path(path), overwrite, Result.save)
        elif Path(path).suffix.lower() not in BATCH_SUFFIXES:
            raise OutputError(f"cannot write {path}: of {len(self)} results expected {EXPECTED}")
        else:
            super().save(path, overwrite)

    def save_image(self, path: str | os.PathLike, overwrite: bool = False) -> None:
        """Write each finished picture alone to a folder; arguments and errors as for `save`."""
        if not is_folder(path):
            raise OutputError(f"cannot write {path}: of {len(self)} results expected the name of a folder, such as pictures")
        self._save_each(Path(path), overwrite, Result.save_image)

    def _save_each(self, folder: Path, overwrite: bool, save: Callable[..., None]) -> None:
        paths = [folder / f"{name}.png" for name in self.names]
        with explain_failure(folder):
            folder.mkdir(exist_ok=True)
        for path in paths:
            check_place(path, overwrite)
        for path, entry in zip(paths, self.entries):
            save(entry, path, overwrite)

    @property
    def _more_arrays(self) -> dict[str, np.ndarray]:
        return {name: np.array([row[name] for row in self.rows]) for name in (self.rows[0] if self.rows else ())}

    def _ipython_display_(self) -> None:
        from IPython.display import display  # type: ignore[import-not-found]

        for entry in self.entries[:SHOWN_IN_NOTEBOOK]:
            display({"image/png": base64.b64encode(entry._repr_png_()).decode("ascii"), "text/plain": repr(entry)}, raw=True)
        display({"text/html": self._words, "text/plain": repr(self)}, raw=True)


#: Where a batch can be saved, in an error.
EXPECTED = f"the name of a folder, for one picture each, or a name ending in {', '.join(BATCH_SUFFIXES)}"


def stacked(results: Sequence[Result]) -> tuple[np.ndarray | Mapping[str, np.ndarray], list[Result]]:
    """Join the values of results to arrays (N, ...); see `BatchResult`.

    Returns
    -------
    values : array, or dict of str to array
    results : list of Result
        The same, with parts of these arrays as their values, so that memory holds them once.
    """
    arrays = [dict(result.arrays) for result in results]
    joined: dict[str, np.ndarray] = {}
    for name in dict.fromkeys(name for each in arrays for name in each):
        found = [each[name] for each in arrays if name in each]
        if len(found) == len(results) and len({(array.shape, array.dtype) for array in found}) == 1:
            joined[name] = np.stack(found)
            for each, part in zip(arrays, joined[name]):
                each[name] = part
        else:
            joined |= {f"{i}/{name}": each[name] for i, each in enumerate(arrays) if name in each}
    single = [not isinstance(result.values, Mapping) for result in results]
    values = joined["values"] if all(single) and list(joined) == ["values"] else joined
    return values, [
        dataclasses.replace(result, values=each["values"] if alone else each) for result, each, alone in zip(results, arrays, single)
    ]


def file_names(labels: Sequence[str]) -> list[str]:
    """Make names for files of some labels, each once whatever the file system makes of capitals."""
    names: list[str] = []
    taken: set[str] = set()
    for label in labels:
        name = plain = as_file_name(label) or "result"
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.lower())
        names.append(name)
    return names


def as_file_name(text: str, most: int = 80) -> str:
    """Make a part of a file's name of a text: letters, digits and a few signs, at most so many."""
    return re.sub(r"[^\w.=+-]+", "-", text)[:most].strip("-.")


def is_folder(path: str | os.PathLike) -> bool:
    """Tell whether a name to save at is that of a folder: one that is there, or without an ending."""
    return Path(path).is_dir() or Path(path).suffix == ""


def check_batch_names(paths: Sequence[Path], overwrite: bool) -> None:
    """Raise OutputError if no batch could be saved under one of these names, before the work of making it; see `check_names`."""
    for path in paths:
        if not is_folder(path):
            if path.suffix.lower() not in BATCH_SUFFIXES:
                raise OutputError(f"cannot write {path}: for several results expected {EXPECTED}")
        elif not path.exists():
            check_place(path, overwrite)
        elif not path.is_dir() or (any(path.iterdir()) and not overwrite):
            raise OutputError(f"{path} is there and not empty; choose another folder, or overwrite what is in it (--overwrite)")
    check_names([path for path in paths if not is_folder(path)], overwrite, BATCH_SUFFIXES)


def _as_text(rows: Sequence[Row]) -> str:
    """Write what the results are about as a table for people."""
    if not rows:
        return ""
    columns = [name for name in ("photo", "target", "predicted", "probability") if name in rows[0]]
    cells = [[f"{row[name]:.2%}" if name == "probability" else str(row[name]) for name in columns] for row in rows]
    return aligned(columns, cells)
