"""Class names beside the weights, in the forms in which people keep them."""

import json

import pytest

from minicnn.errors import UnknownNameError
from minicnn.models.class_files import class_names
from minicnn.models.classes import cifar10, imagenet


@pytest.mark.parametrize(
    "text",
    [
        "cat\nred_fox\n\ndog\n",
        "\ufeffcat\r\nred_fox\r\ndog",
        json.dumps(["cat", "red_fox", "dog"]),
        json.dumps({"2": "dog", "0": "cat", "1": "red fox"}),
        json.dumps({"dog": 2, "cat": 0, "red_fox": 1}),
    ],
)
def test_the_same_names_in_many_forms(text, tmp_path):
    (tmp_path / "names").write_bytes(text.encode())
    assert list(class_names(tmp_path / "names")) == ["cat", "red fox", "dog"]


@pytest.mark.parametrize(
    "text",
    ["n02123045 tabby, tabby cat\nn02123159 tiger cat\n", json.dumps({"0": ["n02123045", "tabby"], "1": ["n02123159", "tiger cat"]})],
)
def test_names_with_identifiers(text, tmp_path):
    (tmp_path / "names").write_text(text)
    names = class_names(tmp_path / "names")
    assert names.find("tabby") == 0 and names.find("n02123159") == 1


def test_a_folder_in_the_order_of_torchvision_and_keras(tmp_path):
    """By characters: "10" before "2", capitals first; files and hidden folders are none."""
    for name in ("b", "10", "2", "Z", ".cache"):
        (tmp_path / name).mkdir()
    (tmp_path / "a.txt").write_text("")
    assert list(class_names(str(tmp_path))) == ["10", "2", "Z", "b"]


def test_known_lists_and_lists_of_ones_own():
    assert class_names("imagenet") is imagenet() is class_names(imagenet()) and class_names("cifar10") is cifar10()
    assert list(class_names(["a", "b_c"])) == ["a", "b c"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "names no classes"),
        ("[]", "names no classes"),
        ("[1, 2]", "something else than names"),
        ('{"0": "a", "2": "b"}', "not the numbers from 0 to 1"),
        ('{"a": "b"}', "is no list of class names"),
        ("[" * 100_000, "is no list of class names"),
        ('["a", "b\\u0007"]', "has a class name"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_what_is_no_list_of_names(text, message, tmp_path):
    (tmp_path / "names").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UnknownNameError, match=message):
        class_names(tmp_path / "names")


@pytest.mark.parametrize("content", [{"cat": 0, "dog": 0, "bird": 1}, {"0": "cat", "00": "dog"}])
def test_two_names_of_one_index(tmp_path, content):
    (tmp_path / "classes.json").write_text(json.dumps(content))
    with pytest.raises(UnknownNameError, match="two names have one index"):
        class_names(tmp_path / "classes.json")
