"""The names of a network's classes, and finding one by name."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import overload

from minicnn.errors import UnknownNameError
from minicnn.files.resources import shipped_file


class ClassNames(Sequence):
    """Class names by index, and indices by name.

    Parameters
    ----------
    names : sequence of str
        In the order of the network's outputs. Underscores become spaces.
    identifiers : sequence of str, optional
        A second, unambiguous name for each class, such as WordNet's "n02123045".
    """

    def __init__(self, names: Sequence[str], identifiers: Sequence[str] = ()):
        self.names = tuple(as_name(name) for name in names)
        self.identifiers = tuple(identifiers)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...

    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        return self.names[index]

    def find(self, target: str | int) -> int:
        """Find a class.

        Parameters
        ----------
        target : str or int
            A name (upper or lower case, spaces or underscores), an identifier, or an index, as a number or as text that is nobody's name.

        Returns
        -------
        int

        Raises
        ------
        UnknownNameError
            If there is no such class (the message has the nearest names), or more than one.
        """
        spaced = as_name(str(target))
        text = spaced.lower()
        exact = [
            i for i, name in enumerate(self.names) if name == spaced and isinstance(target, str)
        ]  # "Cardigan" is a dog, "cardigan" a garment
        if not exact and re.fullmatch("-?[0-9]+", text):
            if len(text) > 9 or not 0 <= int(text) < len(self):
                raise UnknownNameError(f"there is no class {text[:20]}; the indices run from 0 to {len(self) - 1}")
            return int(text)
        if text in self.identifiers:
            return self.identifiers.index(text)
        plain = [name.lower() for name in self.names]
        found = exact or [i for i, name in enumerate(plain) if name == text]
        if len(found) == 1:
            return found[0]
        if found:
            choices = " or ".join(f"{i} ({self.identifiers[i]})" if self.identifiers else str(i) for i in found)
            raise UnknownNameError(f"{len(found)} classes are called {target!r}; give the index instead: {choices}")
        one_word = [name for name in plain if difflib.get_close_matches(text, name.split(), n=1, cutoff=0.8)]
        near = dict.fromkeys(self.names[plain.index(name)] for name in one_word + difflib.get_close_matches(text, plain, n=5, cutoff=0.5))
        hint = f"the nearest names are {', '.join(list(near)[:5])}" if near else "no name is near"
        raise UnknownNameError(f"there is no class {target!r}; {hint}. Or give an index from 0 to {len(self) - 1}")


@cache
def imagenet() -> ClassNames:
    """Return the 1000 classes of ImageNet (ILSVRC 2012) with their WordNet identifiers."""
    entries = json.loads(shipped_file("imagenet_class_index.json").read_text())
    ordered = [entries[str(i)] for i in range(len(entries))]
    return ClassNames([name for _, name in ordered], [identifier for identifier, _ in ordered])


@cache
def cifar10() -> ClassNames:
    """Return the 10 classes of CIFAR-10."""
    return ClassNames(["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"])


def can_be_shown(text: str) -> bool:
    """Tell whether a text can be printed and saved: it holds no control characters, and no bytes that are not UTF-8."""
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def as_name(text: str) -> str:
    """Return a class name with single spaces, also for underscores, and each accented letter as one character (Unicode's NFC)."""
    return " ".join(unicodedata.normalize("NFC", text).replace("_", " ").split())
