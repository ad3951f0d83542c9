"""Streamlit with everything imported that pages need, so that the first visitor does not wait."""

from streamlit.web.cli import main

# Pages with cached functions are left to Streamlit, which complains about them without a server.
from fusebench.leaderboard import app_charts, app_choices, app_tables, board

__all__ = ["app_charts", "app_choices", "app_tables", "board"]

if __name__ == "__main__":
    main()
