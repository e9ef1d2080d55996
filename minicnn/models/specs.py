"""A network as data: what each layer is, in a word, and its options. A network is built from that, and that is read off a network.

A layer of one's own has the word "module:Class", and its options are what its `__init__` takes, with shapes in place of arrays.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minicnn.errors import DescriptionError, MinicnnError, ShapeError, did_you_mean
from minicnn.layers import LAYERS, Layer
from minicnn.layers.base import Shape
from minicnn.layers.options import Option, complete_options
from minicnn.network.graph import INPUT, check_node
from minicnn.network.network import Network


class LayerSpec(NamedTuple):
    """A layer without its numbers: its word, all its options, each in the one form in which they can be compared, and what it takes.

    Attributes
    ----------
    word : str
    options : dict of str to object
    inputs : tuple of str
        The names of the layers that it takes its inputs from, or "input"; empty for the layer before.
    """

    word: str
    options: Mapping[str, Any]
    inputs: tuple[str, ...] = ()

    @classmethod
    def of(cls, word: str, options: Mapping[str, Any], inputs: Sequence[str] = ()) -> LayerSpec:
        """Check options, and add the defaults.

        Raises
        ------
        DescriptionError
            If there is no such layer, or an option is unknown, missing or wrong.
        """
        known = _options_of(_class_of(word))
        return cls(word, _own_options(word, options) if known is None else complete_options(word, known, options), tuple(inputs))

    @property
    def shortened(self) -> dict[str, Any]:
        """All options, as short as they can be written."""
        return {name: _shortest(value) for name, value in self.options.items()}

    @property
    def written(self) -> dict[str, Any]:
        """The options that are not the default, as short as they can be written."""
        known = _options_of(_class_of(self.word)) or {}
        return {name: value for name, value in self.shortened.items() if not _is_default(known.get(name), self.options[name], self.options)}

    def __str__(self) -> str:
        inputs = [f"of {' and '.join(self.inputs)}"] if self.inputs else []
        return ", ".join([self.word, *(f"{name} {value}" for name, value in self.written.items()), *inputs])


#: A network's layers by name, in order.
Specs = Mapping[str, LayerSpec]


class MisfitError(DescriptionError):
    """A layer does not take what reaches it.

    Attributes
    ----------
    below : Network
        The layers up to there.
    input_shape : (height, width, channels)
    """

    def __init__(self, message: str, below: Network, input_shape: Shape):
        super().__init__(message)
        self.below, self.input_shape = below, input_shape


def spec(word: str, *inputs: str, **options: Any) -> LayerSpec:
    """Write a layer down, as in ``spec("convolution", filters=64, size=3, padding=1)``, ``spec("add", "conv2", "relu1")``."""
    return LayerSpec.of(word, options, inputs)


def specs_of(network: Network) -> dict[str, LayerSpec]:
    """Read off a network what its layers are.

    Raises
    ------
    DescriptionError
        If there is a layer that cannot be written down.
    """
    specs = {}
    before = INPUT
    for name, layer in network.layers.items():
        inputs = () if network.inputs[name] == (before,) else network.inputs[name]
        before = name
        try:
            if LAYERS.get(layer.word) is type(layer):
                specs[name] = LayerSpec.of(layer.word, layer.to_options(), inputs)
            else:
                specs[name] = LayerSpec.of(_class_word(type(layer)), _own_method(type(layer), "to_options")(layer), inputs)
        except DescriptionError as error:
            raise DescriptionError(f"{name}: {error}") from None
    return specs


def build_network(specs: Specs, input_shape: Shape) -> Network:
    """Build a network whose arrays have shapes but no values.

    Parameters
    ----------
    specs : dict of str to LayerSpec
    input_shape : (height, width, channels)

    Raises
    ------
    MisfitError
        If a layer does not take what reaches it.
    DescriptionError
        If a layer's options do not go together, or the last layer does not depend on a layer.
    """
    nodes: dict[str, tuple[Any, ...]] = {}
    shapes, before = {INPUT: tuple(input_shape)}, INPUT
    for number, (name, (word, options, inputs)) in enumerate(specs.items(), start=1):
        sources = inputs or (before,)
        below = [shapes.get(source, ()) for source in sources]
        try:
            cls = _class_of(word)
            check_node(name, cls, sources, nodes)
            with np.errstate(all="ignore"):  # a layer of one's own may run on arrays without values to tell its output's shape
                layer = _own_method(cls, "from_options")(below[0], options)
                shapes[name] = layer.described("output_shape")(*below)
        except ShapeError as error:
            reaches = " and ".join(" x ".join(map(str, shape)) for shape in below)
            message = f"layer {number}, {name}, does not fit what reaches it, {reaches}: {error}"
            raise MisfitError(message, Network(nodes), input_shape) from None
        except MinicnnError as error:
            raise DescriptionError(f"layer {number}, {name}: {error}") from None
        except Exception as error:  # of a layer of one's own
            raise DescriptionError(f"layer {number}, {name}: {type(error).__name__}: {error}") from error
        nodes[name], before = (layer, *sources), name
    network = Network(nodes)
    if idle := [name for name in specs if name != before and not network.consumers[name]]:
        raise DescriptionError(f"no layer takes the output of {', '.join(idle)}; name it in a layer's inputs, or remove it")
    return network


def is_word(word: str) -> bool:
    """Tell whether a word may stand for a layer: one that descriptions know, or the name of a class."""
    return word in LAYERS or ":" in word


def _class_of(word: str) -> type[Layer]:
    if word in LAYERS:
        return LAYERS[word]
    if ":" in word:
        return _imported_class(word)
    raise DescriptionError(f"there is no kind of layer {word!r}{did_you_mean(word, LAYERS)}; the kinds of layers are {', '.join(LAYERS)}")


def _class_word(layer: type[Layer]) -> str:
    """Return what a description calls a layer of one's own: "module:Class".

    Raises
    ------
    DescriptionError
        If the class cannot be found again by that name, as one in a function or a notebook.
    """
    word, module = f"{layer.__module__}:{layer.__qualname__}", sys.modules.get(layer.__module__)
    if layer.__module__ == "__main__" or module is None or vars(module).get(layer.__qualname__) is not layer:
        raise DescriptionError(
            f"a {layer.__name__} cannot be written in a description, as it cannot be imported by name ({word}); put the class into a module"
        )
    return word


def _imported_class(word: str) -> type[Layer]:
    """Return the layer's class of the name "module:Class"; nothing is imported because a file says so.

    Raises
    ------
    DescriptionError
        If there is no such class, or its module has not been imported.
    """
    module, _, name = word.partition(":")
    if module not in sys.modules:
        raise DescriptionError(
            f"the layer {word} comes from the module {module}, which has not been imported; import it first (import {module}; "
            f"--import {module}.py)"
        )
    found = vars(sys.modules[module]).get(name)  # not getattr, for which a module may import something
    if not isinstance(found, type) or not issubclass(found, Layer):
        raise DescriptionError(f"the module {module} has no layer {name}")
    return found


def _options_of(layer: type[Layer]) -> Mapping[str, Option] | None:
    """Return what a description may say of a layer; of a subclass of a known layer, only what it says itself."""
    return layer.options if layer in LAYERS.values() else vars(layer).get("options")


def _own_method(layer: type[Layer], name: str) -> Callable[..., Any]:
    """Return `from_options` or `to_options` of a layer's class; of a subclass of a known layer its own, or else that of all layers."""
    if layer in LAYERS.values() or name in vars(layer):
        return getattr(layer, name)
    method = vars(Layer)[name]
    return method.__func__.__get__(layer) if isinstance(method, classmethod) else method


def _own_options(word: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check the options of a layer of one's own against what its `__init__` takes, and add the defaults."""
    parameters = inspect.signature(_class_of(word)).parameters
    options = {name: Option(str(parameter), lambda value: True) for name, parameter in parameters.items()}
    defaults = {name: parameter.default for name, parameter in parameters.items() if parameter.default is not inspect.Parameter.empty}
    values = complete_options(word, options, {**defaults, **given})
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _is_default(option: Option | None, value: Any, values: Mapping[str, Any]) -> bool:
    if option is None:
        return False
    default = option.default(values) if callable(option.default) else option.default
    return value == option.read(default)


def _shortest(value: Any) -> Any:
    """Write equal numbers for both axes, or for both sides of each, as one."""
    if not isinstance(value, tuple):
        return value
    parts = [_shortest(part) for part in value]
    if any(isinstance(part, list) for part in parts):  # with sides that differ, [[top, bottom], [left, right]] is the only way
        return [list(part) for part in value]
    return parts[0] if parts[0] == parts[1] else parts
