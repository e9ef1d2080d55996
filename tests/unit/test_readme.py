"""The README lists what there is."""

from pathlib import Path

import pytest

from minicnn.visualizers import REGISTRY

README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.mark.parametrize("name", REGISTRY)
def test_every_method_has_a_line(name):
    assert f"| `minicnn {name} " in README or f"| `minicnn {name}`" in README


def test_every_script_that_measures_is_named():
    scripts = {path.name for path in (Path(__file__).parents[2] / "scripts").glob("measure_*")}
    assert all(f"scripts/{name}" in README for name in scripts)
