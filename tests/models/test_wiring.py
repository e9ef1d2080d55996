"""Layers by number: networks that differ in names alone are the same."""

from minicnn.models.specs import spec
from minicnn.models.wiring import computing, numbered, renamed

LAYERS = {
    "a": spec("relu"),
    "drop": spec("dropout"),
    "b": spec("relu"),
    "sum": spec("add", "b", "drop"),
    "c": spec("sigmoid", "input"),
    "last": spec("add", "c", "sum", "input"),
}


def test_numbers_stand_for_names():
    assert [(name, spec.inputs) for name, spec in numbered(LAYERS)] == [
        ("a", ()),
        ("drop", ()),
        ("b", ()),
        ("sum", ("3", "2")),
        ("c", ("input",)),
        ("last", ("5", "4", "input")),
    ]


def test_what_takes_a_layer_that_is_left_out_takes_what_it_took():
    found = numbered(LAYERS, lambda spec: spec.word == "dropout")
    assert [(name, spec.inputs) for name, spec in found] == [
        ("a", ()),
        ("b", ()),
        ("sum", ("2", "1")),
        ("c", ("input",)),
        ("last", ("4", "3", "input")),
    ]


def test_other_names_change_no_number():
    other = renamed(LAYERS, {"a": "first", "b": "second", "sum": "plus"})
    assert list(other) == ["first", "drop", "second", "plus", "c", "last"] and other["last"].inputs == ("c", "plus", "input")
    assert [spec for _, spec in numbered(other)] == [spec for _, spec in numbered(LAYERS)]
    swapped = {**LAYERS, "sum": spec("add", "drop", "b")}
    assert [spec for _, spec in numbered(swapped)] != [spec for _, spec in numbered(LAYERS)]


def test_which_input_of_a_sum_comes_first_changes_no_number():
    assert computing(spec("add", "8", "2")) == computing(spec("add", "2", "8"))
    assert computing(spec("concatenate", "8", "2")) != computing(spec("concatenate", "2", "8"))
    assert computing(spec("multiply", "8", "2")) != computing(spec("multiply", "2", "8"))  # an image, and its gate
