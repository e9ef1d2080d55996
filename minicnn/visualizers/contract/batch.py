"""One call for several photos, or several classes: the method runs for one after the other, and knows nothing of it.

So each result is, bit for bit, what its photo and its class alone give; a random method begins each time with the same seed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import psutil

from minicnn.errors import MinicnnError, several
from minicnn.models.model import Model
from minicnn.network.network import Trace
from minicnn.pictures.batches import BatchResult, file_names
from minicnn.pictures.decoding import check_photo
from minicnn.pictures.photos import load_photo
from minicnn.pictures.results import Result
from minicnn.pictures.sources import Sources, is_path
from minicnn.pictures.tables import Row
from minicnn.visualizers.contract.call import Call
from minicnn.visualizers.contract.kinds import ImageKind, ProgressKind, TargetKind
from minicnn.visualizers.contract.photos import file_identity
from minicnn.visualizers.contract.progress import Watcher, part_of
from minicnn.visualizers.contract.registry import Visualizer

#: Runs the method once for some arguments; returns the result, and the call, which knows what the network answered.
Run = Callable[[Mapping[str, Any], Watcher | None], tuple[Result, Call]]

#: Into how many parts the work for one photo is divided, for a method that says how far it is.
PARTS = 1000


class Batch:
    """What one call of a method asks for: one photo and one class, or several of either.

    Parameters
    ----------
    entry : Visualizer
    model : Model
    arguments : dict
        What the user passed, by name.
    prepared : bool
        As for `Model.prepare`.

    Raises
    ------
    MinicnnError
        If there is no such class, or a photo that is named among several is none.
    """

    def __init__(self, entry: Visualizer, model: Model, arguments: Mapping[str, Any], prepared: bool = False):
        self.entry, self.model, self.arguments, self.prepared = entry, model, arguments, prepared
        self.image, self.target = entry.parameter_of(ImageKind), entry.parameter_of(TargetKind)
        self.photos = Sources(arguments[self.image] if self.image else None, prepared)
        self.classes: Sequence[Any] = [arguments[self.target] if self.target else None]
        self.one_class = True
        if self.target and self.classes[0] is not None:
            found = model.class_indices(self.classes[0])
            self.one_class = len(found) == 1 and not isinstance(self.classes[0], (list, tuple))
            self.classes = self.classes if self.one_class else found
        if not self.photos.single and self.photos.folder is None:
            for source in filter(is_path, self.photos.sources):
                check_photo(source)

    @property
    def several(self) -> bool:
        """Whether there are several photos, or several classes; also a list of one."""
        return not (self.photos.single and self.one_class)

    def run(self, run: Run, progress: Watcher | None) -> BatchResult:
        """Run the method for each photo and each class; Ctrl-C ends it with what is done, if anything is.

        Raises
        ------
        MinicnnError
            That of the method, or if so many results do not fit into memory.
        """
        results: list[Result] = []
        rows: list[Row] = []
        sources: list[dict[str, Any]] = []
        total = len(self.photos) * len(self.classes)
        parts = PARTS if self.entry.parameter_of(ProgressKind) else 1
        stopped = False
        try:
            for position, photo in self.photos.each(self._load):
                for i, target in enumerate(self.classes):
                    done = position * len(self.classes) + i
                    result, call = run(self._arguments(photo, target), part_of(progress, done, total, parts))
                    results.append(result)
                    rows.append(self._row(position, result, call))
                    sources.append({**file_identity(self.photos.sources[position]), **result.source})
                    if result.stopped:
                        raise KeyboardInterrupt  # for the method has taken it for itself
                    if len(results) == 1:
                        _check_memory(result, total)
                    if progress:
                        progress((done + 1) * parts, total * parts)
            if progress:
                progress(total * parts, total * parts)  # the last ones may have been passed over
        except KeyboardInterrupt:
            if not results:
                raise
            stopped = True
        return self._joined(results, rows, sources, stopped, total)

    def _load(self, position: int) -> Any:
        """Return a photo for the method; a file is decoded here, where it is known whether it may be passed over."""
        source = self.photos.sources[position]
        if self.photos.single or self.prepared or isinstance(source, Trace):
            return source
        return np.asarray(load_photo(source))

    def _arguments(self, photo: Any, target: Any) -> dict[str, Any]:
        chosen = {self.image: photo, self.target: target}
        return {**self.arguments, **{name: value for name, value in chosen.items() if name is not None}}

    def _row(self, position: int, result: Result, call: Call) -> Row:
        """Say what a result is about: the photo, the class, and what the network answers."""
        row: dict[str, str | int | float] = {}
        if self.photos.sources[position] is not None:
            row["photo"] = self.photos.name(position)
        if self.target and (index := result.source["settings"].get(self.target)) is not None:
            row |= {"target": self.model.class_name(index), "target index": index}
        if (probabilities := call.answer()) is not None:
            likeliest = int(probabilities.argmax())
            row |= {"predicted": self.model.class_name(likeliest), "predicted index": likeliest}
            row["probability"] = float(probabilities[likeliest])
        return row

    def _joined(self, results: list[Result], rows: list[Row], sources: list[dict[str, Any]], stopped: bool, total: int) -> BatchResult:
        labels = [self._label(row) for row in rows]
        found = [f"{label}: {text}" for label, result in zip(labels, results) for text in result.warnings]
        found += [f"stopped after {len(results)} of {several(total, 'result')}"] if stopped else []
        found += [self.photos.remark] if self.photos.remark else []
        return BatchResult.of(
            results,
            rows,
            file_names([self._label(row, as_file=True) for row in rows]),
            labels,
            title=self._title(len(results)),
            image=self.entry.image,
            source={"method": self.entry.name, "results": sources},
            warnings=tuple(found),
            stopped=stopped,
        )

    def _label(self, row: Row, as_file: bool = False) -> str:
        """Tell one result from the others, by photo or class or both."""
        photo = str(row.get("photo", ""))
        if as_file and any(map(is_path, self.photos.sources)):
            photo = os.path.splitext(photo)[0]
        return " ".join(filter(None, [photo, "" if self.one_class else str(row["target"])]))

    def _title(self, count: int) -> str:
        photos = "" if self.photos.single else f" of {several(count // len(self.classes), 'photo')}"
        names = "" if self.one_class else f" for {', '.join(self.model.class_name(index) for index in self.classes)}"
        return f"{self.entry.name}{photos}{names}"


def _check_memory(first: Result, total: int) -> None:
    """Raise MinicnnError unless there is memory for so many results like the first, twice while they are stacked."""
    held = [*first.arrays.values(), *first.frames, *first.inputs.values(), *(() if first.photo is None else (first.photo,))]
    needed, available = 2 * total * sum(array.nbytes for array in held), psutil.virtual_memory().available
    if needed > available:
        raise MinicnnError(
            f"{total} results would take about {needed / 1e9:.1f} GB of memory, and {available / 1e9:.1f} GB are free; "
            "give fewer photos at once"
        )
