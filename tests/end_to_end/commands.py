"""Run the command line as a user does, in a process of its own."""

import subprocess
import sys


def minicnn(*arguments, folder=None, **options):
    """Run a command; returns the finished process with its output as text."""
    command = [sys.executable, "-m", "minicnn", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False, **options)


def succeed(*arguments, **options):
    """Run a command that must end well; returns what it printed."""
    process = minicnn(*arguments, **options)
    assert process.returncode == 0, process.stderr
    assert "Traceback" not in process.stderr
    return process.stdout


def fail(*arguments, **options):
    """Run a command that must end with code 2 and one line of error; returns that line."""
    process = minicnn(*arguments, **options)
    assert process.returncode == 2, (process.returncode, process.stdout, process.stderr)
    assert "Traceback" not in process.stderr and process.stdout == ""
    (line,) = [line for line in process.stderr.splitlines() if line.startswith("Error: ")]
    return line
