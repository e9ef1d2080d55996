"""The command that names what is on photos."""

from __future__ import annotations

import json

import click
import numpy as np

from minicnn.cli.options import (
    OutPath,
    PhotosArgument,
    algorithm_option,
    model_options,
    overwrite_option,
    photo_options,
    print_table,
    progress_bar,
    save_all,
)
from minicnn.cli.signals import STOPPED
from minicnn.files.resources import shipped_photo
from minicnn.models.model import Model, Ranking, Size
from minicnn.pictures.results import Result, check_names
from minicnn.pictures.sources import Sources
from minicnn.pictures.tables import Row
from minicnn.visualizers.contract.photos import file_identity
from minicnn.visualizers.contract.provenance import network_source

#: How the names of the files may end that it writes.
ENDINGS = (".csv", ".json", ".npz")


@click.command(params=[PhotosArgument("photos", shipped_photo("panda"))])
@click.option("--top", type=click.IntRange(min=1), help="How many classes to name.  [default: 5; printed of several photos: 1]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--out",
    type=OutPath(),
    multiple=True,
    help="The file to write: .csv or .json for the table, .npz for the probabilities of all classes. May be given several times.",
)
@model_options()
@photo_options
@algorithm_option
@overwrite_option
def predict(photos, top, as_json, out, model, size, overwrite):
    """Name what is on a photo, or on each of several."""
    check_names(out, overwrite, ENDINGS)
    loaded, sources = model.load(), Sources(photos)
    answers, stopped = _answers(loaded, sources, size)
    rankings = {position: loaded.ranked(answer, top or 5) for position, answer in answers.items()}
    if out:
        result = _result(loaded, sources, answers, rankings, stopped)
        save_all(result, out, None, overwrite)
        return
    if sources.remark:
        click.echo(f"Warning: {sources.remark}", err=True)
    if as_json:
        _print_json(loaded, sources, rankings)
    elif sources.single:
        _print_ranking(loaded, rankings[0])
    else:
        print_table(
            ["photo", *["class", "probability"] * (top or 1)], [_cells(sources.name(i), best[: top or 1]) for i, best in rankings.items()]
        )
    if stopped:
        click.echo(stopped, err=True)
        click.get_current_context().exit(STOPPED)


def _answers(model: Model, sources: Sources, size: Size) -> tuple[dict[int, np.ndarray], str | None]:
    """Compute the probabilities (classes,) for each photo, by position; and say so if Ctrl-C ended it before the last one."""
    found = {}
    try:
        with progress_bar("predict") as progress:
            for position, answer in model.answers(sources, size):
                found[position] = answer
                progress(position + 1, len(sources))
    except KeyboardInterrupt:
        if not found:
            raise
        return found, f"stopped after {len(found)} of {len(sources)} photos"
    return found, None


def _result(model: Model, sources: Sources, answers: dict[int, np.ndarray], rankings: dict[int, Ranking], stopped: str | None) -> Result:
    """Gather what there is to save."""
    names = [sources.name(position) for position in answers]
    count = len(next(iter(answers.values())))
    rows = [_row(name, ranking) for name, ranking in zip(names, rankings.values())]
    files = [file_identity(sources.sources[position]) for position in answers]
    return Result(
        {
            "probabilities": np.stack(list(answers.values())),
            "photo": np.array(names),
            "classes": np.array([model.class_name(index) for index in range(count)]),
        },
        {},
        f"predictions of {model.name}",
        table=rows,
        source={**network_source(model), "photos": files},
        warnings=tuple(filter(None, [sources.remark, stopped])),
        stopped=stopped is not None,
    )


def _row(name: str, ranking: Ranking) -> Row:
    """Make a line of the table that is saved."""
    row: dict[str, str | float] = {"photo": name}
    for i, (class_name, probability) in enumerate(ranking, 1):
        row |= {f"class {i}": class_name, f"probability {i}": probability}
    return row


def _cells(name: str, ranking: Ranking) -> list[str]:
    """Make a line of the table that is printed."""
    return [name, *(cell for class_name, probability in ranking for cell in (class_name, f"{probability:.2%}"))]


def _print_ranking(model: Model, ranking: Ranking) -> None:
    for name, probability in ranking:
        click.echo(f"{probability:7.2%}  {name}")
    if model.unsure(ranking):
        click.echo(model.unsure(ranking))


def _print_json(model: Model, sources: Sources, rankings: dict[int, Ranking]) -> None:
    """Print the ranking of one photo, or a list of those of several."""
    found = [
        {
            "photo": str(sources.sources[position]) if sources.single else sources.name(position),
            "model": model.name,
            "top": [{"class": name, "probability": probability} for name, probability in ranking],
        }
        for position, ranking in rankings.items()
    ]
    click.echo(json.dumps(found[0] if sources.single else found, indent=2))
