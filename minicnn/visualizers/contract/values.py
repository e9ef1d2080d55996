"""What every kind of value has, and the kinds that know nothing of networks: numbers, words, places, files.

`minicnn.visualizers.contract.kinds` has the table of all kinds.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from minicnn.errors import MinicnnError
from minicnn.visualizers.contract.call import Call

#: No count, distance or seed is larger.
LARGEST = 10**9

#: When a value is resolved: before the photo, which may depend on it; with the photo; after it, from what the network says to it; last.
BEFORE_PHOTO, PHOTO, AFTER_PHOTO, LAST = range(4)


class Kind:
    """A kind of value. This one takes anything, as it is; the others say in what they differ.

    Attributes
    ----------
    what : str
        What it is, in an error.
    expected : str
        What its values are, in an error.
    outside : str
        The type that a user may pass, as source text for the stubs.
    metavar : str
        What stands for a value in the help.
    choices : sequence of str or None
        The words, if only some are taken.
    is_flag : bool
        Whether naming it on the command line is all.
    multiple : bool
        Whether it is one of several values, with commas between them there.
    is_setting : bool
        Whether it is a setting of the method, to be recorded and set again; not what it works on, or who watches.
    """

    what = "value"
    expected = "a value"
    outside = "object"
    metavar = "VALUE"
    choices: Sequence[str] | None = None
    is_flag = False
    multiple = False
    is_setting = True

    def accepts(self, value: Any) -> bool:
        """Tell whether a user may pass a value (other than None)."""
        return True

    def check(self, name: str, value: Any) -> None:
        """Raise MinicnnError unless a user may pass this value for the parameter of that name."""
        if not self.accepts(value):
            raise MinicnnError(f"{name} is {value!r}; expected {self.expected}")

    def parse(self, text: str) -> Any:
        """Read a value from the command line; raises ValueError with what is wrong."""
        return text

    def stage(self, value: Any) -> int:
        """Say when a value, or what stands for None, is resolved; see `BEFORE_PHOTO`."""
        return BEFORE_PHOTO

    def inside(self, name: str, value: Any, call: Call) -> Any:
        """Return what the method gets for a value that was passed."""
        return value

    def choose(self, name: str, call: Call) -> Any:
        """Return what the method gets if nothing was passed."""
        return None

    def recorded(self, value: Any) -> Any:
        """Return what a result records of the value that the method got, to be passed again: something that JSON can hold."""
        return value

    def file(self, value: Any) -> str | None:
        """Return the path of the file that a value names, which is recorded with its checksum; None if it names none."""
        return None

    def shown(self, value: Any) -> str:
        """Write a recorded value for people."""
        return " and ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


class IntKind(Kind):
    """Integers from `least` on."""

    outside = "int"
    metavar = "INTEGER"

    def __init__(self, least: int = 1):
        self.least = least
        self.expected = f"an integer of at least {least}, and at most a billion"

    def accepts(self, value: Any) -> bool:
        return is_integer(value, self.least)

    def parse(self, text: str) -> int:
        if not re.fullmatch(r"\s*[+-]?[0-9]{1,100}\s*", text):
            raise ValueError(f"{text!r} is not a valid integer")
        return int(text)


class SeedKind(IntKind):
    """Where everything random begins."""


class BatchSizeKind(IntKind):
    """How many images are worked on at once, for which there must be memory."""

    def inside(self, name: str, value: int, call: Call) -> int:
        call.batch_size = value
        return value


class FloatKind(Kind):
    """Finite numbers."""

    expected = "a finite number"
    outside = "float"
    metavar = "FLOAT"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)

    def parse(self, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a valid float") from None


class BoolKind(Kind):
    """True or False."""

    expected = "True or False"
    outside = "bool"
    is_flag = True

    def accepts(self, value: Any) -> bool:
        return isinstance(value, bool)


class TextKind(Kind):
    """Text."""

    expected = "text"
    outside = "str"
    metavar = "TEXT"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str)


class ChoiceKind(Kind):
    """One of some words."""

    def __init__(self, choices: Sequence[str]):
        self.choices = choices
        self.expected = f"one of {', '.join(choices)}"
        self.outside = f"Literal[{', '.join(repr(choice) for choice in choices)}]".replace("'", '"')

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and value in (self.choices or ())


class IndicesKind(Kind):
    """One index, or several."""

    expected = "an integer of at least 0, or several, each once"
    outside = "int | Sequence[int]"
    metavar = "N,N"
    multiple = True

    def accepts(self, value: Any) -> bool:
        items = value if isinstance(value, (tuple, list)) else [value]
        return all(is_integer(item, 0) for item in items) and 0 < len(items) == len(set(items))

    def parse(self, text: str) -> tuple[int, ...]:
        return parse_integers(text, self.metavar)

    def inside(self, name: str, value: Any, call: Call) -> list[int]:
        return list(value) if isinstance(value, (tuple, list)) else [value]


class UnitKind(Kind):
    """A unit of a layer's output, or a place on an image: so many integers."""

    outside = "Sequence[int]"

    def __init__(self, lengths: Sequence[int], metavar: str, expected: str):
        self.lengths, self.metavar, self.expected = lengths, metavar, expected

    def accepts(self, value: Any) -> bool:
        return isinstance(value, (tuple, list)) and len(value) in self.lengths and all(is_integer(item, 0) for item in value)

    def parse(self, text: str) -> tuple[int, ...]:
        return parse_integers(text, self.metavar)

    def inside(self, name: str, value: Sequence[int], call: Call) -> tuple[int, ...]:
        return tuple(int(item) for item in value)

    def shown(self, value: Any) -> str:
        return f"({', '.join(map(str, value))})"


class FilePathKind(Kind):
    """The path of a file that the method reads itself."""

    expected = "the path of a file"
    outside = "str | os.PathLike"
    metavar = "PATH"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, (str, os.PathLike))

    def inside(self, name: str, value: str | os.PathLike, call: Call) -> str:
        return os.fspath(value)

    def recorded(self, value: str | None) -> str | None:
        return None if value is None else os.path.abspath(value)

    def file(self, value: str | None) -> str | None:
        return value


def is_integer(value: Any, least: int) -> bool:
    """Tell whether a value is an integer of at least `least`, and at most `LARGEST`."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        return False
    return least <= int(value) <= LARGEST


def parse_integers(text: str, metavar: str) -> tuple[int, ...]:
    """Read integers of at least 0 with commas between them, such as 10,12."""
    parts = text.strip("()").split(",")
    if not all(re.fullmatch(r"\s*[0-9]{1,9}\s*", part) for part in parts):
        raise ValueError(f"{text!r} is no {metavar}; expected integers counted from 0 with commas between them, such as 10,12")
    return tuple(int(part) for part in parts)
