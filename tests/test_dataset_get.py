"""`datasets get`, `where` and `verify`, against a local server."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from conftest import picture
from PIL import Image as PillowImage
from test_cli import Result, Run, refused, run
from webserver import Server

import fusebench.bench.cli.datasets as command
from fusebench.bench.images import pixel_digest
from fusebench.datasets import Download, FrozenPair, dataset_folder, downloads, load
from fusebench.datasets import _downloads as download_lists
from fusebench.datasets import _records as records

__all__ = ["run"]  # the fixture

COMMIT = "owner/repository@" + "c" * 40
SHELF = COMMIT.replace("@", "/")


def failed(result: Result, words: str) -> None:
    """As `refused`, after the terms were shown."""
    lines = result.err.splitlines()
    assert len(lines) >= 4
    refused(Result(result.status, result.out, lines[-1] + "\n"), words)


@pytest.fixture
def published(server: Server, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The fourteen classic pairs, with other pictures, on a local server."""
    frozen: dict[str, FrozenPair] = {}
    files: list[Download] = []
    for number in range(14):
        key = f"p{number}"
        images = {"ir": picture(2 * number, 8, 9), "vi": picture(2 * number + 1, 8, 9)}
        for side, image in images.items():
            buffer = io.BytesIO()
            PillowImage.fromarray(image).save(buffer, "PNG")
            source = f"some data/{key} {side}.png"
            server.files[f"{SHELF}/{source}"] = buffer.getvalue()
            digest = hashlib.sha256(buffer.getvalue()).hexdigest()
            files.append(Download(f"{side}/{key}.png", COMMIT, source, digest))
        a, b = map(pixel_digest, images.values())
        frozen[key] = FrozenPair(key, key, key, a, b, None)
    monkeypatch.setattr(command, "GITHUB", server.url)
    monkeypatch.setattr(records, "read_split", lambda name: frozen)
    monkeypatch.setattr(download_lists, "_read", lambda name: files)
    return server.files


def test_get_puts_it_into_the_cache(
    run: Run, server: Server, published: dict[str, bytes], tmp_path: Path
) -> None:
    refused(run("datasets", "where", "ivif_classic14"), "nothing is there yet", "datasets get")
    got = run("datasets", "get", "ivif_classic14")
    assert got.status == 0, got.err
    folder = dataset_folder("ivif_classic14")
    assert got.out.strip() == str(folder)
    # Terms come before anything else.
    assert "Terms: none stated." in got.err.splitlines()[0]
    assert "Please cite: Y. Zhang et al., IFCNN" in got.err.splitlines()[1]
    assert f"28 files from github.com/{COMMIT}" in got.err.splitlines()[2]
    assert run("datasets", "where", "ivif_classic14") == Result(0, f"{folder}\n", "")
    assert "all 14 pairs are as frozen" in run("datasets", "verify", "ivif_classic14").out
    assert len(load("ivif_classic14")) == 14
    asked = len(server.asked)
    assert asked == 28
    assert run("datasets", "get", "ivif_classic14").status == 0
    assert len(server.asked) == asked
    assert run("datasets", "get", "ivif_classic14", "--root", tmp_path / "here").status == 0
    assert (tmp_path / "here" / "vi" / "p13.png").is_file()


def test_get_goes_on_where_it_was_cut(
    run: Run, server: Server, published: dict[str, bytes], tmp_path: Path
) -> None:
    last = f"{SHELF}/some data/p13 vi.png"
    data = published.pop(last)
    failed(run("datasets", "get", "ivif_classic14"), "p13%20vi.png cannot be downloaded: 404")
    assert not dataset_folder("ivif_classic14").exists()
    published[last] = data
    assert run("datasets", "get", "ivif_classic14").status == 0
    assert len(server.asked) == 28 + 1


def test_an_altered_file_is_not_kept(run: Run, server: Server, published: dict[str, bytes]) -> None:
    published[f"{SHELF}/some data/p3 ir.png"] += b"!"
    failed(run("datasets", "get", "ivif_classic14"), "p3%20ir.png has another sha256")
    assert not dataset_folder("ivif_classic14").exists()
    refused(run("datasets", "verify", "ivif_classic14"), "give --root DIR")


def test_get_does_not_touch_other_files(
    run: Run, published: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    failed(run("datasets", "get", "ivif_classic14", "--root", tmp_path), "is there already")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_cannot_be_downloaded_comes_with_instructions(run: Run) -> None:
    refused(
        run("datasets", "get", "m3fd"),
        "https://github.com/JinyuanLiu-CV/TarDAL",
        "terms: code GPL-3",
        "datasets verify m3fd --root DIR",
        "expected ir/ and vi/",
    )
    refused(run("datasets", "get", "vifb:21"), "github.com/xingchenzhang/VIFB")
    refused(run("datasets", "get", "tno:26"), "unknown split of tno '26'")
    refused(run("datasets", "where", "tno:26"), "unknown split of tno '26'")
    refused(run("datasets", "where", "tnoo"), "did you mean 'tno'")
    refused(run("datasets", "get", "folder"), "--root DIR")


def test_verify_says_what_it_cannot_compare(run: Run, tmp_path: Path) -> None:
    for side in ("ir", "vi"):
        for i in range(2):
            path = tmp_path / "m3fd" / side / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PillowImage.fromarray(picture(i, 8, 9)).save(path)
    done = run("datasets", "verify", "m3fd", "--root", tmp_path)
    assert done == Result(0, "m3fd: 2 pairs can be read; nobody has listed their pixels\n", "")
    (tmp_path / "m3fd" / "vi" / "1.png").write_text("text")
    refused(run("datasets", "verify", "m3fd", "--root", tmp_path), "1: ", "is not an image")


@pytest.mark.shared
@pytest.mark.parametrize(
    "name", ["tno:42", "me_seq", "lytro_triple", "mf_gray10", "emfusion_ct_mri"]
)
def test_real_files_come_as_pinned(
    run: Run, server: Server, shared: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The local server stands in for GitHub; addresses and digests are the recorded ones."""
    monkeypatch.setattr(command, "GITHUB", server.url)
    with (shared / "data" / "manifest.csv").open(newline="") as file:
        rows = {row["sha256"]: row for row in csv.DictReader(file)}
    archives: dict[str, dict[str, bytes]] = {}
    for wanted in downloads(name):
        row = rows[wanted.sha256]
        data = (shared / "data" / row["path"]).read_bytes()
        shelf = wanted.repository.replace("@", "/")
        archive, _, member = wanted.source.partition("!/")
        if member:
            archives.setdefault(f"{shelf}/{archive}", {})[member] = data
        else:
            server.files[f"{shelf}/{wanted.source}"] = data
    for path, members in archives.items():
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as packed:
            for member, data in members.items():
                packed.writestr(member, data)
        server.files[path] = buffer.getvalue()
    got = run("datasets", "get", name)
    assert got.status == 0, got.err
    assert "as frozen" in run("datasets", "verify", name).out
