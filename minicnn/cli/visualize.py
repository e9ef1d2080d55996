"""From a visualizer's parameters and docstring to a command."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
from docstring_parser import parse

from minicnn.cli.options import (
    KindType,
    algorithm_option,
    model_options,
    overwrite_option,
    progress_bar,
    save_all,
    size_option,
)
from minicnn.pictures.results import IMAGE_SUFFIXES, check_names
from minicnn.visualizers import Visualizer
from minicnn.visualizers.contract.kinds import SHIPPED, LayerKind, ProgressKind, TargetKind
from minicnn.visualizers.contract.parameters import Parameter

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
    docstring = parse(visualizer.function.__doc__ or "")
    meanings = {parameter.arg_name: " ".join((parameter.description or "").split()) for parameter in docstring.params}
    photos = [visualizer.parameters[name] for name in visualizer.photo_parameters if not visualizer.parameters[name].keyword_only]
    watcher = visualizer.parameter_of(ProgressKind)

    @model_options()
    def run(model, out, overwrite, picture=None, **options):
        out = out or (Path(f"{_subject(visualizer, photos, model.name, options)}-{visualizer.name}.png"),)
        check_names(out, overwrite, visualizer.saves)
        if picture is not None:
            check_names([picture], overwrite, IMAGE_SUFFIXES)
        if picture in out:
            raise click.UsageError(f"--out and --image both name {picture}; give each file a name of its own")
        loaded = model.load()
        if watcher is None:
            result = visualizer.function(loaded, **options)
        else:
            with progress_bar(visualizer.name) as progress:
                result = visualizer.function(loaded, **{watcher: progress}, **options)
        save_all(result, out, picture, overwrite)

    parameters: list[click.Parameter] = [
        _argument(photo, main=photo.name == visualizer.photo_name, alone=len(photos) == 1) for photo in photos
    ]
    others = [parameter for parameter in visualizer.parameters.values() if parameter not in photos]
    parameters += [
        _option(parameter, meanings[parameter.name])
        for parameter in others
        if parameter.kind.is_setting or parameter.name in visualizer.photo_parameters
    ]
    parameters += _files(visualizer)
    text = "\n\n".join(filter(None, [docstring.short_description, docstring.long_description, f"Source: {visualizer.paper}."]))
    for decorate in (overwrite_option, algorithm_option, *([size_option] if visualizer.takes_photo else [])):
        run = decorate(run)
    return click.command(visualizer.name, params=parameters, help=text, short_help=docstring.short_description)(run)


def _argument(photo: Parameter, main: bool, alone: bool) -> click.Argument:
    """Make the argument for a photo; one that is needed, and alone, may be left out for the shipped one."""
    default = f"{SHIPPED}panda" if photo.required and alone else None
    metavar = photo.kind.metavar if main else photo.name.upper()
    required = photo.required and not alone
    shown = metavar if required else f"[{metavar}]"
    return click.Argument([photo.name], type=KindType(photo.kind), default=default, required=required, metavar=shown)


def _option(parameter: Parameter, meaning: str) -> click.Option:
    """Make the option of a parameter, of whatever kind."""
    kind, names = parameter.kind, [f"--{parameter.name.replace('_', '-')}", parameter.name]
    if kind.is_flag:
        return click.Option(names, is_flag=True, default=parameter.default, help=meaning)
    kind_type = KindType(kind) if kind.choices is None else click.Choice(kind.choices)
    if kind.multiple:
        return click.Option(names, type=kind_type, multiple=True, help=f"{meaning} May be given several times.")
    return click.Option(names, type=kind_type, default=parameter.default, show_default=True, help=meaning)


def _files(visualizer: Visualizer) -> list[click.Parameter]:
    """Make the options for the files to write."""
    kinds = ", ".join(f"{suffix} for {FILE_KINDS[suffix]}" for suffix in visualizer.saves)
    subject = "PHOTO" if visualizer.needs_photo else "CLASS" if visualizer.parameter_of(TargetKind) else "MODEL"
    out_help = f"The file to write: {kinds}. May be given several times.  [default: {subject}-{visualizer.name}.png]"
    options: list[click.Parameter] = [click.Option(["--out"], type=click.Path(path_type=Path), multiple=True, help=out_help)]
    if visualizer.image is not None:
        image_help = f"The file for the {visualizer.image} alone, without captions: .png or .jpg."
        options.append(click.Option(["--image", "picture"], type=click.Path(path_type=Path), help=image_help))
    return options


def _subject(visualizer: Visualizer, photos: list[Parameter], model: str, options: dict[str, object]) -> str:
    """Name what the picture is about, for the default file name: the photo, or else the class, or else the model and the layer."""
    photo = next((options[photo.name] for photo in photos if options[photo.name] is not None), None)
    if photo is not None:
        return Path(os.path.abspath(str(photo))).stem  # of a folder such as "." or ".." too
    target, layer = (options.get(visualizer.parameter_of(kind) or "") for kind in (TargetKind, LayerKind))
    about = target or "-".join(filter(None, [Path(model).stem, str(layer or "")]))
    return re.sub(r"[^\w.-]+", "-", str(about))
