"""The commands that are not visualizers, and have no module of their own."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from minicnn.cli.options import (
    MODELS,
    ModelChoice,
    OutPath,
    algorithm_option,
    model_options,
    overwrite_option,
    part_bars,
    print_table,
    progress_bar,
    save_all,
    size_option,
    weights_option,
)
from minicnn.cli.predict import predict
from minicnn.cli.report import report
from minicnn.cli.train import evaluate, train
from minicnn.cli.weights import weights as weights_group
from minicnn.errors import MinicnnError, OutputError, ShapeError
from minicnn.files.published import PUBLISHED
from minicnn.files.writing import write_file
from minicnn.geometry import ReceptiveField, as_pair
from minicnn.layers.base import Shape
from minicnn.models.architectures import ARCHITECTURES
from minicnn.models.files import DESCRIPTION_SUFFIX, kind_of
from minicnn.models.model import Model
from minicnn.models.specs import MisfitError
from minicnn.network.folding import folded
from minicnn.network.gradcheck import Check, check_network
from minicnn.network.initialize import he_initialized
from minicnn.network.network import Network
from minicnn.network.summary import summarize
from minicnn.pictures.results import check_names

#: The model, where it is an argument of the command.
model_argument = click.argument("model", default="vgg16-gap")

#: The image size for gradient checks: small, as each layer is run several times in float64, but large enough for VGG's five pools.
CHECK_SIZE = 32


@click.command()
@click.argument("picture", type=click.Path(path_type=Path))
@weights_option
@click.option("--out", type=OutPath(), multiple=True, help="Where to save it: .npy, .npz or .png.  [default: PICTURE-replay.npz]")
@overwrite_option
def replay(picture, weights, out, overwrite):
    """Make a result again from the PNG file that it was saved as."""
    from minicnn.report.replay import NOT_THE_SAME
    from minicnn.report.replay import replay as replay_picture

    out = out or (Path(f"{picture.stem}-replay.npz"),)
    check_names(out, overwrite)
    with progress_bar("replay") as progress:
        result = replay_picture(picture, weights, progress)
    save_all(result, out, None, overwrite)
    if not any(NOT_THE_SAME in text for text in result.warnings):
        click.echo("The values are bit for bit those of the picture.")


@click.command()
@model_options(model_argument)
@size_option
def summary(model, size):
    """Print a network's layers in numbers.

    MODEL is a name, a weight file or a description (.toml). If a layer does not fit what reaches it, the table ends there.
    """
    try:
        description = model.describe()
        network, shape, misfit = description.network, description.input_shape, None
    except MisfitError as error:
        network, shape, misfit = error.below, error.input_shape, error
    height, width = as_pair(size or shape[:2], "size", 1)
    rows = []
    try:
        rows.extend(summarize(network, (height, width, shape[2])))  # those that come before an error stay
    except ShapeError as error:
        misfit = error
    print_table(
        ["layer", "output", "parameters", "MACs", "receptive field", "jump", "padding"],
        [
            [
                row.name,
                " x ".join(map(str, row.output_shape)),
                f"{row.parameters:,}",
                f"{row.multiply_accumulates:,}",
                *_field_cells(row.receptive_field),
            ]
            for row in rows
        ],
    )
    if misfit is not None:
        raise misfit
    parameters, operations = sum(row.parameters for row in rows), sum(row.multiply_accumulates for row in rows)
    click.echo(f"{parameters:,} parameters; {operations:,} multiply-accumulates (MACs) for an image of {height} x {width} pixels")
    click.echo("Receptive field, jump and padding in pixels of the image; 'all' where each output sees the whole image.")


@click.command("models")
def list_models():
    """List the networks that go by a name, and where their weights come from."""
    rows = []
    for name, architecture in ARCHITECTURES.items():
        source = "included" if architecture.shipped_weights else "download" if name in PUBLISHED else "your file"
        rows.append([name, f"{architecture.input_size} x {architecture.input_size}", f"{architecture.network().parameter_count:,}", source])
    print_table(["model", "trained on pixels", "parameters", "weights"], rows)
    click.echo("download: with 'minicnn weights download MODEL'; your file: with --weights FILE, of PyTorch, Keras or another kind.")


@click.command("describe")
@model_options(model_argument)
@click.option("--out", type=OutPath(), help="The file to write, .toml.  [default: it is printed]")
@overwrite_option
def describe_model(model, out, overwrite):
    """Print a model's description (.toml), to be changed, and to be given as --model.

    MODEL is a name or a file. Of a weight file that does not say of which network it is, it is what follows from the shapes of its
    arrays; lines that begin with "unchecked" say what you have to check, and then to delete.
    """
    text = model.written()
    if out is None:
        click.echo(text, nl=False)
        return
    if out.suffix.lower() != DESCRIPTION_SUFFIX:
        raise OutputError(f"the description is called {out}; expected a name that ends with {DESCRIPTION_SUFFIX}")
    write_file(out, text.encode(), overwrite)
    weights = model.weights or (model.name if Path(model.name).is_file() else "FILE")
    click.echo(f"{out}: check what its first lines ask, and use it with --model {out} --weights {weights}")


@click.command()
@model_options(model_argument)
@click.option("--size", default=None, type=click.IntRange(min=1), help=f"Pixels of the test image.  [default: {CHECK_SIZE}]")
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="For the test image, the directions, and weights where there are none.",
)
def gradcheck(model, size, seed):
    """Compare every backward pass with finite differences.

    The image is random. A model without weights of its own gets random ones.
    """
    network, shape = _network_to_check(model, size, seed)
    Model.of(network).check_memory(*shape, batch=4)  # float64, at two points
    x = 50 * np.random.default_rng(seed).standard_normal((1, *shape))
    arrays = list(dict.fromkeys(name for parameters in network.parameters.values() for name in parameters))
    rows, wrong = [], False
    with progress_bar("gradcheck") as progress:
        for i, (name, checks) in enumerate(check_network(network, x, seed)):
            rows.append([name, *(_error_cell(checks, of) for of in ("input", *arrays)), _verdict(checks)])
            wrong = wrong or any(check.problem or "wrong" in check.verdict for check in checks)
            progress(i + 1, len(network.layers) + 1)
    print_table(["layer", "input", *arrays, "verdict"], rows)
    click.echo("Relative errors of one random direction each, in float64.")
    if wrong:
        raise MinicnnError(f"{model.name}: a backward pass is not that of the finite differences, or cannot be compared; see the rows")


@click.command()
@model_options(click.option("--model", default="vgg16", show_default=True, help=MODELS))
@click.option("--rounds", default=7, show_default=True, type=click.IntRange(min=1), help="How often everything is timed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@algorithm_option
def bench(model, rounds, as_json):
    """Measure how fast the network runs on this machine.

    Its weights are random, also those of a file: the times do not depend on them. Batch normalization is merged, as where it is used.
    A comparison with PyTorch is in the source's scripts/bench.
    """
    from minicnn.cli import bench as measure

    description = model.describe()
    network, shape = folded(he_initialized(description.network)), description.input_shape
    Model.of(network).check_memory(*shape, batch=max(batch for _, batch, _ in measure.WORKLOADS))
    timings = []
    with part_bars(len(measure.WORKLOADS)) as progress:
        for workload, batch, backward in measure.WORKLOADS:
            progress(workload, 0, 1)
            timings.append(measure.take_turns(workload, {"minicnn": measure.our_workload(network, batch, backward, shape)}, rounds))
            progress(workload, 1, 1)
    timings.append(measure.take_turns(measure.TRAINING, {"minicnn": measure.our_training_step()}, rounds))
    layers = measure.layer_times(network, rounds=rounds, shape=shape)
    limits = {"product": measure.peak_product_rate(), "bandwidth": measure.memory_bandwidth()}
    if as_json:
        found = {"machine": measure.machine(), "model": model.name, "limits": limits, "layers": layers}
        click.echo(json.dumps({**found, "seconds": {timing.workload: timing.seconds for timing in timings}}, indent=2))
        return
    print_table(["workload", "ms"], [[timing.workload, f"{1e3 * timing.median('minicnn'):.1f}"] for timing in timings])
    print_layer_times(layers)
    print_limits(measure.machine(), limits)


def print_layer_times(layers: dict[str, tuple[float, float]]) -> None:
    """Print what each layer takes, those that matter."""
    total = sum(forward + backward for forward, backward in layers.values())
    click.echo()
    print_table(
        ["layer, batch 1", "forward ms", "backward ms", "share"],
        [
            [name, f"{1e3 * forward:.2f}", f"{1e3 * backward:.2f}", f"{(forward + backward) / total:.0%}"]
            for name, (forward, backward) in layers.items()
            if forward + backward > 0.005 * total
        ],
    )


def print_limits(machine: dict[str, str], limits: dict[str, float]) -> None:
    """Print what the machine is and can do."""
    click.echo(f"\n{', '.join(f'{name} {value}' for name, value in machine.items())}")
    click.echo(
        f"NumPy's matrix product: {limits['product'] / 1e9:.0f} billion multiply-adds per second; "
        f"reading memory, one thread: {limits['bandwidth'] / 1e9:.1f} GB/s"
    )


#: The tools, by the heading of the help under which they stand.
SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Photos": (report, predict, replay),
    "Models and weights": (list_models, summary, describe_model, weights_group, gradcheck, bench),
    "Training": (train, evaluate),
}

TOOLS: dict[str, click.Command] = {str(command.name): command for commands in SECTIONS.values() for command in commands}


def _network_to_check(model: ModelChoice, size: int | None, seed: int) -> tuple[Network, Shape]:
    """Load the model's weights if there are any, else make random ones; and choose the shape of the test image."""
    description, architecture = model.describe(), ARCHITECTURES.get(model.name)
    shape = (size, size, description.input_shape[2]) if size else description.input_shape
    if architecture is None:
        random = model.weights is None and kind_of(model.name) == "description"
    else:
        random = model.weights is None and architecture.shipped_weights is None
        if size is None and (random or architecture.any_size):
            shape = (CHECK_SIZE, CHECK_SIZE, 3)
    if not random:
        return model.load(fold=False).network, shape
    return he_initialized(description.network if architecture is None else architecture.network(shape[0]), seed), shape


def _field_cells(field: ReceptiveField | None) -> list[str]:
    if field is None:
        return ["all", "", ""]
    return [str(a) if a == b else f"{a} x {b}" for a, b in (field.size, field.jump, field.padding)]


def _error_cell(checks: list[Check], name: str) -> str:
    return next((f"{check.error:.1e}" for check in checks if check.name == name), "")


def _verdict(checks: list[Check]) -> str:
    """Join the verdicts of a layer's checks: the plain "ok" only once, and not beside a longer word."""
    verdicts = dict.fromkeys(check.verdict for check in checks)
    return "; ".join(verdict for verdict in verdicts if verdict != "ok") or "ok"
