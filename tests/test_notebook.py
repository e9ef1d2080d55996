"""What is different in a notebook, which is only looked like here."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import minicnn
from minicnn.kernels import jit
from minicnn.notebook import in_notebook


@pytest.fixture
def notebook(monkeypatch):
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    return ipython


def test_a_notebook_is_recognized(notebook, monkeypatch):
    assert in_notebook()
    notebook.get_ipython = lambda: SimpleNamespace()  # IPython in a terminal
    assert not in_notebook()
    notebook.get_ipython = lambda: None
    assert not in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook() and "IPython" not in sys.modules


@pytest.mark.usefixtures("notebook")
def test_bars(small_model, panda, capsys):
    minicnn.smoothgrad(small_model, panda, samples=3)
    assert "smoothgrad: " in capsys.readouterr().err
    minicnn.saliency(small_model, [panda, panda])
    assert "saliency: " in capsys.readouterr().err
    minicnn.saliency(small_model, panda)
    minicnn.smoothgrad(small_model, panda, samples=2, progress=lambda done, total: None)
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("notebook")
def test_one_bar_for_a_method_that_runs_others(small_model, panda, capsys):
    minicnn.compare(small_model, panda, methods=["smoothgrad"], steps=2)
    shown = capsys.readouterr().err
    assert "compare: " in shown and "smoothgrad" not in shown


def test_no_bar_elsewhere(small_model, panda, capsys):
    minicnn.smoothgrad(small_model, [panda, panda], samples=2)
    assert capsys.readouterr().err == ""


def test_only_our_own_kernels_are_announced():
    said = []
    listener = jit._FirstCompilation(said.append)
    for function in (np.testing.assert_equal, jit.jit, jit.jit):
        listener.on_start(SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=function)}))
    assert said == [jit.COMPILING]
