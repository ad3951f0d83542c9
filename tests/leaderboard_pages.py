"""Pages of the leaderboard in `AppTest`, for the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from fusebench import leaderboard as package

APP = Path(package.__file__).parent / "app.py"


def open_page(page: str = "ranking", **params: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=20)
    for name, value in params.items():
        app.query_params[name] = value
    app.run()
    if page != "overview":
        app.switch_page(f"app_{page}.py").run()
    assert not app.exception, app.exception
    return app


def param(app: AppTest, name: str) -> str:
    """One query parameter; `AppTest` keeps it as text or as a list."""
    value = app.query_params[name]
    return value if isinstance(value, str) else value[-1]


def said(app: AppTest) -> str:
    """All plain text of a page."""
    return "\n".join(str(x.value) for x in app.text)


def markdown(app: AppTest) -> str:
    """Everything that a page renders as Markdown."""
    parts = [app.markdown, app.caption, app.header, app.subheader]
    parts += [app.info, app.warning, app.error]
    return "\n".join(str(x.value) for part in parts for x in part)


def charts(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(x.proto.spec) for x in app.get("vega_lite_chart")]
