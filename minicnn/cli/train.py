"""The commands that train a network on photos, and that ask how often it is right."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import click
import numpy as np
from tqdm import tqdm

from minicnn import training
from minicnn.cli.options import (
    OutPath,
    algorithm_option,
    key_option,
    model_options,
    overwrite_option,
    photo_options,
    preprocessing_option,
    print_table,
    progress_bar,
)
from minicnn.cli.signals import STOPPED, finish_undisturbed
from minicnn.errors import OutputError, UnknownNameError, listed, printable, several
from minicnn.files.writing import check_place, readable_name, write_file
from minicnn.geometry import as_pair
from minicnn.kernels import current_algorithm
from minicnn.models.architectures import ARCHITECTURES
from minicnn.models.classes import as_name
from minicnn.models.descriptions import write_description
from minicnn.models.files import check_model_place, save
from minicnn.models.model import Model
from minicnn.pictures.tables import as_csv
from minicnn.training import (
    Dataset,
    Evaluation,
    PhotoTask,
    Settings,
    Start,
    State,
    read_checkpoint,
    read_dataset,
    start_training,
    write_checkpoint,
)
from minicnn.training.curves import curves_png
from minicnn.training.loop import OptimizerName, steps_per_epoch
from minicnn.training.reading import Part
from minicnn.training.schedules import Schedule
from minicnn.weightfiles import read_metadata

DEFAULTS = Settings()


def _choice(name: str, kind, default: str, text: str):
    return click.option(name, type=click.Choice(get_args(kind)), default=default, show_default=True, help=text)


skip_option = click.option("--skip-damaged", is_flag=True, help="Leave out photos that cannot be read, rather than end with an error.")


def _number(name: str, default: float, text: str):
    return click.option(name, type=type(default), default=default, show_default=True, help=text)


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", type=OutPath(), required=True, help="The model file to write (.h5).")
@click.option(
    "--model",
    default="minivgg",
    show_default=True,
    help="A model's name or a description (.toml), which start from random weights; or a weight file alone, which is trained further.",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="A model file, or a model's name, to start from as far as its layers fit; or another weight file of the whole network.",
)
@preprocessing_option
@key_option
@photo_options
@_number("--epochs", DEFAULTS.epochs, "How often each photo is used.")
@_number("--batch-size", DEFAULTS.batch_size, "Photos in one step; it bounds the memory.")
@_choice("--optimizer", OptimizerName, DEFAULTS.optimizer, "How a gradient becomes a step.")
@_number("--rate", DEFAULTS.rate, "The largest learning rate; for adam try 0.001.")
@_number("--momentum", DEFAULTS.momentum, "Of sgd: the share of its velocity that it keeps.")
@click.option("--nesterov/--no-nesterov", default=DEFAULTS.nesterov, show_default=True, help="Of sgd: whether it looks one step ahead.")
@_number("--weight-decay", DEFAULTS.weight_decay, "How strongly weights are drawn to 0.")
@_choice("--schedule", Schedule, DEFAULTS.schedule, "How the rate changes; step: a tenth after 50 % and 75 % of the training.")
@_number("--warm-up", DEFAULTS.warm_up, "The share of the training in which the rate rises to its largest.")
@click.option("--flip/--no-flip", default=True, show_default=True, help="Whether photos are flipped left to right at random.")
@click.option("--crop", type=int, help="By how many pixels photos are shifted at random.  [default: an eighth of their side]")
@click.option("--cutout", default=0, show_default=True, help="The side of a square that is hidden in each photo, in pixels; 0 for none.")
@click.option("--validation", default=0.1, show_default=True, help="The share of each class's photos that is set apart to validate with.")
@_number("--patience", DEFAULTS.patience, "End after so many epochs in a row without a better one on the validation photos; 0 for never.")
@_number("--seed", DEFAULTS.seed, "For the split, the first weights, order, flips, shifts and dropout: same seed, same network.")
@skip_option
@click.option("--resume", is_flag=True, help="Go on from the checkpoint of a training that was stopped.")
@algorithm_option
@overwrite_option
def train(data, out, model, weights, preprocessing, key, size, flip, crop, cutout, validation, skip_damaged, resume, overwrite, **settings):
    """Train a network on photos.

    DATA is a folder with a folder of photos for each class, an .npz file with images (N, H, W, 3), uint8, and labels (N,), a .csv file
    with a photo's path and its label in each row, or MNIST's files; of data in two parts, that for training. Beside FILE.h5 it writes
    FILE-log.csv and FILE-curves.png, and after each epoch FILE-checkpoint.npz, which goes at the end. Ctrl-C saves the checkpoint, and
    with --resume the training goes on as if it had not been stopped. The network that is kept is that of the epoch with the highest
    validation accuracy, of equal ones that with the lower loss.
    """
    settings = Settings(**settings)
    check_model_place(out, overwrite or resume)
    files = _files_beside(out, overwrite, resume)
    dataset = _dataset(data, "train", skip_damaged)
    start = start_training(model, dataset.classes, weights, settings.seed, size, preprocessing=preprocessing, key=key)
    task = _task(dataset.in_order(start.model.classes), start.model, settings, validation, flip, crop, cutout)
    identity = _identity(settings, task, start, validation)
    if out.exists() and not overwrite:
        _check_written_by(out, identity)
    state = read_checkpoint(files["checkpoint.npz"], start.model.network, identity) if resume else State(start.model.network)
    beginning = f"going on after step {state.step:,}" if state.step else f"starting from {start}"
    click.echo(f"{_counts(task)}; {beginning}")
    if validation and len(task.validation) == 0:
        click.echo(f"(no class has enough photos for a share of {validation:g} to validate with; choose a larger --validation)")
    if empty := len(task.dataset.classes) - len(np.unique(task.dataset.labels)):
        click.echo(f"({empty} of the classes {'have' if empty > 1 else 'has'} no photos)")
    if start.source is None and model in ARCHITECTURES and ARCHITECTURES[model].shipped_weights:
        click.echo(f"(to start from the weights of {model}: --weights {model})")
    state = _train(task, state, settings, files["checkpoint.npz"], identity)
    finish_undisturbed()
    write_file(files["log.csv"], as_csv(state.history).encode(), overwrite or resume)
    write_file(files["curves.png"], curves_png(state.history, f"{start.model.name}: training"), overwrite or resume)
    save(start.model.with_network(state.result), out, overwrite or resume, metadata=_metadata(data, start, identity))
    files["checkpoint.npz"].unlink(missing_ok=True)
    _say_what_came_of_it(state, out, len(task.dataset.classes))


def _dataset(data: Path, part: Part, skip_damaged: bool) -> Dataset:
    """Read photos and labels with a progress bar, and say what was left out."""
    with progress_bar("reading photos") as progress:
        dataset = read_dataset(data, part, skip_damaged, progress)
    if dataset.note:
        click.echo(f"({printable(dataset.note)})", err=True)
    if dataset.skipped:
        names = printable(listed(list(dataset.skipped), 20))
        click.echo(f"Warning: what cannot be read as a photo is left out: {names}", err=True)
    return dataset


def _files_beside(out: Path, overwrite: bool, resume: bool) -> dict[str, Path]:
    """Name the files that a training writes beside the model's, by what they end with; raises OutputError if one may not be written."""
    files = {name: out.with_name(f"{out.stem}-{name}") for name in ("log.csv", "curves.png", "checkpoint.npz")}
    if files["checkpoint.npz"].exists() and not (resume or overwrite):
        raise OutputError(
            f"{files['checkpoint.npz']} exists, so this training was stopped; go on with --resume, or begin anew with --overwrite"
        )
    for path in files.values():
        check_place(path, overwrite or resume)
    return files


def _task(dataset: Dataset, model: Model, settings: Settings, validation: float, flip: bool, crop: int | None, cutout: int) -> PhotoTask:
    """Divide the photos, and say how they are changed at random; raises what keeps the training from beginning."""
    height, width, channels = model.input_shape()
    model.check_memory(height, width, channels, min(settings.batch_size, len(dataset)))
    parts = dataset.split(validation, settings.seed)
    if settings.patience and len(parts[1]) == 0:
        raise click.UsageError("--patience needs photos to validate with, and none are set apart; choose a larger --validation")
    shift = min(height, width) // 8 if crop is None else crop
    assert model.preprocessing is not None  # training starts from no model without
    return PhotoTask(dataset, *parts, model.preprocessing, (height, width), flip, shift, cutout)


def _counts(task: PhotoTask) -> str:
    photos = f"{several(len(task.training), 'photo')} to train on, {len(task.validation):,} to validate with"
    return f"{photos}, {len(task.dataset.classes)} classes"


def _check_written_by(out: Path, identity: dict) -> None:
    """Raise OutputError unless a model file is that of this very training, which was killed just before its checkpoint went."""
    if read_metadata(out).get("training") != json.dumps(identity):
        raise OutputError(f"{out} exists, and is not what this training wrote; choose another name, or overwrite it (--overwrite)")


def _metadata(data: Path, start: Start, identity: dict) -> dict[str, str]:
    """Say what the model file tells about its training."""
    before = "" if start.source is None or start.source.credit is None else f"; before that: {start.source.credit}"
    return {"source": f"trained by minicnn on {readable_name(data.resolve())}{before}", "training": json.dumps(identity)}


def _say_what_came_of_it(state: State, out: Path, classes: int) -> None:
    best = ""
    if state.best_epoch:
        accuracy = state.history[state.best_epoch - 1]["validation accuracy"]
        best = f", of epoch {state.best_epoch}, with {accuracy:.2%} on the validation photos"
    click.echo(f"The network{best}: {out}")
    loss, guessing = state.history[-1]["loss"], math.log(classes)
    if loss > 1.01 * guessing:  # a last layer that starts with zeros begins with guessing
        text = f"its loss, {loss:.4g}, is larger than that of guessing, {guessing:.4g}; try a smaller --rate, or more epochs"
        click.echo(f"Warning: {text}", err=True)


def _identity(settings: Settings, task: PhotoTask, start: Start, validation: float) -> dict:
    """Say what must be the same for a stopped training to go on."""
    model = start.model
    return {
        **dataclasses.asdict(settings),
        "algorithm": current_algorithm(),
        "photos": task.dataset.fingerprint(),
        "validation": validation,
        "size": list(task.size),
        "flip": task.flip,
        "crop": task.crop,
        "cutout": task.cutout,
        "description": write_description(model.network, model.input_shape(), model.name, model.preprocessing, task.dataset.classes),
        "weights": None if start.source is None else start.source.weights_sha256,
    }


def _train(task: PhotoTask, state: State, settings: Settings, checkpoint: Path, identity: dict) -> State:
    """Train with a progress bar, a line for each epoch, and checkpoints; after Ctrl-C write one and leave."""
    total = steps_per_epoch(task, settings) * settings.epochs
    now = state
    with progress_bar("training") as progress:

        def callback(after: State) -> None:
            nonlocal now
            new_epoch = len(after.history) > len(now.history)
            now = after
            if new_epoch:
                write_checkpoint(checkpoint, after, identity)
                tqdm.write(_line(after.history[-1], settings.epochs))
            progress(after.step, total)

        try:
            return training.train(task, state, settings, callback)
        except KeyboardInterrupt:
            finish_undisturbed()
            _say("\nsaving ...")
            write_checkpoint(checkpoint, now, identity)
            _say(f"stopped after step {now.step:,} of {total:,}; the same command with --resume goes on")
            click.get_current_context().exit(STOPPED)


def _say(text: str) -> None:
    """Tell the user, unless the command was stopped by closing the terminal."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


def _loss(loss: float) -> str:
    return f"{loss:.4f}" if loss < 1000 else f"{loss:.4g}"


def _line(entry: dict[str, float], epochs: int) -> str:
    """Write what an epoch came to."""
    text = f"epoch {entry['epoch']}/{epochs}: loss {_loss(entry['loss'])}, accuracy {entry['accuracy']:.2%}"
    if "validation loss" in entry:
        text += f"; validation: loss {_loss(entry['validation loss'])}, accuracy {entry['validation accuracy']:.2%}"
    return text


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@model_options()
@photo_options
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(min=1), help="Photos at once; it bounds the memory.")
@skip_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@algorithm_option
def evaluate(data, model, size, batch_size, skip_damaged, as_json):
    """Measure how often a network is right on photos whose classes are known.

    DATA is as for train; of data in two parts, that for testing. Its classes must be classes of the model, by name or number.
    """
    loaded = model.load()
    dataset = _dataset(data, "test", skip_damaged)
    dataset = dataclasses.replace(dataset, labels=np.array(_indices_of(loaded, dataset.classes))[dataset.labels])
    height, width = as_pair(loaded.input_size if size is None else size, "size", 1)
    task = PhotoTask(dataset, np.arange(0), np.arange(len(dataset)), loaded.needed_preprocessing, (height, width))
    loaded.check_classifier((1, *loaded.input_shape((height, width))))
    loaded.check_memory(*loaded.input_shape((height, width)), batch=batch_size)
    found = training.evaluate(loaded.network, task, task.validation, batch_size)
    if as_json:
        numbers = {"photos": len(dataset), "loss": found.loss, "accuracy": found.accuracy, "top5": found.top5}
        click.echo(json.dumps({"model": loaded.name, **numbers, "classes": _by_class(loaded, found)}, indent=2))
        return
    print_table(
        ["class", "photos", "right", "most often taken for"], [[str(cell) for cell in row.values()] for row in _by_class(loaded, found)]
    )
    top5 = f", among the first five {found.top5:.2%}" if len(found.confusion) > 5 else ""
    click.echo(f"{several(len(dataset), 'photo')}: accuracy {found.accuracy:.2%}{top5}, loss {found.loss:.4f}")


def _indices_of(model: Model, names: Sequence[str]) -> list[int]:
    """Find the photos' classes among the model's, and say which is which where the names are others.

    They are found by their very names, or if one of these is none, all by index, whole name or identifier.
    """
    by_name = model.classes is not None and all(as_name(name) in model.classes for name in names)
    try:
        indices = [_index_of(model, int(name) if name.isdecimal() and not by_name else name) for name in names]
    except UnknownNameError as error:
        known = "" if model.classes is None else f". The model's classes are {listed(model.classes)}"
        raise UnknownNameError(f"the photos' classes, {listed(names)}, must be the model's: {error}{known}") from None
    for name, index in zip(names, indices, strict=True):
        if indices.count(index) > 1:
            raise UnknownNameError(
                f"{name} is not the only class of the photos that would be {model.class_name(index)} for the model; "
                "expected names or numbers that differ"
            )
    taken = [] if model.classes is None else [(name, model.class_name(index)) for name, index in zip(names, indices)]
    if others := [f"{name} is {ours}" for name, ours in taken if as_name(name) != ours]:
        click.echo(f"(the photos' classes are taken for the model's: {printable(listed(others, 20))})", err=True)
    return indices


def _index_of(model: Model, name: str | int) -> int:
    """Find a class by its index, identifier or whole name: names of folders are not typed in short, so a beginning may be another class."""
    return model.class_index(name) if model.classes is None else model.classes.find(name, beginnings=False)


def _by_class(model: Model, found: Evaluation) -> list[dict[str, str | int]]:
    """List each class that there are photos of: how many, how many right, and which other class they are taken for most often."""
    rows: list[dict[str, str | int]] = []
    for label in np.flatnonzero(found.confusion.sum(axis=1)):
        answers = found.confusion[label].copy()
        right, answers[label] = int(answers[label]), 0
        other = f"{model.class_name(int(answers.argmax()))} ({answers.max()})" if answers.any() else ""
        rows.append(
            {"class": model.class_name(int(label)), "photos": int(found.confusion[label].sum()), "right": right, "taken for": other}
        )
    return rows
