"""The commands about weight files."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from tqdm import tqdm

from minicnn.cli.options import (
    overwrite_option,
    print_help_alone,
    print_table,
    progress_bar,
)
from minicnn.cli.signals import STOPPED
from minicnn.cli.weight_files import check, convert, info
from minicnn.files.published import (
    CACHE_VARIABLE,
    PUBLISHED,
    PublishedFile,
    cache_folder,
    cached_path,
    find_published,
)


@click.group(invoke_without_command=True)
@click.pass_context
def weights(context):
    """Download weight files, look into them, and turn them into model files."""
    print_help_alone(context)


for command in (info, check, convert):
    weights.add_command(command)


@weights.command("list")
def list_files():
    """List the files to download, and those that are there."""
    print_table(
        ["name", "model", "size", "downloaded", "what"],
        [[file.name, file.model, file.megabytes, _state(file), file.description] for file in PUBLISHED.values()],
    )
    for credit in dict.fromkeys(file.credit for file in PUBLISHED.values()):
        click.echo(f"Credit: {credit}.")
    click.echo(f"Downloaded files are in {cache_folder()} (another folder: the environment variable {CACHE_VARIABLE}).")


def _state(published: PublishedFile) -> str:
    """Say whether a file is in the cache."""
    path = cached_path(published)
    part = path.with_name(f"{path.name}.part")
    if path.is_file():
        return "yes" if path.stat().st_size == published.size else "damaged"
    return f"{part.stat().st_size / published.size:.0%}" if part.is_file() else "no"


@weights.command()
@click.argument("name")
@click.option("--address", help="Fetch it from here instead; its hash is checked all the same.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to put it.  [default: the cache, where --model finds it]")
@overwrite_option
def download(name, address, folder, overwrite):
    """Download a weight file, or go on downloading it.

    NAME is one of those that "minicnn weights list" prints. A file that is there already is checked against its published hash.
    """
    from minicnn.files.download import download as fetch

    published = find_published(name)
    try:
        with progress_bar(name) as progress:
            path = fetch(published, folder, address, overwrite, progress, lambda text: tqdm.write(text, sys.stderr))
    except KeyboardInterrupt:
        click.echo("\nstopped; what has come is kept, and the same command goes on from there", err=True)
        click.get_current_context().exit(STOPPED)
    click.echo(f"{path} is the published file ({published.checksum}).")
    click.echo(f"Credit: {published.credit}.")
    source = name if folder is None else path
    use = "" if folder is None and name == published.model else f" --weights {source}"
    click.echo(f"Use it with --model {published.model}{use}")
