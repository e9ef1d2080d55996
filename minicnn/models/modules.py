"""Whether a network is the one whose modules a file tells, as whole networks of PyTorch do.

Modules say how they slide, but not in which order they run. So a network is found by other means, and then each module of the file is
compared: with the layer that has its weights, or its name; others have to be like some layer of the network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from minicnn.errors import DescriptionError, MinicnnError, WeightFileError
from minicnn.layers import LAYERS
from minicnn.layers.base import Shape
from minicnn.models.descriptions import Description
from minicnn.models.matching import AUXILIARY, match_layers
from minicnn.models.specs import LayerSpec, Specs, spec, specs_of
from minicnn.network.graph import INPUT
from minicnn.network.network import Network
from minicnn.weightfiles import WeightFile
from minicnn.weightfiles.stored import CONVOLUTION, DENSE, Module, shown

#: What does not change numbers, or only puts them in a row.
TELLS_NOTHING = ("dropout", "flatten")

#: Pools that may be the same over an image of one size.
POOLS = {f"{how}{kind}_pool" for how in ("", "adaptive_", "global_") for kind in ("average", "max")}

NO_PADDING = ((0, 0), (0, 0))

#: Layers by name, each with the shape of what it takes.
Layers = Mapping[str, tuple[LayerSpec, Shape]]

#: What to do about a file of another network than is expected.
ADVICE = (
    "Export the network to ONNX, or describe it in a text (.toml); or, if its answer does not depend on that, save its state_dict(), which "
    "says nothing of modules"
)


def agreed_with_modules(description: Description, file: WeightFile, where: str, adapt: bool) -> Description:
    """Return what a network is by a description and by a file's modules.

    Parameters
    ----------
    description : Description
    file : WeightFile
    where : str
        What errors call the file.
    adapt : bool
        Whether layers get what the modules say of themselves; else they have to say the same.

    Raises
    ------
    WeightFileError
        If the modules are of another network.
    """
    try:
        if adapt:
            description = replace(description, layers=as_modules_say(description.layers, file.modules))
        compare_modules(file, description.network, description.input_shape, exactly=adapt)
    except MinicnnError as error:
        raise WeightFileError(f"{where}: {error}") from None
    return description


def as_modules_say(layers: Specs, modules: Sequence[Module]) -> dict[str, LayerSpec]:
    """Give layers what the modules of the same names say of themselves, such as their strides.

    Raises
    ------
    WeightFileError
        If a module says what no layer can be, or is of a class that nobody knows.
    """
    said = {module.name: module for module in modules}
    for name in layers:
        if name in said and said[name].word is None and not said[name].own:
            raise _misfit(said[name], f"is of a class that is not known, where {layers[name].word} is expected")
    return {name: _with_options(layer, said[name]) if name in said else layer for name, layer in layers.items()}


def compare_modules(file: WeightFile, network: Network, input_shape: Shape, exactly: bool = True) -> None:
    """Raise WeightFileError unless a file's modules are a network's layers; layers of one's own may stand for any.

    Modules and layers belong together that have the same weights, or the same name. Of all others there has to be a layer that computes
    the same; if there are several such modules and the network is a line, as many layers as modules. A single module may run at several
    places. Unless it is `exactly` so, there may also be more layers than modules, as a program may compute some without a module.
    """
    names = {pair.stored.name: pair.name for pair in match_layers(file, network, input_shape)}
    shapes = {INPUT: tuple(input_shape), **network.shapes(input_shape)}
    known = [name for name, layer in network.layers.items() if LAYERS.get(layer.word) is type(layer)]
    layers = {name: (layer, shapes[network.inputs[name][0]]) for name, layer in specs_of(network).items() if name in known}
    others = []
    for module in file.modules:
        name = names.get(module.name, module.name)
        if name in layers and (module.own or module.word is not None):
            layer, image = layers[name]
            if not _is(layer, module, image):
                raise _misfit(module, f"stands where {name} is expected: {layer}")
        elif module.own and name not in network.layers and _has_part(module, file):
            others.append(module)
    if len(known) == len(network.layers):
        taken = {module.name for module in file.modules} | set(names.values())
        _compare_others(others, layers, shapes)
        if all(not layer.inputs for layer, _ in layers.values()):
            _compare_counts(others, {name: layer for name, layer in layers.items() if name not in taken}, exactly)


def _compare_others(modules: Sequence[Module], layers: Layers, shapes: Mapping[str, Shape]) -> None:
    """Raise WeightFileError unless there are layers for modules that have neither weights nor a name in common with any."""
    for module in {_kind(module): module for module in reversed(modules)}.values():
        if module.word is None or LAYERS[module.word].parameter_names:
            raise _misfit(module, "is none of the layers that minicnn has")
        if not any(_is(layer, module, image) for layer, image in layers.values()) and not _keeps_size(module, shapes):
            raise _misfit(module, "is not in the network that is expected")


def _compare_counts(modules: Sequence[Module], free: Layers, exactly: bool) -> None:
    """Raise WeightFileError unless there are as many layers that no module has the name of, or more, as there are modules of a kind."""
    counts = Counter(map(_kind, modules))
    for kind, module in {_kind(module): module for module in reversed(modules)}.items():
        count = sum(_is(layer, module, image) for layer, image in free.values())
        if counts[kind] > 1 and (counts[kind] > count or (exactly and counts[kind] != count)):
            raise _misfit(module, f"is there {counts[kind]} times, and {count} times in the network that is expected")


def _kind(module: Module) -> tuple[str | None, str]:
    """Return what modules have in common that compute the same."""
    return module.word, str(sorted(module.options.items()))


def _misfit(module: Module, why: str) -> WeightFileError:
    return WeightFileError(f"its module {shown(module.name) or 'at the top'} ({module.said}) {why}. {ADVICE}")


def _with_options(layer: LayerSpec, module: Module) -> LayerSpec:
    """Return a layer with the options that a module of the same kind says."""
    return layer if module.word != layer.word else _spec(module, {**layer.options, **module.options})._replace(inputs=layer.inputs)


def _spec(module: Module, options: Mapping[str, object]) -> LayerSpec:
    try:
        return LayerSpec.of(module.word or "", options)
    except DescriptionError as error:
        raise _misfit(module, f"does not fit: {error}") from None


def _is(layer: LayerSpec, module: Module, image: Shape) -> bool:
    """Tell whether a module computes what a layer does, of an image of this shape."""
    if {module.word, layer.word} <= POOLS:
        return _over_all(_spec(module, module.options), image) == _over_all(layer._replace(inputs=()), image)
    if module.word == layer.word:
        return _with_options(layer, module) == layer
    if (module.word, layer.word) == (CONVOLUTION, DENSE):  # over all that there is
        return _spec(module, {"filters": 1, "size": 1, **module.options}).options["padding"] == NO_PADDING
    if (module.word, layer.word) == (DENSE, CONVOLUTION):  # of each pixel
        return (layer.options["stride"], layer.options["padding"]) == ((1, 1), NO_PADDING)
    return False


def _over_all(pool: LayerSpec, image: Shape) -> LayerSpec:
    """Return a pool of an image as the global one, if it is over all of it."""
    kind = pool.word.partition("_")[2] if pool.word.startswith("adaptive") else pool.word
    slides = kind == pool.word and pool.options.get("size") == image[:2] and pool.options["padding"] == NO_PADDING
    shrinks = kind != pool.word and pool.options["size"] == (1, 1)
    return spec(f"global_{kind}") if slides or shrinks else pool


def _has_part(module: Module, file: WeightFile) -> bool:
    """Tell whether a module without weights changes the answer; a softmax at the end is left out, as networks end in logits."""
    at_the_end = module.word == "softmax" and module is file.modules[-1]
    aside = AUXILIARY.match(module.name) or module.name in {layer.name for layer in file.layers}
    return not aside and not at_the_end and module.word not in TELLS_NOTHING


def _keeps_size(module: Module, shapes: Mapping[str, Shape]) -> bool:
    """Tell whether a module is a pool to a size that an image in the network has anyway."""
    if module.word not in ("adaptive_average_pool", "adaptive_max_pool"):
        return False
    return _spec(module, module.options).options["size"] in [shape[:2] for shape in shapes.values() if len(shape) == 3]
