"""Where the command line starts, and how it ends: with code 0, with one line and code 2, or stopped by Ctrl-C with code 130."""

from __future__ import annotations

import os
import sys
import warnings
from typing import get_args

import click

from minicnn.cli.options import print_help_alone
from minicnn.cli.plugins import import_named, load_installed
from minicnn.cli.signals import STOPPED, STOPPED_TEXT, finish_undisturbed, stop_by_exception
from minicnn.cli.tools import SECTIONS, TOOLS
from minicnn.cli.visualize import make_command
from minicnn.errors import MinicnnError, did_you_mean, printable, shortened
from minicnn.kernels import announce_compilation
from minicnn.visualizers import REGISTRY
from minicnn.visualizers.contract.registry import Question


class Commands(click.Group):
    """The tools, then the visualizers of the registry, each made into a command when it is needed."""

    def list_commands(self, context: click.Context) -> list[str]:
        load_installed()
        return [*TOOLS, *(name for name in REGISTRY if name not in TOOLS)]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        load_installed()
        return TOOLS.get(name) or (make_command(REGISTRY[name]) if name in REGISTRY else None)

    def resolve_command(self, context: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        names = self.list_commands(context)
        if args[0] not in names:
            context.fail(f"there is no command {args[0]!r}{did_you_mean(args[0], names)}")
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under headings: the tools by what they are about, the visualizers by the question that they answer."""
        load_installed()
        sections = {heading: [(str(tool.name), tool.get_short_help_str(100)) for tool in tools] for heading, tools in SECTIONS.items()}
        for question in dict.fromkeys((*get_args(Question), *(entry.question for entry in REGISTRY.values()))):
            sections[question] = [
                (name, (entry.function.__doc__ or "").partition("\n")[0])
                for name, entry in REGISTRY.items()
                if entry.question == question and name not in TOOLS
            ]
        for heading, rows in sections.items():
            if rows:
                formatter.write_paragraph()
                formatter.write(f"{heading}\n")
                with formatter.indentation():
                    formatter.write_dl(rows)


def _import_all(context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> None:
    for name in names:
        import_named(name)


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--import",
    metavar="MODULE|FILE.py",
    multiple=True,
    is_eager=True,
    expose_value=False,
    callback=_import_all,
    help="Import this first, for visualizers and layers of your own. May be given several times.",
)
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
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  # for as long as the process runs
    announce_compilation(lambda text: click.echo(text, err=True))
    try:
        stop_by_exception()
        sys.exit(commands.main(arguments, prog_name="minicnn", standalone_mode=False))
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "minicnn"
        message = error.format_message()
        _fail(f"{message}{'' if message.endswith(('.', '?')) else '.'} See '{command} --help'")
    except click.ClickException as error:
        _fail(error.format_message())
    except MinicnnError as error:
        _fail(str(error))
    except MemoryError:
        _fail("out of memory; choose a smaller --size or --batch-size")
    except OSError as error:
        _fail(f"{error.filename or 'the output'}: {error.strerror or error}")
    except (KeyboardInterrupt, click.Abort):
        finish_undisturbed()
        click.echo(STOPPED_TEXT, err=True, nl=False)
        sys.exit(STOPPED)


def _fail(message: str) -> None:
    click.echo(f"Error: {shortened(printable(' '.join(message.split())))}", err=True)
    sys.exit(2)
