"""Tables in every format, and what LaTeX makes of them."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from leaderboard_data import HOSTILE, tiny_database

from fusebench.bench.store import Store
from fusebench.bench.types import InputError
from fusebench.leaderboard import board
from fusebench.leaderboard.export import Table, export

EVIL = [
    r"\input{x} \end{table} 100% & #1 ~ ^^41 $a_b$ {",
    "[1ex] first",
    "* starred",
    "a\\\\[2cm]",
    '<b> | "quoted" — “x” ‘y’ × − ° † τ',
    "emoji 🙂 and \x07 and \u202e and 漢字 é ß",
    "two\nlines\r\n\nand a blank one",
    "",
    HOSTILE,
    "long " * 2000,
]


@pytest.fixture
def table() -> Table:
    frame = pd.DataFrame(
        {
            "Method_1": ["a|b", "[c]", "d"],
            "Mean": [0.123456, math.nan, math.inf],
            "Text": ["[0.1, 0.2]", None, "x"],
        }
    )
    return Table("Means & more", frame, "A note.", {(0, "Mean"): 1, (1, "Method_1"): 2})


@pytest.fixture
def rankings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[board.Ranking]:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    with closing(Store.open(tiny_database(tmp_path))) as store:
        return [board.ranked(store, e) for e in board.evaluations(store)]


def test_markdown(table: Table) -> None:
    assert table.write("markdown").splitlines() == [
        "**Means & more** A note.",
        "",
        r"| Method\_1 | Mean | Text |",
        "| --- | ---: | --- |",
        r"| a\|b | **0.1235** | \[0.1, 0.2\] |",
        r"| _\[c\]_ | – | – |",
        "| d | ∞ | x |",
    ]


def test_latex(table: Table) -> None:
    text = table.write("latex")
    assert r"\begin{tabular}{lrl}" in text
    assert r"\caption{Means \& more. A note.}" in text
    assert r"  a\textbar{}b & \textbf{0.1235} & [0.1, 0.2] \\" in text
    assert r"  \underline{{}[c]} & -- & -- \\" in text


def test_data_keep_all_digits_and_json_no_nan(table: Table) -> None:
    rows = list(csv.DictReader(io.StringIO(table.write("csv"))))
    assert [row["Mean"] for row in rows] == ["0.123456", "", "inf"]
    found = json.loads(table.write("json"), parse_constant=pytest.fail)
    assert [row["Mean"] for row in found["rows"]] == [0.123456, None, None]
    assert found["title"] == "Means & more"


def test_unknown_format(table: Table) -> None:
    with pytest.raises(InputError, match="json, csv, latex, markdown"):
        table.write("xml")


def test_every_row_is_one_line_of_markdown() -> None:
    lines = Table(EVIL[0], pd.DataFrame({"x": EVIL, "y": EVIL})).write("markdown").splitlines()
    assert len(lines) == 4 + len(EVIL)
    assert all(line.replace(r"\|", "").count("|") == 3 for line in lines[2:])


def test_a_few_methods_have_their_own_best(rankings: list[board.Ranking]) -> None:
    whole = next(r for r in rankings if r.evaluation.task == "mff")
    few = board.among(whole, ["Average"])
    (line,) = few.lines
    assert whole.lines[1].cells["qabf"].place == 2
    assert line.cells["qabf"].place == 1
    assert (line.rank, line.certainty) == (whole.lines[1].rank, whole.lines[1].certainty)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex on PATH")
def test_latex_compiles(table: Table, rankings: list[board.Ranking], tmp_path: Path) -> None:
    evil = pd.DataFrame(dict.fromkeys(("Method", "[x_y]"), EVIL))
    many = pd.DataFrame({"Method": EVIL * 10, "Mean": [1.5] * 10 * len(EVIL)})
    bold = {(i, "Method"): 1 + i % 2 for i in range(len(EVIL))}
    parts = {
        "table": table.write("latex"),
        "hostile": Table(EVIL[0], evil, EVIL[-1], bold).write("latex"),
        "long": Table("Many", many).write("latex"),
        "empty": Table("Nothing", pd.DataFrame(columns=["a", "b"])).write("latex"),
        "ranking": export(rankings, "latex"),
        "intervals": export(rankings, "latex", intervals=True),
    }
    assert r"\mathrm{a}" in parts["ranking"], "ties"
    assert r"{\scriptsize [" in parts["intervals"]
    assert r"\endfirsthead" in parts["long"]
    for name, text in parts.items():
        packages = r"\usepackage{booktabs, longtable}"
        document = rf"\documentclass{{article}}{packages}\begin{{document}}{text}\end{{document}}"
        (tmp_path / f"{name}.tex").write_text(document, encoding="utf-8")
        command = ["pdflatex", "-interaction=nonstopmode", "-no-shell-escape", f"{name}.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
        log = done.stdout.decode("utf-8", "replace")
        # In this mode it goes on after an error, which begins a line with an exclamation mark.
        errors = [line for line in log.splitlines() if line.startswith("!")]
        assert not errors, name
        assert done.returncode == 0, log[-2000:]
        assert (tmp_path / f"{name}.pdf").stat().st_size > 1000
