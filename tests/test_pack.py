"""Packed results: round trips, what a check names, and the results that the package ships."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from leaderboard_data import HOSTILE, REASON, tiny_database
from sqlalchemy import select
from test_cli import Result, Run, refused, run

from fusebench import datasets
from fusebench.bench import published
from fusebench.bench.cli import leaderboard as command
from fusebench.bench.merge import merge
from fusebench.bench.pack import Pack, pack, read_pack
from fusebench.bench.pack_check import check_pack
from fusebench.bench.schema import EntryRow, FusedRow, RunRow, ScoreRow
from fusebench.bench.store import Entry, Outcome, ScoreValue, Store
from fusebench.bench.types import InputError, MissingDataError
from fusebench.datasets import PairFacts
from fusebench.leaderboard import board

__all__ = ["run"]


def opened(path: Path) -> closing[Store]:
    return closing(Store.open(str(path)))


def files(folder: Path) -> dict[str, bytes]:
    paths = [p for p in folder.rglob("*") if p.is_file()]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths}


def merged(folder: Path, database: Path) -> Pack:
    found = read_pack(folder)
    with opened(database) as store:
        merge(store, found)
    return found


# -- round trips ------------------------------------------------------------------------------


def test_packing_what_was_merged_gives_the_same_bytes(tmp_path: Path) -> None:
    """With a hostile name, a failed pair, undefined values and two datasets."""
    with opened(Path(tiny_database(tmp_path))) as store:
        done = pack(store, tmp_path / "first")
        original = [board.ranked(store, e) for e in board.evaluations(store)]
    assert (done.datasets, done.methods, done.images, done.older) == (2, 3, 12, 0)
    found = merged(tmp_path / "first", tmp_path / "other.db")
    assert found.problems == []
    assert HOSTILE in found.entries
    with opened(tmp_path / "other.db") as store:
        pack(store, tmp_path / "second")
        again = [board.ranked(store, e) for e in board.evaluations(store)]
        assert merge(store, found).images == 0
        assert merge(store, found).kept == 12
        assert merge(store, found).scores == 0
        errors = store.frame(select(FusedRow.error).where(FusedRow.error.is_not(None)))
        assert list(errors["error"]) == [REASON]
        undefined = store.frame(select(ScoreRow.error).where(ScoreRow.value.is_(None)))
        assert set(undefined["error"]) == {"a source is *flat*"}
        assert store.count(RunRow) == 1
    assert files(tmp_path / "first") == files(tmp_path / "second")
    for x, y in zip(original, again, strict=True):
        assert [(a.label, a.rank, a.certainty) for a in x.lines] == [
            (b.label, b.rank, b.certainty) for b in y.lines
        ]


def test_nothing_in_it_depends_on_the_database(tmp_path: Path) -> None:
    """Ids, order of work and folders of the images leave no trace."""
    with opened(Path(tiny_database(tmp_path))) as store:
        pack(store, tmp_path / "packed")
    text = b"".join(files(tmp_path / "packed").values())
    assert str(tmp_path).encode() not in text
    assert sorted(files(tmp_path / "packed")) == [
        "about.json",
        "folder_ivif/canonical.csv",
        "folder_ivif/images.csv",
        "folder_ivif/pairs.csv",
        "folder_mff/canonical.csv",
        "folder_mff/images.csv",
        "folder_mff/pairs.csv",
        "methods.csv",
    ]


TNO = "tno:21"


def facts() -> list[PairFacts]:
    """The pairs of TNO as they are listed; the images are not needed."""
    listed = datasets.without_images(TNO, []).frozen
    return [
        PairFacts(k, "ivif", p.scene or k, 48, 64, 1, 1, p.a_digest or "", p.b_digest or "", None)
        for k, p in listed.items()
    ]


def outcome(value: float, seed: int, metric: str = "en") -> Outcome:
    scores = [
        ScoreValue(metric, 1, value, "flat" if value != value else None),
        ScoreValue("psnr", 1, math.inf, None),
    ]
    return Outcome(f"{seed:064x}", None, "cpu", 0.123456789, 1000, scores)


def listed_results(path: Path) -> Path:
    """Two methods on all of TNO, with a value that is not defined and one that is infinite."""
    with opened(path) as store:
        run_id = store.start_run("by hand", 1, store.add_environment({"python": "3"}))
        _, pairs = store.add_pairs(TNO, "TNO", 1, facts())
        for i, (slug, label) in enumerate((("average", "Average"), ("pca", "PCA"))):
            entry = store.add_entry(Entry("method", slug, label, origin="reimplemented"))
            for j, pair in enumerate(pairs.values()):
                value = math.nan if (i, j) == (1, 3) else 4 + i / 2 + j / 7
                store.save(entry, pair, run_id, "canonical", outcome(value, 100 * i + j))
        store.finish_run(run_id)
    return path


def test_digits_are_kept_or_rounded(tmp_path: Path) -> None:
    with opened(listed_results(tmp_path / "a.db")) as store:
        pack(store, tmp_path / "six")
        pack(store, tmp_path / "whole", digits=17)
        with pytest.raises(InputError, match="1 to 17"):
            pack(store, tmp_path / "none", digits=0)
        exact = store.frame(select(ScoreRow.value).where(ScoreRow.metric == "en"))
        # Merging a rounded copy leaves the database's own digits alone.
        assert merge(store, read_pack(tmp_path / "six")).scores == 0
        assert store.frame(select(ScoreRow.value).where(ScoreRow.metric == "en")).equals(exact)
    (six,) = read_pack(tmp_path / "six").datasets
    (whole,) = read_pack(tmp_path / "whole").datasets
    assert six.tables["canonical"].metrics == ("en", "psnr")
    assert six.tables["canonical"].rows[1].values == (4.14286, math.inf)
    assert whole.tables["canonical"].rows[1].values == (4 + 1 / 7, math.inf)
    assert six.images[0].seconds == 0.123457


def test_scores_of_a_later_run_keep_it(tmp_path: Path) -> None:
    with opened(listed_results(tmp_path / "a.db")) as store:
        later = store.start_run("later", 2, store.add_environment({"python": "4"}))
        entry = store.add_entry(Entry("method", "average", "Average", origin="reimplemented"))
        _, pairs = store.add_pairs(TNO, "TNO", 1, facts())
        for j, pair in enumerate(pairs.values()):
            store.save(entry, pair, later, "canonical", outcome(40 + j, j, "sd"))
        pack(store, tmp_path / "packed")
    merged(tmp_path / "packed", tmp_path / "b.db")
    with opened(tmp_path / "b.db") as store:
        runs = store.frame(
            select(ScoreRow.metric, RunRow.name, FusedRow.entry_id)
            .join(RunRow, RunRow.id == ScoreRow.run_id)
            .join(FusedRow, FusedRow.id == ScoreRow.fused_id)
            .distinct()
        )
    assert set(runs[runs["metric"] == "sd"]["name"]) == {"later"}
    assert set(runs[runs["metric"] == "en"]["name"]) == {"by hand"}


def test_scores_of_older_versions_are_left_out(tmp_path: Path) -> None:
    with opened(listed_results(tmp_path / "a.db")) as store:
        entry = store.add_entry(Entry("method", "average", "Average", origin="reimplemented"))
        _, pairs = store.add_pairs(TNO, "TNO", 1, facts())
        old = Outcome(f"{0:064x}", None, "cpu", 0.1, 1, [ScoreValue("en", 0, 1.0, None)])
        store.save(entry, pairs["01"], 1, "canonical", old)
        assert pack(store, tmp_path / "packed").older == 1


def test_what_a_database_has_already_stays(tmp_path: Path) -> None:
    with opened(listed_results(tmp_path / "a.db")) as store:
        pack(store, tmp_path / "packed")
    with opened(listed_results(tmp_path / "b.db")) as store:
        entry = store.add_entry(Entry("method", "average", "Average", origin="reimplemented"))
        _, pairs = store.add_pairs(TNO, "TNO", 1, facts())
        store.save(entry, pairs["01"], 1, "canonical", outcome(1.0, 999))
        done = merge(store, read_pack(tmp_path / "packed"))
        assert done.conflicts == [f"Average, {TNO}, 01, cpu"]
        assert (done.images, done.scores, done.kept) == (0, 0, 41)


def test_two_labels_that_are_equal_stay_two_methods(tmp_path: Path) -> None:
    with opened(listed_results(tmp_path / "a.db")) as store:
        _, pairs = store.add_pairs(TNO, "TNO", 1, facts())
        for kind in ("folder", "callable"):
            entry = store.add_entry(Entry(kind, "", "Mine"))
            store.save(entry, pairs["01"], 1, "canonical", outcome(1.0, 999))
        pack(store, tmp_path / "packed")
    merged(tmp_path / "packed", tmp_path / "b.db")
    with opened(tmp_path / "b.db") as store:
        kinds = store.frame(select(EntryRow.kind).where(EntryRow.label == "Mine"))
    assert sorted(kinds["kind"]) == ["callable", "folder"]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    with opened(listed_results(tmp_path / "a.db")) as store:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.tex").write_text("years")
        with pytest.raises(InputError, match="holds other files"):
            pack(store, tmp_path / "mine")
        with pytest.raises(InputError, match="no results on lytro in this database; it holds tno"):
            pack(store, tmp_path / "new", names=["lytro"])
        pack(store, tmp_path / "new")
        (tmp_path / "new" / "old.csv").write_text("")
        pack(store, tmp_path / "new")
    assert not (tmp_path / "new" / "old.csv").exists()
    assert list(tmp_path.glob("tmp*")) == []


# -- checks -----------------------------------------------------------------------------------


@pytest.fixture(name="packed", scope="module")
def _packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    with opened(listed_results(folder / "a.db")) as store:
        pack(store, folder / "packed")
    return folder / "packed"


@pytest.fixture(name="copy")
def _copy(packed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(packed, tmp_path / "copy"))


def test_sound_results_have_no_problems(packed: Path) -> None:
    found = check_pack(read_pack(packed))
    assert found.problems == []
    assert found.notes == []


# File, what is there, what is put in its place, and what the check says of it.
SPOILT = [
    ("methods.csv", "method,average", "method,averag", "'averag' is no method"),
    ("methods.csv", "Average,1,", "Average,9,", "Average: version 9, this fusebench has 1"),
    ("methods.csv", ",{}", ',"{""levels"": 3}"', "no options are called levels"),
    ("methods.csv", "pca,PCA,1,reimplemented,,{}", "pca,PCA,1,x,,[]", "methods.csv:3: options are"),
    ("about.json", '"en": 1', '"en": 7', "en has version 7, this fusebench computes 1"),
    ("about.json", '"version": 1', '"version": 8', "tno:21 has version 8, this fusebench has 1"),
    ("about.json", '"name": "tno:21"', '"name": "tno:25"', "tno:25 has 25 pairs, here are 21"),
    ("about.json", '"name": "tno:21"', '"name": "tno:x"', "unknown split of tno 'x'"),
    ("tno_21/pairs.csv", "\n01,ivif", "\n01,mef", "01: tno:21 is not for mef"),
    ("tno_21/pairs.csv", "\n01,ivif", "\n01,ir", "pairs.csv:2: task 'ir' is not one of ivif, mff"),
    ("tno_21/pairs.csv", ",48,64,1,1,", ",48,64,1,1,0", "is no sha256"),
    ("tno_21/images.csv", "Average,cpu,01,", "Average,cpu,02,", "Average on cpu lacks 1 pair: 01"),
    ("tno_21/images.csv", "Average,cpu,01,", "Average,cpu,02,", "Average, cpu, 02 is there twice"),
    ("tno_21/images.csv", "Average,cpu,01,", "Nobody,cpu,01,", "method 'Nobody' is not known"),
    ("tno_21/images.csv", ",0.123457,", ",-1,", "-1 seconds are no time"),
    ("tno_21/images.csv", ",1000,\n", ",1000,it broke\n", "either the digest of an image or an"),
    ("tno_21/canonical.csv", ",4.14286,", ",,", "Average, cpu, 02 has no en"),
    ("tno_21/canonical.csv", ",4.14286,", ",9,", "canonical.csv:3: en is 9, outside its bounds"),
    ("tno_21/canonical.csv", ",4.14286,", ",nan,", "canonical.csv:3: values that are nan need"),
    ("tno_21/canonical.csv", ",4.14286,", ",five,", "canonical.csv:3: could not convert string"),
    ("tno_21/canonical.csv", "run,en,", "run,eng,", "about.json gives no version of eng"),
    ("tno_21/canonical.csv", "method,device", "label,device", "canonical.csv:1: has columns label"),
    ("tno_21/canonical.csv", "Average,cpu,01,", "Average,cuda,01,", "there is no image of Average"),
]


@pytest.mark.parametrize(("name", "old", "new", "says"), SPOILT)
def test_every_problem_is_named(copy: Path, name: str, old: str, new: str, says: str) -> None:
    text = (copy / name).read_text()
    assert old in text
    (copy / name).write_text(text.replace(old, new, 1))
    problems = check_pack(read_pack(copy)).problems
    assert any(says in problem for problem in problems), problems


def test_other_pixels_are_named(copy: Path) -> None:
    path = copy / "tno_21" / "pairs.csv"
    lines = path.read_text().splitlines()
    cells = lines[1].split(",")
    lines[1] = ",".join([*cells[:7], cells[8], cells[7], ""])
    path.write_text("\n".join(lines) + "\n")
    problems = check_pack(read_pack(copy)).problems
    assert "tno_21/pairs.csv: 01: a and b are exchanged" in problems
    assert any("is not what about.json says of tno:21" in p for p in problems)
    with pytest.raises(InputError, match="has problems: tno_21"), opened(copy / "x.db") as store:
        merge(store, read_pack(copy))


def test_pairs_that_nobody_listed_are_noted(tmp_path: Path) -> None:
    with opened(Path(tiny_database(tmp_path))) as store:
        pack(store, tmp_path / "packed")
    found = check_pack(read_pack(tmp_path / "packed"))
    assert "folder:mff: nobody has listed the pixels of 3 pairs: one; three; two" in found.notes
    assert any("failed on folder:mff, two" in note for note in found.notes)


def test_names_cannot_lead_out_of_the_folder(copy: Path) -> None:
    text = (copy / "about.json").read_text()
    (copy / "about.json").write_text(text.replace('"tno_21": {', '"../tno_21": {'))
    with pytest.raises(InputError, match="cannot be the name of a file"):
        read_pack(copy)


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "cannot be read"), ("[]", "format None"), ('{"format": 1}', "lacks 'metrics'")],
)
def test_headers_that_say_nothing(copy: Path, text: str, says: str) -> None:
    (copy / "about.json").write_text(text)
    with pytest.raises(InputError, match=says):
        read_pack(copy)


# -- commands ---------------------------------------------------------------------------------


def test_pack_check_merge(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "FOLDER", tmp_path / "none")
    source = listed_results(tmp_path / "a.db")
    out = tmp_path / "packed"
    done: Result = run("submit", "pack", "--db", source, "-o", out)
    assert done.status == 0
    assert done.out.startswith("2 methods, 1 datasets, 42 images, 84 scores")
    done = run("submit", "check", out)
    assert (done.status, done.out) == (0, "2 methods, 1 datasets, 42 images: no problems\n")
    done = run("submit", "merge", out, "--db", tmp_path / "b.db")
    assert done.out == "42 images and 84 scores added, 0 images were there\n"
    done = run("submit", "merge", out, "--db", tmp_path / "b.db")
    assert done.out == "0 images and 0 scores added, 42 images were there\n"
    assert "PCA" in run("show", "--db", tmp_path / "b.db").out
    text = (out / "tno_21" / "images.csv").read_text()
    (out / "tno_21" / "images.csv").write_text(text.replace(f"{0:064x}", "f" * 64))
    done = run("submit", "merge", out, "--db", tmp_path / "b.db")
    assert done.status == 1
    assert "Average, tno:21, 01, cpu has another image" in done.err
    (out / "tno_21" / "images.csv").write_text(text.replace("Average,cpu,01", "Average,cpu,99"))
    done = run("submit", "check", out)
    assert done.status == 1
    assert "problem: tno_21/images.csv:2: pair '99' is not known" in done.out
    refused(run("submit", "check", tmp_path / "nowhere"), "no packed results in", "submit pack")
    refused(run("submit", "merge", out, "--db", tmp_path / "b.db"), "submit check")
    refused(run("submit", "check", "published"), "no packed results")


@pytest.fixture(name="ships")
def _ships(packed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the package ship these results."""
    monkeypatch.setattr(published, "FOLDER", packed)
    yield
    published._database.cache_clear()


@pytest.mark.usefixtures("ships")
def test_published_results_are_a_database_to_read(run: Run, tmp_path: Path) -> None:
    done = run("show", "--db", "published", "--format", "csv")
    assert done.status == 0, done
    assert "tno:21,ivif,canonical,Average,1" in done.out
    path = published.published_database()
    assert published.is_published(f"sqlite:///{path}")
    assert not published.is_published(f"sqlite:///{tmp_path / 'mine.db'}")
    made = path.stat().st_mtime_ns
    published._database.cache_clear()
    assert published.published_database().stat().st_mtime_ns == made
    assert run("report", "--db", "published", "-o", tmp_path / "site").status == 0
    refused(run("run", "demo", "--db", "published"), "only read", "fusebench submit merge")
    done = run("submit", "merge", "published", "--db", tmp_path / "mine.db")
    assert done.out.startswith("42 images and 84 scores added")


@pytest.mark.usefixtures("ships")
def test_other_published_results_take_the_place_of_the_old(
    monkeypatch: pytest.MonkeyPatch, copy: Path
) -> None:
    old = published.published_database()
    about = json.loads((copy / "about.json").read_text())
    (copy / "about.json").write_text(json.dumps(about))
    monkeypatch.setattr(published, "FOLDER", copy)
    new = published.published_database()
    assert new != old
    assert new.is_file()
    assert not old.exists()


def test_without_published_results(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    assert not published.has_published()
    with pytest.raises(MissingDataError, match="ships no published results"):
        Store.open("published", create=False)


@pytest.mark.usefixtures("ships")
def test_a_newcomer_sees_published_results(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only where no database is named and none is in the folder."""
    shown: list[str] = []

    def stop(_: str, __: list[str], environment: dict[str, str]) -> None:
        shown.append(environment["FUSEBENCH_DB"])
        raise SystemExit(0)

    monkeypatch.setattr(command.os, "execve", stop)
    monkeypatch.setattr(command.os, "name", "posix")
    monkeypatch.setattr(command, "_run_demo", lambda url: Store.open(url).close())
    monkeypatch.chdir(tmp_path)
    run("leaderboard", "--db", "named.db")
    assert shown.pop() == "sqlite:///named.db"
    monkeypatch.delenv("FUSEBENCH_DB")
    first = run("leaderboard")
    assert shown.pop() == f"sqlite:///{published.published_database()}"
    assert "these are the published ones" in first.err
    Store.open("fusebench.db").close()
    run("leaderboard")
    assert shown.pop() == "sqlite:///fusebench.db"


def test_what_the_package_ships_has_no_problems() -> None:
    packed = read_pack(Path(published.__file__).parent / "published")
    assert check_pack(packed).problems == []
    assert {"tno:25", "roadscene:50", "lytro:20", "harvard_ct_mri:21"} <= {
        dataset.name for dataset in packed.datasets
    }
    # Every image has the code, the libraries and the machine that made it.
    assert {image.run for d in packed.datasets for image in d.images} <= set(packed.runs)
    assert {run.environment for run in packed.runs.values()} <= set(packed.environments)
