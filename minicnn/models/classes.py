"""The names of a network's classes, and finding one by name."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from typing import overload

from minicnn.errors import UnknownNameError
from minicnn.files.resources import shipped_file

#: British spellings and the American ones that ImageNet has, or the other way round: both find each other.
SPELLINGS = {"grey": "gray", "colour": "color", "theatre": "theater", "tyre": "tire", "aeroplane": "airplane", "jewellery": "jewelry"}
SPELLINGS |= {"plough": "plow", "pyjama": "pajama", "moustache": "mustache", "fibre": "fiber", "woollen": "woolen"}

#: A beginning of a name must have so many letters to be taken for it.
SHORTEST_BEGINNING = 3


class ClassNames(Sequence):
    """Class names by index, and indices by name.

    Parameters
    ----------
    names : sequence of str
        In the order of the network's outputs. Underscores become spaces.
    identifiers : sequence of str, optional
        A second, unambiguous name for each class, such as WordNet's "n02123045".
    synonyms : sequence of sequence of str, optional
        For each class the names that it also goes by; several classes may share one.
    """

    def __init__(self, names: Sequence[str], identifiers: Sequence[str] = (), synonyms: Sequence[Sequence[str]] = ()):
        self.names = tuple(as_name(name) for name in names)
        self.identifiers = tuple(identifiers)
        self.synonyms = tuple(tuple(map(as_name, of_class)) for of_class in synonyms) or ((),) * len(self.names)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...

    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        return self.names[index]

    def find(self, target: str | int, beginnings: bool = True) -> int:
        """Find a class.

        Parameters
        ----------
        target : str or int
            An index, as a number or as text that is nobody's name; an identifier; or a name: the first of these ways that finds a class
            counts: as it is written; in upper or lower case; with other spaces and hyphens, or in British or American spelling; a
            synonym, or several with commas; the beginning of one class's name alone, which is not a word in another's.
        beginnings : bool
            Whether beginnings count.

        Returns
        -------
        int

        Raises
        ------
        UnknownNameError
            If there is no such class (the message has the nearest names), or more than one.
        """
        text = as_name(str(target))
        exact = isinstance(target, str) and text in self.names
        if not exact and re.fullmatch("-?[0-9]+", text):
            if len(text) > 9 or not 0 <= int(text) < len(self):
                raise UnknownNameError(f"there is no class {text[:20]}; the indices run from 0 to {len(self) - 1}")
            return int(text)
        found = self._candidates(text, beginnings)
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownNameError(f"{len(found)} classes may be meant by {target!r}; give the index instead: {self._choices(found)}")
        raise UnknownNameError(f"there is no class {target!r}; {self._nearest(text.lower())}. Or give an index from 0 to {len(self) - 1}")

    def knows(self, text: str) -> bool:
        """Tell whether a text names a class, or several among which it does not choose, in any of the ways in which `find` looks."""
        return bool(self._candidates(as_name(text))) or bool(re.fullmatch(r"\s*[0-9]{1,9}\s*", text))

    def _candidates(self, text: str, beginnings: bool = True) -> list[int]:
        """List the classes that a name may mean."""
        if found := _matching(self.names, text):  # "Cardigan" is a dog, "cardigan" a garment
            return found
        if text.lower() in self.identifiers:
            return [self.identifiers.index(text.lower())]
        found = _matching(map(str.lower, self.names), text.lower()) or _matching(map(_spelled, self.names), _spelled(text))
        return found or self._by_synonym(text) or (self._by_beginning(_spelled(text)) if beginnings else [])

    @cached_property
    def _spelled(self) -> tuple[frozenset[str], ...]:
        """For each class its name and synonyms, and the parts of those with commas, as `_spelled` writes them."""
        everything = ([name, *of_class] for name, of_class in zip(self.names, self.synonyms, strict=True))
        return tuple(
            frozenset(filter(None, (_spelled(part) for name in names for part in (name, *name.split(","))))) for names in everything
        )

    def _by_synonym(self, text: str) -> list[int]:
        """List the classes that go by a name, or by each of several with commas between."""
        parts = set(filter(None, map(_spelled, text.split(","))))
        return [i for i, names in enumerate(self._spelled) if parts and parts <= names]

    def _by_beginning(self, spelled: str) -> list[int]:
        """List the classes with a name that begins with a text, and if there is one, those with a name in which it is a word, too."""
        if len(spelled) < SHORTEST_BEGINNING:
            return []
        beginning = [i for i, names in enumerate(self._spelled) if any(name.startswith(spelled) for name in names)]
        words = [i for i, names in enumerate(zip(self.names, self.synonyms)) if spelled in _words(names)]
        return sorted({*beginning, *words}) if beginning else []

    def _choices(self, found: Sequence[int]) -> str:
        """Write the classes that may be meant, of many only the first."""
        shown = [f"{i} ({', '.join([self.names[i], *self.identifiers[i : i + 1]])})" for i in found[:10]]
        return " or ".join(shown) + (f" or {len(found) - 10} more" if len(found) > 10 else "")

    def _nearest(self, text: str) -> str:
        """Say which names are near a text in small letters."""
        plain = [name.lower() for name in self.names]
        one_word = [name for name in plain if difflib.get_close_matches(text, name.split(), n=1, cutoff=0.8)]
        near = dict.fromkeys(self.names[plain.index(name)] for name in one_word + difflib.get_close_matches(text, plain, n=5, cutoff=0.5))
        return f"the nearest names are {', '.join(list(near)[:5])}" if near else "no name is near"


@cache
def imagenet() -> ClassNames:
    """Return the 1000 classes of ImageNet (ILSVRC 2012) with their WordNet identifiers and all words of these synsets."""
    identifiers, names = zip(*imagenet_index())
    words = json.loads(shipped_file("imagenet_synonyms.json").read_text(encoding="utf-8"))
    return ClassNames(names, identifiers, [words[identifier].split(", ") for identifier in identifiers])


def imagenet_index() -> list[tuple[str, str]]:
    """List ImageNet's classes in order, each as WordNet's identifier and the name that Keras gives it."""
    entries = json.loads(shipped_file("imagenet_class_index.json").read_text())
    return [tuple(entries[str(i)]) for i in range(len(entries))]


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


def _spelled(text: str) -> str:
    """Write a name without regard to case, spaces, hyphens and other signs, and in one of two spellings."""
    letters = "".join(character for character in text.casefold() if character.isalnum())
    for british, american in SPELLINGS.items():
        letters = letters.replace(british, american)
    return letters


def _words(names: tuple[str, tuple[str, ...]]) -> set[str]:
    """List the words of a class's name and synonyms."""
    name, synonyms = names
    return {_spelled(word) for text in (name, *synonyms) for word in re.split(r"[\s,-]+", text)}


def _matching(names: Iterable[str], text: str) -> list[int]:
    return [i for i, name in enumerate(names) if name == text]
