"""Notebooks: whether one runs this, and the bar that is shown there. IPython is looked for among what is imported, never imported."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

#: How a progress bar looks.
BAR = "{desc}: {percentage:3.0f}% |{bar}| {remaining} left"


def in_notebook() -> bool:
    """Tell whether a notebook runs this: an IPython kernel, and not IPython in a terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


@contextlib.contextmanager
def notebook_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar from the first report on; yields the function progress(done, total)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are no widgets; then the bar is one of letters
        from tqdm.auto import tqdm
    with contextlib.ExitStack() as shown:
        bar: Any = None

        def progress(done: int, total: int) -> None:
            nonlocal bar
            bar = bar or shown.enter_context(tqdm(total=total, desc=label, leave=False, bar_format=BAR))
            bar.update(done - bar.n)

        yield progress
