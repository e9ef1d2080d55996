"""What a result says of itself, in one line, in a notebook, as an array."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import minicnn
from minicnn.errors import MinicnnError


def result(values, **more):
    return minicnn.Result(values, minicnn.render.Map(), "a <b> title", **more)


def test_one_line():
    many = {f"layer {i}": np.zeros((2, i)) for i in range(6)}
    assert repr(result(np.zeros((300, 400), np.float32))) == "Result('a <b> title', values (300, 400) float32)"
    assert repr(result(many, stopped=True)) == (
        "Result('a <b> title', layer 0 (2, 0) float64, layer 1 (2, 1) float64, layer 2 (2, 2) float64, layer 3 (2, 3) float64, "
        "2 arrays more, stopped)"
    )


def test_as_an_array():
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    one = result(values)
    assert np.asarray(one) is values and np.array_equal(one, values)
    assert np.asarray(one, np.float64).dtype == np.float64 and np.array_equal(one + np.ones(3), values + 1)
    copied = np.array(one)
    copied[0] = 7
    assert values[0, 0] == 0
    with pytest.raises(ValueError, match="without a copy"):
        one.__array__(np.float64, copy=False)
    with pytest.raises(MinicnnError, match="holds several arrays, not one: a, b"):
        np.asarray(result({"a": values, "b": values}))


def test_a_result_is_a_sequence_of_itself():
    one = result(np.zeros(2))
    assert len(one) == 1 and one[0] is one and list(one) == [one]


def test_arrays_of_any_name(tmp_path):
    """Such as the classes "file" and "source"."""
    arrays = {"file": np.ones(2), "allow_pickle": np.zeros(3), "a/b": np.ones(1)}
    result(arrays).save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        assert set(file.files) == {*arrays, "source"} and all(np.array_equal(file[name], array) for name, array in arrays.items())


@pytest.fixture
def shown(monkeypatch):
    """What is displayed in a notebook that is not there."""
    found = []
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=lambda data, raw: found.append(data)))
    return found


def test_in_a_notebook(shown):
    rows = [{"name": "<i>", "value": 0.123456789}, {"name": "b", "other": np.float32(2)}]
    result(np.ones((4, 5)), text="1 < 2", table=rows, warnings=("odd & so",))._ipython_display_()
    picture, words = shown
    assert picture["image/png"].startswith("iVBOR") and "text/html" not in picture
    for text in ("&lt;i&gt;", "0.1235", "1 &lt; 2", "Warning: odd &amp; so", "a &lt;b&gt; title", "<td>other</td>"):
        assert text in words["text/html"]
    assert "<i>" not in words["text/html"] and "image/png" not in words


def test_a_batch_in_a_notebook(shown, small_model, panda):
    minicnn.saliency(small_model, [panda] * 8)._ipython_display_()
    assert [next(iter(data)) for data in shown] == ["image/png"] * 6 + ["text/html"]
    assert shown[-1]["text/html"].count("<tr>") == 9 and shown[-1]["text/plain"].startswith("BatchResult('saliency of 8 photos', 8 results")


def test_short_texts(small_model, panda):
    network = small_model.network
    trace = network.trace(small_model.prepare(panda))
    assert repr(small_model) == "Model('small', 8 layers, 1,309 parameters, input 40 x 40 x 3, 5 classes)"
    assert repr(network) == "Network(8 layers from conv1 to fc, 1,309 parameters)" and repr(minicnn.Network({})).startswith(
        "Network(0 layers"
    )
    assert repr(trace) == "Trace(input (1, 40, 40, 3), 8 layers, fc (1, 5))"
    assert repr(network.layers["conv1"]) == "Conv2D(weight (5, 3, 3, 8), bias (8,), stride=(2, 1), padding=(2, 1))"
    assert repr(network.layers["fc"]) == "Dense(weight (12, 5), bias (5,))"
    for thing in (small_model, network, trace):
        page = thing._repr_html_()
        assert page.count("<tr>") == 9 and repr(thing).replace("'", "&#x27;") in page
    assert "<td>20 x 40 x 8</td>" in small_model._repr_html_()


class OwnLayer(minicnn.layers.Layer):
    def __init__(self, slope=0.1):
        self.slope = slope


def test_a_layer_of_ones_own():
    assert repr(OwnLayer(0.3)) == "OwnLayer(slope=0.3)"
