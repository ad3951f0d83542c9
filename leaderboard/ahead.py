"""The database of the app, and what visitors will ask of it, worked out before they do.

No Streamlit here: the server begins before the first visitor comes.
"""

from __future__ import annotations

import gc
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from threading import Thread, Timer

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from fusebench.bench.store import Store, database_exists
from fusebench.bench.types import FusebenchError, MissingDataError
from fusebench.leaderboard import board
from fusebench.leaderboard.app_choices import choose_evaluation, choose_protocol, main_metrics

Identity = tuple[str, str]


def identity(url: str) -> Identity:
    """Tell a database from another one that took its place."""
    if not database_exists(url):
        raise MissingDataError(f"{make_url(url).database} does not exist")
    if make_url(url).get_backend_name() != "sqlite":
        return url, ""
    facts = Path(str(make_url(url).database)).stat()
    return url, f"{facts.st_dev}:{facts.st_ino}"


@lru_cache(maxsize=4)
def open_store(database: Identity) -> Store:
    """Open a database for everybody."""
    return Store.open(database[0], create=False)


def read_ahead(
    url: str, wanted: dict[str, str], *, after: float = 0.0, everything: bool = True
) -> Thread:
    """Work out in a thread what pages will ask for: rankings by the main metrics, then by all.

    The database remembers what they need until it changes; of servers nothing is remembered, and
    nothing is read ahead.

    Parameters
    ----------
    url : str
    wanted : dict of str to str
        Query parameters of the page that somebody looks at: its dataset comes first.
    after : float
        Seconds to wait before, while a page is drawn.
    everything : bool
        Whether to go on with all metrics.
    """
    reader = Timer(after, _read, (url, wanted, everything))
    reader.daemon = True
    reader.start()
    return reader


def keep_from_garbage() -> None:
    """Leave what was imported and read so far out of all searches for garbage.

    Streamlit looks for it after every change of a filter, and would need longer than most take.
    """
    gc.collect()
    gc.freeze()


def _read(url: str, wanted: dict[str, str], everything: bool) -> None:
    # Whatever is wrong, the page that asks for it says so.
    with suppress(FusebenchError, SQLAlchemyError):
        store = open_store(identity(url))
        before = store.version()
        if before is None:
            return
        protocol = choose_protocol(board.protocols_used(store), wanted)

        def work(main: bool) -> bool:
            found = board.evaluations(store)
            for evaluation in sorted(found, key=lambda e: e != choose_evaluation(found, wanted)):
                present = [m.slug for m in board.metrics_used(store, evaluation, protocol)]
                if present and store.version() == before:
                    metrics = main_metrics(present) if main else present
                    board.ranked(store, evaluation, metrics, protocol)
            return True

        # Once for each content of the database, whoever asks.
        for main in (True, False)[: 1 + everything]:
            store.remember(("read ahead", protocol, main), partial(work, main))
        keep_from_garbage()
