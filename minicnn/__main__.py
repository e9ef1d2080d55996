"""Where the command line starts: what stops it is dealt with before anything large is imported."""

import contextlib
import os
import sys

from minicnn.cli.signals import STOPPED, finish_undisturbed, stop_at_once


def main() -> None:
    """Run the command line and exit."""
    stop_at_once()
    from minicnn.cli.main import main as run

    try:
        run()
    except SystemExit as ended:
        if ended.code == STOPPED:  # things may be half made, which would complain while Python takes them apart
            _exit_at_once(STOPPED)
        raise
    finally:
        finish_undisturbed()


def _exit_at_once(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # closed
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
