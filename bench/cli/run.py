"""``fusebench run``: a suite, from images to a ranking."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from fusebench.bench.cli._common import (
    Database,
    Device,
    Executor,
    Roots,
    Scheduler,
    Workers,
    console,
    finish,
    parse_roots,
    progress_bar,
)


def run(
    suite: Annotated[str, typer.Argument(help="Name (see 'fusebench list suites') or TOML file.")],
    db: Database = None,
    roots: Roots = None,
    device: Device = "auto",
    executor: Executor = "local",
    workers: Workers = None,
    scheduler: Scheduler = None,
    retry_failed: Annotated[bool, typer.Option(help="Try failed pairs again.")] = False,
) -> None:
    """Run methods on datasets, score the results, and show the ranking.

    What is in the database already is not done again.
    """
    from fusebench.bench.cli._tables import print_ranking
    from fusebench.bench.pool import make_pool
    from fusebench.bench.runner import run_suite
    from fusebench.bench.store import Store, default_url, shown_url
    from fusebench.bench.suite import load_suite
    from fusebench.leaderboard.board import find_evaluations, ranked

    chosen = load_suite(suite)
    pool = make_pool(executor, workers, scheduler)
    with closing(Store.open(db)) as store:
        with progress_bar(chosen.name) as progress:
            report = run_suite(
                chosen,
                store,
                pool=pool,
                device=device,
                roots=parse_roots(roots),
                retry_failed=retry_failed,
                progress=progress,
            )
        out = console()
        for dataset in chosen.datasets:
            for evaluation in find_evaluations(store, dataset):
                print_ranking(out, ranked(store, evaluation, chosen.metrics, chosen.protocol))
    where = "" if db is None else f" --db {shown_url(db)}"
    out.print(f"\nResults: {shown_url(db or default_url())}", soft_wrap=True, highlight=False)
    out.print(f"All metrics: fusebench show{where}", soft_wrap=True, highlight=False)
    out.print(f"Leaderboard: fusebench leaderboard{where}", soft_wrap=True, highlight=False)
    finish(report)
