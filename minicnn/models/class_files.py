"""The class names of a network, as people keep them beside its weights.

=============  ==================================================================================================
a text         a name in each line, in the order of the outputs; or lines of WordNet's identifier and a name
JSON           a list of names; or a table from an index to a name, {"0": "cat"}, to an identifier and a name as Keras has it,
               {"0": ["n02123045", "tabby"]}, or from a name to its index as torchvision has it, {"cat": 0}
a folder       of a folder for each class: their names in the order in which torchvision and Keras number them
a word         "imagenet" or "cifar10"
=============  ==================================================================================================
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from minicnn.errors import UnknownNameError
from minicnn.models.classes import ClassNames, can_be_shown, cifar10, imagenet
from minicnn.pictures.folders import shown_entries

#: Lists of class names that are called by name.
CLASSES: dict[str, Callable[[], ClassNames]] = {"imagenet": imagenet, "cifar10": cifar10}

#: No list of names is longer, in bytes.
LONGEST = 10_000_000

#: A line such as "n01440764 tench, Tinca tinca".
SYNSET_LINE = re.compile(r"(n[0-9]{8})[\s,]+(\S.*)")

EXPECTED = "expected a text with a class name in each line, JSON, a folder of class folders, imagenet or cifar10"


def class_names(given: str | os.PathLike | Sequence[str]) -> ClassNames:
    """Read class names.

    Parameters
    ----------
    given : path, str, or sequence of str
        The names themselves, or where they are: one of the forms above.

    Raises
    ------
    UnknownNameError
        If there is no such file, or it holds no class names.
    """
    if isinstance(given, ClassNames):
        return given
    if not isinstance(given, (str, os.PathLike)):
        return _checked(ClassNames([str(name) for name in given]), "the list of classes")
    if given in CLASSES:
        return CLASSES[str(given)]()
    path = Path(given)
    if path.is_dir():
        names = sorted(entry.name for entry in shown_entries(path) if entry.is_dir())
        return _checked(ClassNames(names), f"the folder {path}, by its folders,")
    text = _text(path)
    try:
        return _checked(_of_json(json.loads(text)) if text.lstrip()[:1] in ("[", "{") else _of_lines(text), str(path))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        if isinstance(error, UnknownNameError):
            raise
        raise UnknownNameError(f"{path} is no list of class names ({error}); {EXPECTED}") from None


def _text(path: Path) -> str:
    try:
        if path.is_file() and path.stat().st_size <= LONGEST:
            return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnknownNameError(f"the class names in {path} cannot be read ({error}); {EXPECTED}, in UTF-8") from None
    found = "is no short text" if path.exists() else "does not exist"
    raise UnknownNameError(f"{path}, which should hold class names, {found}; {EXPECTED}")


def _of_lines(text: str) -> ClassNames:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    synsets = [SYNSET_LINE.fullmatch(line) for line in lines]
    matches = [match for match in synsets if match]
    if lines and len(matches) == len(lines):
        return ClassNames([match[2] for match in matches], [match[1] for match in matches])
    return ClassNames(lines)


def _of_json(content: Any) -> ClassNames:
    if isinstance(content, Mapping):
        turned = all(type(value) is int for value in content.values())
        pairs = [(value, key) if turned else (key, value) for key, value in content.items()]
        content = {int(index): name for index, name in pairs}
        if len(content) < len(pairs):
            raise ValueError("two names have one index")
        if sorted(content) != list(range(len(content))):
            raise ValueError(f"its indices are not the numbers from 0 to {len(content) - 1}")
        content = [content[index] for index in range(len(content))]
    if content and all(isinstance(entry, list) and len(entry) == 2 and all(isinstance(word, str) for word in entry) for entry in content):
        return ClassNames([name for _, name in content], [identifier.lower() for identifier, _ in content])
    if not all(isinstance(name, str) for name in content):
        raise ValueError("it holds something else than names")
    return ClassNames(content)


def _checked(names: ClassNames, what: str) -> ClassNames:
    """Raise UnknownNameError unless there are names, and all can be printed and saved."""
    for name in names:
        if not name or not can_be_shown(name):
            raise UnknownNameError(f"{what} has a class name {name!r}; expected names that can be shown")
    if not len(names):
        raise UnknownNameError(f"{what} names no classes; {EXPECTED}")
    return names
