"""Where the command line starts, and how it ends: with code 0, with one line and code 2, or stopped by Ctrl-C with code 130."""

from __future__ import annotations

import os
import sys
import warnings

import click

from minicnn.cli.options import print_help_alone
from minicnn.cli.signals import stop_by_exception
from minicnn.cli.tools import TOOLS
from minicnn.cli.visualize import make_command
from minicnn.errors import MinicnnError
from minicnn.kernels import announce_compilation
from minicnn.visualizers import REGISTRY


class Commands(click.Group):
    """The tools, then the visualizers of the registry, each made into a command when it is needed."""

    def list_commands(self, context: click.Context) -> list[str]:
        return [*TOOLS, *REGISTRY]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        return TOOLS.get(name) or (make_command(REGISTRY[name]) if name in REGISTRY else None)


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="minicnn-numpy", prog_name="minicnn")
@click.pass_context
def commands(context: click.Context) -> None:
    """Look inside a convolutional network.

    Start with: minicnn report PHOTO --out DIR
    """
    print_help_alone(context)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit.

    Parameters
    ----------
    arguments : list of str, optional
        By default those of the process.
    """
    warnings.simplefilter("ignore")  # what a result warns about, its command prints itself
    for name in ("stdout", "stderr"):  # a closed one is None, which progress bars cannot take
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))
    stop_by_exception()
    announce_compilation(
        lambda: click.echo("compiling kernels for this machine, each when it is first needed; this is done once ...", err=True)
    )
    try:
        sys.exit(commands.main(arguments, prog_name="minicnn", standalone_mode=False))
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "minicnn"
        _fail(f"{error.format_message().rstrip('.')}. See '{command} --help'")
    except click.ClickException as error:
        _fail(error.format_message())
    except MinicnnError as error:
        _fail(str(error))
    except MemoryError:
        _fail("out of memory; choose a smaller --size or --batch-size")
    except OSError as error:
        _fail(f"{error.filename or 'the output'}: {error.strerror or error}")
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nstopped; nothing was written", err=True)
        sys.exit(130)


def _fail(message: str) -> None:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(2)
