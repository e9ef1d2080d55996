"""Methods and layers that are not minicnn's own: from a file or module that is named, and from installed packages."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
import warnings
from types import ModuleType

import click

from minicnn.errors import MinicnnError
from minicnn.visualizers.contract.registry import load_plugins


def load_installed() -> None:
    """Load what installed packages bring, once; of what cannot be loaded a line is printed."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_plugins()
    for warning in caught:
        click.echo(f"Warning: {' '.join(str(warning.message).split())}", err=True)


def import_named(name: str) -> ModuleType:
    """Import a module by its name, or run a file as one.

    Raises
    ------
    MinicnnError
        In one line, whatever goes wrong in it.
    """
    is_file = name.endswith(".py") or os.sep in name
    if is_file and not os.path.isfile(name):
        raise MinicnnError(f"cannot import {name}: there is no such file")
    try:
        return _run_file(name) if is_file else importlib.import_module(name)
    except ModuleNotFoundError as error:
        advice = "; expected an installed module, or a file such as my_method.py" if error.name == name.partition(".")[0] else ""
        raise MinicnnError(f"cannot import {name}{_where(error, name)}: {error}{advice}") from error
    except MinicnnError:
        raise
    except (Exception, SystemExit) as error:
        raise MinicnnError(f"cannot import {name}{_where(error, name)}: {type(error).__name__}: {error}") from error


def _run_file(path: str) -> ModuleType:
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise MinicnnError(f"cannot import {path}; expected a Python file, named .py")
    module = importlib.util.module_from_spec(spec)
    known = sys.modules.get(name)
    if known is not None and os.path.abspath(getattr(known, "__file__", None) or "") != os.path.abspath(path):
        raise MinicnnError(f"cannot import {path}: another module is called {name} already; give the file another name")
    sys.modules[name] = module  # where dataclasses and descriptions of networks look for it
    spec.loader.exec_module(module)
    return module


def _where(error: BaseException, path: str) -> str:
    """Say in which line of the file it happened."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if os.path.abspath(frame.filename) == os.path.abspath(path)
    ]
    return f", line {lines[-1]}" if lines else ""
