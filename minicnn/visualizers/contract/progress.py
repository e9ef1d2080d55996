"""Who is told how far a method is: whom the user names, or in a notebook a bar."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from minicnn.notebook import in_notebook, notebook_bar

#: Called as progress(done, total).
Watcher = Callable[[int, int], None]

#: Whether a method runs, which may run others.
_RUNNING: ContextVar[bool] = ContextVar("running", default=False)


@contextlib.contextmanager
def watched(method: str, given: Watcher | None, reports: bool) -> Iterator[Watcher | None]:
    """Choose who watches a method while it runs: in a notebook a bar, if it reports, nobody else is named and no other method runs it."""
    outermost = not _RUNNING.get()
    token = _RUNNING.set(True)
    try:
        if given is None and reports and outermost and in_notebook():
            with notebook_bar(method) as bar:
                yield bar
        else:
            yield given
    finally:
        _RUNNING.reset(token)


def part_of(progress: Watcher | None, done: int, total: int, parts: int) -> Watcher | None:
    """Return who watches one of so many runs, each of which counts as so many parts."""
    if progress is None:
        return None
    return lambda inner_done, inner_total: progress(done * parts + parts * inner_done // max(inner_total, 1), total * parts)
