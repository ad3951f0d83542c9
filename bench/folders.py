"""Where fusebench keeps files that can be made or fetched again, and folders that it writes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from fusebench.bench.types import InputError


def cache_folder() -> Path:
    """Give the folder for files that can be made or fetched again.

    ``FUSEBENCH_CACHE`` names it, otherwise it is where the platform keeps caches.
    """
    named = os.environ.get("FUSEBENCH_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("fusebench"))


@contextmanager
def put_folder(folder: Path, mark: str, what: str) -> Iterator[Path]:
    """Make a folder beside its place, and put it there when it is whole.

    Parameters
    ----------
    folder : Path
        New or empty, or one of the same kind, which is replaced.
    mark : str
        A file that tells folders of this kind; the caller writes it.
    what : str
        The kind, in words.

    Yields
    ------
    Path
        An empty folder to fill.

    Raises
    ------
    InputError
        If `folder` is a file, or holds anything else.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder for {what}")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / mark).is_file():
        raise InputError(
            f"{folder} holds other files, which {what} would replace; give a new or empty folder"
        )
    # The name "." has no parent of its own.
    place = folder.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as made:
        out = Path(made) / "made"
        out.mkdir()
        yield out
        if place.is_dir():
            shutil.rmtree(place)
        out.rename(place)
