"""The README lists what there is."""

import re
from pathlib import Path

import numpy as np
import pytest

import minicnn
from minicnn.models.descriptions import read_description
from minicnn.visualizers import REGISTRY

README = (Path(__file__).parents[1] / "README.md").read_text()


@pytest.mark.parametrize("name", REGISTRY)
def test_every_method_has_a_line(name):
    assert f"| `minicnn {name} " in README or f"| `minicnn {name}`" in README


def test_every_package_is_installed():
    """setup.cfg names them one by one, and tests run on the source, where a missing one is not missed."""
    root = Path(__file__).parents[1]
    packages = {path.parent.relative_to(root).as_posix().replace("/", ".") for path in (root / "minicnn").rglob("__init__.py")}
    setup = (root / "setup.cfg").read_text()
    listed = set(re.search(r"packages =\n((?:    .*\n)+)", setup)[1].split())
    assert packages | {"minicnn.shipped"} == listed


def test_every_script_that_measures_is_named():
    scripts = {path.name for path in (Path(__file__).parents[1] / "scripts").glob("measure_*")}
    assert all(f"scripts/{name}" in README for name in scripts)


def test_the_network_of_ones_own(tmp_path, monkeypatch):
    """Its text and its code, as they stand there."""
    section = README[README.index("## Your own network") : README.index("## What to know about the pictures")]
    text, code = (re.search(f"```{language}\n(.*?)```", section, re.DOTALL)[1] for language in ("toml", "python"))
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text(text)
    names = {"minicnn": minicnn}
    exec(code, names)
    assert names["model"].network(np.zeros((1, 32, 40, 3), np.float32)).shape == (1, 2)
    assert names["model"].class_index("dog") == 1
    preprocessing = re.search(r"`(preprocessing = {.*})`", section)[1]
    gray = text.replace('preprocessing = "torch"', preprocessing).replace("40, 3]", "40, 1]")
    assert read_description(gray, "gray").preprocessing.colors == "gray"
