"""From a visualizer's parameters and docstring to a command."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import click
from docstring_parser import parse

from minicnn.cli.options import (
    KindType,
    OutPath,
    PhotosArgument,
    algorithm_option,
    joined,
    model_options,
    overwrite_option,
    photo_options,
    progress_bar,
    save_all,
)
from minicnn.pictures.batches import as_file_name, check_batch_names
from minicnn.pictures.results import IMAGE_SUFFIXES, check_names
from minicnn.visualizers import Visualizer
from minicnn.visualizers.contract.batch import Batch
from minicnn.visualizers.contract.kinds import SHIPPED, LayerKind, LayersKind, ProgressKind, TargetKind
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
        loaded = model.load()
        several = Batch(visualizer, loaded, options).several
        out = out or (Path(_default_name(visualizer, photos, model.name, options, "" if several else ".png")),)
        images = [] if picture is None else [picture]
        if several:
            check_batch_names([*out, *images], overwrite)
        else:
            check_names(out, overwrite, visualizer.saves)
            check_names(images, overwrite, IMAGE_SUFFIXES)
        if picture in out:
            raise click.UsageError(f"--out and --image both name {picture}; give each file a name of its own")
        with contextlib.ExitStack() as shown:
            if watcher or several:
                options[watcher or "progress"] = shown.enter_context(progress_bar(visualizer.name))
            result = visualizer.function(loaded, **options)
        save_all(result, out, picture, overwrite)

    parameters: list[click.Parameter] = [
        _argument(photo, photo.name == visualizer.photo_name) if len(photos) > 1 else _photos_argument(photo) for photo in photos
    ]
    others = [parameter for parameter in visualizer.parameters.values() if parameter not in photos]
    parameters += [
        _option(parameter, meanings[parameter.name])
        for parameter in others
        if parameter.kind.is_setting or parameter.name in visualizer.photo_parameters
    ]
    parameters += _files(visualizer)
    text = "\n\n".join(filter(None, [docstring.short_description, docstring.long_description, f"Source: {visualizer.paper}."]))
    for decorate in (overwrite_option, algorithm_option, *([photo_options] if visualizer.takes_photo else [])):
        run = decorate(run)
    return click.command(visualizer.name, params=parameters, help=text, short_help=docstring.short_description)(run)


def _argument(photo: Parameter, main: bool) -> click.Argument:
    """Make the argument for one of two photos."""
    metavar = photo.kind.metavar if main else photo.name.upper()
    return click.Argument(
        [photo.name], type=KindType(photo.kind), required=photo.required, metavar=metavar if photo.required else f"[{metavar}]"
    )


def _photos_argument(photo: Parameter) -> click.Argument:
    """Make the argument for the only photo, or photos; the shipped one stands for one that is needed."""
    return PhotosArgument(photo.name, photo.kind.parse(f"{SHIPPED}panda") if photo.required else None)


def _option(parameter: Parameter, meaning: str) -> click.Option:
    """Make the option of a parameter, of whatever kind."""
    kind, names = parameter.kind, [f"--{parameter.name.replace('_', '-')}", parameter.name]
    if kind.is_flag:
        return click.Option(names, is_flag=True, default=parameter.default, help=meaning)
    if kind.multiple:
        callback = joined(kind.parse, parameter.default)
        return click.Option(names, multiple=True, callback=callback, metavar=kind.metavar, help=meaning)
    kind_type = KindType(kind) if kind.choices is None else click.Choice(kind.choices)
    return click.Option(names, type=kind_type, default=parameter.default, show_default=True, help=meaning)


def _files(visualizer: Visualizer) -> list[click.Parameter]:
    """Make the options for the files to write."""
    kinds = ", ".join(f"{suffix} for {FILE_KINDS[suffix]}" for suffix in visualizer.saves)
    subject = "PHOTO" if visualizer.needs_photo else "CLASS" if visualizer.parameter_of(TargetKind) else "MODEL"
    batches = visualizer.takes_photo and not visualizer.takes_photos
    each = " Of several photos or classes a folder, for one picture each, or .npz, .npy, .csv, .json." if batches else ""
    out_help = f"The file to write: {kinds}.{each} May be given several times.  [default: {subject}-{visualizer.name}.png]"
    options: list[click.Parameter] = [click.Option(["--out"], type=OutPath(), multiple=True, help=out_help)]
    if visualizer.image is not None:
        image_help = f"The file for the {visualizer.image} alone, without captions: .png or .jpg."
        options.append(click.Option(["--image", "picture"], type=OutPath(), help=image_help))
    return options


def _default_name(visualizer: Visualizer, photos: list[Parameter], model: str, options: dict[str, Any], ending: str) -> str:
    """Name the file, or folder: what the picture is about, the method, and the layers and classes that were asked for."""
    given = {kind: options.get(visualizer.parameter_of(kind) or "") for kind in (LayerKind, LayersKind, TargetKind)}
    photo = next((options[photo.name] for photo in photos if options[photo.name] is not None), None)
    if isinstance(photo, list):
        subject = f"{len(photo)}-photos"
    elif photo is not None:
        subject = Path(os.path.abspath(str(photo))).stem  # of a folder such as "." or ".." too
    else:
        subject = as_file_name(given.pop(TargetKind) or "") or as_file_name(Path(model).stem)
    return "-".join([subject, visualizer.name, *(as_file_name(str(value)) for value in given.values() if value)]) + ending
