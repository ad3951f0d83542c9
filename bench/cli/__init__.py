"""The command line: ``fusebench``. One file for each command; work is imported when it starts."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer

import fusebench
from fusebench.bench.cli import (
    audit,
    bench,
    compare,
    datasets,
    diagnose,
    export,
    fuse,
    leaderboard,
    listing,
    methods,
    report,
    run,
    score,
    show,
    submit,
    train,
    trust,
    weights,
)
from fusebench.bench.types import FusebenchError

app = typer.Typer(
    name="fusebench",
    help="Score image fusion methods, and compare them on the same pairs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fusebench {fusebench.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and leave."
    ),
) -> None:
    pass


app.command("list")(listing.list_names)
app.command("run")(run.run)
app.command("score")(score.score)
app.command("fuse")(fuse.fuse)
app.command("show")(show.show)
app.command("compare")(compare.compare)
app.command("diagnose")(diagnose.diagnose)
app.command("trust")(trust.trust)
app.command("audit")(audit.audit)
app.command("export")(export.export_scores)
app.command("report")(report.report)
app.command("leaderboard")(leaderboard.leaderboard)
app.add_typer(bench.app, name="bench")
app.add_typer(datasets.app, name="datasets")
app.add_typer(submit.app, name="submit")
app.add_typer(train.app, name="train")
app.add_typer(methods.app, name="methods")
app.add_typer(weights.app, name="weights")

# Typer brings its own copy of click, so the class is found through one that it exports.
_UsageError: Any = typer.BadParameter.__mro__[1]


def main() -> None:
    """Run the command line; every mistake of the user's is one line and status 2."""
    try:
        status = app(standalone_mode=False)
    except FusebenchError as e:
        _complain(str(e))
        status = 2
    except _UsageError as e:
        if type(e).__name__ == "NoArgsIsHelpError":
            typer.echo(e.format_message())
        else:
            _complain(e.format_message())
        status = 2
    except (KeyboardInterrupt, typer.Abort):
        _complain("interrupted")
        status = 130
    except BrokenPipeError:
        # The reader of a pipe has gone; Python would complain once more while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status or 0)


def _complain(message: str) -> None:
    print("error: " + " ".join(message.split()), file=sys.stderr)
