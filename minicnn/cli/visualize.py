"""From a visualizer's signature and docstring to a command."""

from __future__ import annotations

import inspect
import os
import re
import typing
from pathlib import Path

import click
from docstring_parser import parse

from minicnn.cli.options import (
    IntegersType,
    NamesType,
    PhotoType,
    algorithm_option,
    model_option,
    overwrite_option,
    photo_argument,
    photos_argument,
    progress_bar,
    save_all,
    size_option,
    weights_option,
)
from minicnn.models.files import load
from minicnn.pictures.results import IMAGE_SUFFIXES, check_names
from minicnn.visualizers import Visualizer
from minicnn.visualizers.contract.options import (
    Classes,
    FilePath,
    Index,
    Indices,
    Layers,
    Method,
    Methods,
    Position,
    SecondPhoto,
    Unit,
    base_annotation,
)
from minicnn.visualizers.contract.registry import map_methods

#: What each kind of file holds.
FILE_KINDS = {
    ".png": "the picture",
    ".npy": "the raw values",
    ".npz": "the raw values, several arrays",
    ".gif": "the animation",
    ".mp4": "the animation, smaller",
    ".csv": "the table",
    ".json": "the table and what made it",
}


def make_command(visualizer: Visualizer) -> click.Command:
    """Make the command that runs a visualizer and saves the picture."""
    docstring = parse(visualizer.function.__doc__)
    help_texts = {parameter.arg_name: " ".join((parameter.description or "").split()) for parameter in docstring.params}

    def run(model, weights, out, overwrite, photo=None, size=None, image=None, **options):
        out = out or (Path(f"{_subject(photo, model, options)}-{visualizer.name}.png"),)
        check_names(out, overwrite, visualizer.saves)
        if image is not None:
            check_names([image], overwrite, IMAGE_SUFFIXES)
        if image in out:
            raise click.UsageError(f"--out and --image both name {image}; give each file a name of its own")
        loaded = load(model, weights)
        if visualizer.takes_photo:
            options |= {visualizer.photo_name: photo, "size": size}
        if "progress" not in visualizer.parameters:
            result = visualizer.function(loaded, **options)
        else:
            with progress_bar(visualizer.name) as progress:
                result = visualizer.function(loaded, progress=progress, **options)
        save_all(result, out, image, overwrite)

    wanted = [name for name in ("target", "layer") if name in visualizer.parameters]
    flags = [click.Option([f"--{name}"], help=help_texts[name]) for name in wanted]
    flags += [_flag(parameter, help_texts[name]) for name, parameter in visualizer.options.items()]
    kinds = ", ".join(f"{suffix} for {FILE_KINDS[suffix]}" for suffix in visualizer.saves)
    subject = "PHOTO" if visualizer.needs_photo else "CLASS" if "target" in visualizer.parameters else "MODEL"
    out_help = f"The file to write: {kinds}. May be given several times.  [default: {subject}-{visualizer.name}.png]"
    flags.append(click.Option(["--out"], type=click.Path(path_type=Path), multiple=True, help=out_help))
    if visualizer.image is not None:
        image_help = f"The file for the {visualizer.image} alone, without captions: .png or .jpg."
        flags.append(click.Option(["--image"], type=click.Path(path_type=Path), help=image_help))
    text = f"{docstring.short_description}\n\n{docstring.long_description}\n\nSource: {visualizer.paper}."
    command = click.Command(visualizer.name, params=flags, callback=run, help=text, short_help=docstring.short_description)
    for decorate in (overwrite_option, algorithm_option, weights_option, model_option):
        command = decorate(command)
    if visualizer.takes_photo:
        command = size_option(command)
    if "style" in visualizer.parameters:
        command = click.argument("style", type=PhotoType())(click.argument("photo", type=PhotoType())(command))
    elif visualizer.photo_name == "photos":
        command = photos_argument(command)
    elif visualizer.needs_photo:
        command = photo_argument(command)
    elif visualizer.takes_photo:
        command = click.argument("photo", type=PhotoType(), required=False)(command)
    return command


def _subject(photo: Path | None, model: str, options: dict[str, object]) -> str:
    """Name what the picture is about, for the default file name: the photo, or else the class, or else the model and the layer."""
    if photo is not None:
        return Path(os.path.abspath(photo)).stem  # of a folder such as "." or ".." too
    about = options.get("target") or "-".join(filter(None, [Path(model).stem, options.get("layer")]))
    return re.sub(r"[^\w.-]+", "-", str(about))


def _flag(parameter: inspect.Parameter, help_text: str) -> click.Option:
    """Make the flag of a keyword-only parameter, from its annotation and default."""
    annotation = base_annotation(parameter)
    name = f"--{parameter.name.replace('_', '-')}"
    if annotation is bool:
        return click.Option([name], is_flag=True, default=parameter.default, help=help_text)
    if annotation is Classes:
        return click.Option([name, parameter.name], type=str, multiple=True, help=f"{help_text} May be given several times.")
    if typing.get_origin(annotation) is typing.Literal:
        kind = click.Choice(typing.get_args(annotation))
    elif annotation in (Position, Unit):
        kind = IntegersType("ROW,COL" if annotation is Position else "ROW,COL,CHANNEL")
    elif annotation is Indices:
        kind = IntegersType("N,N")
    elif annotation is Method:
        kind = click.Choice(map_methods())
    else:
        kinds = {Index: int, FilePath: click.Path(), SecondPhoto: PhotoType(), Layers: str, Methods: NamesType()}
        kind = kinds.get(annotation, annotation)
    return click.Option([name, parameter.name], type=kind, default=parameter.default, show_default=True, help=help_text)
