"""What the leaderboard adds to Streamlit's web server: pages that know where it is, a browser."""

from __future__ import annotations

import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Thread

import streamlit as st
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from fusebench.leaderboard.app_choices import PAGES

_INDEX = Path(st.__file__).parent / "static" / "index.html"

# Left to itself, Streamlit's client looks for its server beneath the page that was opened
# (/ranking/_stcore/health) before it looks beside it, and browsers report an error for each
# address that is not there. Pages lie side by side, so the server is where the page's folder is,
# also below a base path and behind a proxy that adds one.
_WHERE = """<script>
window.__streamlit = {BACKEND_BASE_URL: new URL(".", location.href).href};
</script>
"""


def told(index: str) -> str:
    """Add to Streamlit's HTML page where its server is.

    Parameters
    ----------
    index : str
        The page; without a head, it comes back as it is.
    """
    return index.replace("</head>", f"{_WHERE}</head>", 1)


def routes(base: str) -> list[Route]:
    """Give the routes of all pages, in place of Streamlit's own.

    Parameters
    ----------
    base : str
        What stands before the addresses of all pages, or nothing.
    """
    html = told(_INDEX.read_text("utf-8"))

    async def page(request: Request) -> HTMLResponse:
        del request
        # No cache may keep it: it names files of this version of Streamlit. A response of its own
        # for each request, because what compresses it changes its headers.
        return HTMLResponse(html, headers={"Cache-Control": "no-cache"})

    root = "/".join(["", *filter(None, base.split("/"))])
    names = ["", *(title.lower() for title in PAGES[1:])]
    return [Route(f"{root}/{name}", page) for name in names]


@asynccontextmanager
async def opened(app: st.App) -> AsyncIterator[None]:
    """Open a browser once the port is open: Streamlit does so only for plain scripts."""
    del app
    if not st.get_option("server.headless"):
        Thread(target=webbrowser.open, args=(_address(),), daemon=True).start()
    yield


def _address() -> str:
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    host = st.get_option("server.address")
    if host in ("0.0.0.0", "::"):
        host = "localhost"
    elif ":" in host:
        host = f"[{host}]"
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"{scheme}://{host}:{st.get_option('server.port')}/{base}"
