"""What stops a command while Python still imports, and right after."""

import signal
import subprocess
import sys

import pytest
from commands import default_signals, finish, start, wait_for

COMMAND = ("predict", "shipped:panda", "--model", "minivgg-cifar10")
TELL_IMPORTS = ("-X", "importtime", "-m", "minicnn")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("imported", ["click", "numpy", "llvmlite.binding", "numba.core.dispatcher", "minicnn.layers", "minicnn.cli.main"])
def test_a_signal_while_modules_are_imported(sent, imported):
    """The moment is that at which Python says that it has imported a module."""
    process = start(*COMMAND, command=TELL_IMPORTS)
    wait_for(f" {imported}\n", process.stderr)
    process.send_signal(sent)
    found = finish(process)
    assert found.returncode == 130 and found.stdout == "" and found.stderr.endswith("\nstopped; nothing was written\n")
    assert "Traceback" not in found.stderr and "ignored" not in found.stderr


def test_signals_that_are_switched_off_stay_off():
    def ignore():
        default_signals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    process = start(*COMMAND, command=TELL_IMPORTS, prepare=ignore)
    wait_for(" numpy\n", process.stderr)
    process.send_signal(signal.SIGHUP)
    assert finish(process).returncode == 0


def test_with_standard_error_closed():
    script = f'exec {sys.executable} -c "{STOPPED_EARLY}" 2>&-'
    assert subprocess.run(["bash", "-c", script], preexec_fn=default_signals, check=False).returncode == 130


#: Imports minicnn.cli.main as the command does, but is stopped by its first import of numpy.
STOPPED_EARLY = """
import signal, sys
from minicnn.__main__ import main
class Stop:
    def find_spec(self, name, path, target=None):
        if name == 'numpy':
            signal.raise_signal(signal.SIGTERM)
sys.meta_path.insert(0, Stop())
main()
"""


def test_a_signal_that_is_dropped_comes_again():
    """Where Python frees an object, an exception goes nowhere but to a hook."""
    code = """
import signal, time
from minicnn.cli.signals import stop_by_exception
class Freed:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)
stop_by_exception()
try:
    Freed()
    end = time.monotonic() + 30
    while time.monotonic() < end:
        pass
except KeyboardInterrupt:
    print("stopped")
"""
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, preexec_fn=default_signals, capture_output=True, text=True, timeout=100, check=False)
    assert (process.returncode, process.stdout, process.stderr) == (0, "stopped\n", "")


def test_importing_minicnn_imports_nothing_large():
    code = "import sys, minicnn.cli.signals, minicnn.__main__; assert not {'numpy', 'numba', 'click'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
