"""README and docs list what there is, and state each number once."""

import re
from pathlib import Path

import numpy as np
import pytest
from pages import PAGES, ROOT, SETUP, blocks, code_spans, rows, section

import minicnn
from minicnn.cli.tools import TOOLS
from minicnn.layers import LAYERS, Join
from minicnn.models.architectures import ARCHITECTURES
from minicnn.models.descriptions import read_description
from minicnn.visualizers import REGISTRY

README, METHODS, SPEED, MODELS = (PAGES[name] for name in ("README.md", "docs/methods.md", "docs/speed.md", "docs/models.md"))


def costs():
    """The measured passes of each method, read off docs/speed.md."""
    table = section(SPEED, "## The cost of each method")
    return {name: passes for names, passes, *_ in rows(table) for name in names.split(", ") if name in REGISTRY}


@pytest.mark.parametrize("name", REGISTRY)
def test_every_method_has_a_row_in_the_readme(name):
    """Below the question that it helps to answer, with the paper and the measured cost."""
    (row,) = (
        row for row in rows(section(README, f"### {REGISTRY[name].question}")) if re.match(rf"`minicnn {re.escape(name)}[ `]", row[0])
    )
    assert row[2].startswith("[") and "(docs/methods.md#" in row[2]
    assert row[3] == costs()[name]


@pytest.mark.parametrize("name", REGISTRY)
def test_every_method_has_a_section(name):
    """With a command, and with every paper that the registry names."""
    text = section(section(METHODS, f"## {REGISTRY[name].question}"), f"### {name}")
    assert any(f"minicnn {name}" in code for code in blocks(text, "sh"))
    for paper in re.findall(r"arXiv:([0-9.]+[0-9])", REGISTRY[name].paper):
        assert f"](https://arxiv.org/abs/{paper})" in text


def test_methods_come_in_the_order_of_the_report():
    for text, pattern in ((README, r"^\| `minicnn ([\w+-]+)"), (METHODS, r"^### ([\w+-]+)$")):
        assert [name for name in re.findall(pattern, text, re.MULTILINE) if name in REGISTRY] == list(REGISTRY)


def test_every_other_command_has_a_row():
    table = list(rows(section(PAGES["docs/command-line.md"], "## Commands")))
    commands = [name for name in TOOLS if name != "weights"] + [f"weights {name}" for name in TOOLS["weights"].commands]
    for name in commands:
        assert any(re.match(rf"`minicnn {name}[ `]", row[0]) for row in table), name


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_model_has_a_row(name):
    assert any(f"`{name}`" in " ".join(row[:2]) for row in rows(MODELS))
    if ARCHITECTURES[name].shipped_weights:
        assert any(f"`{name}`" in " ".join(row[:2]) and row[2] == "included" for row in rows(section(README, "## Models and weights")))


def test_every_kind_of_layer_has_a_row_with_all_its_options():
    table = {name: row for row in rows(section(MODELS, "### Layers")) for name in code_spans(row[0])}
    assert set(table) == set(LAYERS)
    for word, kind in LAYERS.items():
        named = {option.partition(" ")[0] for cell in table[word][1:] for option in code_spans(cell)}
        assert named == set(kind.options) | ({"inputs"} if issubclass(kind, Join) else set())


def test_every_page_is_in_the_index():
    for name in PAGES:
        if name.startswith("docs/") and name != "docs/README.md":
            assert f"]({Path(name).name})" in PAGES["docs/README.md"]


def test_every_script_that_measures_is_named():
    text = "".join(PAGES.values())
    assert all(f"scripts/{path.name}" in text for path in (ROOT / "scripts").glob("measure_*"))


def test_one_version():
    assert f"\nversion: {minicnn.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## [{minicnn.__version__}] - " in PAGES["CHANGELOG.md"]


def test_every_package_is_installed():
    """setup.cfg names them one by one, and tests run on the source, where a missing one is not missed."""
    packages = {path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in (ROOT / "minicnn").rglob("__init__.py")}
    assert packages | {"minicnn.shipped"} == set(SETUP["options"]["packages"].split())


def test_the_network_of_ones_own(tmp_path, monkeypatch):
    """Its text and its code, as they stand there."""
    (text, residual), (code,) = blocks(MODELS, "toml"), blocks(MODELS, "python")
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text(text)
    names = {}
    exec(code, names)
    assert names["model"].network(np.zeros((1, 32, 40, 3), np.float32)).shape == (1, 2)
    assert names["model"].class_index("dog") == 1
    assert read_description(residual, "residual").network.inputs["add"] == ("norm2", "relu1")
    (preprocessing,) = (code for code in code_spans(MODELS) if code.startswith("preprocessing = {"))
    gray = text.replace('preprocessing = "torch"', preprocessing).replace("40, 3]", "40, 1]")
    assert read_description(gray, "gray").preprocessing.colors == "gray"
