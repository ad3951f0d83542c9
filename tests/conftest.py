"""Fixtures that several test files use."""

from __future__ import annotations

import os

# One thread a process: sums then have one order, and tests that start processes do not crowd.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from webserver import Server, serve

from fusebench.bench.images import Image, write_image
from fusebench.metrics import Triplet


def shared_folder() -> Path:
    """Where images, published values and official weights are, if they are here at all."""
    named = os.environ.get("FUSEBENCH_SHARED")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared folder of images and published values; the test is skipped where it is absent."""
    folder = shared_folder()
    if not (folder / "golden").is_dir():
        pytest.skip("no shared folder of images and published values (set FUSEBENCH_SHARED)")
    return folder


@pytest.fixture
def server() -> Iterator[Server]:
    """A web server on this machine."""
    with serve() as state:
        yield state


@pytest.fixture(autouse=True)
def _own_cache_and_database(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep tests away from the user's cache and database."""
    folder = tmp_path_factory.mktemp("fusebench")
    monkeypatch.setenv("FUSEBENCH_CACHE", str(folder / "cache"))
    monkeypatch.setenv("FUSEBENCH_DB", f"sqlite:///{folder / 'results.db'}")
    if "FUSEBENCH_WEIGHTS" not in os.environ:
        monkeypatch.setenv("FUSEBENCH_WEIGHTS", str(shared_folder() / "weights"))


def picture(seed: int, height: int = 48, width: int = 64, channels: int = 1) -> Image:
    """A small textured picture: smooth shading and grain, in every grey level."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    planes = [
        128 + 60 * np.sin(x / (5 + seed % 7) + k) + 40 * np.cos(y / (4 + seed % 5) - k)
        for k in range(channels)
    ]
    grain = generator.normal(0, 8, (height, width))
    stack = np.stack([np.clip(p + grain, 0, 255) for p in planes], axis=-1).astype(np.uint8)
    return stack[..., 0] if channels == 1 else stack


def as_triplet(images: Iterable[Any]) -> Triplet:
    """Make a batch of one triple of grey images, and of a reference if there are four."""
    return Triplet(*(np.asarray(image, dtype=np.float64)[None] for image in images))


@pytest.fixture
def pair_root(tmp_path: Path) -> Path:
    """Three infrared-visible pairs: grey, grey beside colour, and an odd size."""
    root = tmp_path / "pairs"
    write_image(root / "ir" / "01.png", picture(1))
    write_image(root / "vi" / "01.png", picture(2))
    write_image(root / "ir" / "02.png", picture(3))
    write_image(root / "vi" / "02.png", picture(4, channels=3))
    write_image(root / "ir" / "03.png", picture(5, 45, 51))
    write_image(root / "vi" / "03.png", picture(6, 45, 51))
    return root


@pytest.fixture
def fused_folder(tmp_path: Path, pair_root: Path) -> Path:
    """Somebody's results on these pairs: simply the visible images."""
    folder = tmp_path / "fused"
    folder.mkdir()
    for path in (pair_root / "vi").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder
