"""``fusebench datasets``: where the images are, and whether they are the right ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Find and verify datasets.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME[:SPLIT]")]
Root = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the images.")]
