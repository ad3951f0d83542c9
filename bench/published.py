"""The results that the package ships, as a database to read."""

from __future__ import annotations

from contextlib import closing, suppress
from functools import lru_cache
from pathlib import Path

import fusebench
from fusebench.bench.folders import cache_folder
from fusebench.bench.merge import merge
from fusebench.bench.pack import content_digest, is_pack, read_pack
from fusebench.bench.store import Store
from fusebench.bench.types import InputError, MissingDataError

FOLDER = Path(__file__).parent / "published"


def has_published() -> bool:
    """Say whether the package ships results."""
    return is_pack(FOLDER)


def is_published(url: str) -> bool:
    """Say whether the URL of a database is that of the published results."""
    return has_published() and url == f"sqlite:///{published_database()}"


def published_database() -> Path:
    """Give a SQLite file with the published results; it is made once, in the cache folder.

    Raises
    ------
    MissingDataError
        If the package ships none.
    InputError
        If the cache folder cannot be written.
    """
    return _database(FOLDER, cache_folder())


@lru_cache
def _database(folder: Path, cache: Path) -> Path:
    if not is_pack(folder):
        raise MissingDataError(
            "this fusebench ships no published results; make some with 'fusebench run demo'"
        )
    from filelock import FileLock

    # Other results, and other code that reads them, are another file.
    name = f"{content_digest(folder)[:12]}-{fusebench.__version__}"
    place = cache / "published" / f"{name}.db"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise InputError(f"cannot make the folder {place.parent}: {e.strerror}") from None
    with FileLock(place.parent / "lock"):
        if not place.is_file():
            making = place.with_suffix(".part")
            making.unlink(missing_ok=True)
            with closing(Store.open(str(making))) as store:
                merge(store, read_pack(folder))
            for old in place.parent.glob("*.db*"):
                # Somebody may be reading it, where that keeps it from being removed.
                with suppress(OSError):
                    old.unlink()
            making.rename(place)
    return place
