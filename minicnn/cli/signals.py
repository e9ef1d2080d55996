"""What stops a command from outside: Ctrl-C, a closed terminal, or the system. Imports nothing large, as it is imported first.

A command goes through three phases. While modules are imported, it ends at once: nothing has been begun that would have to be cleaned up,
and an exception might be lost in the middle of an import. While it works, `KeyboardInterrupt` is raised, so that files are cleaned up.
While it saves its result, and ends, nothing may disturb it. What arrives in the first hundredths of a second, before Python runs any code
of minicnn, is Python's affair.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

#: Those that this system has.
STOPPING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

#: The exit code of a command that was stopped, whatever stopped it, and what it says.
STOPPED, STOPPED_TEXT = 130, "\nstopped; nothing was written\n"


def stop_at_once() -> None:
    """Let each of them end the process, with a line that says so; those that are switched off, as by `nohup`, stay off."""
    _handle_by(_end)


def stop_by_exception() -> None:
    """Let each of them raise KeyboardInterrupt, so that files are cleaned up; those that are switched off, as by `nohup`, stay off."""
    _handle_by(_interrupt)
    sys.unraisablehook = _send_again


def finish_undisturbed() -> None:
    """Ignore them from here to the end of the command, which saves something: a second Ctrl-C must not spoil it."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


def _handle_by(handler: Callable[[int, FrameType | None], Any]) -> None:
    for number in STOPPING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):  # standard error may be closed
        os.write(2, STOPPED_TEXT.encode())
    os._exit(STOPPED)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def _send_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Let a signal come once more, a moment later, if it came where Python drops exceptions, as while it frees an object."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt) and unraisable.exc_value is not None and unraisable.exc_value.args:
        from _thread import interrupt_main
        from threading import Timer

        Timer(0.01, interrupt_main, unraisable.exc_value.args).start()
    else:
        sys.__unraisablehook__(unraisable)
