"""Streamlit with everything imported that pages need, so that the first visitor does not wait."""

import signal
import sys
from types import FrameType

from streamlit.web.cli import main

# Pages with cached functions are left to Streamlit, which complains about them without a server.
from fusebench.bench.store import default_url
from fusebench.leaderboard import ahead, app_charts, app_choices, app_tables, audits, runs, training

__all__ = ["app_charts", "app_choices", "app_tables", "audits", "runs", "training"]

# Seconds that the first page is prepared before the server starts, at most, and after which what
# other pages need is read: visitors who waited for the server have seen the first page by then.
_FIRST, _REST = 3.0, 4.0


def _leave(number: int, frame: FrameType | None) -> None:
    """Leave without a word when told to stop; the server repeats the signal once it has stopped."""
    sys.exit()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    ahead.read_ahead(default_url(), {}, everything=False).join(_FIRST)
    ahead.keep_from_garbage()
    ahead.read_ahead(default_url(), {}, after=_REST)
    main()
