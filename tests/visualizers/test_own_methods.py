"""Methods that are not minicnn's own: the one of docs/write-a-visualizer.md, as it stands there, and plug-ins."""

import importlib.metadata
import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from minicnn.cli.main import commands
from minicnn.errors import MinicnnError
from minicnn.visualizers import REGISTRY
from minicnn.visualizers.contract.registry import load_plugins

PAGE = (Path(__file__).parents[2] / "docs" / "write-a-visualizer.md").read_text()


def blocks(language):
    return re.findall(f"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path, panda, monkeypatch):
    """A folder with the page's method and a photo; afterwards the registry is as it was."""
    before, modules = dict(REGISTRY), set(sys.modules)
    (tmp_path / "eigen_cam.py").write_text(blocks("python")[0])
    shutil.copy(panda, tmp_path / "panda.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    REGISTRY.clear()
    REGISTRY.update(before)
    for name in set(sys.modules) - modules:
        if name in ("eigen_cam", "broken", "other"):
            del sys.modules[name]


def run(*arguments):
    return CliRunner().invoke(commands, arguments)


def test_the_page_in_python(folder):
    names = {}
    exec(blocks("python")[1], names)
    assert names["result"].values.shape == (28, 28) and names["result"].values.any()
    assert np.array_equal(names["result"].values, names["same"].values)
    assert {row["method"] for row in names["table"]} == {"saliency", "eigen-cam", "random", "edges"}
    assert (folder / "eigen.png").exists()
    with pytest.raises(MinicnnError, match="component is 1000; expected at most 511"):
        names["eigen_cam"](names["model"], names["trace"], "relu4_3", component=1000)


def test_the_page_on_the_command_line(folder):
    (lines,) = blocks("console")
    outputs = []
    for line in lines.splitlines():
        found = run(*shlex.split(line)[1:])
        assert found.exit_code == 0, (line, found.output, found.exception)
        outputs.append(found.output)
    assert "--component" in outputs[1] and "Which principal component" in outputs[1]
    assert "bit for bit" in outputs[2]
    assert {path.name for path in (folder / "page").iterdir()} >= {"index.html", "eigen-cam.png"}


def test_the_page_lists_it_under_its_question(folder):
    text = run("--import", "eigen_cam.py", "--help").output
    section = text[text.index("What mattered for this answer?") : text.index("Can the maps be trusted?")]
    assert re.search("^  eigen-cam ", section, re.MULTILINE)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("nothing.py", None, "cannot import nothing.py: there is no such file"),
        ("nothing", None, "cannot import nothing: No module named 'nothing'; expected an installed module, or a file such as my_method.py"),
        ("broken.py", "x = 1\n1 / 0", "cannot import broken.py, line 2: ZeroDivisionError: division by zero"),
        ("broken.py", "def", "cannot import broken.py: SyntaxError: "),
        ("broken.py", "import nix", "cannot import broken.py, line 1: No module named 'nix'"),
        ("broken.py", "raise SystemExit(3)", "cannot import broken.py, line 1: SystemExit: 3"),
        ("json.py", "", "cannot import json.py: another module is called json already"),
        ("broken.py", "open('nix')", "cannot import broken.py, line 1: FileNotFoundError: "),
    ],
)
def test_a_bad_import_is_one_line(folder, name, content, message):
    if content is not None:
        (folder / name).write_text(content)
    error = run("--import", name, "predict").exception
    assert isinstance(error, MinicnnError) and str(error).startswith(message)


@pytest.fixture
def entry_points(folder, monkeypatch):
    (folder / "broken.py").write_text("import nix")
    found = [importlib.metadata.EntryPoint(name, name, "minicnn.visualizers") for name in ("broken", "eigen_cam")]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [entry for entry in found if entry.group == group])
    load_plugins.cache_clear()
    yield
    load_plugins.cache_clear()


@pytest.mark.usefixtures("entry_points")
def test_plugins_are_loaded_for_the_command_line():
    """One that is broken gives a line, and the others are there."""
    assert "eigen-cam" not in REGISTRY
    found = run("eigen-cam", "--help")
    assert found.exit_code == 0 and "principal component" in found.output
    lines = [line for line in found.output.splitlines() if line.startswith("Warning: ")]
    assert lines == ["Warning: the plug-in broken (broken) cannot be loaded: ModuleNotFoundError: No module named 'nix'"]
    assert "Warning" not in run("--help").output


@pytest.mark.parametrize("typed, meant", [("salency", "saliency"), ("grad_cam", "grad-cam"), ("predct", "predict"), ("Report", "report")])
def test_a_mistyped_command(typed, meant):
    found = run(typed)
    assert found.exit_code == 2 and f"there is no command {typed!r} (did you mean {meant!r}?)" in found.output
