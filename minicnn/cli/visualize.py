"""From a visualizer's signature and docstring to a command."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path

import click
from docstring_parser import parse

import minicnn.model
from minicnn.cli.options import (
    algorithm_option,
    model_option,
    overwrite_option,
    photo_argument,
    progress_bar,
    size_option,
    weights_option,
)
from minicnn.results import check_name
from minicnn.visualizers import Visualizer


def make_command(visualizer: Visualizer) -> click.Command:
    """Make the command that runs a visualizer on a photo and saves the picture."""
    docstring = parse(visualizer.function.__doc__)
    help_texts = {parameter.arg_name: " ".join((parameter.description or "").split()) for parameter in docstring.params}

    def run(photo, model, weights, size, out, overwrite, **options):
        out = out or Path(f"{photo.stem}-{visualizer.name}.png")
        check_name(out, overwrite)
        loaded = minicnn.model.load(model, weights)
        if "progress" not in visualizer.parameters:
            result = visualizer.function(loaded, photo, size=size, **options)
        else:
            with progress_bar(visualizer.name) as progress:
                result = visualizer.function(loaded, photo, size=size, progress=progress, **options)
        for warning in result.warnings:
            click.echo(f"Warning: {warning}", err=True)
        result.save(out, overwrite)
        click.echo(f"{result.title}: {out}")

    wanted = [name for name in ("target", "layer") if name in visualizer.parameters]
    flags = [click.Option([f"--{name}"], help=help_texts[name]) for name in wanted]
    flags += [_flag(parameter, help_texts[name]) for name, parameter in visualizer.options.items()]
    out_help = "The file to write: .png for the picture, .npy (.npz for several arrays) for the raw values.  [default: PHOTO-METHOD.png]"
    flags.append(click.Option(["--out"], type=click.Path(path_type=Path), help=out_help))
    text = f"{docstring.short_description}\n\n{docstring.long_description}\n\nSource: {visualizer.paper}."
    command = click.Command(visualizer.name, params=flags, callback=run, help=text, short_help=docstring.short_description)
    for decorate in (overwrite_option, algorithm_option, size_option, weights_option, model_option, photo_argument):
        command = decorate(command)
    return command


def _flag(parameter: inspect.Parameter, help_text: str) -> click.Option:
    """Make the flag of a keyword-only parameter, from its annotation and default."""
    annotation = parameter.annotation
    if typing.get_origin(annotation) is typing.Literal:
        kind = click.Choice(typing.get_args(annotation))
    elif parameter.default is None:  # int | None: the method chooses
        kind = next(part for part in typing.get_args(annotation) if part is not type(None))
    else:
        kind = annotation
    name = f"--{parameter.name.replace('_', '-')}"
    return click.Option([name], type=kind, default=parameter.default, show_default=True, help=help_text)
