"""Every kind of value, the same on every front."""

import inspect
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Annotated, Literal

import click
import numpy as np
import pytest

import minicnn
from minicnn.cli.visualize import make_command
from minicnn.errors import MinicnnError
from minicnn.visualizers import LIKELIEST, REGISTRY, Image, Index, Kind, Target, visualizer
from minicnn.visualizers.contract.docstrings import SHARED, completed
from minicnn.visualizers.contract.kinds import ClassesKind, LayerKind, LayersKind
from minicnn.visualizers.contract.method_kinds import MethodKind, MethodsKind
from minicnn.visualizers.contract.parameters import read_parameters
from minicnn.visualizers.contract.values import (
    BatchSizeKind,
    BoolKind,
    ChoiceKind,
    FilePathKind,
    FloatKind,
    IndicesKind,
    IntKind,
    SeedKind,
    TextKind,
    UnitKind,
)

ROOT = Path(__file__).parents[3]

#: A kind, values that it takes, values that it refuses, and how some are written on the command line.
CASES = [
    (IntKind(), [1, np.int64(7), 10**9], [0, -1, True, 1.0, "3", 10**9 + 1], {"12": 12}),
    (SeedKind(0), [0, 1], [-1], {"0": 0}),
    (BatchSizeKind(), [1], [0], {"8": 8}),
    (FloatKind(), [0.5, 2, np.float32(1)], [float("nan"), float("inf"), "1"], {"0.25": 0.25}),
    (BoolKind(), [True, False], [0, 1, "yes"], {}),
    (TextKind(), ["a"], [1], {"a b": "a b"}),
    (ChoiceKind(["gray", "blur"]), ["gray"], ["green", 1], {"gray": "gray"}),
    (IndicesKind(), [0, [1, 2], (3,)], [-1, [], [1, 1], "1"], {"3,7": (3, 7), "4": (4,)}),
    (UnitKind([2], "ROW,COL", "a place"), [(0, 3), [1, 2]], [(1,), (1, 2, 3), (-1, 2), 3], {"10,12": (10, 12), "(1,2)": (1, 2)}),
    (FilePathKind(), ["a.npz", Path("a.npz")], [3], {"a.npz": "a.npz"}),
    (LayerKind(), ["conv1"], [3, ["conv1"]], {"conv1": "conv1"}),
    (LayersKind(), ["a,b=0.5", ["a"], {"a": 0.5}], [3], {"a,b=0.5": "a,b=0.5"}),
    (ClassesKind(), [[], ["ant", 3], "ant,bee"], [3, [1.5]], {"ant,bee": "ant,bee"}),
    (MethodKind(), ["saliency"], ["filters", 1], {"saliency": "saliency"}),
    (MethodsKind(), [["saliency", "lrp"]], [[], ["saliency", "saliency"], ["filters"], "saliency"], {"saliency, lrp": ("saliency", "lrp")}),
]


@pytest.mark.parametrize("kind, right, wrong, written", CASES, ids=lambda value: type(value).__name__ if isinstance(value, Kind) else "")
def test_kinds(kind, right, wrong, written):
    for value in right:
        kind.check("name", value)
    for value in wrong:
        with pytest.raises(MinicnnError, match="^name is .*; expected "):
            kind.check("name", value)
    for text, value in written.items():
        assert kind.parse(text) == value


@pytest.mark.parametrize(
    "kind, text", [(IntKind(), "1.5"), (FloatKind(), "x"), (IndicesKind(), "1,a"), (UnitKind([2], "R,C", ""), "\u00b2,1")]
)
def test_what_cannot_be_read_from_the_command_line(kind, text):
    with pytest.raises(ValueError, match=text.partition(",")[0]):
        kind.parse(text)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_parameter_is_on_the_command_line(name):
    """As an argument or an option, with the same default; and what the command line has more is its own."""
    entry, command = REGISTRY[name], make_command(REGISTRY[name])
    there = {parameter.name: parameter for parameter in command.params}
    wanted = {*entry.settings, *entry.photo_parameters}
    assert wanted <= set(there)
    own = {"model", "weights", "classes", "preprocessing", "key", "algorithm", "overwrite", "out", "picture", "size", "accept_truncated"}
    assert set(there) - wanted <= own
    for parameter in entry.settings.values():
        option = there[parameter.name]
        assert isinstance(option, click.Option) and option.help and option.is_flag == parameter.kind.is_flag
        assert parameter.kind.multiple or option.get_default(click.Context(command)) == parameter.default


def test_the_stub_is_what_the_script_writes():
    loader = SourceFileLoader("make_stubs", str(ROOT / "scripts" / "make_stubs"))
    script = module_from_spec(spec_from_loader("make_stubs", loader))
    loader.exec_module(script)
    assert script.STUB.read_text(encoding="utf-8") == script.stub()


@pytest.fixture
def forget():
    """Take methods that a test registers out of the registry again."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


class EvenKind(Kind):
    """Even integers; the method gets half of them."""

    expected = "an even integer"
    outside = "int"

    def accepts(self, value):
        return value % 2 == 0

    def parse(self, text):
        return int(text)

    def inside(self, name, value, call):
        return value // 2

    def recorded(self, value):
        return 2 * value


@pytest.mark.usefixtures("forget")
def test_a_kind_of_ones_own(small_model, x):
    def halves(model: minicnn.Model, image: Image, *, even: Annotated[int, EvenKind()] = 4) -> minicnn.Result:
        """Show halves.

        Parameters
        ----------
        even : int
            To be halved.
        """
        return minicnn.Result(image[0, ..., 0] * even, minicnn.render.Map(), "halves")

    public = visualizer(question="What is a filter?", paper="none")(halves)
    network = small_model.network.astype(np.float64)
    assert np.array_equal(public(network, x, even=6, prepared=True).values, 3 * x[0, ..., 0])
    assert public(network, x, prepared=True).source["settings"] == {"even": 4}
    with pytest.raises(MinicnnError, match="even is 3; expected an even integer"):
        public(network, x, even=3, prepared=True)
    assert "--even" in [name for option in make_command(REGISTRY["halves"]).params for name in option.opts]


@pytest.mark.usefixtures("forget")
def test_methods_that_cannot_be_registered():
    def without_model(image: Image) -> minicnn.Result: ...

    def without_annotation(model: minicnn.Model, strength=3) -> minicnn.Result: ...

    def without_meaning(model: minicnn.Model, *, strength: int = 3) -> minicnn.Result: ...

    def saliency(model: minicnn.Model) -> minicnn.Result: ...

    def plain(model: minicnn.Model) -> minicnn.Result: ...

    def with_more(model: minicnn.Model, **more) -> minicnn.Result: ...

    def with_size(model: minicnn.Model, *, size: int = 3) -> minicnn.Result: ...

    def without_default(model: minicnn.Model, *, strength: int) -> minicnn.Result: ...

    cases = {
        with_more: r"with_more has a parameter \*\*more",
        with_size: "not size or prepared",
        without_default: "option strength of without_default has no default",
        without_model: "first parameter is model: Model",
        without_annotation: "strength of without_annotation is annotated .* no kind",
        without_meaning: "does not explain strength",
        saliency: "there is a method saliency already",
    }
    for method, message in cases.items():
        with pytest.raises(MinicnnError, match=message):
            visualizer(question="What is a filter?", paper="none")(method)
    assert "without-meaning" not in REGISTRY
    for wrong in (
        {"question": "What is a filter?", "report": {"strngth": 2}},
        {"question": "What is a filter?", "quick": {"strngth": 2}},
    ):
        with pytest.raises(MinicnnError, match="no options strngth"):
            visualizer(paper="none", **wrong)(plain)
    for wrong in ({"question": "Why?"}, {"question": "What is a filter?", "attribution": "big"}):
        with pytest.raises(MinicnnError, match="expected one of"):
            visualizer(paper="none", **wrong)(lambda model: None)


@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize("returned, message", [(None, "odd returned a NoneType"), (minicnn.Result(np.ones(2), "bars", ""), "'bars'")])
def test_what_a_method_must_return(returned, message, small_model):
    def odd(model: minicnn.Model) -> minicnn.Result:
        """Do nothing of use."""
        return returned

    with pytest.raises(MinicnnError, match=message):
        visualizer(question="What is a filter?", paper="none")(odd)(small_model)


def test_parameters_are_read_off_the_signature():
    def method(
        model: minicnn.Model, target: Target = LIKELIEST, *, other: Target | None = None, fill: Literal["a", "b"] = "a", place: Index = 0
    ): ...

    found = read_parameters(method)
    assert [parameter.optional for parameter in found.values()] == [False, False, True, False, False]
    assert found["target"].outside == "str | int | Sequence[str | int] | None" == found["other"].outside
    assert found["fill"].outside == 'Literal["a", "b"]' and found["place"].outside == "int"


def test_docstrings_are_completed():
    text = """Do it.

    Long.

    Parameters
    ----------
    steps : int
        Many.

    Returns
    -------
    Result
    """
    full = completed(text, ["model", "steps", "seed"], "it")
    meaning = SHARED["seed"][1]
    assert full == (
        "Do it.\n\nLong.\n\nParameters\n----------\nmodel : Model\nsteps : int\n    Many.\n"
        f"seed : int\n    {meaning}\n\nReturns\n-------\nResult\n"
    )
    assert completed("Do it.", ["model"], "it") == "Do it.\n\nParameters\n----------\nmodel : Model\n"


def test_shared_meanings_are_stated_once():
    """A docstring does not repeat what is said for all methods."""
    for entry in REGISTRY.values():
        own = inspect.getdoc(entry.function.__wrapped__)
        for name, (kind, meaning) in SHARED.items():
            assert not meaning or f"{name} : {kind}\n    {meaning}\n" not in own, (entry.name, name)
