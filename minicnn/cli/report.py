"""The command that writes the report."""

from __future__ import annotations

import click

from minicnn.cli.options import (
    KindType,
    OutPath,
    algorithm_option,
    model_options,
    names_option,
    overwrite_option,
    part_bars,
    photo_argument,
    photo_options,
    print_table,
)
from minicnn.cli.signals import STOPPED, finish_undisturbed
from minicnn.errors import listed, printable
from minicnn.visualizers.contract.kinds import SecondPhotoKind


@click.command()
@photo_argument
@click.option("--out", type=OutPath(), default="minicnn-report", show_default=True, help="The directory to write to.")
@click.option("--target", help="The class that the maps are about, by name or index.  [default: the likeliest]")
@model_options()
@photo_options
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="For the random methods.")
@algorithm_option
@names_option("--only", "METHOD,METHOD", "Show these methods only.")
@names_option("--skip", "METHOD,METHOD", "Leave these methods out.")
@click.option("--quick", is_flag=True, help="Fewer samples and steps.")
@click.option("--style", type=KindType(SecondPhotoKind()), help="A second photo, for style-transfer, which is left out without it.")
@click.option("--resume", is_flag=True, help="Go on with a report that was stopped.")
@overwrite_option
def report(photo, out, target, model, size, seed, only, skip, quick, style, resume, overwrite):
    """Write a web page of what the network sees in a photo.

    Without PHOTO it uses the one that ships with the package (shipped:panda; there is also shipped:moose). Ctrl-C ends it with a page of
    the methods that are finished; the same command with --resume does the rest.
    """
    from minicnn.report import choose_methods, write_report

    loaded = model.load()
    with part_bars(len(choose_methods(only, skip, style is not None)) + 1) as progress:
        written = write_report(
            loaded,
            photo,
            out,
            target=target,
            size=size,
            seed=seed,
            only=only,
            skip=skip,
            quick=quick,
            style=style,
            overwrite=overwrite,
            resume=resume,
            progress=progress,
            on_stop=finish_undisturbed,
        )
    print_table(["part", "seconds"], [[time.part, f"{time.seconds:.1f}"] for time in written.times])
    click.echo(f"Open {written.page.resolve()}")
    if written.removed:
        click.echo(f"removed of the earlier report: {listed([printable(name) for name in written.removed])}", err=True)
    if written.unfinished:
        click.echo(f"stopped before {', '.join(written.unfinished)}; the same command with --resume goes on", err=True)
        click.get_current_context().exit(STOPPED)
