"""Downloads from a local server: whole and checked, or nothing at all."""

from __future__ import annotations

import hashlib
import io
import random
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from webserver import Server

from fusebench.bench import fetch as module
from fusebench.bench.fetch import Remote, fetch, fetch_archive, fetch_files
from fusebench.bench.types import FusebenchError, InputError, MissingDataError


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


BODY = bytes(range(256)) * 4000
CHUNK = module._CHUNK


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0)


def left(folder: Path) -> set[str]:
    """Everything in a folder but the locks, which are empty."""
    return {
        str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock"
    }


# --- one file -------------------------------------------------------------------------------


def test_a_file_is_downloaded_once(server: Server, tmp_path: Path) -> None:
    server.files["x"] = BODY
    target = tmp_path / "deep" / "x.bin"
    moves: list[tuple[int, int, str]] = []
    for _ in range(2):
        done = fetch(f"{server.url}/x", sha256(BODY), target, progress=lambda *m: moves.append(m))
        assert done == target
    assert target.read_bytes() == BODY
    assert server.asked == [("/x", "")]
    assert moves[-1] == (len(BODY), len(BODY), "x.bin")
    assert moves == sorted(moves)
    assert left(tmp_path) == {"deep/x.bin"}


def test_a_cut_download_goes_on(server: Server, tmp_path: Path) -> None:
    server.files["x"] = BODY
    server.cut_after = 24 * CHUNK + 5
    fetch(f"{server.url}/x", sha256(BODY), tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == BODY
    assert [r for _, r in server.asked] == ["", f"bytes={24 * CHUNK}-", f"bytes={48 * CHUNK}-"]


def test_a_download_goes_on_in_another_run(server: Server, tmp_path: Path) -> None:
    server.files["x"] = BODY
    server.cut_after = CHUNK

    def stop(done: int, total: int, what: str) -> None:
        if done > 5 * CHUNK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(f"{server.url}/x", sha256(BODY), tmp_path / "x", progress=stop)
    assert not (tmp_path / "x").exists()
    server.cut_after = 0
    with pytest.raises(MissingDataError, match=f"the {6 * CHUNK} bytes that came are kept; run "):
        fetch(f"{server.url}/x", sha256(BODY), tmp_path / "x")
    server.cut_after = None
    fetch(f"{server.url}/x", sha256(BODY), tmp_path / "x")
    assert server.asked[-1] == ("/x", f"bytes={6 * CHUNK}-")
    assert (tmp_path / "x").read_bytes() == BODY
    assert left(tmp_path) == {"x"}


def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    server.files["x"] = BODY
    server.cut_after = 3 * CHUNK
    server.ranges = False
    with pytest.raises(MissingDataError, match="bytes that came are kept"):
        fetch(f"{server.url}/x", sha256(BODY), tmp_path / "x")
    assert len(server.asked) == module.ATTEMPTS
    server.cut_after = None
    fetch(f"{server.url}/x", sha256(BODY), tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == BODY


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.files["x"] = BODY
    server.busy = module.ATTEMPTS - 1
    fetch(f"{server.url}/x", sha256(BODY), tmp_path / "x")
    server.busy = module.ATTEMPTS
    with pytest.raises(MissingDataError, match="cannot be downloaded: 503"):
        fetch(f"{server.url}/x", sha256(BODY), tmp_path / "y")
    assert left(tmp_path) == {"x"}


@pytest.mark.parametrize("kept", [b"other", BODY + b"longer", BODY], ids=["other", "longer", "all"])
def test_pieces_that_do_not_belong_are_thrown_away(
    server: Server, tmp_path: Path, kept: bytes
) -> None:
    server.files["x"] = BODY
    (tmp_path / f".x.{sha256(BODY)[:16]}.part").write_bytes(kept)
    fetch(f"{server.url}/x", sha256(BODY), tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == BODY
    assert left(tmp_path) == {"x"}


def test_a_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.files["x"] = BODY[:-1] + b"!"
    with pytest.raises(InputError, match="has another sha256 than the") as error:
        fetch(f"{server.url}/x", sha256(BODY), tmp_path / "x")
    assert "\n" not in str(error.value)
    assert left(tmp_path) == set()
    (tmp_path / "x").write_bytes(b"older")
    with pytest.raises(InputError, match="another sha256"):
        fetch(f"{server.url}/x", sha256(BODY), tmp_path / "x")
    assert left(tmp_path) == {"x"}


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("{}/nothing", r"/nothing cannot be downloaded: 404"),
        ("http://127.0.0.1:1/x", r"cannot be downloaded: .*run the same command again"),
        ("file:///etc/passwd", r"is not an address to download from"),
    ],
)
def test_what_cannot_be_reached(server: Server, tmp_path: Path, address: str, message: str) -> None:
    with pytest.raises(FusebenchError, match=message):
        fetch(address.format(server.url), sha256(BODY), tmp_path / "x")
    assert left(tmp_path) == set()


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_small_disk_is_seen_before(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["x"] = BODY
    monkeypatch.setattr(shutil, "disk_usage", lambda path: _Usage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(
        MissingDataError, match=r"1 MB are needed, but the disk of .* has 1 MB free"
    ):
        fetch(f"{server.url}/x", sha256(BODY), tmp_path / "x")
    assert left(tmp_path) == set()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up(server: Server, tmp_path: Path) -> None:
    server.files["x"] = BODY
    part = tmp_path / f".x.{sha256(BODY)[:16]}.part"
    part.symlink_to("/dev/full")
    with pytest.raises(MissingDataError, match="is full; make room"):
        fetch(f"{server.url}/x", sha256(BODY), tmp_path / "x")
    assert not part.is_symlink()
    assert left(tmp_path) == set()


def test_two_at_once_download_once(server: Server, tmp_path: Path) -> None:
    server.files["x"] = BODY
    begun, go = threading.Event(), threading.Event()

    def slowly(*_: object) -> None:
        begun.set()
        go.wait(10)

    url, digest, target = f"{server.url}/x", sha256(BODY), tmp_path / "x"
    first = threading.Thread(target=lambda: fetch(url, digest, target, progress=slowly))
    second = threading.Thread(target=lambda: fetch(url, digest, target))
    first.start()
    assert begun.wait(10)
    second.start()
    go.set()
    first.join(10)
    second.join(10)
    assert target.read_bytes() == BODY
    assert len(server.asked) == 1


def test_a_folder_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot write into"):
        fetch(f"{server.url}/x", sha256(BODY), tmp_path / "file" / "x")


# --- many files -----------------------------------------------------------------------------


def many(server: Server) -> list[Remote]:
    server.files |= {"1": b"one", "2": b"two", "3": b"three"}
    return [
        Remote(f"{server.url}/{name}", f"ir/{name}.png", sha256(data))
        for name, data in server.files.items()
    ]


def test_a_folder_of_files_appears_whole(server: Server, tmp_path: Path) -> None:
    files = many(server)
    del server.files["3"]
    with pytest.raises(MissingDataError, match="404"):
        fetch_files(files, tmp_path / "set")
    assert not (tmp_path / "set").exists()
    server.files["3"] = b"three"
    (tmp_path / "set").mkdir()
    moves: list[tuple[int, int, str]] = []
    fetch_files(files, tmp_path / "set", progress=lambda *m: moves.append(m))
    assert left(tmp_path) == {"set/ir/1.png", "set/ir/2.png", "set/ir/3.png"}
    assert (tmp_path / "set" / "ir" / "3.png").read_bytes() == b"three"
    assert [p for p, _ in server.asked] == ["/1", "/2", "/3", "/3"]
    assert moves[-1] == (3, 3, "set")
    fetch_files(files, tmp_path / "set")
    assert len(server.asked) == 4
    (tmp_path / "set" / "ir" / "3.png").write_bytes(b"mine")
    with pytest.raises(InputError, match="is there already, but is not what"):
        fetch_files(files, tmp_path / "set")
    assert (tmp_path / "set" / "ir" / "3.png").read_bytes() == b"mine"


@pytest.mark.parametrize("name", [".", "here", "deep/here"])
def test_relative_folders(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    files = many(server)
    (tmp_path / "at").mkdir()
    monkeypatch.chdir(tmp_path / "at")
    for _ in range(2):
        fetch_files(files, Path(name))
    assert sorted(path.name for path in (Path.cwd() / name / "ir").iterdir()) == [
        "1.png",
        "2.png",
        "3.png",
    ]
    assert len(left(tmp_path)) == 3


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "C:x", "a\\..\\x", ""])
def test_a_list_of_files_stays_in_its_folder(server: Server, tmp_path: Path, path: str) -> None:
    (file, *_) = many(server)
    with pytest.raises(InputError, match="leads outside"):
        fetch_files([Remote(file.source, path, file.sha256)], tmp_path / "set")
    assert left(tmp_path) == set()


# --- archives -------------------------------------------------------------------------------


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries:
            file.writestr(name, data)
    return out.getvalue()


def tarred(*entries: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as file:
        for name, data in entries:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zip_link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


def tar_special(name: str, kind: bytes, target: str = "/etc/passwd") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


Pack = Callable[..., bytes]
GOOD = (("repo/ir/1.png", b"one"), ("repo/vi/1.png", BODY), ("repo/README", b"text"))


def get(server: Server, data: bytes, into: Path, **more: Any) -> Path:
    server.files["a"] = data
    return fetch_archive(f"{server.url}/a", sha256(data), into, **more)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_is_unpacked(server: Server, tmp_path: Path, pack: Pack) -> None:
    for _ in range(2):
        get(server, pack(*GOOD), tmp_path / "all")
    assert left(tmp_path) == {f"all/{name}" for name, _ in GOOD}
    assert (tmp_path / "all/repo/vi/1.png").read_bytes() == BODY
    assert len(server.asked) == 1


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_some_members_go_where_they_are_wanted(server: Server, tmp_path: Path, pack: Pack) -> None:
    members = [
        Remote("repo/vi/1.png", "vi/01.png", sha256(BODY)),
        Remote("repo/ir/1.png", "ir/01.png", sha256(b"one")),
    ]
    server.files["a"] = pack(*GOOD)
    for _ in range(2):
        fetch_archive(f"{server.url}/a", None, tmp_path / "some", members=members)
    assert left(tmp_path) == {"some/vi/01.png", "some/ir/01.png"}
    assert len(server.asked) == 1
    wanted = [*members, Remote("repo/gone", "x", "0"), Remote("repo/lost", "y", "0")]
    with pytest.raises(MissingDataError, match=r"lacks repo/gone and 1 more"):
        get(server, pack(*GOOD), tmp_path / "other", members=wanted)
    wanted = [Remote("repo/ir/1.png", "ir/01.png", sha256(b"two"))]
    with pytest.raises(InputError, match=r"repo/ir/1.png has another sha256"):
        fetch_archive(f"{server.url}/a", None, tmp_path / "other", members=wanted)
    assert not (tmp_path / "other").exists()
    assert left(tmp_path) == {"some/vi/01.png", "some/ir/01.png"}
    with pytest.raises(ValueError, match="needs members"):
        fetch_archive(f"{server.url}/a", None, tmp_path / "other")


def test_a_cut_archive_goes_on(server: Server, tmp_path: Path) -> None:
    data = zipped(("noise", random.Random(0).randbytes(3 * CHUNK)))
    server.cut_after = 2 * CHUNK
    get(server, data, tmp_path / "all")
    assert len(server.asked) == 2
    assert left(tmp_path) == {"all/noise"}


BAD: dict[str, tuple[bytes, str]] = {
    "zip ../": (zipped(*GOOD, ("repo/../../evil", b"x")), "leads outside"),
    "tar ../": (tarred(*GOOD, ("../evil", b"x")), "leads outside"),
    "zip absolute": (zipped(*GOOD, ("/tmp/evil", b"x")), "leads outside"),
    "tar absolute": (tarred(*GOOD, ("/tmp/evil", b"x")), "leads outside"),
    "zip drive": (zipped(*GOOD, ("C:/evil", b"x")), "leads outside"),
    "tar backslash": (tarred(*GOOD, ("repo\\..\\..\\evil", b"x")), "leads outside"),
    "zip link": (zipped(*GOOD, (zip_link("repo/link"), b"/etc/passwd")), "is a link or device"),
    "tar link": (tarred(*GOOD, (tar_special("repo/link", tarfile.SYMTYPE), b"")), "is a link"),
    "tar hard link": (
        tarred(*GOOD, (tar_special("repo/link", tarfile.LNKTYPE, "repo/README"), b"")),
        "is a link",
    ),
    "tar pipe": (tarred(*GOOD, (tar_special("repo/pipe", tarfile.FIFOTYPE), b"")), "is a link"),
    "tar through a link": (
        tarred((tar_special("repo", tarfile.SYMTYPE, "/tmp"), b""), ("repo/evil", b"x")),
        "is a link",
    ),
    "zip twice": (zipped(*GOOD, ("repo/readme", b"x")), "twice"),
    "zip bomb": (zipped(*GOOD, ("zeros", bytes(2**25))), "bomb"),
    "tar bomb": (tarred(*GOOD, ("zeros", bytes(2**25))), "bomb"),
    "zip cut": (zipped(*GOOD)[:-30], "damaged"),
    "tar cut": (tarred(*GOOD)[:-30], "damaged"),
    "zip damaged": (zipped(*GOOD).replace(zipped(*GOOD)[70:90], bytes(20), 1), "damaged"),
    "text": (b"<html>try later</html>", "neither a ZIP nor a TAR"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("there", [False, True], ids=["new", "empty folder"])
def test_a_bad_archive_leaves_nothing(
    server: Server, tmp_path: Path, case: str, there: bool
) -> None:
    data, message = BAD[case]
    cache = tmp_path / "cache"
    if there:
        (cache / "set").mkdir(parents=True)
    with pytest.raises(InputError, match=message) as error:
        get(server, data, cache / "set")
    assert "\n" not in str(error.value)
    assert left(tmp_path) == set()
    assert (cache / "set").exists() == there


def test_a_bomb_that_lies_about_its_size(server: Server, tmp_path: Path) -> None:
    data = bytearray(zipped(("zeros", bytes(2**25))))
    for size in (
        i for i in range(len(data) - 4) if data[i : i + 4] == (2**25).to_bytes(4, "little")
    ):
        data[size : size + 4] = (1000).to_bytes(4, "little")
    with pytest.raises(InputError, match=r"damaged|more bytes"):
        get(server, bytes(data), tmp_path / "set")
    assert left(tmp_path) == set()


def test_too_many_entries(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ENTRIES", 2)
    with pytest.raises(InputError, match="too large: over 2 entries"):
        get(server, zipped(*GOOD), tmp_path / "set")
    assert left(tmp_path) == set()


def test_a_link_that_nobody_wants_does_no_harm(server: Server, tmp_path: Path) -> None:
    data = tarred((tar_special("repo/link", tarfile.SYMTYPE), b""), *GOOD)
    get(server, data, tmp_path / "s", members=[Remote("repo/ir/1.png", "1.png", sha256(b"one"))])
    assert left(tmp_path) == {"s/1.png"}


def test_no_room_to_unpack(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Room for the archive of a few kB, not for the megabyte in it.
    free = module._SPARE + 100_000
    monkeypatch.setattr(shutil, "disk_usage", lambda path: _Usage(10**9, 10**9 - free, free))
    with pytest.raises(MissingDataError, match="1 MB are needed"):
        get(server, zipped(*GOOD), tmp_path / "set")
    assert left(tmp_path) == set()


def test_other_files_are_not_touched(server: Server, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine").write_bytes(b"mine")
    members = [Remote("repo/ir/1.png", "1.png", sha256(b"one"))]
    with pytest.raises(InputError, match="is there already"):
        get(server, zipped(*GOOD), tmp_path / "set", members=members)
    assert left(tmp_path) == {"set/mine"}
    assert server.asked == []
