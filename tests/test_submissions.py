"""Uploads: what is refused, what the worker scores, and that nothing else reaches the database."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from leaderboard_data import HOSTILE, KEYS, tiny_database
from leaderboard_pages import markdown, open_page, said
from PIL import Image as PillowImage
from streamlit.testing.v1 import AppTest
from test_leaderboard_app import forget

from fusebench import metrics
from fusebench.bench.images import read_image
from fusebench.bench.schema import FusedRow, RunRow, ScoreRow
from fusebench.bench.store import Store
from fusebench.bench.types import Image, InputError
from fusebench.leaderboard import app_tables as tables
from fusebench.leaderboard import board, submissions
from fusebench.leaderboard.board import Evaluation
from fusebench.leaderboard.submissions import SWITCH, Limits, check_name, submit, unpack

__all__ = ["forget"]  # fixtures

posix = pytest.mark.skipif(not submissions.supported(), reason="uploads need POSIX")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    path = tiny_database(tmp_path)
    monkeypatch.setenv("FUSEBENCH_DB", path)
    return f"sqlite:///{path}"


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with closing(Store.open(database, create=False)) as opened:
        yield opened


@pytest.fixture
def focus(store: Store) -> Evaluation:
    return board.find_evaluations(store, task="mff")[0]


def png(image: Image) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def fused(seed: int, height: int = 48, width: int = 64) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def archive(files: dict[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return buffer


def good() -> dict[str, bytes]:
    return {f"results/{key}.png": png(fused(i)) for i, key in enumerate(KEYS)}


# -- the archive ------------------------------------------------------------------------------


def test_good_archive_is_unpacked_flat(tmp_path: Path) -> None:
    junk = {"__MACOSX/._one.png": b"x", "results/.DS_Store": b"x", "results/Thumbs.db": b"x"}
    files = unpack(archive({**good(), **junk}), tmp_path / "images", KEYS, Limits())
    assert {key: path.name for key, path in files.items()} == {k: f"{k}.png" for k in KEYS}
    assert sorted(p.name for p in (tmp_path / "images").iterdir()) == [
        *("one.png", "three.png", "two.png")
    ]
    assert files["two"].read_bytes() == good()["results/two.png"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"../one.png": b"x"}, "points out of it"),
        ({"a/../../one.png": b"x"}, "points out of it"),
        ({"/etc/one.png": b"x"}, "points out of it"),
        ({"..\\one.png": b"x"}, "points out of it"),
        ({"C:one.png": b"x"}, "points out of it"),
        ({"one.py": b"x"}, "no image"),
        ({"one.png.exe": b"x"}, "no image"),
        ({"one": b"x"}, "no image"),
        ({"four.png": b"x"}, "four.png.* match no pair"),
        ({"again/one.png": b"x"}, "two images for one"),
        ({"one.jpg": b"x"}, "two images for one"),
        ({"big.png": b"x" * 2_000_000}, "larger than 1 MiB"),
    ],
)
def test_bad_members_are_refused(tmp_path: Path, files: dict[str, bytes], reason: str) -> None:
    limits = Limits(file=2**20)
    with pytest.raises(InputError, match=reason):
        unpack(archive({**good(), **files}), tmp_path / "images", KEYS, limits)
    assert list((tmp_path / "images").iterdir()) == [], "nothing of a bad archive is unpacked"
    assert not list(tmp_path.glob("*.png"))


def test_links_and_locked_members_are_refused(tmp_path: Path) -> None:
    buffer = archive(good())
    with zipfile.ZipFile(buffer, "a") as opened:
        link = zipfile.ZipInfo("link/one.png")
        link.external_attr = 0o120777 << 16
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match="link or no plain file"):
        unpack(buffer, tmp_path / "links", KEYS, Limits())
    # The bit that says encrypted, in the local header and in the directory.
    data = archive({"one.png": b"secret"}).getvalue()
    at = data.index(b"PK\x01\x02")
    data = data[:6] + b"\x01" + data[7 : at + 8] + b"\x01" + data[at + 9 :]
    with pytest.raises(InputError, match="encrypted"):
        unpack(io.BytesIO(data), tmp_path / "locked", ["one"], Limits())


def test_too_much_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="file is larger than 0 MiB"):
        unpack(archive(good()), tmp_path / "a", KEYS, Limits(archive=100))
    with pytest.raises(InputError, match="holds 3 files, more than 2"):
        unpack(archive(good()), tmp_path / "b", KEYS, Limits(files=2))
    with pytest.raises(InputError, match="unpacked, the images are larger"):
        unpack(archive(good()), tmp_path / "c", KEYS, Limits(total=5000))
    with pytest.raises(InputError, match="lacks 2 images: three; two"):
        unpack(archive({"one.png": b"x"}), tmp_path / "d", KEYS, Limits())


def test_an_archive_that_lies_about_its_size(tmp_path: Path) -> None:
    """Its directory says 10 bytes, and a million come out."""
    data = archive({"one.png": b"\0" * 1_000_000}).getvalue()
    at = data.index(b"PK\x01\x02")
    data = data[: at + 24] + struct.pack("<I", 10) + data[at + 28 :]
    with pytest.raises(InputError):
        unpack(io.BytesIO(data), tmp_path / "images", ["one"], Limits(file=1000))
    assert sum(p.stat().st_size for p in (tmp_path / "images").iterdir()) <= 1000


@pytest.mark.parametrize("content", [b"", b"no zip file", archive(good()).getvalue()[:300]])
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="not a zip file that can be read"):
        unpack(io.BytesIO(content), tmp_path / "images", KEYS, Limits())


def test_a_damaged_member(tmp_path: Path) -> None:
    data = bytearray(archive({"one.png": fused(0).tobytes()}).getvalue())
    data[200] ^= 255
    with pytest.raises(InputError, match="not a zip file that can be read"):
        unpack(io.BytesIO(bytes(data)), tmp_path / "images", ["one"], Limits())


def test_names(store: Store) -> None:
    assert check_name("  My   Net ", store) == "My Net"
    for name, reason in [
        (" ", "needs a name"),
        ("x" * 61, "at most 60"),
        ("a\x07b", "printable"),
        ("lp", "taken"),
    ]:
        with pytest.raises(InputError, match=reason):
            check_name(name, store)


# -- scoring ----------------------------------------------------------------------------------


def stored(store: Store) -> tuple[int, int, int]:
    return store.count(FusedRow), store.count(ScoreRow), store.count(RunRow)


@posix
def test_upload_is_scored_like_a_folder(database: str, store: Store, focus: Evaluation) -> None:
    before = stored(store)
    assert submit(database, focus, "canonical", "My Net", archive(good())) == 3
    scores = board.pair_scores(store, focus)
    mine = scores[scores["method"] == "My Net"]
    assert set(mine["pair"]) == set(KEYS)
    root = Path(focus.root or "")
    for i, key in enumerate(KEYS):
        a, b, reference = (read_image(root / s / f"{key}.png") for s in ("a", "b", "reference"))
        expected = metrics.score(a, b, fused(i), reference=reference)
        found = mine[mine["pair"] == key].set_index("metric")["value"]
        assert set(found.index) == set(expected)
        for slug, value in expected.items():
            assert found[slug] == pytest.approx(value, nan_ok=True, rel=1e-12), slug
    assert stored(store)[0] == before[0] + 3
    line = next(x for x in board.ranking(store, focus).lines if x.label == "My Net")
    assert (line.competitor.kind, line.competitor.device) == ("folder", "external")
    assert line.rank is not None
    with pytest.raises(InputError, match="taken"):
        submit(database, focus, "canonical", "my net", archive(good()))


@posix
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"results/two.png": png(fused(1, 40, 64))}, "two.png has 64 x 40 pixels"),
        ({"results/two.png": b"not an image"}, "two.png is not an image"),
        ({"results/two.png": png(fused(2))[:2000]}, "two.png is damaged"),
        ({"results/two.png": png(np.full((48, 64), 7, np.uint8))}, "two.png: .*constant|one grey"),
    ],
)
def test_one_bad_image_and_nothing_is_stored(
    database: str, store: Store, focus: Evaluation, change: dict[str, bytes], reason: str
) -> None:
    before = stored(store)
    with pytest.raises(InputError, match=reason):
        submit(database, focus, "canonical", "My Net", archive({**good(), **change}))
    assert stored(store) == before


@posix
def test_other_source_images_are_noticed(database: str, store: Store, focus: Evaluation) -> None:
    before = stored(store)
    folder = Path(focus.root or "")
    (folder / "a" / "three.png").write_bytes((folder / "b" / "three.png").read_bytes())
    with pytest.raises(InputError, match="source images of three are no longer"):
        submit(database, focus, "canonical", "My Net", archive(good()))
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(InputError, match="no longer where they were") as refused:
        submit(database, focus, "canonical", "My Net", archive(good()))
    assert str(folder) not in str(refused.value)
    assert stored(store) == before


@posix
def test_time_and_memory_are_limited(database: str, store: Store, focus: Evaluation) -> None:
    before = stored(store)
    with pytest.raises(InputError, match="more than 0 seconds"):
        submit(database, focus, "canonical", "My Net", archive(good()), Limits(seconds=0))
    # Where the memory ends is where the worker happens to be.
    with pytest.raises(InputError, match=r"too much memory or time|cannot be read|MemoryError"):
        submit(database, focus, "canonical", "My Net", archive(good()), Limits(memory=2**20))
    assert stored(store) == before


def test_one_upload_at_a_time(database: str, focus: Evaluation) -> None:
    with submissions._BUSY, pytest.raises(InputError, match="another upload"):
        submit(database, focus, "canonical", "My Net", archive(good()))
    # It is free again after one that was refused.
    for _ in range(2):
        with pytest.raises(InputError, match="needs a name"):
            submit(database, focus, "canonical", "", archive(good()))


# -- the page ---------------------------------------------------------------------------------


def code(app: AppTest) -> str:
    return "\n".join(x.value for x in app.code)


def test_uploads_are_off_by_default(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SWITCH, raising=False)
    app = open_page("submit", task="mff")
    assert not app.get("file_uploader")
    assert "This board takes no uploads" in markdown(app)
    assert "fusebench score --dataset folder:mff --root DIR --fused results" in code(app)
    assert "fusebench.evaluate(fuse, 'folder:mff'" in code(app)
    assert "--db results.db" in code(app)
    assert "one.png\nthree.png\ntwo.png" in said(app)
    for value in ("0", "yes"):
        monkeypatch.setenv(SWITCH, value)
        assert not open_page("submit", task="mff").get("file_uploader")


def test_upload_form(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "1")
    asked = []

    def submit(url: str, evaluation: Evaluation, protocol: str, name: str, file: io.BytesIO) -> int:
        asked.append((evaluation.task, protocol, name, file.getvalue()))
        if name == "bad":
            raise InputError(f"no: {HOSTILE}")
        return 3

    monkeypatch.setattr(submissions, "submit", submit)
    app = open_page("submit", task="mff")
    app.button[0].click().run()
    assert "Choose a zip file first." in markdown(app)
    assert not asked
    app.file_uploader[0].set_value(("mine.zip", b"content", "application/zip"))
    app.text_input("upload-name").set_value("bad")
    app.button[0].click().run()
    assert asked == [("mff", "canonical", "bad", b"content")]
    assert "Nothing was added." in markdown(app)
    assert HOSTILE in said(app)
    app.text_input("upload-name").set_value("good")
    app.button[0].click().run()
    assert app.success[0].value == "3 images were scored and added."


@pytest.mark.parametrize(
    ("loads", "root", "protocol", "present", "absent"),
    [
        ("demo", None, "canonical", "datasets get demo --root pairs", "--root DIR"),
        ("tno:25", "/x", "vifb", "score --dataset tno:25 --root DIR", "--root pairs"),
        ("folder:mff", "/x", "canonical", "--root DIR", "datasets get"),
        ("a b; rm", "/x", "canonical", "--dataset 'a b; rm'", "datasets get"),
    ],
)
def test_commands(loads: str, root: str | None, protocol: str, present: str, absent: str) -> None:
    evaluation = Evaluation(1, loads, loads, loads, "mff", 3, 0, root)
    written = tables.commands(evaluation, protocol, "my results.db")
    assert present in written.folder
    assert absent not in written.folder
    assert ("--protocol vifb" in written.folder) == (protocol == "vifb")
    assert "--db 'my results.db'" in written.folder
    compile(written.python, "commands", "exec")
