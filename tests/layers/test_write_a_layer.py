"""docs/write-a-layer.md does what it says: its code, its commands, its description."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import minicnn
from minicnn.cli.main import commands
from minicnn.models.descriptions import read_description

PAGE = (Path(__file__).parents[2] / "docs" / "write-a-layer.md").read_text()


def blocks(language):
    return re.findall(f"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path, panda, monkeypatch):
    """A folder with the page's layers, a photo, and photos of two classes."""
    layers, *_, scale = (block for block in blocks("python") if block.startswith("# my_layers.py"))
    (tmp_path / "my_layers.py").write_text(f"{layers}\n\n{scale}")
    shutil.copy(panda, tmp_path / "photo.jpg")
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(3):
            shutil.copy(panda, tmp_path / "photos" / name / f"{i}.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("my_layers", None)


def test_the_page(folder):
    """Its code in order, then its commands, then its description."""
    names = {"np": np}
    for block in blocks("python"):
        if not block.startswith("# my_layers.py"):
            exec(block, names)
    assert [check.verdict for check in names["minicnn"].gradcheck.check_layer(names["Swish"](), names["x"])] == ["ok"]
    assert names["again"].network.layers["swish1"].__class__ is names["my_layers"].Swish
    checks = minicnn.gradcheck.check_layer(names["my_layers"].Scale(np.arange(1.0, 4)), names["x"])
    assert [check.verdict for check in checks] == ["ok", "ok"]
    for line in blocks("sh")[0].splitlines():
        found = CliRunner().invoke(commands, [*shlex.split(line)[1:], *(["--epochs", "1"] if " train " in line else [])])
        assert found.exit_code == 0, (line, found.output, found.exception)
    assert (folder / "photo-saliency.png").exists() and (folder / "better.h5").exists()
    text = "input = [32, 32, 3]\n" + blocks("toml")[0]
    assert isinstance(read_description(text, "page").network.layers["swish1"], sys.modules["my_layers"].Swish)
