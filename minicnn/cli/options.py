"""What several commands share: the photo, the model, the size, the table, the progress bar."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from minicnn.cli.signals import STOPPED
from minicnn.errors import MinicnnError
from minicnn.kernels import ALGORITHMS, use_algorithm
from minicnn.models.architectures import COMMON
from minicnn.models.descriptions import Description
from minicnn.models.files import describe, describe_text, load
from minicnn.models.model import Model
from minicnn.notebook import BAR
from minicnn.pictures.decoding import accept_truncated
from minicnn.pictures.photos import PREPROCESSING
from minicnn.pictures.results import Result
from minicnn.pictures.tables import aligned
from minicnn.visualizers.contract.kinds import SHIPPED, PhotoKind
from minicnn.visualizers.contract.values import Kind


class OutPath(click.Path):
    """Where to write; an empty name, as of an unset variable, would stand for the current folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value, parameter, context):
        if not os.fspath(value):
            self.fail("the name is empty; expected that of what to write")
        return super().convert(value, parameter, context)


class SizeType(click.ParamType):
    """One number of pixels, or HEIGHTxWIDTH."""

    name = "N|HxW"

    def convert(self, value, parameter, context):
        if isinstance(value, (int, tuple)):
            return value
        parts = str(value).lower().split("x")
        if len(parts) > 2 or not all(re.fullmatch("0*[1-9][0-9]{0,6}", part) for part in parts):
            self.fail(f"{value!r} is no size; expected a number of pixels such as 320, or height x width such as 320x480")
        return int(value) if len(parts) == 1 else (int(parts[0]), int(parts[1]))


class KindType(click.ParamType):
    """Values of a kind, read as the kind says; see `minicnn.visualizers.contract.kinds`."""

    def __init__(self, kind: Kind):
        self.kind, self.name = kind, kind.metavar

    def convert(self, value, parameter, context):
        if not isinstance(value, str):
            return value  # a default
        try:
            return self.kind.parse(value)
        except MinicnnError:
            raise
        except ValueError as error:
            self.fail(str(error), parameter, context)


def joined(parse: Callable[[str], Any], default: Any = None) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], Any]:
    """Make the callback of an option of several values, with commas between them, that `parse` reads; given several times, they add up."""

    def read(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> Any:
        try:
            return parse(",".join(texts)) if texts else default
        except ValueError as error:
            raise click.BadParameter(str(error), context, parameter) from None

    return read


def names_option(name: str, metavar: str, meaning: str) -> Callable[[Callable], Callable]:
    """Make an option of several names."""
    callback = joined(lambda text: tuple(part.strip() for part in text.split(",")), ())
    return click.option(name, multiple=True, callback=callback, metavar=metavar, help=meaning)


class PhotosArgument(click.Argument):
    """One photo or folder, or several, as a shell makes of ``*.jpg``; without any the default."""

    def __init__(self, name: str, default: Path | None = None):
        def read(context: click.Context, parameter: click.Parameter, photos: tuple[Path, ...]) -> Any:
            return default if not photos else photos[0] if len(photos) == 1 else list(photos)

        super().__init__([name], type=KindType(PhotoKind()), nargs=-1, callback=read, metavar="[PHOTO|FOLDER]...")


photo_argument = click.argument("photo", type=KindType(PhotoKind()), default=f"{SHIPPED}panda", required=False)

#: What --model takes.
MODELS = (
    f"A model's name, such as {', '.join(COMMON)} ('minicnn models' lists all); or a file: a weight file that says what it is, or a "
    "description (.toml), with --weights."
)


@dataclass(frozen=True)
class ModelChoice:
    """What the options about the model say; see `minicnn.load` for their meaning.

    Attributes
    ----------
    name : str
    weights : Path or None
    classes, preprocessing, key : str or None
    """

    name: str
    weights: Path | None = None
    classes: str | None = None
    preprocessing: str | None = None
    key: str | None = None

    def load(self, fold: bool = True) -> Model:
        """Load the model; what had to be assumed about it is printed."""
        model = load(self.name, self.weights, fold, classes=self.classes, preprocessing=self.preprocessing, key=self.key)
        for text in () if model.origin is None else model.origin.assumptions:
            click.echo(f"Warning: {text}", err=True)
        return model

    def describe(self) -> Description:
        """Tell what the model is, without its weights."""
        return describe(self.name, self.weights, classes=self.classes, preprocessing=self.preprocessing, key=self.key)

    def written(self) -> str:
        """Write the model's description; of a weight file alone that does not tell of which network it is, as well as its shapes allow."""
        return describe_text(self.name, self.weights, classes=self.classes, preprocessing=self.preprocessing, key=self.key)


key_option = click.option("--key", help="Which of several networks in a PyTorch checkpoint: the names of its dictionaries, with dots.")
preprocessing_option = click.option(
    "--preprocessing",
    metavar="NAME",
    help=f"How pixels become the network's input: {', '.join(PREPROCESSING)}, or a table as in a description.  [default: the model's]",
)
classes_option = click.option(
    "--classes",
    metavar="FILE",
    help="The names of the network's outputs: a text with one in each line, JSON, or a folder of class folders.  [default: the model's]",
)
weights_option = click.option(
    "--weights", type=click.Path(path_type=Path), help="A weight file, the name of a downloaded one, or a model file of the same network."
)


model_option = click.option("--model", default="vgg16-gap", show_default=True, help=MODELS)


def model_options(name: Callable = model_option) -> Callable:
    """Add the options about the model to a command, which gets them as one `ModelChoice`, called model.

    Parameters
    ----------
    name : decorator
        The option, or argument, called model.
    """

    def decorate(command: Callable) -> Callable:
        @functools.wraps(command)
        def run(model, weights, classes, preprocessing, key, **others):
            return command(model=ModelChoice(model, weights, classes, preprocessing, key), **others)

        for option in (key_option, preprocessing_option, classes_option, weights_option, name):
            run = option(run)
        return run

    return decorate


size_option = click.option(
    "--size", type=SizeType(), help="Pixels to scale the photo to: one number, or HEIGHTxWIDTH.  [default: the model's, or the method's]"
)
truncated_option = click.option(
    "--accept-truncated",
    is_flag=True,
    expose_value=False,
    callback=lambda context, parameter, value: context.with_resource(accept_truncated(_warn)) if value else None,
    help="Take what there is of JPEGs whose end is missing.",
)


def _warn(text: str) -> None:
    click.echo(f"Warning: {text}", err=True)


def photo_options(command: Callable) -> Callable:
    """Add the options about photos to a command: their size, and whether those that are cut off are taken."""
    return size_option(truncated_option(command))


algorithm_option = click.option(
    "--algorithm",
    type=click.Choice(ALGORITHMS),
    default="auto",
    show_default=True,
    expose_value=False,
    callback=lambda context, parameter, value: context.with_resource(use_algorithm(value)),
    help="How convolutions are computed; im2col is the definition.",
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace files that exist.")


def save_all(result: Result, paths: Sequence[Path], image: Path | None, overwrite: bool) -> None:
    """Save a result under every name, and its picture alone; say what there is to read, and how to go on if it was stopped."""
    goes_on = result.stopped and "resume" in result.source.get("settings", {})
    if goes_on and not any(path.suffix.lower() == ".npz" for path in paths):
        paths = [*paths, _free_name(paths[0].with_suffix(".npz"), overwrite)]
    for path in sorted(paths, key=lambda path: path.suffix.lower() != ".npz"):  # first what a stopped run goes on from
        result.save(path, overwrite)
    if image is not None:
        result.save_image(image, overwrite)
    for warning in result.warnings:
        click.echo(f"Warning: {warning}", err=True)
    if result.text:
        click.echo(result.text)
    for path in [*paths, *filter(None, [image])]:
        click.echo(f"{result.title}: {path}")
    if goes_on:
        state = next(path for path in paths if path.suffix.lower() == ".npz")
        click.echo(f"stopped; the same command with --resume {state} --overwrite goes on", err=True)
    if result.stopped:
        click.get_current_context().exit(STOPPED)


def _free_name(path: Path, overwrite: bool) -> Path:
    """Return the path, or with a number added if there is something that may not be overwritten."""
    names = itertools.chain([path], (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2)))
    return next(name for name in names if overwrite or not name.exists())


@contextlib.contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar with the time left, on a terminal only; yields the function progress(done, total)."""
    with tqdm(desc=label, leave=False, disable=None, bar_format=BAR) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


@contextlib.contextmanager
def part_bars(parts: int) -> Iterator[Callable[[str, int, int], None]]:
    """Show one bar after the other for work in parts; yields the function progress(part, done, total).

    Where there is no terminal, a line is printed as each part begins.
    """
    with contextlib.ExitStack() as shown:
        begun: list[str] = []
        update: Callable[[int, int], None] = lambda done, total: None  # noqa: E731  # until the first part begins

        def progress(part: str, done: int, total: int) -> None:
            nonlocal update
            if part not in begun:
                begun.append(part)
                shown.close()
                label = f"[{len(begun)}/{parts}] {part}"
                if not sys.stderr.isatty():
                    click.echo(label, err=True)
                update = shown.enter_context(progress_bar(label))
            update(done, total)

        yield progress


def print_help_alone(context: click.Context) -> None:
    """Print a group's help if none of its commands was named."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text in columns."""
    click.echo(aligned(headings, rows))
