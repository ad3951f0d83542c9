"""The public commands: results on standard output, one line for every mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import picture

import fusebench
from fusebench import methods, metrics
from fusebench.bench.cli import main
from fusebench.bench.images import read_image, write_image


@dataclass
class Result:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["fusebench", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        return Result(int(left.value.code or 0), printed.out, printed.err)

    return call


def refused(result: Result, *words: str) -> None:
    """Status 2 and one line on standard error that says what is wrong."""
    assert result.status == 2, result
    assert result.err.count("\n") == 1, result.err
    assert result.err.startswith("error: ")
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err, result.err


@pytest.fixture
def triple(tmp_path: Path) -> tuple[Path, Path, Path]:
    paths = (tmp_path / "a.png", tmp_path / "b.png", tmp_path / "f.png")
    for seed, path in enumerate(paths):
        write_image(path, picture(seed))
    return paths


# -- list -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["metrics", "methods", "datasets", "protocols", "suites"])
def test_list(run: Run, kind: str) -> None:
    table, document = run("list", kind), run("list", kind, "--json")
    rows = json.loads(document.out)
    assert rows
    for row in rows:
        assert row.get("slug", row.get("name")) in table.out
        assert row["title"]


def test_list_metrics_says_everything(run: Run) -> None:
    rows = {r["slug"]: r for r in json.loads(run("list", "metrics", "--json").out)}
    assert set(rows) == set(metrics.METRICS.slugs)
    for row in rows.values():
        assert row["direction"] in ("higher", "lower")
        assert len(row["bounds"]) == 2
        assert "canonical" in row["protocols"]
        assert row["doi"].startswith("10.") or row["slug"] in ("q_c", "q_p")  # journals without
    assert rows["psnr"]["bounds"] == [0.0, "inf"]


def test_help_version_and_mistakes(run: Run) -> None:
    assert run("--version").out == f"fusebench {fusebench.__version__}\n"
    bare = run()
    assert "Usage" in bare.out
    assert bare.err == ""
    refused(run("runn"), "No such command", "run")
    refused(run("list", "metrix"), "metrics")
    refused(run("show", "--nonsense"), "--nonsense")


# -- fuse -----------------------------------------------------------------------------------------


def test_fuse(run: Run, triple: tuple[Path, Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.png"
    result = run("fuse", "lp", triple[0], triple[1], "-o", out, "--set", "levels=2")
    assert (result.status, result.out) == (0, f"{out}\n")
    expected = methods.load("lp", levels=2)(read_image(triple[0]), read_image(triple[1]))
    assert np.array_equal(read_image(out), expected)


def test_fuse_mistakes(run: Run, triple: tuple[Path, Path, Path], tmp_path: Path) -> None:
    a, b, _ = triple
    out = ("-o", tmp_path / "o.png")
    refused(run("fuse", "lpp", a, b, *out), "did you mean 'lp'")
    refused(run("fuse", "lp", a, tmp_path / "none.png", *out), "does not exist")
    refused(run("fuse", "lp", a, b, *out, "--set", "levels"), "key=value")
    refused(run("fuse", "lp", a, b, *out, "--set", "levels=many"), "levels", "int")
    refused(run("fuse", "lp", a, b, *out, "--set", "depth=3"), "no option", "levels")
    refused(run("fuse", "lp", a, b, "-o", tmp_path / "o.xyz"), ".png")
    refused(run("fuse", "lp", a, b, *out, "--weights", "w.pth"), "has no weights")
    refused(run("fuse", "lp", a, b, *out, "--set", "device=cpu"), "give it as --device cpu")
    refused(run("fuse", "lp", a, b, *out, "--set", "tile=0"), "tile is 0")
    refused(run("fuse", "lp", a, b, *out, "--set", "tile=big"), "tile is 'big'")
    refused(run("fuse", "lp", a, b, a, *out), "lp fuses two images, got 3")
    refused(run("fuse", "lp", a, b, *out, "--device", "tpu"), "auto, cpu or cuda")
    write_image(tmp_path / "small.png", picture(1, 20, 20))
    refused(run("fuse", "lp", a, tmp_path / "small.png", *out), "20x20", "48x64")
    assert not (tmp_path / "o.png").exists()


# -- score, one triple ----------------------------------------------------------------------------


def test_score_json(run: Run, triple: tuple[Path, Path, Path]) -> None:
    result = run("score", *triple, "--json")
    document = json.loads(result.out)
    assert (result.status, document["protocol"]) == (0, "canonical")
    expected = metrics.explain(*map(read_image, triple))
    assert set(document["scores"]) == set(expected)
    for slug, score in expected.items():
        if score.reason is None:
            assert document["scores"][slug] == score.value
        else:
            assert document["scores"][slug] is None
            assert document["errors"][slug] == score.reason
    assert "ssim_ref" not in document["scores"]


def test_score_with_reference_and_infinity(run: Run, triple: tuple[Path, Path, Path]) -> None:
    a, b, f = triple
    document = json.loads(run("score", a, b, f, "--reference", f, "--json").out)
    assert document["scores"]["ssim_ref"] == pytest.approx(1.0)
    assert document["scores"]["psnr_ref"] is None
    assert "infinite" in document["errors"]["psnr_ref"]


def test_score_as_a_table(run: Run, triple: tuple[Path, Path, Path]) -> None:
    result = run("score", *triple, "--metrics", "en,vif")
    assert "Entropy" in result.out
    assert "Average gradient" not in result.out


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("missing", ["does not exist"]),
        ("text", ["is not an image"]),
        ("truncated", ["cannot be read"]),
        ("small", ["20x20", "same size"]),
        ("one pixel", ["1x1"]),
        ("constant", ["constant", "48x64"]),
        ("folder", ["is a folder"]),
    ],
)
def test_bad_images_are_one_line(
    run: Run, triple: tuple[Path, Path, Path], content: str, words: list[str], place: int
) -> None:
    path = triple[place]
    whole = path.read_bytes()
    path.unlink()
    if content == "text":
        path.write_text("this is text")
    elif content == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif content == "small":
        write_image(path, picture(1, 20, 20))
    elif content == "one pixel":
        write_image(path, picture(1, 1, 1))
    elif content == "constant":
        write_image(path, np.full((48, 64), 128, np.uint8))
    elif content == "folder":
        path.mkdir()
    refused(run("score", *triple, "--json"), path.name if content != "one pixel" else "", *words)


def test_three_single_pixels_are_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "pixel.png"
    write_image(path, np.array([[9]], np.uint8))
    refused(run("score", path, path, path, "--json"), "constant", "1x1")


def test_score_mistakes(run: Run, triple: tuple[Path, Path, Path], tmp_path: Path) -> None:
    refused(run("score", *triple[:2]), "three images")
    refused(run("score", *triple, "--metrics", "qabff"), "did you mean 'qabf'")
    refused(run("score", *triple, "--protocol", "vifbb"), "unknown protocol")
    refused(run("score", *triple, "--protocol", tmp_path / "p.toml"), "does not exist")
    refused(run("score", "--dataset", "demo"), "--fused", "--name")
    refused(run("score", *triple, "--name", "x", "--dataset", "demo", "--fused", "."), "triple")


def test_the_process_leaves_with_the_status(triple: tuple[Path, Path, Path]) -> None:
    """Once through a real process: no traceback, and the right status for a shell."""
    code = "from fusebench.bench.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "score", str(triple[0]), "nowhere.png", str(triple[2])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: nowhere.png does not exist; give the path of an image file"
    ]


# -- folders, runs and rankings -------------------------------------------------------------------


def suite_file(folder: Path) -> Path:
    path = folder / "mine.toml"
    path.write_text(
        'title = "Mine"\ndatasets = ["folder"]\n'
        'methods = ["average", {method = "lp", label = "LP2", options = {levels = 2}}]\n'
        'metrics = ["en", "mi", "qabf"]\n'
    )
    return path


def test_run_show_compare_export(run: Run, pair_root: Path, tmp_path: Path) -> None:
    db = ("--db", tmp_path / "r.db")
    arguments = ("run", suite_file(tmp_path), *db, "--root", pair_root, "--workers", 1)
    first = run(*arguments)
    assert first.status == 0, first.err
    assert "6 pairs done." in first.err
    assert "Infrared-visible: folder" in first.out
    assert "fusebench leaderboard" in first.out
    again = run(*arguments)
    assert "0 pairs done, 6 kept from before." in again.err
    assert again.out == first.out

    shown = json.loads(run("show", *db, "--format", "json").out)
    assert [t["dataset"] for t in shown] == ["folder"]
    assert {m["method"] for m in shown[0]["methods"]} == {"Average", "LP2"}
    assert {m["rank"] for m in shown[0]["methods"]} == {1, 2}
    for form, word in (("latex", r"\toprule"), ("markdown", "| Rank |"), ("csv", "mean_rank")):
        assert word in run("show", *db, "--format", form).out
    only = json.loads(run("show", *db, "--format", "json", "--metric", "qabf").out)
    assert list(only[0]["metrics"]) == ["qabf"]

    compared = run("compare", "LP2", "Average", *db)
    assert compared.status == 0
    assert "LP2 minus Average" in compared.out
    refused(run("compare", "LP2", "Averag", *db), "did you mean")
    refused(run("compare", "LP2", "LP2", *db), "twice")

    rows = run("export", *db).out.splitlines()
    assert rows[0].startswith("dataset,task,protocol,method,device,pair,scene,metric,version,value")
    assert len(rows) == 1 + 2 * 3 * 3
    assert len(json.loads(run("export", *db, "--format", "json").out)) == 18
    refused(run("show", *db, "--dataset", "tno"), "no results on tno", "folder")
    refused(run("show", *db, "--format", "html"), "latex")
    refused(run("show", "--db", tmp_path / "none.db"), "fusebench run demo")


def test_run_names_failures_and_leaves_with_1(
    run: Run, pair_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> object:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("fusebench.bench.work._method", broken)
    arguments = ("run", suite_file(tmp_path), "--db", tmp_path / "r.db", "--root", pair_root)
    result = run(*arguments, "--workers", 1)
    assert result.status == 1
    assert result.err.count("RuntimeError: out of luck") == 6
    assert "Average, folder, 01" in result.err
    assert run(*arguments, "--workers", 1).status == 1


def test_run_mistakes(run: Run, pair_root: Path, tmp_path: Path) -> None:
    refused(run("run", "demoo"), "did you mean 'demo'")
    refused(run("run", tmp_path / "none.toml"), "does not exist")
    refused(run("run", suite_file(tmp_path)), "--root")
    refused(run("run", suite_file(tmp_path), "--root", tmp_path / "nowhere"), "nowhere")
    refused(run("run", suite_file(tmp_path), "--root", "folder="), "DIR or NAME=DIR")
    refused(run("run", "demo", "--workers", "0"), "at least 1")
    refused(run("run", "demo", "--db", "mystery://x"), "no driver")
    refused(run("run", "demo", "--db", "/proc/none/x.db"), "cannot make the folder")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("datasets = [", ["not valid TOML"]),
        ('datasets = ["demo"]', ["methods must be 'all', or a list"]),
        ('methods = ["lp"]', ["datasets must be a list"]),
        ('datasets = ["demo"]\nmethods = ["lp"]\nmetric = "all"', ["unknown keys: metric"]),
        ('datasets = ["demo"]\nmethods = [{slug = "lp"}]', ["a table with 'method'"]),
        ('datasets = ["demo"]\nmethods = [{method = "lp", x = 1}]', ["unknown keys: x"]),
        ('datasets = ["demo"]\nmethods = ["lp"]\nmetrics = "en"', ["metrics must be a list"]),
        ('datasets = ["demo"]\nmethods = ["lp"]\nroots = ["x"]', ["roots must be a table"]),
        ('datasets = ["demoo"]\nmethods = ["lp"]', ["did you mean 'demo'"]),
        ('datasets = ["demo:mfff"]\nmethods = ["lp"]', ["did you mean 'mff'"]),
    ],
)
def test_bad_suites(run: Run, tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text)
    refused(run("run", path), *words)


def test_score_a_folder(run: Run, pair_root: Path, fused_folder: Path, tmp_path: Path) -> None:
    arguments = ("score", "--dataset", "folder", "--root", pair_root, "--fused", fused_folder)
    rest = ("--name", "MyNet", "--db", tmp_path / "r.db", "--metrics", "en,mi", "--workers", 1)
    result = run(*arguments, *rest)
    assert result.status == 0, result.err
    assert "MyNet" in result.out
    (fused_folder / "02.png").unlink()
    partial = run(*arguments, *rest)
    assert partial.status == 1
    assert "MyNet, folder, 02: no file named 02.png" in partial.err
    assert "2/3" in partial.out
    (fused_folder / "stray.png").write_bytes((fused_folder / "01.png").read_bytes())
    refused(run(*arguments, *rest), "stray", "match no pair", "missing file: 02")
    refused(run(*arguments[:-1], tmp_path / "none", *rest), "is not a folder")


def test_datasets(run: Run, tmp_path: Path, pair_root: Path) -> None:
    got = run("datasets", "get", "demo:medical", "--root", tmp_path / "d")
    assert got.status == 0
    folder = Path(got.out.strip())
    assert len(list((folder / "a").glob("*.png"))) == 4
    refused(run("datasets", "where", "demo:medical"), "datasets get demo:medical")
    assert run("datasets", "get", "demo:medical").status == 0
    assert run("datasets", "where", "demo:medical").status == 0
    assert "all 4 pairs are as frozen" in run("datasets", "verify", "demo:medical").out
    refused(run("datasets", "get", "tnoo"), "did you mean 'tno'")
    refused(run("datasets", "verify", "folder", "--root", pair_root), "no frozen split")


def test_leaderboard_mistakes(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.db"
    path.write_text("no database " * 100)
    refused(run("leaderboard", "--db", path), "not a database")
    refused(run("leaderboard", "--port", "99999"), "port")
