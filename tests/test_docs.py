"""Whatever a page says can be typed: its commands have these options, its code runs, its links and paths lead somewhere."""

import ast
import contextlib
import os
import pkgutil
import re
import shlex
import shutil

import click
import pytest
from pages import PAGES, ROOT, SETUP, anchors, blocks, code_spans, without_blocks

import minicnn
from minicnn.cli.main import commands

#: Programs in shell blocks that are not ours; what they do is not looked at.
OTHERS = {"find", "python", ".venv/bin/pre-commit"}

#: The changelog speaks of what is no more.
CURRENT = [name for name in PAGES if name != "CHANGELOG.md"]


def check_minicnn(words):
    """Parse the arguments of `minicnn` without running the command; raises click's error if they cannot be typed so."""
    command, context, imports = commands, click.Context(commands, info_name="minicnn"), False
    while isinstance(command, click.Group):
        options, words, _ = command.make_parser(context).parse_args(list(words))
        imports = imports or bool(options.get("import"))
        if not words or words[0].isupper():  # COMMAND, NAME: any of them
            return
        name, *words = words
        command = command.get_command(context, name)
        if command is None and imports:
            return  # the file that is imported brings it
        assert command is not None, f"there is no command {name}"
    try:
        with command.make_context(name, words, parent=context):
            pass
    except click.exceptions.Exit:  # --help
        pass


def check_script(path, words):
    """Look whether a script is there and knows the options that it is given; those of scripts/test are pytest's."""
    assert os.access(ROOT / path, os.X_OK) or os.name == "nt", f"{path} cannot be run"
    if path == "scripts/test":
        assert all((ROOT / word).exists() for word in words if word.startswith("tests/"))
    elif path == "scripts/demo":
        check_minicnn(["report", *words])
    else:
        text = (ROOT / path).read_text()
        assert all(word in text for word in words if word.startswith("--"))


def check_command(line):
    """Check one line of a shell block."""
    words = shlex.split(line, comments=True)
    while words and re.match(r"\w+=", words[0]):
        words.pop(0)
    if not words or words[0] in OTHERS:
        return
    first, *rest = words
    if first == "minicnn":
        check_minicnn(rest)
    elif first.startswith("scripts/"):
        check_script(first, rest)
    elif first == "pip":
        for extras in re.findall(r"(?:minicnn-numpy|\.)\[([\w,]+)\]", line):
            assert all(extra in SETUP["options.extras_require"] for extra in extras.split(","))
    else:
        pytest.fail(f"no way to check {line!r}")


def shell_lines():
    """Return each line of each shell block, named by its page."""
    return [
        pytest.param(line, id=f"{name}: {line.strip()}")
        for name, text in PAGES.items()
        for block in blocks(text, "sh")
        for line in block.replace("\\\n", " ").splitlines()
    ]


@pytest.mark.parametrize("line", shell_lines())
def test_commands_in_blocks(line):
    check_command(line)


@pytest.mark.parametrize("name", CURRENT)
def test_commands_in_the_text(name):
    for code in code_spans(PAGES[name]):
        if re.match(r"minicnn |scripts/\w+($| )", code):
            with contextlib.suppress(click.MissingParameter):  # `minicnn train` speaks of the command
                check_command(code)


@pytest.mark.parametrize(
    "line", ["minicnn saliency --no-such-option", "minicnn nothing", "minicnn saliency --samples 3", "minicnn lrp --rule x"]
)
def test_what_cannot_be_typed_is_noticed(line):
    with pytest.raises((click.UsageError, AssertionError)):
        check_command(line)


@pytest.mark.parametrize("name", [name for name in CURRENT if blocks(PAGES[name], "python")])
def test_code_imports_what_there_is(name):
    for code in blocks(PAGES[name], "python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("minicnn"):
                for alias in node.names:
                    pkgutil.resolve_name(f"{node.module}.{alias.name}")
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "minicnn":
                assert hasattr(minicnn, node.attr), node.attr


@pytest.mark.parametrize("name", ["README.md", "docs/python.md"])
def test_code_runs(name, panda, tmp_path, monkeypatch):
    """All of a page in one session, beside a photo called panda.jpg."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(panda, "panda.jpg")
    names = {}
    for code in blocks(PAGES[name], "python"):
        exec(code, names)
    assert names["result"].values.ndim == 2


@pytest.mark.parametrize("name", CURRENT)
def test_names_and_paths(name):
    """`minicnn.network.rules` can be imported, and `minicnn/geometry.py` is there."""
    for code in code_spans(PAGES[name]):
        if dotted := re.match(r"minicnn(\.\w+)+", code):
            pkgutil.resolve_name(dotted[0])
        elif re.fullmatch(r"(minicnn|scripts|tests|weights|docs)/[\w./*-]*", code):
            assert any(ROOT.glob(code.rstrip("/"))), f"there is no {code}"


@pytest.mark.parametrize("name", PAGES)
def test_links(name):
    """Those within the project lead to a file, and to a heading in it."""
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(PAGES[name])):
        path, _, anchor = target.partition("#")
        if re.match("https?:", target):
            continue
        file = (ROOT / name).parent / path if path else ROOT / name
        assert file.exists(), f"there is no {target}"
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), f"there is no heading {target}"
