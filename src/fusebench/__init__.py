"""fusebench: exact metrics, faithful baselines and honest rankings for image fusion.

The names below are imported when they are first used, so that ``import fusebench`` is quick.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# A checkout without symbolic links finds the folders at the top of the repository.
_ROOT = Path(__file__).resolve().parents[2]
if not (Path(__file__).parent / "bench").is_dir() and (_ROOT / "bench" / "types.py").is_file():
    __path__.append(str(_ROOT))

if TYPE_CHECKING:
    from fusebench import bench, datasets, leaderboard, methods, metrics
    from fusebench.bench.runner import evaluate
    from fusebench.metrics import explain, score, score_batch

_MODULES = ("bench", "datasets", "leaderboard", "methods", "metrics")
_FUNCTIONS = {
    "evaluate": "fusebench.bench.runner",
    "explain": "fusebench.metrics",
    "score": "fusebench.metrics",
    "score_batch": "fusebench.metrics",
}

__all__ = [
    "bench",
    "datasets",
    "evaluate",
    "explain",
    "leaderboard",
    "methods",
    "metrics",
    "score",
    "score_batch",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"fusebench.{name}")
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(_FUNCTIONS[name]), name)
    raise AttributeError(f"module 'fusebench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
