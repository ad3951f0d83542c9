"""Where fusebench keeps files that can be made or fetched again."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Give the folder for files that can be made or fetched again.

    ``FUSEBENCH_CACHE`` names it, otherwise it is where the platform keeps caches.
    """
    named = os.environ.get("FUSEBENCH_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("fusebench"))
