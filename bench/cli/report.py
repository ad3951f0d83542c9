"""``fusebench report``: the leaderboard as static pages."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from fusebench.bench.cli._common import Database


def report(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder of the site.")],
    db: Database = None,
) -> None:
    """Write all rankings as pages that need no server, with CSV, JSON, LaTeX and Markdown."""
    from fusebench.bench.store import Store
    from fusebench.leaderboard.site import build_site

    with closing(Store.open(db, create=False)) as store:
        files = build_site(store, out)
    typer.echo(f"{len(files)} files; open {out / 'index.html'}")
