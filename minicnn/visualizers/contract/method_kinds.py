"""The kinds of values that name other methods: of those that draw attribution maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from minicnn.visualizers.contract.call import Call
from minicnn.visualizers.contract.registry import attribution_methods
from minicnn.visualizers.contract.values import Kind


class MethodKind(Kind):
    """The name of a method that draws an attribution map."""

    outside = "str"

    @property
    def choices(self) -> Sequence[str]:  # type: ignore[override]  # known only when all methods are registered
        """The methods that there are."""
        return attribution_methods()

    @property
    def expected(self) -> str:  # type: ignore[override]
        """The methods that there are, in a sentence."""
        return f"a method that draws a map: {', '.join(attribution_methods())}"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and value in attribution_methods()


class MethodsKind(Kind):
    """Several of them."""

    outside = "Sequence[str]"
    metavar = "NAME,NAME"
    multiple = True

    @property
    def expected(self) -> str:  # type: ignore[override]
        """The methods that there are, in a sentence."""
        return f"some of {', '.join(attribution_methods())}, each once"

    def accepts(self, value: Any) -> bool:
        methods = attribution_methods()
        if not isinstance(value, (tuple, list)) or not all(isinstance(name, str) for name in value):
            return False
        return 0 < len(value) == len(set(value)) and all(name in methods for name in value)

    def parse(self, text: str) -> tuple[str, ...]:
        return tuple(name.strip() for name in text.split(","))

    def inside(self, name: str, value: Sequence[str], call: Call) -> tuple[str, ...]:
        return tuple(value)


Method = Annotated[str, MethodKind()]
Methods = Annotated[tuple[str, ...], MethodsKind()]
