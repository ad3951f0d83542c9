"""The database: migrations, idempotence, round trips and writers in competition."""

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, make_url, select, text

from fusebench import datasets
from fusebench.bench.merge import merge
from fusebench.bench.pack import pack, read_pack
from fusebench.bench.schema import (
    Base,
    DatasetRow,
    FusedRow,
    PairRow,
    ReportedRow,
    ScoreRow,
)
from fusebench.bench.store import Entry, Outcome, ScoreValue, Store, database_exists
from fusebench.bench.types import InputError, MissingDataError

POSTGRES = os.environ.get("FUSEBENCH_TEST_POSTGRES")


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], name="url"
)
def _url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'results.db'}"
        return
    if not POSTGRES:
        pytest.skip("FUSEBENCH_TEST_POSTGRES names no server")
    name = f"fusebench_{uuid4().hex[:12]}"
    server = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def outcome(value: float = 0.5, image: str = "a" * 64, metric: str = "en") -> Outcome:
    return Outcome(image, None, "cpu", 0.1, 1000, [ScoreValue(metric, 1, value, None)])


def prepare(store: Store, root: Path) -> tuple[int, dict[str, int], int]:
    """Enter a dataset, a competitor and a run."""
    dataset = datasets.load("folder", root)
    pairs = store.add_dataset(dataset, dataset.inspect())
    entry = store.add_entry(Entry("method", "lp", "LP", options={"levels": 4}))
    run = store.start_run("test", 1, store.add_environment({"python": "3"}))
    return entry, pairs, run


def test_migrations_make_the_schema_of_the_code(url: str) -> None:
    store = Store.open(url)
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []
    store.close()


def test_packed_results_come_back(url: str, pair_root: Path, tmp_path: Path) -> None:
    with closing(Store.open(str(tmp_path / "source.db"))) as store:
        entry, pairs, run = prepare(store, pair_root)
        for key, value in zip(pairs, (0.5, math.nan, math.inf), strict=True):
            store.save(entry, pairs[key], run, "canonical", outcome(value))
        store.finish_run(run)
        pack(store, tmp_path / "packed")
    with closing(Store.open(url)) as store:
        first = merge(store, read_pack(tmp_path / "packed"))
        again = merge(store, read_pack(tmp_path / "packed"))
        pack(store, tmp_path / "again")
    assert (first.images, first.scores, first.kept) == (3, 3, 0)
    assert (again.images, again.scores, again.kept) == (0, 0, 3)
    for path in (tmp_path / "packed").rglob("*.*"):
        other = tmp_path / "again" / path.relative_to(tmp_path / "packed")
        assert path.read_bytes() == other.read_bytes()


def test_everything_is_stored_once(url: str, pair_root: Path) -> None:
    store = Store.open(url)
    first = prepare(store, pair_root)[:2]
    second = prepare(store, pair_root)[:2]
    assert first == second
    assert store.count(DatasetRow) == 1
    assert store.count(PairRow) == 3
    store.close()


def test_other_pixels_are_another_dataset(url: str, pair_root: Path) -> None:
    store = Store.open(url)
    prepare(store, pair_root)
    (pair_root / "ir" / "01.png").write_bytes((pair_root / "vi" / "01.png").read_bytes())
    prepare(store, pair_root)
    assert store.count(DatasetRow) == 2
    store.close()


def test_another_option_is_another_entry(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "x.db"))
    ids = {
        store.add_entry(Entry("method", "lp", "LP", options={"levels": 4})),
        store.add_entry(Entry("method", "lp", "LP", options={"levels": 5})),
        store.add_entry(Entry("method", "lp", "LP", version=2, options={"levels": 4})),
    }
    assert len(ids) == 3
    store.close()


def test_saving_twice_adds_nothing_and_new_metrics_are_added(url: str, pair_root: Path) -> None:
    store = Store.open(url)
    entry, pairs, run = prepare(store, pair_root)
    for _ in range(2):
        store.save(entry, pairs["01"], run, "canonical", outcome())
    store.save(entry, pairs["01"], run, "canonical", outcome(metric="sd"))
    assert (store.count(FusedRow), store.count(ScoreRow)) == (1, 2)
    known = store.known(entry, "cpu", "canonical")[pairs["01"]]
    assert known.scores == {("en", 1), ("sd", 1)}
    assert store.known(entry, "cpu", "other")[pairs["01"]].scores == frozenset()
    store.close()


def test_another_image_replaces_all_scores(url: str, pair_root: Path) -> None:
    store = Store.open(url)
    entry, pairs, run = prepare(store, pair_root)
    store.save(entry, pairs["01"], run, "canonical", outcome(metric="sd"))
    store.save(entry, pairs["01"], run, "canonical", outcome(0.7, "b" * 64))
    rows = store.frame(select(ScoreRow.metric, ScoreRow.value))
    assert rows.to_dict("list") == {"metric": ["en"], "value": [0.7]}
    failed = Outcome(None, "it broke", "cpu", None, None, ())
    store.save(entry, pairs["01"], run, "canonical", failed)
    assert store.count(ScoreRow) == 0
    assert store.known(entry, "cpu", "canonical")[pairs["01"]].error == "it broke"
    store.close()


VALUES = [0.1, -1e308, 5e-324, math.inf, -math.inf, 1 / 3]


@pytest.mark.parametrize("value", VALUES)
def test_values_come_back_exactly(url: str, pair_root: Path, value: float) -> None:
    store = Store.open(url)
    entry, pairs, run = prepare(store, pair_root)
    store.save(entry, pairs["01"], run, "canonical", outcome(value))
    with store.engine.connect() as connection:
        assert connection.execute(select(ScoreRow.value)).scalar_one() == value
    store.close()


def test_nan_is_missing_with_a_reason(url: str, pair_root: Path) -> None:
    store = Store.open(url)
    entry, pairs, run = prepare(store, pair_root)
    scores = [ScoreValue("scd", 1, math.nan, "a source is constant")]
    store.save(entry, pairs["01"], run, "canonical", Outcome("c" * 64, None, "cpu", 1, 1, scores))
    with store.engine.connect() as connection:
        row = connection.execute(select(ScoreRow.value, ScoreRow.error)).one()
    assert tuple(row) == (None, "a source is constant")
    store.close()


# PostgreSQL has no NUL character, and a lone surrogate is not text.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50)


@given(label=TEXT)
def test_any_label_comes_back(label: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    store = Store.open(str(tmp_path_factory.getbasetemp() / "labels.db"))
    entry = Entry("folder", "", label)
    assert store.add_entry(entry) == store.add_entry(entry)
    store.close()


def test_a_database_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    store = Store.open(str(path))
    entry = store.add_entry(Entry("method", "lp", "LP"))
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE reported")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    store = Store.open(str(path))
    assert store.count(ReportedRow) == 0
    assert store.add_entry(Entry("method", "lp", "LP")) == entry
    store.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    Store.open(str(path)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(InputError, match=r"has schema 9999.*upgrade"):
        Store.open(str(path))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense://x", "no driver"),
        ("postgresql+psycopg://nobody@127.0.0.1:1/x", "cannot open|needs the package"),
        ("://", "no database URL"),
    ],
)
def test_wrong_urls(url: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Store.open(url)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_text("not a database " * 100)
    with pytest.raises(InputError, match="not a database"):
        Store.open(str(path))


def test_a_missing_file_is_not_made_by_reading(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    assert not database_exists(str(path))
    with pytest.raises(MissingDataError, match="fusebench run demo"):
        Store.open(str(path), create=False)
    assert not path.exists()


def _write_many(url: str, root: str, start: int) -> None:
    store = Store.open(url)
    entry, pairs, run = prepare(store, Path(root))
    for i in range(start, start + 25):
        store.save(entry, pairs["01"], run, "canonical", outcome(metric=f"m{i}"))
    store.close()


def test_writers_in_competition_lose_nothing(url: str, pair_root: Path) -> None:
    """Four processes open a new database at once and write to the same pair."""
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_write_many, url, str(pair_root), 25 * i) for i in range(4)]
        for job in jobs:
            job.result()
    store = Store.open(url)
    assert (store.count(FusedRow), store.count(ScoreRow)) == (1, 100)
    assert store.count(DatasetRow) == 1
    store.close()


def test_what_many_ask_for_at_once_is_made_once(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "results.db"))
    made = []
    everybody = Barrier(8)

    def make() -> int:
        made.append(1)
        time.sleep(0.1)
        return len(made)

    def asks(_: int) -> int:
        everybody.wait(10)
        return store.remember("a thing", make)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(asks, range(8))) == [1] * 8
    store.start_run("another content", 1, store.add_environment({}))
    assert store.remember("a thing", make) == 2
    store.close()


def test_what_could_not_be_made_is_tried_again(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "results.db"))
    with pytest.raises(ZeroDivisionError):
        store.remember("a thing", lambda: 1 // 0)
    assert store.remember("a thing", lambda: 1) == 1
    store.close()
