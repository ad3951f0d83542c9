"""Runs: nothing twice, nothing lost, every failure named."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import picture
from sqlalchemy import select

from fusebench import methods, metrics
from fusebench.bench import pool as pools
from fusebench.bench.cache import get_image, image_path
from fusebench.bench.images import read_image, write_image
from fusebench.bench.runner import evaluate, run_suite, score_folder
from fusebench.bench.schema import EntryRow, FusedRow, RunRow, ScoreRow
from fusebench.bench.store import Store
from fusebench.bench.suite import MethodChoice, Suite
from fusebench.bench.types import InputError, MissingDataError, UnknownNameError

METRICS = ("en", "sd", "mi")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(str(tmp_path / "results.db"))
    yield opened
    opened.close()


def suite(*slugs: str | MethodChoice, wanted: str | tuple[str, ...] = METRICS) -> Suite:
    choices = tuple(MethodChoice(s) if isinstance(s, str) else s for s in slugs)
    return Suite("test", "Test", ("folder",), choices, wanted)


def rows(path: Path) -> list[tuple[Any, ...]]:
    """Everything but times and row numbers."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            "SELECT d.name, p.key, e.label, f.device, f.image_digest, f.error, s.metric, "
            "s.version, s.protocol, s.value, s.error FROM fused f JOIN pair p ON p.id = f.pair_id "
            "JOIN dataset d ON d.id = p.dataset_id JOIN entry e ON e.id = f.entry_id "
            "LEFT JOIN score s ON s.fused_id = f.id ORDER BY 1, 2, 3, 4, 7"
        ).fetchall()


def test_a_run_scores_every_pair_and_a_rerun_does_nothing(store: Store, pair_root: Path) -> None:
    roots = {"folder": pair_root}
    first = run_suite(suite("average", "lp"), store, roots=roots)
    assert (first.done, first.kept, first.failures) == (6, 0, [])
    assert store.count(ScoreRow) == 6 * len(METRICS)
    second = run_suite(suite("average", "lp"), store, roots=roots)
    assert (second.done, second.kept) == (0, 6)
    assert store.count(RunRow) == 1


def test_scores_are_those_of_the_saved_image(store: Store, pair_root: Path) -> None:
    run_suite(suite("lp"), store, roots={"": pair_root})
    a, b = (read_image(pair_root / side / "01.png") for side in ("ir", "vi"))
    expected = metrics.score(a, b, methods.load("lp")(a, b), METRICS)
    frame = store.frame(
        select(ScoreRow.metric, ScoreRow.value).where(
            ScoreRow.fused_id == select(FusedRow.id).where(FusedRow.pair_id == 1).scalar_subquery()
        )
    )
    assert dict(zip(frame["metric"], frame["value"], strict=True)) == expected


def test_new_metrics_are_filled_in_without_fusing(
    store: Store, pair_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = {"folder": pair_root}
    run_suite(suite("average"), store, roots=roots)
    before = store.frame(select(FusedRow.image_digest, FusedRow.seconds))

    def never(*_: object) -> None:
        raise AssertionError("fused again")

    monkeypatch.setattr("fusebench.bench.work._method", never)
    report = run_suite(suite("average", wanted=(*METRICS, "ag")), store, roots=roots)
    assert (report.done, report.failures) == (3, [])
    assert store.count(ScoreRow) == 3 * (len(METRICS) + 1)
    assert store.frame(select(FusedRow.image_digest, FusedRow.seconds)).equals(before)


@pytest.mark.parametrize("damage", ["remove", "alter"])
def test_lost_images_are_made_again(store: Store, pair_root: Path, damage: str) -> None:
    roots = {"folder": pair_root}
    run_suite(suite("average"), store, roots=roots)
    digest = store.frame(select(FusedRow.image_digest))["image_digest"][0]
    if damage == "remove":
        image_path(digest).unlink()
    else:
        write_image(image_path(digest), picture(99))
    assert get_image(digest) is None
    report = run_suite(suite("average", wanted=(*METRICS, "sf")), store, roots=roots)
    assert (report.done, report.failures) == (3, [])
    assert store.count(ScoreRow) == 3 * 4


def test_processes_give_the_rows_of_one_process(tmp_path: Path, pair_root: Path) -> None:
    for name, pool in (("one", pools.SerialPool()), ("two", pools.ProcessPool(2))):
        opened = Store.open(str(tmp_path / f"{name}.db"))
        run_suite(suite("average", "dwt"), opened, pool=pool, roots={"": pair_root})
        opened.close()
    assert rows(tmp_path / "one.db") == rows(tmp_path / "two.db")
    assert len(rows(tmp_path / "one.db")) == 18


def test_dask_gives_the_rows_of_one_process(tmp_path: Path, pair_root: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed")
    for name in ("one", "dask"):
        pool = pools.SerialPool() if name == "one" else pools.DaskPool(workers=1)
        opened = Store.open(str(tmp_path / f"{name}.db"))
        run_suite(suite("average"), opened, pool=pool, roots={"": pair_root})
        opened.close()
    assert rows(tmp_path / "one.db") == rows(tmp_path / "dask.db")


def test_a_failing_method_becomes_rows_and_the_rest_goes_on(
    store: Store, pair_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = methods.load

    class Broken:
        def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
            if a.shape == (45, 51):
                raise MemoryError("no room\nfor this")
            return np.maximum(a, a)

    monkeypatch.setattr("fusebench.bench.work._method", lambda slug, *_: Broken())
    report = run_suite(suite("average"), store, roots={"": pair_root})
    assert (report.done, len(report.failures)) == (3, 1)
    assert report.failures[0] == "Average, folder, 03: MemoryError: no room for this"
    kept = run_suite(suite("average"), store, roots={"": pair_root})
    assert (kept.done, kept.kept, kept.failures) == (0, 2, report.failures)
    monkeypatch.setattr("fusebench.bench.work._method", lambda slug, *_: real(slug))
    again = run_suite(suite("average"), store, roots={"": pair_root}, retry_failed=True)
    assert (again.done, again.failures) == (1, [])


def test_bad_suites_are_refused_before_any_row(store: Store, pair_root: Path) -> None:
    roots = {"": pair_root}
    with pytest.raises(UnknownNameError, match="did you mean 'lp'"):
        run_suite(suite("lpp"), store, roots=roots)
    with pytest.raises(InputError, match="has no option"):
        run_suite(suite(MethodChoice("lp", options={"levelz": 3})), store, roots=roots)
    with pytest.raises(InputError, match="twice"):
        run_suite(suite("lp", "lp"), store, roots=roots)
    with pytest.raises(UnknownNameError, match="unknown metric"):
        run_suite(suite("lp", wanted=("enn",)), store, roots=roots)
    with pytest.raises(MissingDataError, match="--root"):
        run_suite(suite("lp"), store)
    assert store.count(FusedRow) == 0


def test_broken_sources_are_named_before_any_work(store: Store, pair_root: Path) -> None:
    (pair_root / "ir" / "02.png").write_bytes(b"no image")
    write_image(pair_root / "ir" / "03.png", picture(1, 10, 10))
    with pytest.raises(InputError, match=r"02.*03") as caught:
        run_suite(suite("average"), store, roots={"": pair_root})
    assert "\n" not in str(caught.value)
    assert store.count(EntryRow) == 0


def test_two_settings_of_a_method_are_two_entries(store: Store, pair_root: Path) -> None:
    choice = MethodChoice("lp", label="LP, 2 levels", options={"levels": 2})
    report = run_suite(suite("lp", choice), store, roots={"": pair_root})
    assert report.done == 6
    assert store.count(EntryRow) == 2


# -- somebody's images ----------------------------------------------------------------------------


def test_a_folder_is_scored_and_scoring_again_does_nothing(
    store: Store, pair_root: Path, fused_folder: Path
) -> None:
    first = score_folder(fused_folder, "Mine", "folder", store, root=pair_root, wanted=METRICS)
    assert (first.done, first.failures) == (3, [])
    second = score_folder(fused_folder, "Mine", "folder", store, root=pair_root, wanted=METRICS)
    assert (second.done, second.kept) == (0, 3)
    assert store.count(RunRow) == 1


def test_own_run_and_submitted_folder_are_equal(
    store: Store, pair_root: Path, tmp_path: Path
) -> None:
    run_suite(suite("lp"), store, roots={"": pair_root})
    folder = tmp_path / "lp"
    for key in ("01", "02", "03"):
        a, b = (read_image(pair_root / side / f"{key}.png") for side in ("ir", "vi"))
        write_image(folder / f"{key}.png", methods.load("lp")(a, b))
    score_folder(folder, "LP again", "folder", store, root=pair_root, wanted=METRICS)
    frame = store.frame(
        select(EntryRow.label, FusedRow.pair_id, ScoreRow.metric, ScoreRow.value)
        .join(FusedRow, FusedRow.entry_id == EntryRow.id)
        .join(ScoreRow, ScoreRow.fused_id == FusedRow.id)
    )
    wide = frame.pivot_table(index=["pair_id", "metric"], columns="label", values="value")
    assert (wide["LP"] == wide["LP again"]).all()
    assert len(wide) == 9


def test_a_changed_image_is_scored_again(store: Store, pair_root: Path, fused_folder: Path) -> None:
    score_folder(fused_folder, "Mine", "folder", store, root=pair_root, wanted=METRICS)
    write_image(fused_folder / "01.png", picture(50))
    report = score_folder(fused_folder, "Mine", "folder", store, root=pair_root, wanted=METRICS)
    assert (report.done, report.kept) == (1, 2)
    assert store.count(ScoreRow) == 9


def test_bad_results_become_named_rows(store: Store, pair_root: Path, fused_folder: Path) -> None:
    (fused_folder / "01.png").write_text("text named .png")
    write_image(fused_folder / "02.png", picture(1, 10, 10))
    (fused_folder / "03.png").unlink()
    report = score_folder(fused_folder, "Mine", "folder", store, root=pair_root, wanted=METRICS)
    assert [f.split(": ")[0] for f in sorted(report.failures)] == [
        f"Mine, folder, {key}" for key in ("01", "02", "03")
    ]
    text = "\n".join(sorted(report.failures))
    assert "is not an image" in text
    assert "10x10" in text
    assert "no file named 03" in text
    assert store.count(FusedRow, FusedRow.error.is_not(None)) == 3
    assert store.count(ScoreRow) == 0
    # Once mended, the same call replaces the failures.
    for name in ("01", "02", "03"):
        (fused_folder / f"{name}.png").write_bytes((pair_root / "vi" / f"{name}.png").read_bytes())
    mended = score_folder(fused_folder, "Mine", "folder", store, root=pair_root, wanted=METRICS)
    assert (mended.done, mended.failures) == (3, [])


def test_constant_results_are_failures(store: Store, pair_root: Path, fused_folder: Path) -> None:
    write_image(fused_folder / "01.png", np.full((48, 64), 7, np.uint8))
    report = score_folder(fused_folder, "Mine", "folder", store, root=pair_root, wanted=METRICS)
    assert len(report.failures) == 1
    assert "constant" in report.failures[0]


def test_extra_files_are_refused_by_name(store: Store, pair_root: Path, fused_folder: Path) -> None:
    (fused_folder / "01.png").rename(fused_folder / "fused_01.png")
    with pytest.raises(InputError, match=r"1 file: fused_01 match no pair.*1 missing file: 01"):
        score_folder(fused_folder, "Mine", "folder", store, root=pair_root)
    (fused_folder / "fused_01.png").rename(fused_folder / "02.bmp")
    with pytest.raises(InputError, match=r"02\.bmp, 02\.png"):
        score_folder(fused_folder, "Mine", "folder", store, root=pair_root)
    with pytest.raises(MissingDataError, match="is not a folder"):
        score_folder(fused_folder / "none", "Mine", "folder", store, root=pair_root)


def test_a_function_is_scored(pair_root: Path, tmp_path: Path) -> None:
    db = str(tmp_path / "own.db")

    def brighter(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.maximum(a, b if b.ndim == a.ndim else b[..., 1])

    table = evaluate(brighter, "folder", name="Max", root=pair_root, metrics="en,mi", db=db)
    assert list(table.index) == ["01", "02", "03"]
    a, b = (read_image(pair_root / side / "01.png") for side in ("ir", "vi"))
    assert table.loc["01", "mi"] == metrics.mi(a, b, np.maximum(a, b))
    floats = evaluate(
        lambda a, b: brighter(a, b) / 255.0, "folder", name="Max", root=pair_root, db=db
    )
    assert floats.loc["01", "mi"] == table.loc["01", "mi"]
    store = Store.open(db)
    assert store.count(FusedRow) == 3
    store.close()


def test_a_function_that_always_fails_says_why(pair_root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Broken failed on every pair.*ZeroDivisionError"):
        evaluate(
            lambda a, b: 1 / 0, "folder", name="Broken", root=pair_root, db=str(tmp_path / "x.db")
        )
    with pytest.raises(InputError, match=r"has size 5x5"):
        evaluate(
            lambda a, b: a[:5, :5], "folder", name="Crop", root=pair_root, db=str(tmp_path / "x.db")
        )


# -- being killed ---------------------------------------------------------------------------------


def _command(db: Path, root: Path, folder: Path, workers: int) -> list[str]:
    file = folder / "kill.toml"
    file.write_text(
        'datasets = ["folder"]\nmethods = ["average", "lp", "rp", "dwt", "mgff"]\n'
        'metrics = ["en", "mi", "qabf"]\n'
    )
    arguments = ["run", str(file), "--db", str(db), "--root", str(root), "--workers", str(workers)]
    code = "from fusebench.bench.cli import main; main()"
    return [sys.executable, "-c", code, *arguments]


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_any_moment_a_run_ends_in_the_same_rows(
    tmp_path: Path, pair_root: Path, workers: int
) -> None:
    """Kill it when so many pairs are stored, three times over, then let it get through."""
    for key in range(4, 12):
        write_image(pair_root / "ir" / f"{key:02}.png", picture(key))
        write_image(pair_root / "vi" / f"{key:02}.png", picture(key + 20))
    undisturbed = subprocess.run(
        _command(tmp_path / "whole.db", pair_root, tmp_path, 1), capture_output=True, check=False
    )
    assert undisturbed.returncode == 0, undisturbed.stderr
    whole = rows(tmp_path / "whole.db")
    assert len(whole) == 11 * 5 * 3
    db = tmp_path / "killed.db"
    for pairs in (0, 9, 40):
        process = subprocess.Popen(
            _command(db, pair_root, tmp_path, workers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while process.poll() is None and _stored(db) < pairs:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it was done before it could be killed"
        assert _stored(db) < 11 * 5
    last = subprocess.run(
        _command(db, pair_root, tmp_path, workers), capture_output=True, check=False, text=True
    )
    assert last.returncode == 0, last.stderr
    assert "kept from before" in last.stderr
    assert rows(db) == whole


def _stored(path: Path) -> int:
    """Pairs in a database that may not be there yet."""
    if not path.is_file():
        return -1
    try:
        with closing(sqlite3.connect(path)) as connection:
            return int(connection.execute("SELECT count(*) FROM fused").fetchone()[0])
    except sqlite3.OperationalError:
        return -1


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to see orphans")
def test_workers_of_a_killed_run_go_away(tmp_path: Path, pair_root: Path) -> None:
    process = subprocess.Popen(
        _command(tmp_path / "x.db", pair_root, tmp_path, 2),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    children: set[int] = set()
    deadline = time.monotonic() + 90
    while len(children) < 2 and time.monotonic() < deadline and process.poll() is None:
        children |= _session_members(process.pid) - {process.pid}
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert children
    deadline = time.monotonic() + 20
    while _session_members(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _session_members(process.pid) == set()


def _session_members(session: int) -> set[int]:
    members = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                members.add(int(folder.name))
    return members


def test_interrupting_keeps_what_is_done(store: Store, pair_root: Path) -> None:
    def interrupt(done: int, total: int, what: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    report = run_suite(suite("average", "lp"), store, roots={"": pair_root}, progress=interrupt)
    assert report.interrupted
    assert store.count(FusedRow) == 2
    assert store.count(RunRow, RunRow.finished.is_(None)) == 1
    rest = run_suite(suite("average", "lp"), store, roots={"": pair_root})
    assert (rest.done, rest.kept) == (4, 2)


# -- pools ----------------------------------------------------------------------------------------


def _work(unit: int) -> int:
    if unit == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return unit * unit


def test_a_crash_fails_its_own_unit_only() -> None:
    results = dict(pools.ProcessPool(2).map(_work, range(12), lambda unit: -unit))
    assert results == {u: -5 if u == 5 else u * u for u in range(12)}


def _environment_at_start(unit: int) -> str:
    # BLAS reads it when it is loaded: what is set later does not count.
    return Path("/proc/self/environ").read_text()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="Linux tells it")
def test_the_cores_are_shared_among_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """More threads than its share would lengthen the processor time that is stored."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setattr(pools.os, "cpu_count", lambda: 6)
    found = dict(pools.ProcessPool(2).map(_environment_at_start, [0], lambda unit: ""))
    assert "OMP_NUM_THREADS=3" in found[0].split("\0")
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_units_are_taken_as_they_are_needed() -> None:
    """A long list of units, and the images in them, is never in memory at once."""
    taken = 0

    def units() -> Iterator[int]:
        nonlocal taken
        for unit in range(6, 1000):
            taken += 1
            yield unit

    results = pools.ProcessPool(2).map(_work, units(), lambda unit: -1)
    for _ in range(10):
        next(results)
    assert taken <= 10 + 2 * 2 + 1
    results.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("local", 0, None), "at least 1"),
        (("cluster", None, None), "unknown executor"),
        (("local", None, "tcp://x:1"), "goes with --executor dask"),
    ],
)
def test_wrong_pools(arguments: tuple[str, int | None, str | None], message: str) -> None:
    with pytest.raises(InputError, match=message):
        pools.make_pool(*arguments)


def test_peak_memory_sees_a_large_array() -> None:
    from fusebench.bench.memory import PeakMemory

    with PeakMemory() as memory:
        np.ones(40_000_000).sum()
    if memory.growth is None:
        pytest.skip("this system does not tell")
    assert 300e6 < memory.growth < 700e6


def test_undefined_values_keep_their_reason(store: Store, pair_root: Path) -> None:
    """VIF refuses small pairs: a value without number, not a failed pair."""
    write_image(pair_root / "ir" / "04.png", picture(7, 30, 30))
    write_image(pair_root / "vi" / "04.png", picture(8, 30, 30))
    run_suite(suite("average", wanted=("en", "vif")), store, roots={"": pair_root})
    frame = store.frame(select(ScoreRow.value, ScoreRow.error).where(ScoreRow.value.is_(None)))
    assert len(frame) == 1
    assert "41x41" in frame["error"][0]
    assert math.isnan(frame["value"].astype(float)[0])
