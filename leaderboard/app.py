"""The leaderboard in a browser: ``fusebench leaderboard`` starts it. It only reads.

The one exception is an upload, where the operator allows it: see `submissions`.

Everything that is decided is decided in plain functions: `fusebench.leaderboard.board` (rows to
tables), `app_choices` (URL to choices) and `app_tables` (tables to what is shown).
"""

from __future__ import annotations

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from fusebench.bench.types import FusebenchError, MissingDataError
from fusebench.leaderboard import app_parts
from fusebench.leaderboard.app_choices import PAGES

# Fixed text; nothing that comes from the database is ever put into it.
_STYLE = """<style>
.stMainBlockContainer { padding-top: 3.25rem; padding-bottom: 3rem; }
[data-testid="stText"] { white-space: pre-wrap; overflow-wrap: anywhere; }
[class*="st-key-strong"] [data-testid="stText"] { font-weight: 600; }
[class*="st-key-tile"] img { border-radius: 0; }
[data-testid="stButtonGroup"] > div { flex-wrap: wrap; row-gap: 0.25rem; }
[data-testid="stButtonGroup"] [role="radio"][aria-checked="true"] {
  color: inherit; font-weight: 600;
}
.st-key-zoomed img { image-rendering: pixelated; }
[class*="st-key-small"] [data-testid="stText"] { font-size: 0.875rem; }
[class*="st-key-tile"] table { width: 100%; font-size: 0.875rem; }
[class*="st-key-tile"] :is(th, td) { padding: 0.1rem 0.4rem; border: none; }
.st-key-formula, .st-key-heat { overflow-x: auto; }
.st-key-choose-metrics { flex: 1 1 20rem; min-width: min(20rem, 100%); }
@media (max-width: 640px) {
  .stMainBlockContainer { padding-left: 1rem; padding-right: 1rem; }
}
</style>"""


# Two sources that overlap. A named icon would be fetched from the internet.
_ICON = """<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32">
<circle cx="12" cy="16" r="10" fill="#2a7f73"/>
<circle cx="20" cy="16" r="10" fill="#e0a030" fill-opacity="0.75"/></svg>"""

_FILES = {title: f"app_{title.lower()}.py" for title in PAGES}


def main() -> None:
    """Show the page that the URL names, under links that carry its choices."""
    page = st.navigation(
        [
            st.Page(file, title=title, url_path=title.lower(), default=title == PAGES[0])
            for title, file in _FILES.items()
        ],
        # Its links would lose the query parameters.
        position="hidden",
    )
    st.set_page_config(f"{page.title} · fusebench", page_icon=_ICON, layout="wide")
    st.html(_STYLE)
    with st.container(horizontal=True, vertical_alignment="center", key="menu"):
        st.markdown("**fusebench**", width="content")
        for title, file in _FILES.items():
            app_parts.link(file, title)
    try:
        page.run()
        app_parts.read_ahead()
    except MissingDataError as e:
        app_parts.no_results("There are no results yet.", str(e))
    except (FusebenchError, SQLAlchemyError) as e:
        st.error("The results cannot be read.")
        # Of an error in a driver, its own words are enough.
        st.text(" ".join(str(getattr(e, "orig", None) or e).split()))


main()
