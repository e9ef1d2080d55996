"""How a plain function becomes a visualizer: in Python, on the command line and in the report.

A visualizer is written for what it works with: a `Model`, a prepared image or the trace of its forward pass, a class index. It returns a
bare `Result`. The decorator `visualizer` makes the public function of it, which takes what users have: a path or a PIL image, "giant
panda", no layer at all. It also records what made the result, and warns if the result is empty.

The function's signature is its interface everywhere: the annotation of each parameter says which kind of value it is
(`minicnn.visualizers.contract.kinds` has the table), and so what a user may pass, what the method gets, and how the command line reads
it. Photos that come by position are arguments there, all else are options. Values of the wrong kind are refused before the method runs.
The photo is run forward once at most, when the method declares it `Traced` or asks for the likeliest class. Of several photos or classes
the method sees one at a time (`minicnn.visualizers.contract.batch`).

Methods that draw attribution maps are registered with `attribution`; other methods can then work on their maps
(`minicnn.visualizers.attribution.maps`).
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, cast, get_args

from minicnn.errors import MinicnnError
from minicnn.models.model import Model
from minicnn.pictures.results import Result
from minicnn.visualizers.contract.batch import Batch
from minicnn.visualizers.contract.call import Call, Size
from minicnn.visualizers.contract.docstrings import completed
from minicnn.visualizers.contract.kinds import ProgressKind, TargetKind
from minicnn.visualizers.contract.parameters import read_parameters
from minicnn.visualizers.contract.progress import Watcher, watched
from minicnn.visualizers.contract.provenance import with_provenance
from minicnn.visualizers.contract.registry import REGISTRY, Attribution, Options, Question, Visualizer

P = ParamSpec("P")

#: What the public function of a method with a photo has on top of the method's own parameters.
PHOTO_PARAMETERS = (
    inspect.Parameter("size", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Size),
    inspect.Parameter("prepared", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=bool),
)

#: The same, unless the method has one itself: of several photos it is told how many are done.
PROGRESS = inspect.Parameter("progress", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Watcher | None)


def visualizer(
    *,
    question: Question,
    paper: str,
    if_zero: str | None = None,
    report: Options = {},  # noqa: B006  # only read
    quick: Options | None = None,
    saves: tuple[str, ...] | None = None,
    attribution: Attribution | None = None,
    extra: str | None = None,
    name: str | None = None,
    image: str | None = None,
    photo_in_report: bool = False,
) -> Callable[[Callable[P, Result]], Callable[P, Result]]:
    """Register a method and make its public function.

    Parameters
    ----------
    question : str
        What it helps to answer.
    paper : str
        Where the method comes from.
    if_zero : str, optional
        Why its values may all be zero, for the warning; without it there is none, as for pictures, which always show something.
    report : dict, or function
        The options for the report, where they differ from the defaults; or a function that chooses them for the height and width of the
        network's input.
    quick : dict, or function, optional
        The same for a report in a hurry; by default as `report`.
    saves : tuple of str, optional
        How the names of files may end that its results can be saved as, with ".npy" if it may return a single array. Default: ".png" and
        ".npz", and of attribution maps ".npy".
    attribution : {"large", "low"}, optional
        That the values (with several arrays, the first that is shown) are an attribution map: (H, W), (H, W, 3), or coarse, shown by an
        `Overlay`; and whether large sizes or low numbers mark what the answer rests on.
    extra : str, optional
        The extra that it needs, one of `EXTRAS`.
    name : str, optional
        The name on the command line; by default the function's, with hyphens.
    image : str, optional
        The name of the array, among the result's, that is a picture in itself and can be saved alone.
    photo_in_report : bool
        Whether the report gives it the photo, though it can do without one.

    Returns
    -------
    function
        The decorator.
    """

    def register(method: Callable[P, Result]) -> Callable[P, Result]:
        command = name or method.__name__.replace("_", "-")
        for value, choices in ((question, get_args(Question)), (attribution, (None, *get_args(Attribution)))):
            if value not in choices:
                raise MinicnnError(f"{command} is registered with {value!r}; expected one of {', '.join(map(repr, choices))}")
        taken = REGISTRY.get(command)
        if taken is not None and taken.function.__module__ != method.__module__:  # the same one may be run again, as in a notebook
            raise MinicnnError(f"there is a method {command} already, of {taken.function.__module__}; give this one another name")
        signature, parameters = inspect.signature(method, eval_str=True), read_parameters(method)
        for options in (report, quick or {}):
            if isinstance(options, Mapping) and (unknown := options.keys() - parameters.keys()):
                raise MinicnnError(f"{command} has no options {', '.join(sorted(unknown))}, which the report is to use")

        @functools.wraps(method)
        def public(*positional: Any, size: Size = None, prepared: bool = False, **options: Any) -> Result:
            if entry.missing_extra:
                raise MinicnnError(entry.missing_extra)
            progress = options.pop("progress", None) if PROGRESS in added else None
            bound = signature.bind(*positional, **options)
            bound.apply_defaults()
            arguments, watcher = bound.arguments, entry.parameter_of(ProgressKind)
            for parameter in parameters.values():
                parameter.check(arguments[parameter.name], command)
            if progress is not None:
                ProgressKind().check("progress", progress)
            model = Model.of(arguments["model"])

            def run(given: Mapping[str, Any], progress: Watcher | None) -> tuple[Result, Call]:
                call = Call(command, model, entry.parameter_of(TargetKind) is not None, size, prepared)
                return _run(method, entry, call, {**given, watcher: progress} if watcher else given, if_zero), call

            batch = Batch(entry, model, arguments, prepared)
            reports = watcher is not None or batch.several
            with watched(command, arguments[watcher] if watcher else progress, reports) as progress:
                result = batch.run(run, progress) if batch.several else run(arguments, progress)[0]
            for text in result.warnings:
                warnings.warn(text, stacklevel=2)
            return result

        formats = saves or ((".png", ".npy", ".npz") if attribution else (".png", ".npz"))
        in_a_hurry = report if quick is None else quick
        entry = Visualizer(
            command, public, parameters, question, paper, report, in_a_hurry, formats, image, attribution, extra, photo_in_report
        )
        added = added_parameters(entry)
        public.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *added])  # type: ignore[attr-defined]
        public.__doc__ = completed(method.__doc__, [*parameters, *(parameter.name for parameter in added)], command)
        REGISTRY[command] = entry
        return cast("Callable[P, Result]", public)

    return register


def added_parameters(entry: Visualizer) -> list[inspect.Parameter]:
    """List what the public function of a method has on top of the method's own parameters."""
    if not entry.takes_photo:
        return []
    return [*PHOTO_PARAMETERS, *(() if entry.parameter_of(ProgressKind) else (PROGRESS,))]


def _run(method: Callable, entry: Visualizer, call: Call, given: Mapping[str, Any], if_zero: str | None) -> Result:
    """Run a method for one photo and one class; returns its result with what made it."""
    arguments = _resolved(entry, given, call)
    result = method(**arguments)
    _check_result(result, entry.name)
    if call.remark:
        result = dataclasses.replace(result, text=f"{result.text}\n{call.remark}".strip())
    return with_provenance(result, entry, call, arguments, if_zero)


def _check_result(result: Any, name: str) -> None:
    """Raise MinicnnError unless a method returned what it should."""
    if not isinstance(result, Result):
        raise MinicnnError(f"{name} returned a {type(result).__name__}; expected a minicnn.Result")
    for display in result.displays.values():
        if not hasattr(display, "panels"):
            raise MinicnnError(f"{name} shows its values as {display!r}; expected a display of minicnn.render, such as Map() or Overlay()")


def _resolved(entry: Visualizer, given: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """Turn what a user passed into what the method gets, by name, in the order in which one value may depend on another."""
    found = dict(given)
    for name, parameter in sorted(entry.parameters.items(), key=lambda item: item[1].kind.stage(given[item[0]])):
        if given[name] is not None:
            found[name] = parameter.kind.inside(name, given[name], call)
        elif not parameter.optional:
            found[name] = parameter.kind.choose(name, call)
    return found
