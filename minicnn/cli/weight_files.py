"""The commands about weight files that are there: info, check, convert."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from minicnn.cli.options import (
    ModelChoice,
    OutPath,
    classes_option,
    key_option,
    overwrite_option,
    preprocessing_option,
    print_table,
)
from minicnn.files.published import recognized
from minicnn.files.writing import file_sha256
from minicnn.models.architectures import ARCHITECTURES
from minicnn.models.files import check_model_place, save
from minicnn.models.model import Model
from minicnn.pictures.photos import PREPROCESSING
from minicnn.weightfiles import read_weights
from minicnn.weightfiles.stored import kind_name, shown

#: Texts of a file are shown up to this length.
LONGEST_TEXT = 300

file_argument = click.argument("file", type=click.Path(path_type=Path))
model_option = click.option(
    "--model",
    help="A model's name ('minicnn models' lists them), or a description (.toml).  [default: what the file says, or what its shapes fit]",
)


@click.command()
@file_argument
@key_option
def info(file, key):
    """Tell what a weight file is: format, layers, shapes, and whether it is a well-known one."""
    stored = read_weights(file, key)
    click.echo(f"{file}: {stored.format}, {file.stat().st_size:,} bytes")
    rows = [
        [shown(layer.name), kind_name(layer.kind), key, " x ".join(map(str, array.shape)), array.dtype.name]
        for layer in stored.layers
        for key, array in layer.arrays.items()
    ]
    print_table(["layer", "kind", "array", "shape", "type"], rows)
    parameters = sum(array.size for layer in stored.layers for key, array in layer.arrays.items() if key in ("weight", "bias"))
    click.echo(f"{parameters:,} parameters; kernels are height x width x inputs x filters, dense weights inputs x outputs")
    for name, text in stored.metadata.items():
        click.echo(f"{name}: {_shortened(text)}")
    sha256 = file_sha256(file)
    click.echo(f"SHA-256 {sha256}")
    click.echo(recognized(file, sha256) or "It is none of the published files that minicnn knows.")


@click.command()
@file_argument
@model_option
@key_option
def check(file, model, key):
    """Read all numbers of a weight file, and compare its shapes with a model's.

    Ends with code 0 if all numbers are finite and all shapes fit, else with code 2.
    """
    loaded = _choice(file, model, key=key).load(fold=False)
    print_table(
        ["layer", "array", "shape", "mean", "deviation", "smallest", "largest"],
        [
            [name, key, " x ".join(map(str, array.shape)), *(f"{number:.4g}" for number in _statistics(array))]
            for name, arrays in loaded.network.arrays.items()
            for key, array in arrays.items()
        ],
    )
    click.echo(f"{file} is sound: all numbers are finite, all shapes are those of {_called(loaded)}.")


@click.command()
@file_argument
@click.argument("out", type=OutPath())
@model_option
@classes_option
@preprocessing_option
@key_option
@click.option("--half", is_flag=True, help="Store weights with 16 bits, in half the space.")
@overwrite_option
def convert(file, out, model, classes, preprocessing, key, half, overwrite):
    """Write a weight file as a model file, which minicnn loads with nothing else.

    Later: minicnn predict PHOTO --model OUT.
    """
    check_model_place(out, overwrite)
    loaded = _choice(file, model, classes, preprocessing, key).load(fold=False)
    save(loaded, out, overwrite, half)
    click.echo(f"{out}: {_called(loaded)}, {out.stat().st_size:,} bytes. Use it with --model {out}")
    if loaded.preprocessing is None:
        click.echo(
            f"It does not say how pixels become its input, so photos need that said: --model {out} --preprocessing NAME; or convert it "
            f"again with --preprocessing NAME --overwrite. NAME is one of {', '.join(PREPROCESSING)}"
        )
    if loaded.classes is None and loaded.is_classifier((1, *loaded.input_shape())):
        click.echo("Its classes have no names, only numbers; --classes FILE gives them names, here and with --model.")


def _choice(file: Path, model: str | None, classes=None, preprocessing=None, key=None) -> ModelChoice:
    """Choose the network that is named, with the weights of the file; or else the file alone."""
    return ModelChoice(model or str(file), file if model else None, classes, preprocessing, key)


def _called(model: Model) -> str:
    """Name a model, and say if its top is missing."""
    without_top = model.name in ARCHITECTURES and not model.is_classifier((1, *model.input_shape()))
    return f"{model.name} without its top" if without_top else model.name


def _statistics(array: np.ndarray) -> tuple[float, float, float, float]:
    """Mean, standard deviation, smallest and largest number of an array, in little memory."""
    flat = array.reshape(-1)
    mean = flat.mean(dtype=np.float64)
    blocks = (flat[start : start + (1 << 20)] for start in range(0, flat.size, 1 << 20))
    deviation = np.sqrt(sum(((block.astype(np.float64) - mean) ** 2).sum() for block in blocks) / flat.size)
    return float(mean), float(deviation), float(flat.min()), float(flat.max())


def _shortened(text: str) -> str:
    """Put a text on one line, and cut it if it is long."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= LONGEST_TEXT else f"{line[:LONGEST_TEXT]} ... ({len(text):,} characters)"
