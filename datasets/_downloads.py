"""Where the files of published lists can be downloaded: addresses and digests, as CSV files.

``datasets/downloads/LIST.csv`` names every file of a list: where it goes, the GitHub repository
with the commit, the path in it (``archive.zip!/member`` for one inside an archive) and the sha256
of its bytes. Nothing is downloaded here; `fusebench datasets get` does that.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from fusebench.datasets._records import RECORDS, split_of

FOLDER = Path(__file__).parent / "downloads"


@dataclass(frozen=True, slots=True)
class Download:
    """One file of a dataset.

    Attributes
    ----------
    path : str
        Where it goes inside the dataset's folder.
    repository : str
        ``owner/name@commit`` on GitHub.
    source : str
        Its path there.
    sha256 : str
        Digest of its bytes.
    """

    path: str
    repository: str
    source: str
    sha256: str


def downloads(name: str) -> list[Download]:
    """Give the files of a dataset that can be downloaded.

    Parameters
    ----------
    name : str
        ``slug`` or ``slug:split``.

    Returns
    -------
    list of Download
        Of an open split, the files of the pairs that are known; empty where fusebench knows no
        address, or not that of every pair of a listed or counted split.
    """
    slug, _, _ = name.partition(":")
    if slug not in RECORDS:
        return []
    split = split_of(name)
    if split.pairs is not None and not split.listed:
        return []
    lists = [split.listed] if split.listed else list(split.known)
    if not all((FOLDER / f"{listed}.csv").is_file() for listed in lists):
        return []
    files = [file for listed in lists for file in _read(listed)]
    pairs = {Path(file.path).stem for file in files}
    return files if split.pairs is None or len(pairs) == split.pairs else []


def _read(name: str) -> list[Download]:
    with (FOLDER / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return [Download(**row) for row in csv.DictReader(file)]
