"""Downloads: a file or a folder arrives whole and checked, or not at all.

Files come through pooch, which checks their sha256 and puts them in place in one step. What is
added here: a cut download goes on where it was (HTTP ranges; what came waits in a hidden ``.part``
file), space on the disk is looked at first, archives are unpacked with distrust, and one lock per
target keeps two programs apart.
"""

from __future__ import annotations

import errno
import logging
import re
import secrets
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TypeAlias
from urllib.parse import urlsplit

from fusebench.bench.types import FusebenchError, InputError, MissingDataError

Progress: TypeAlias = Callable[[int, int, str], None]
"""``move(bytes done, bytes in total or 0 where unknown, what)``."""

ATTEMPTS = 5
"""Connections tried in a row for one file, each going on where the last was cut."""

PAUSE = 0.5
"""Seconds before the second of them, doubled each time that nothing came."""

TIMEOUT = 60.0
"""Seconds without a byte after which a connection counts as cut."""

MOST_BYTES = 64 * 2**30
MOST_ENTRIES = 200_000
MOST_RATIO = 200
"""An archive is refused above this many unpacked bytes, entries, or bytes per packed byte."""

_LATER = (429, 500, 502, 503, 504)  # answers that may be better the next time
_BOMB_FLOOR = 2**24  # a small archive may be packed as tightly as it likes
_SPARE = 2**24  # bytes of the disk that are left free
_CHUNK = 2**14  # what a cut connection may lose


@dataclass(frozen=True, slots=True)
class Remote:
    """One file to download, or one member of an archive.

    Attributes
    ----------
    source : str
        Its URL, or its path inside the archive.
    path : str
        Where it goes, relative to the target folder, with forward slashes.
    sha256 : str or None
        Digest of its bytes; None only inside an archive that has a digest itself.
    """

    source: str
    path: str
    sha256: str | None


def fetch(url: str, sha256: str, into: Path, *, progress: Progress | None = None) -> Path:
    """Download one file.

    Parameters
    ----------
    url : str
        Address, http or https.
    sha256 : str
        Digest of its bytes, in hexadecimal.
    into : Path
        The file to write. One that is there with the right digest is kept.
    progress : callable, optional
        Told of every piece that arrives.

    Returns
    -------
    Path
        `into`.

    Raises
    ------
    MissingDataError
        If it cannot be reached, the connection is cut for good, or the disk is too small. What has
        arrived is kept: the same call goes on from there.
    InputError
        If its digest is another one; the file is removed.
    """
    into = into.expanduser().absolute()
    with _locked(into):
        return _fetch(url, sha256, into, progress)


def fetch_files(files: Sequence[Remote], into: Path, *, progress: Progress | None = None) -> Path:
    """Download files into a folder that appears when all of them are there and right.

    Parameters
    ----------
    files : sequence of Remote
        Each with a URL as its source, and a digest.
    into : Path
        The folder. If it holds all the files already, nothing is downloaded.
    progress : callable, optional
        Told of every file that is done, by number.

    Returns
    -------
    Path
        `into`.

    Raises
    ------
    MissingDataError, InputError
        As `fetch`; and if the folder holds other files than these. What has arrived is kept in a
        hidden folder beside it: the same call goes on from there.
    """
    into = into.expanduser().absolute()
    staging = into.with_name(f".{into.name}.part")
    with _locked(into):
        if _is_complete(files, into):
            return into
        for done, file in enumerate(files):
            if progress is not None:
                progress(done, len(files), file.path)
            assert file.sha256 is not None
            _fetch(file.source, file.sha256, staging / _safe(file.path, file.source), None)
        if progress is not None:
            progress(len(files), len(files), into.name)
        _move_into_place(staging, into)
    return into


def fetch_archive(
    url: str,
    sha256: str | None,
    into: Path,
    *,
    members: Sequence[Remote] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Download a ZIP or TAR archive and unpack it, or some of it, into a folder.

    Parameters
    ----------
    url : str
        Address, http or https.
    sha256 : str or None
        Digest of the archive. None where the server does not promise its bytes (archives that
        GitHub makes of a commit); then every member needs a digest.
    into : Path
        The folder, which appears when all is unpacked and right. If it holds all members already,
        nothing is downloaded.
    members : sequence of Remote, optional
        What to unpack, and where to; everything if not given.
    progress : callable, optional
        Told of every piece that arrives.

    Returns
    -------
    Path
        `into`.

    Raises
    ------
    MissingDataError
        As `fetch`, and if a member is not in the archive.
    InputError
        If a digest differs, the archive is damaged, or something in it would land outside the
        folder, is a link or device, or unpacks to more than is sane; and if the folder holds other
        files than these. Nothing of it is left.
    """
    if sha256 is None and not (members and all(m.sha256 for m in members)):
        raise ValueError("an archive without a digest needs members with one each")
    into = into.expanduser().absolute()
    archive = into.with_name(f".{into.name}.archive")
    staging = into.with_name(f".{into.name}.{secrets.token_hex(4)}.part")
    with _locked(into):
        if _is_complete(members, into):
            return into
        _fetch(url, sha256, archive, progress)
        try:
            unpack(archive, staging, members)
            _move_into_place(staging, into)
        except FusebenchError as e:
            raise type(e)(f"{url}: {e}") from None
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            archive.unlink(missing_ok=True)
    return into


# --- one file -------------------------------------------------------------------------------


def _fetch(url: str, sha256: str | None, into: Path, progress: Progress | None) -> Path:
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    if urlsplit(url).scheme not in ("http", "https"):
        raise InputError(f"{url} is not an address to download from; expected https://…")
    download = _Download(progress, into, sha256)
    resumed = download.part.exists()
    try:
        # Without a digest pooch would keep whatever lies there.
        if sha256 is None:
            into.unlink(missing_ok=True)
        pooch.retrieve(
            url,
            None if sha256 is None else f"sha256:{sha256}",
            fname=into.name,
            path=into.parent,
            downloader=download,
        )
    except OSError as e:
        if isinstance(e, FusebenchError):
            raise
        if e.errno == errno.ENOSPC:
            download.part.unlink(missing_ok=True)
            raise MissingDataError(f"the disk of {into.parent} is full; make room") from None
        raise InputError(f"cannot write {into}: {e.strerror or e}") from None
    except ValueError as e:
        if isinstance(e, FusebenchError):
            raise
        if resumed:
            # The pieces may be of two versions; this time there are none to begin with.
            return _fetch(url, sha256, into, progress)
        raise InputError(
            f"{url} has another sha256 than the {sha256} expected (the file changed, or was "
            "altered on the way); nothing of it was kept"
        ) from None
    return into


class _Download:
    """A downloader for pooch that goes on where an earlier one was cut."""

    def __init__(self, progress: Progress | None, into: Path, sha256: str | None) -> None:
        self.progress = progress
        self.what = into.name.removeprefix(".").removesuffix(".archive")
        # The digest in the name keeps pieces of another version out.
        self.part = into.with_name(f".{into.name}.{(sha256 or 'any')[:16]}.part")

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        import requests

        failures = 0
        while True:
            before = self._size()
            try:
                if self._connect(url):
                    break
                reason = "the connection was cut"
            except requests.exceptions.HTTPError as e:
                answer = e.response
                reason = "" if answer is None else f"{answer.status_code} {answer.reason}"
                if answer is None or answer.status_code not in _LATER:
                    raise MissingDataError(f"{url} cannot be downloaded: {reason}") from None
            except requests.exceptions.Timeout:
                reason = f"no answer for {TIMEOUT:.0f} s"
            except requests.exceptions.ConnectionError:
                reason = f"no connection to {urlsplit(url).hostname}, or it was cut"
            except requests.exceptions.RequestException as e:
                reason = _first_words(e)
            failures = 1 if self._size() > before else failures + 1
            if failures >= ATTEMPTS:
                kept = f"; the {self._size()} bytes that came are kept" if self._size() else ""
                raise MissingDataError(
                    f"{url} cannot be downloaded: {reason}{kept}; run the same command again"
                )
            time.sleep(PAUSE * 2 ** (failures - 1))
        self.part.replace(output_file)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _connect(self, url: str) -> bool:
        """Get what one connection brings; tell whether the file is whole."""
        import requests

        have = self._size()
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable and have:
                # Either all of it is here already, or these are not pieces of that file.
                if answer.headers.get("Content-Range") == f"bytes */{have}":
                    return True
                self.part.unlink()
                return False
            answer.raise_for_status()
            start, total = _extent(answer.status_code, answer.headers)
            if start != have:
                have = 0
            self._require_room(total - have)
            with self.part.open("ab" if have else "wb") as file:
                for chunk in answer.iter_content(_CHUNK):
                    file.write(chunk)
                    have += len(chunk)
                    if self.progress is not None:
                        self.progress(have, total, self.what)
        return not total or have >= total

    def _require_room(self, needed: int) -> None:
        _require_room(self.part.parent, needed)


def _extent(status: int, headers: Mapping[str, str]) -> tuple[int, int]:
    """Give the first byte that an answer holds, and the size of the whole file (0: unknown)."""
    length = headers.get("Content-Length", "")
    size = int(length) if length.isdigit() else 0
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
    if status != 206 or match is None:
        return 0, size
    start = int(match[1])
    return start, start + size if match[2] == "*" else int(match[2])


def _first_words(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _require_room(folder: Path, needed: int) -> None:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if needed + _SPARE > free:
        raise MissingDataError(
            f"{needed / 1e6:.0f} MB are needed, but the disk of {folder} has {free / 1e6:.0f} MB "
            "free; make room, or name another folder with FUSEBENCH_CACHE or --root"
        )


# --- archives -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Entry:
    name: str
    size: int
    open: Callable[[], IO[bytes]]
    problem: str = ""


def unpack(archive: Path, into: Path, members: Sequence[Remote] | None = None) -> None:
    """Unpack a ZIP or TAR archive into a new folder, trusting nothing that it says.

    Parameters
    ----------
    archive : Path
        The archive.
    into : Path
        Folder to make. It may be half-filled when an error is raised.
    members : sequence of Remote, optional
        What to unpack, and where to; everything if not given.

    Raises
    ------
    InputError, MissingDataError
        See `fetch_archive`.
    """
    wanted = None if members is None else {m.source: m for m in members}
    try:
        with _entries(archive) as entries:
            chosen = _choose(entries, wanted, archive.stat().st_size)
            _require_room(into.parent, sum(entry.size for entry, _ in chosen))
            for entry, member in chosen:
                _write(entry, into / member.path, member.sha256)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as e:
        raise InputError(f"the archive is damaged: {_first_words(e)}") from None
    except (RuntimeError, NotImplementedError) as e:
        raise InputError(f"the archive cannot be unpacked: {_first_words(e)}") from None
    except OSError as e:
        if isinstance(e, FusebenchError):
            raise
        if e.errno == errno.ENOSPC:
            raise MissingDataError(f"the disk of {into.parent} is full; make room") from None
        raise InputError(f"the archive is damaged: {_first_words(e)}") from None


@contextmanager
def _entries(archive: Path) -> Iterator[Iterator[_Entry]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            yield _zip_entries(file)
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tar:
            yield _tar_entries(tar)
    else:
        raise InputError("the archive is damaged: it is neither a ZIP nor a TAR file")


def _zip_entries(file: zipfile.ZipFile) -> Iterator[_Entry]:
    for info in file.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if info.is_dir() and kind in (0, stat.S_IFDIR):
            continue
        problem = "" if kind in (0, stat.S_IFREG) else "is a link or device"
        # The name as it was written: zipfile cuts it at a NUL and swaps backslashes on Windows.
        name = info.orig_filename
        yield _Entry(name, info.file_size, lambda info=info: file.open(info), problem)  # type: ignore[misc]


def _tar_entries(tar: tarfile.TarFile) -> Iterator[_Entry]:
    for info in tar:
        if info.isdir():
            continue

        def open_it(info: tarfile.TarInfo = info) -> IO[bytes]:
            stream = tar.extractfile(info)
            assert stream is not None
            return stream

        yield _Entry(info.name, info.size, open_it, "" if info.isreg() else "is a link or device")


def _choose(
    entries: Iterable[_Entry], wanted: Mapping[str, Remote] | None, packed: int
) -> list[tuple[_Entry, Remote]]:
    """Pick what to unpack; refuse the whole archive for anything unsafe in it."""
    chosen: dict[str, tuple[_Entry, Remote]] = {}
    size = 0
    for count, entry in enumerate(entries, 1):
        size += entry.size
        if count > MOST_ENTRIES or size > MOST_BYTES:
            raise InputError(
                f"the archive is too large: over {count - 1} entries with {size} bytes (a bomb?)"
            )
        if size > _BOMB_FLOOR and size > MOST_RATIO * packed:
            raise InputError(
                f"the archive of {packed} bytes unpacks to {size} or more (a bomb); refused"
            )
        safe = _safe(entry.name, "the archive")
        if wanted is not None and entry.name not in wanted:
            # Links to elsewhere in a repository do no harm while nobody unpacks them.
            continue
        if entry.problem:
            raise InputError(f"the archive holds {entry.name!r}, which {entry.problem}; refused")
        member = Remote(entry.name, safe, None) if wanted is None else wanted[entry.name]
        place = _safe(member.path, "the list of members").lower()
        if place in chosen:
            raise InputError(f"the archive holds {entry.name!r} twice; refused")
        chosen[place] = (entry, member)
    missing = sorted(set(wanted or ()) - {m.source for _, m in chosen.values()})
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise MissingDataError(f"the archive lacks {missing[0]}{more}")
    return list(chosen.values())


def _safe(name: str, where: str) -> str:
    """Give a relative path that stays inside its folder, on any system."""
    path = PurePosixPath(name)
    bad = not path.parts or path.is_absolute() or ".." in path.parts
    if bad or re.search(r"[\\\x00-\x1f]|^[A-Za-z]:", name):
        raise InputError(f"{where} holds the path {name!r}, which leads outside; refused")
    return str(path)


def _write(entry: _Entry, path: Path, sha256: str | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    left = entry.size
    with entry.open() as stream, path.open("xb") as file:
        while chunk := stream.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise InputError(f"the archive holds {entry.name!r} with more bytes than it says")
            file.write(chunk)
    if left:
        raise InputError(f"the archive is damaged: {entry.name!r} is cut short")
    if sha256 is not None and file_digest(path) != sha256:
        raise InputError(f"{entry.name} has another sha256 than the {sha256} expected")


# --- places ---------------------------------------------------------------------------------


def file_digest(path: Path) -> str:
    """Give the sha256 of a file's bytes."""
    import pooch

    return str(pooch.file_hash(str(path), alg="sha256"))


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Keep other processes from the same target; the lock dies with its process."""
    from filelock import FileLock

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.with_name(f".{target.name}.lock"))
        lock.acquire()
    except OSError as e:
        raise InputError(f"cannot write into {target.parent}: {e.strerror or e}") from None
    try:
        yield
    finally:
        lock.release()


def _is_complete(files: Sequence[Remote] | None, into: Path) -> bool:
    """Tell whether the folder holds the files already.

    Raises
    ------
    InputError
        If something else is in the way.
    """
    if not into.exists() or (into.is_dir() and not any(into.iterdir())):
        return False
    if files is None or all(_is_right(into / f.path, f.sha256) for f in files):
        return into.is_dir()
    raise InputError(
        f"{into} is there already, but is not what would be put there; move it away, or give "
        "another folder"
    )


def _is_right(path: Path, sha256: str | None) -> bool:
    return path.is_file() and (sha256 is None or file_digest(path) == sha256)


def _move_into_place(staging: Path, into: Path) -> None:
    if into == Path.cwd():
        # The shell stands in it, so it cannot be exchanged for another folder.
        for path in staging.iterdir():
            path.replace(into / path.name)
        staging.rmdir()
        return
    if into.exists():
        into.rmdir()  # it is empty: `_is_complete` has looked
    staging.replace(into)
