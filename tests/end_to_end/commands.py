"""Run the command line: nearly always in this process; in one of its own for what only a process shows, such as closed pipes and limits."""

import contextlib
import io
import signal
import subprocess
import sys
import warnings
from typing import NamedTuple

import pytest

from minicnn.cli.main import main
from minicnn.cli.signals import STOPPING


class Finished(NamedTuple):
    """How a command ended and what it printed, named as in `subprocess.CompletedProcess`."""

    returncode: int
    stdout: str
    stderr: str


def minicnn(*arguments, folder=None):
    """Run a command in this process, as if started in a folder; everything else that it sets is put back.

    An error that the command does not report itself comes out.
    """
    outputs = [io.TextIOWrapper(io.BytesIO(), "utf-8", errors, write_through=True) for errors in ("strict", "backslashreplace")]
    with (
        warnings.catch_warnings(),
        fresh_signals(),
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(outputs[0]),
        contextlib.redirect_stderr(outputs[1]),
        pytest.raises(SystemExit) as ended,
    ):
        patch.setattr("minicnn.cli.main.announce_compilation", lambda callback: None)  # would stay in force for good
        if folder is not None:
            patch.chdir(folder)
        main([str(argument) for argument in arguments])
    return Finished(ended.value.code or 0, *(output.buffer.getvalue().decode() for output in outputs))


@contextlib.contextmanager
def fresh_signals():
    """Let signals do what they do in a fresh terminal, and put the handlers back at the end."""
    handlers = {number: signal.getsignal(number) for number in STOPPING}
    default_signals()
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def default_signals():
    """Let signals do what they do in a terminal: where the tests run in the background or under nohup, some are ignored."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def interrupted(bar, when, sent=signal.SIGINT):
    """Send a signal, as Ctrl-C does, to the commands of a ``with`` block that run in this process.

    Parameters
    ----------
    bar : str
        The progress bar of the command, such as "train.progress_bar".
    when : callable
        Called with what the bar is told: whether it is time to.
    sent : int
    """

    @contextlib.contextmanager
    def watched(label):
        yield lambda *told: signal.raise_signal(sent) if when(*told) else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"minicnn.cli.{bar}", watched)
        yield


def start(*arguments, folder=None, prepare=default_signals, command=("-m", "minicnn"), **options):
    """Start a command in a process of its own, with pipes of text.

    Parameters
    ----------
    prepare : callable
        Runs in the new process before Python starts there.
    command : sequence of str
        What Python runs.
    **options
        For `subprocess.Popen`.
    """
    return subprocess.Popen(
        [sys.executable, *map(str, (*command, *arguments))],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=prepare,
        **options,
    )


def finish(process):
    """Wait for a started command."""
    stdout, stderr = process.communicate(timeout=300)
    return Finished(process.returncode, stdout, stderr)


def wait_for(text, pipe):
    """Read a started command's output up to a line with a text."""
    for line in pipe:
        if text in line:
            return
    raise AssertionError(f"it ended without {text!r}")


def succeed(*arguments, folder=None):
    """Run a command that must end well; returns what it printed."""
    found = minicnn(*arguments, folder=folder)
    assert found.returncode == 0, found.stderr
    return found.stdout


def fail(*arguments, folder=None):
    """Run a command that must end with code 2 and one line of error; returns that line."""
    found = minicnn(*arguments, folder=folder)
    assert found.returncode == 2 and found.stdout == "", found
    (line,) = [line for line in found.stderr.splitlines() if line.startswith("Error: ")]
    return line
