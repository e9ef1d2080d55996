"""Which network a weight file is of: what it says itself, or what its shapes say.

    1. A model file of minicnn holds the description.
    2. Other files may hold the network's steps: ONNX, and whole models of Keras. A network of the very steps of a registered
       architecture is that, with its layers' names.
    3. Of all others only the shapes are known. If the convolutions are those of a registered architecture, it is that, with as many
       classes as the last dense layer has outputs; its dense layers may be others, see `minicnn.models.heads`.

What a file does not say has to be assumed; every assumption is told.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from minicnn.errors import DescriptionError, WeightFileError, listed
from minicnn.models.architectures import ARCHITECTURES, Architecture
from minicnn.models.classes import imagenet
from minicnn.models.descriptions import LAYER_NAME, Description, read_description, read_preprocessing, written_preprocessing
from minicnn.models.heads import OtherHeadError, layers_by_shapes
from minicnn.models.lines import fault_in_line, in_a_line
from minicnn.models.matching import match_layers
from minicnn.models.recognition import check_trunk, is_network, layer_counts, output_units, scales_colors, with_names
from minicnn.models.specs import LayerSpec, Specs, build_network, spec
from minicnn.network.graph import INPUT
from minicnn.pictures.photos import PREPROCESSING, Preprocessing
from minicnn.weightfiles import StoredLayer, WeightFile
from minicnn.weightfiles.stored import BATCH_NORM, CONVOLUTION, DENSE, kind_name

#: What layers are called whose names the file does not tell.
SHORT_WORDS = {
    "convolution": "conv",
    "batch_norm": "norm",
    "max_pool": "pool",
    "average_pool": "pool",
    "global_average_pool": "gap",
    "dense": "fc",
}

#: The side of images that is assumed where a file with steps does not tell it.
USUAL_SIDE = 224


@dataclass(frozen=True, eq=False)
class Found:
    """The network that a weight file is of.

    Attributes
    ----------
    description : Description
    assumptions : dict of str to str
        What the file does not say and was assumed, for people, by what it is about, such as "preprocessing".
    """

    description: Description
    assumptions: Mapping[str, str] = field(default_factory=dict)


def find_network(file: WeightFile, where: str | os.PathLike) -> Found:
    """Tell which network a weight file is of, from the file alone.

    Parameters
    ----------
    file : WeightFile
    where : path
        The file's, for errors, and for the name of its network.

    Raises
    ------
    WeightFileError
        If the file does not say it, and its shapes are those of no registered architecture; or if what it says makes no sense.
    """
    if file.description is not None:
        return Found(read_description(file.description, str(where)))
    if file.steps is not None:
        return _by_steps(file, where)
    for wanted in ("its own head", "another head"):
        for architecture in by_preference(file):
            try:
                layers, told = layers_by_shapes(architecture, file)
            except WeightFileError:
                continue
            if ("head" in told) == (wanted == "another head"):
                if architecture.matched_by == "order" and any(layer.word == "global_average_pool" for layer in layers.values()):
                    side = architecture.input_size
                    told = {"head": "global average pooling before its dense layer", **told, "input": f"images of {side} x {side} pixels"}
                if architecture.matched_by == "keras" and file.order == "kind":
                    told = {"layers": f"the strides, paddings and activations of {architecture.name}", **told}
                return _of_architecture(architecture, layers, architecture.input_size, file, told)
    fault = fault_in_line(in_a_line(file))
    advice = remedy(where) if fault is None else f"They are no line, as {fault}. {by_hand(where, file)}"
    raise WeightFileError(
        f"{where} does not say of which network it is, and fits none of the models that go by a name: it has {counted(file)}. {advice}"
    )


def find_for(architecture: Architecture, file: WeightFile, where: str | os.PathLike) -> Found:
    """Tell what an architecture's network is in a weight file: its convolutions, and a head that may be another.

    Raises
    ------
    WeightFileError
        If the file is of another network, or does not tell enough.
    """
    if file.description is None and file.steps is None:
        try:
            layers, told = layers_by_shapes(architecture, file)
        except OtherHeadError as error:
            raise WeightFileError(f"{where}: {error}. {remedy(where)}") from None
        except WeightFileError as error:
            raise WeightFileError(f"{where}: {error}") from None
        return _of_architecture(architecture, layers, architecture.input_size, file, told)
    found = find_network(file, where)
    check_trunk(architecture, found.description.layers, file.input_shape, where)
    if file.description is None:
        layers = with_names(architecture, found.description.layers, file.input_shape)
        told = {what: text for what, text in found.assumptions.items() if what == "input"}
        return _of_architecture(architecture, layers, found.description.input_shape, file, told)
    theirs = found.description
    usual = _of_architecture(architecture, theirs.layers, theirs.input_shape, file, {})
    classes, preprocessing = theirs.classes or usual.description.classes, theirs.preprocessing or usual.description.preprocessing
    description = dataclasses.replace(theirs, name=architecture.name, classes=classes, preprocessing=preprocessing)
    return Found(description, usual.assumptions if theirs.preprocessing is None else {})


def find_agreed(description: Description, file: WeightFile, name: str, where: str, given: Collection[str]) -> Description:
    """Return what a network is by its description, a text, and by the file that has its weights.

    Parameters
    ----------
    description : Description
    file : WeightFile
    name, where : str
        What errors call the text and the file.
    given : collection of str
        "classes", "preprocessing", where the user said these: then the two need not agree.

    Raises
    ------
    WeightFileError
        If the two disagree.
    """
    advice = f"{where} says itself what it is: load it alone (--model {where})"
    classes, preprocessing = None, _stated_preprocessing(file, description.input_shape[2])
    if file.description is not None:
        stored = read_description(file.description, where, build=False)
        classes, preprocessing = stored.classes, stored.preprocessing
        wanted, theirs = list(description.layers.items()), list(stored.layers.items())
        without_top = all(spec.word != "dense" for spec in stored.layers.values())
        if theirs != (wanted[: len(theirs)] if without_top else wanted):
            pairs = enumerate(itertools.zip_longest(theirs, wanted), start=1)
            number, there, here = next((number, there, here) for number, (there, here) in pairs if there != here)
            raise WeightFileError(
                f"{where} is of another network than {name}: layer {number} is {_called(there)} there and {_called(here)} here. {advice}"
            )
    if "classes" not in given and classes and description.classes and list(classes) != list(description.classes):
        shown = f"{listed(classes)} there and {listed(description.classes)} here"
        raise WeightFileError(f"{where} has other classes than {name}: {shown}. {advice}")
    ours = description.preprocessing
    if "preprocessing" not in given and preprocessing and ours and preprocessing != ours:
        there, here = (written_preprocessing(each) for each in (preprocessing, ours))
        raise WeightFileError(f"{where} has other preprocessing than {name}: {there} there and {here} here. {advice}")
    return dataclasses.replace(
        description, classes=classes or description.classes, preprocessing=preprocessing or description.preprocessing
    )


def _called(layer: tuple[str, LayerSpec] | None) -> str:
    """Write a layer's name, kind and options in one line."""
    return "missing" if layer is None else f"{layer[0]} ({layer[1]})"


def described_layers(file: WeightFile) -> dict[str, LayerSpec]:
    """Read off a file's steps what its network's layers are, by the file's own names where these are valid and there only once.

    Raises
    ------
    DescriptionError
        If a step is none of our layers.
    """
    steps = file.steps or ()
    names = [step.name for step in steps]
    own = {name for name in names if LAYER_NAME.fullmatch(name) and names.count(name) == 1 and name != INPUT}
    specs: dict[str, LayerSpec] = {}
    counts: dict[str, int] = {}
    for step in steps:
        word = SHORT_WORDS.get(step.word, step.word)
        counts[word] = counts.get(word, 0) + 1
        usual = (f"{word}{number}" for number in itertools.count(counts[word]))
        name = step.name if step.name in own else next(name for name in usual if name not in own and name not in specs)
        places = [*specs, INPUT]
        specs[name] = LayerSpec.of(step.word, step.options, [places[place] for place in step.inputs])
    return specs


def by_preference(file: WeightFile) -> list[Architecture]:
    """List the architectures that may be a file's; those that ship with weights, and so need no file, come last."""
    norms = sum(layer.kind == BATCH_NORM for layer in file.layers)
    possible = [
        architecture for name, architecture in ARCHITECTURES.items() if file.steps is not None or layer_counts(name)[BATCH_NORM] <= norms
    ]
    return sorted(possible, key=lambda architecture: architecture.shipped_weights is not None)


def counted(file: WeightFile) -> str:
    """Count a file's layers by kind, as in "13 convolutions, 3 dense layers"."""
    kinds = [layer.kind for layer in file.layers]
    return ", ".join(f"{kinds.count(kind)} {kind_name(kind, kinds.count(kind))}" for kind in dict.fromkeys(kinds)) or "no layers"


def remedy(where: str | os.PathLike) -> str:
    """Say what to do about a weight file that does not tell its network."""
    return (
        f"'minicnn describe {where} --out my.toml' writes down what its shapes tell; correct that, and use it with --model my.toml "
        f"--weights {where}"
    )


def by_hand(where: str | os.PathLike, file: WeightFile) -> str:
    """Say what to do about a weight file whose shapes do not tell enough for a description to begin with."""
    like = next((name for name in (each.name for each in by_preference(file)) if _has_shapes_of(file, name)), None)
    use = f"--model my.toml --weights {where}; or export it to ONNX"
    if like is None:
        return f"Write a description of its network (my.toml, see docs/models.md), and use it with {use}"
    return f"Its shapes are those of {like}: 'minicnn describe {like} --out my.toml', with the file's names, for {use}"


def _has_shapes_of(file: WeightFile, name: str) -> bool:
    """Tell whether a file's layers, in its order, have the shapes of an architecture, whatever they are called."""
    architecture = ARCHITECTURES[name]
    outputs = [layer.arrays["weight"].shape[-1] for layer in file.layers if layer.kind in (CONVOLUTION, DENSE)]
    side = architecture.input_size
    try:
        match_layers(file, build_network(architecture.layers((outputs or [1])[-1]), (side, side, 3)), (side, side, 3))
    except WeightFileError:
        return False
    return True


def _by_steps(file: WeightFile, where: str | os.PathLike) -> Found:
    """Tell the network of a file that holds its steps."""
    try:
        layers = described_layers(file)
        if (found := _by_known_steps(file, layers)) is not None:
            return found
        shape, told = file.input_shape or (USUAL_SIDE, USUAL_SIDE, _input_channels(file.layers)), {}
        if file.input_shape is None:
            told = {"input": f"images of {USUAL_SIDE} x {USUAL_SIDE} pixels"}
        description = Description(
            os.path.splitext(os.path.basename(where))[0] or "network",
            layers,
            shape,
            _stated_preprocessing(file, shape[2]),
            stated_epsilons=_stated_epsilons(layers, file),
        )
        build_network(layers, shape)
        return Found(description, told)
    except DescriptionError as error:
        raise WeightFileError(f"{where}: the network in the file does not fit together: {error}") from None


def _by_known_steps(file: WeightFile, layers: Specs) -> Found | None:
    """Tell which network by name a file's layers are, as it is or with its batch normalizations merged; None if they are of none."""
    shape, possible = file.input_shape, by_preference(file)
    own = [architecture for architecture in possible if is_network(architecture, layers, shape)]
    others = [each for each in possible if file.format == "ONNX" and is_network(each, layers, shape, merge=True)]  # Keras merges none
    if not own and not others:
        return None
    architecture = (own or others)[0]
    told = {}
    if others:
        plain = [other for other in others if other.shipped_weights is None] or others  # of two that are alike, the one without weights
        names = " or ".join(other.name for other in plain)
        classes = ", and has its classes" if output_units(layers) == len(architecture.class_names()) else ""
        it = f"{architecture.name}, and not {names}" if own else names
        told["network"] = f"that it is {it} with batch normalizations merged into convolutions{classes}"
    elif scales_colors(layers):
        told["network"] = f"that it is {architecture.name} behind a change of colors"
    layers = with_names(architecture, layers, shape)
    return _of_architecture(architecture, layers, shape or (architecture.input_size, architecture.input_size, 3), file, told)


def _of_architecture(
    architecture: Architecture, layers: Specs, input_size: int | tuple[int, int, int], file: WeightFile, told: Mapping[str, str]
) -> Found:
    """Describe an architecture's network of such layers, with the classes and the preprocessing that it surely or usually has."""
    shape = (input_size, input_size, 3) if isinstance(input_size, int) else input_size
    usual, outputs = architecture.class_names(), output_units(layers)
    published, stated = _published_preprocessing(architecture, layers, file), _stated_preprocessing(file, shape[2])
    classes = usual if outputs == len(usual) else None
    if outputs and published and stated is None and (classes is None or "network" in told):
        told = {**told, "preprocessing": f"the preprocessing {published!r} of the published weights"}
    epsilons = _stated_epsilons(layers, file) | _own_epsilons(layers)
    preprocessing = stated or (PREPROCESSING[published] if published else None)
    return Found(Description(architecture.name, layers, shape, preprocessing, classes, epsilons), told)


def _published_preprocessing(architecture: Architecture, layers: Specs, file: WeightFile) -> str | None:
    """Name the preprocessing of the weights that are published, in such a format, for an architecture; None if that is not known."""
    of_format = file.preprocessing if isinstance(file.preprocessing, str) and architecture.class_names is imagenet else None
    if scales_colors(layers):  # which makes the usual colors of the format the architecture's
        return of_format
    return of_format if of_format and architecture.matched_by == "order" else architecture.preprocessing


def _input_channels(layers: Sequence[StoredLayer]) -> int:
    first = next((layer for layer in layers if layer.kind == CONVOLUTION), None)
    return 3 if first is None else first.arrays["weight"].shape[2]


def _stated_preprocessing(file: WeightFile, channels: int) -> Preprocessing | None:
    """Read the preprocessing that the file itself says, not only what is usual for its format."""
    return None if file.preprocessing is None or isinstance(file.preprocessing, str) else read_preprocessing(file.preprocessing, channels)


def _own_epsilons(layers: Specs) -> frozenset[str]:
    """List the batch normalizations whose epsilon is not what is usual, so that an architecture states it."""
    usual = spec("batch_norm").options["epsilon"]
    return frozenset(name for name, layer in layers.items() if layer.word == "batch_norm" and layer.options["epsilon"] != usual)


def _stated_epsilons(layers: Specs, file: WeightFile) -> frozenset[str]:
    """List the batch normalizations whose epsilon the file's steps state."""
    norms = [name for name, spec in layers.items() if spec.word == "batch_norm"]
    stated = [step for step in file.steps or () if step.word == "batch_norm"]
    return frozenset(name for name, step in zip(norms, stated) if "epsilon" in step.options)
