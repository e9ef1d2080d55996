"""A visualizer's parameters, read off its signature: each one's kind, and whether it may be left out."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minicnn.errors import MinicnnError
from minicnn.models.model import Model
from minicnn.visualizers.contract.kinds import ModelKind, ProgressKind
from minicnn.visualizers.contract.values import BoolKind, ChoiceKind, FloatKind, IntKind, Kind, TextKind

#: The kinds of plain types; see `minicnn.visualizers.contract.kinds`.
PLAIN: dict[Any, Kind] = {Model: ModelKind(), int: IntKind(), float: FloatKind(), bool: BoolKind(), str: TextKind()}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a visualizer.

    Attributes
    ----------
    name : str
    kind : Kind
    default : object
        `inspect.Parameter.empty` if there is none.
    optional : bool
        Whether the method takes None; then nothing is chosen in its place.
    keyword_only : bool
    """

    name: str
    kind: Kind
    default: Any
    optional: bool
    keyword_only: bool

    @property
    def required(self) -> bool:
        """Whether it must be passed."""
        return self.default is inspect.Parameter.empty

    @property
    def outside(self) -> str:
        """The type that a user may pass, as source text."""
        return f"{self.kind.outside} | None" if self.optional or self.default is None else self.kind.outside

    def check(self, value: Any, method: str) -> None:
        """Raise MinicnnError unless a user may pass this value."""
        if value is None and self.required:
            raise MinicnnError(f"{method} got no {self.kind.what} ({self.name}); expected {self.kind.expected}")
        if value is not None or not (self.optional or self.default is None):
            self.kind.check(self.name, value)


def read_parameters(method: Callable[..., Any]) -> dict[str, Parameter]:
    """Read a method's parameters, by name.

    Raises
    ------
    MinicnnError
        If the first is not the model, or another one's annotation has no kind.
    """
    signature = inspect.signature(method, eval_str=True)
    for parameter in signature.parameters.values():
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD) or parameter.name in ("size", "prepared"):
            raise MinicnnError(
                f"{method.__name__} has a parameter {parameter}; expected parameters with names of their own, and not size or prepared, "
                "which every method with a photo has anyway"
            )
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.default is inspect.Parameter.empty:
            raise MinicnnError(f"the option {parameter.name} of {method.__name__} has no default; give it one")
    found = {name: _read(parameter, method.__name__) for name, parameter in signature.parameters.items()}
    if "progress" in found and not isinstance(found["progress"].kind, ProgressKind):
        raise MinicnnError(f"the parameter progress of {method.__name__} is no Progress; give it another name, or annotate it so")
    first = next(iter(found.values()), None)
    if first is None or first.name != "model" or not isinstance(first.kind, ModelKind):
        raise MinicnnError(f"{method.__name__} begins with {first and first.name!r}; a visualizer's first parameter is model: Model")
    return found


def _read(parameter: inspect.Parameter, method: str) -> Parameter:
    annotation, optional = parameter.annotation, False
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        parts = typing.get_args(annotation)
        others = [part for part in parts if part is not type(None)]
        if len(others) == 1:
            annotation, optional = others[0], len(parts) > 1
    kind = _kind(annotation)
    if kind is None:
        raise MinicnnError(
            f"the parameter {parameter.name} of {method} is annotated {annotation!r}, which has no kind; "
            "expected Image, Target, int, float, a Literal of words, or another one that minicnn.visualizers.contract.kinds lists"
        )
    return Parameter(parameter.name, kind, parameter.default, optional, parameter.kind is inspect.Parameter.KEYWORD_ONLY)


def _kind(annotation: Any) -> Kind | None:
    """Find the kind that an annotation carries, or that belongs to a plain type."""
    for note in getattr(annotation, "__metadata__", ()):
        if isinstance(note, Kind):
            return note
    if typing.get_origin(annotation) is typing.Literal:
        return ChoiceKind(typing.get_args(annotation))
    return PLAIN.get(annotation) if isinstance(annotation, type) else None
