"""What the leaderboard's web server adds to Streamlit's, without a browser."""

from __future__ import annotations

import asyncio
import gzip
import threading
import webbrowser
from typing import Any

import pytest
import streamlit as st
from leaderboard_pages import APP
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from fusebench.leaderboard import web
from fusebench.leaderboard.app_choices import PAGES


def server(base: str) -> Starlette:
    """Our routes alone, compressed as Streamlit's are."""
    return Starlette(routes=web.routes(base), middleware=[Middleware(GZipMiddleware)])


def ask(server: Starlette, path: str, encoding: bytes = b"") -> tuple[int, Headers, bytes]:
    """Ask for a path; give status, headers and body."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"accept-encoding", encoding)]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    asyncio.run(server(scope, receive, send))
    return sent[0]["status"], Headers(raw=sent[0]["headers"]), sent[1]["body"]


@pytest.mark.parametrize("base", ["", "board", "/below/it/"])
def test_every_page_is_told_where_its_server_is(base: str) -> None:
    board, root = server(base), f"/{base.strip('/')}" if base else ""
    for name in ("", *(title.lower() for title in PAGES[1:])):
        status, headers, body = ask(board, f"{root}/{name}")
        assert (status, headers["cache-control"]) == (200, "no-cache")
        text = body.decode()
        # Before the client's own scripts, which are modules and wait for the end of the page.
        assert text.index("BACKEND_BASE_URL") < text.index("</head>")
        assert '<script type="module"' in text
    for path in ("_stcore/health", "favicon.png", "nothing"):
        assert ask(board, f"{root}/{path}")[0] == 404, "left to Streamlit"


def test_compressed_and_plain_answers_do_not_disturb_each_other() -> None:
    board = server("")
    for _ in range(2):
        _, headers, packed = ask(board, "/ranking", b"gzip")
        assert headers["content-encoding"] == "gzip"
        _, headers, plain = ask(board, "/ranking")
        assert "content-encoding" not in headers
        assert gzip.decompress(packed) == plain
        assert int(headers["content-length"]) == len(plain)


def test_only_a_head_is_told() -> None:
    assert web.told("<p>no head</p>") == "<p>no head</p>"
    html = web.told("<head></head><p></head>")
    assert html.startswith("<head><script>\n")
    assert html.endswith("</script>\n</head><p></head>")
    assert html.count("BACKEND_BASE_URL") == 1


def test_every_page_has_its_file() -> None:
    assert all(APP.with_name(f"app_{title.lower()}.py").is_file() for title in PAGES)


@pytest.mark.parametrize(
    ("host", "base", "address"),
    [
        ("localhost", "", "http://localhost:8501/"),
        ("0.0.0.0", "/below/it", "http://localhost:8501/below/it"),
        ("::1", "", "http://[::1]:8501/"),
    ],
)
def test_a_browser_is_opened_once(
    monkeypatch: pytest.MonkeyPatch, host: str, base: str, address: str
) -> None:
    options = {
        "server.headless": False,
        "server.sslCertFile": None,
        "server.address": host,
        "server.port": 8501,
        "server.baseUrlPath": base,
    }
    opened: list[str] = []
    done = threading.Event()
    monkeypatch.setattr(st, "get_option", options.__getitem__)
    monkeypatch.setattr(webbrowser, "open", lambda url: (opened.append(url), done.set()))

    async def start() -> None:
        async with web.opened(st.App(APP)):
            await asyncio.to_thread(done.wait, 10)

    asyncio.run(start())
    assert opened == [address]
    options["server.headless"] = True
    done.set()
    asyncio.run(start())
    assert opened == [address]
