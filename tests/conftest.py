"""Fixtures that several test files use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of images and published values that are too large for the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("FUSEBENCH_SHARED", beside))
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist; set FUSEBENCH_SHARED to the shared folder")
    return folder
