"""What stops a command from outside: Ctrl-C, a closed terminal, or the system."""

from __future__ import annotations

import signal

#: Those that this system has.
STOPPING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def stop_by_exception() -> None:
    """Let each of them raise KeyboardInterrupt, so that files are cleaned up; those that are switched off, as by `nohup`, stay off."""
    for number in STOPPING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def finish_undisturbed() -> None:
    """Ignore them from here to the end of the command, which saves something: a second Ctrl-C must not spoil it."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
