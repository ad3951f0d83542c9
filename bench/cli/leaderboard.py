"""``fusebench leaderboard``: the results in a browser."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from fusebench.bench.cli._common import Database, console, progress_bar
from fusebench.bench.types import InputError


def leaderboard(
    db: Database = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to serve on.")] = 8501,
    host: Annotated[str, typer.Option(help="Address to serve on; 0.0.0.0 is all.")] = "localhost",
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
    uploads: Annotated[
        bool,
        typer.Option(
            "--uploads",
            envvar="FUSEBENCH_UPLOADS",
            help="Let visitors upload zips of fused images; they are scored on this machine.",
        ),
    ] = False,
) -> None:
    """Browse rankings, images and methods.

    Without a database in this folder it shows the published results, where fusebench came with
    some, and otherwise runs the demo first.
    """
    from fusebench import leaderboard as package
    from fusebench.bench.published import has_published
    from fusebench.bench.store import PUBLISHED, Store, database_exists, default_url, full_url
    from fusebench.leaderboard.submissions import SWITCH, Limits, supported

    if uploads and not supported():
        raise InputError("--uploads needs Linux or macOS, which can limit what an upload takes")
    own = db or os.environ.get("FUSEBENCH_DB")
    if not own and not database_exists(default_url()) and has_published():
        console(stderr=True).print(
            "No results in this folder yet: these are the published ones "
            "('fusebench run demo' makes some of your own).",
            markup=False,
            highlight=False,
        )
        db = PUBLISHED
    url = full_url(db) if db else default_url()
    if not database_exists(url):
        _run_demo(url)
    # Problems with the database are better told here than in the browser.
    Store.open(url, create=False).close()
    app = Path(package.__file__).parent / "app_server.py"
    settings = {
        "server.address": host,
        "server.port": port,
        "server.headless": not browser,
        "server.fileWatcherType": "none",
        # In MiB; where nothing is to be uploaded, hardly anything can be.
        "server.maxUploadSize": Limits().archive // 2**20 if uploads else 1,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        # Tracebacks go to the terminal, not to visitors.
        "client.showErrorDetails": "type",
        # One for each, so that the browser's preference decides between light and dark.
        "theme.light.primaryColor": "#2a7f73",
        "theme.dark.primaryColor": "#3a9486",
    }
    flags = [f"--{name}={str(value).lower()}" for name, value in settings.items()]
    command = [sys.executable, "-m", "fusebench.leaderboard.serve", "run", str(app), *flags]
    environment = {**os.environ, "FUSEBENCH_DB": url, SWITCH: str(int(uploads))}
    if os.name == "posix":
        # In place of this process, so that whoever stops it stops the server.
        os.execve(sys.executable, command, environment)
    try:
        done = subprocess.run(command, env=environment, check=False)
    except KeyboardInterrupt:
        return
    raise typer.Exit(done.returncode)


def _run_demo(url: str) -> None:
    from fusebench.bench.pool import make_pool
    from fusebench.bench.runner import run_suite
    from fusebench.bench.store import Store, shown_url
    from fusebench.bench.suite import load_suite

    console(stderr=True).print(
        f"No results in {shown_url(url)} yet: running the demo suite.", markup=False
    )
    with closing(Store.open(url)) as store, progress_bar("demo") as progress:
        run_suite(load_suite("demo"), store, pool=make_pool("local", None, None), progress=progress)
