"""A tiny database for the tests of the leaderboard, made without running anything."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from fusebench import datasets
from fusebench.bench.cache import put_image
from fusebench.bench.images import write_image
from fusebench.bench.store import Entry, Outcome, ScoreValue, Store
from fusebench.metrics import METRICS

HOSTILE = "<script>alert(1)</script> **bold** :red[x] :smile: $x$ [l](http://example.org) `c` &amp;"
REASON = "ran out of *memory* <b>here</b>"
KEYS = ("one", "three", "two")
FACTS = {
    "fusebench": "0.1.0",
    "commit": "0123456789abcdef",
    "modified": False,
    "python": "3.11.0",
    "system": "Linux x86_64",
    "processor": "a processor",
    "cores": 2,
    "gpu": None,
    "libraries": {"numpy": "2.0.0", "torch": None},
}
# Means over three pairs; LP is best by Q^{AB/F} and VIF, Average by SSIM.
SCORES = {
    "LP": {"qabf": 0.7, "vif": 1.2, "ssim": 1.5, "en": 7.25, "psnr_ref": 30.0},
    "Average": {"qabf": 0.6, "vif": 1.0, "ssim": 1.7, "en": 7.125, "psnr_ref": 28.0},
    HOSTILE: {"qabf": 0.9, "vif": 2.0, "ssim": 1.9, "en": 7.5, "psnr_ref": 40.0},
}


def make_pairs(root: Path, names: tuple[str, ...]) -> None:
    """Write three pairs of 48 x 64 pixels."""
    y, x = np.mgrid[:48, :64]
    for i, key in enumerate(KEYS):
        for j, name in enumerate(names):
            waves = np.sin(x / (3 + i + j)) + np.cos(y / (4 + i)) + 0.2 * j
            write_image(root / name / f"{key}.png", np.uint8(128 + 50 * waves))


def tiny_database(folder: Path, name: str = "results.db") -> str:
    """Make the database, its images and its cache (`FUSEBENCH_CACHE` is set by the caller).

    ``folder:mff`` has three pairs with references and three competitors, of which the one with
    the hostile name failed on a pair; ``folder:ivif`` has three pairs and one competitor.
    """
    path = str(folder / name)
    make_pairs(folder / "focus", ("a", "b", "reference"))
    make_pairs(folder / "night", ("ir", "vi"))
    with closing(Store.open(path)) as store:
        run_id = store.start_run("by hand", 1, store.add_environment(FACTS))
        focus = _dataset(store, "folder:mff", folder / "focus")
        night = _dataset(store, "folder:ivif", folder / "night")
        for i, (label, scores) in enumerate(SCORES.items()):
            entry_id = store.add_entry(_entry(label))
            for j, key in enumerate(KEYS):
                if label == HOSTILE and key == "two":
                    outcome = Outcome(None, REASON, "cpu", None, None, [])
                else:
                    outcome = _outcome(10 * i + j, scores, (j - 1) / 100)
                store.save(entry_id, focus[key], run_id, "canonical", outcome)
                if label == "LP":
                    scores = {k: v for k, v in scores.items() if k != "psnr_ref"}
                    outcome = _outcome(100 + j, {**scores, "vif": float("nan")}, 0.0)
                    store.save(entry_id, night[key], run_id, "canonical", outcome)
                scores = SCORES[label]
        store.finish_run(run_id)
    return path


def _dataset(store: Store, name: str, root: Path) -> dict[str, int]:
    dataset = datasets.load(name, root)
    return store.add_dataset(dataset, dataset.inspect())


def _entry(label: str) -> Entry:
    if label == HOSTILE:
        return Entry("folder", "", label, origin="published outputs")
    return Entry("method", label.lower(), label, 1, {"levels": 3}, None, "reimplemented")


def _outcome(seed: int, scores: dict[str, float], shift: float) -> Outcome:
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 64), dtype=np.uint8)
    values = [
        ScoreValue(slug, METRICS[slug].version, value + shift, _why(value))
        for slug, value in scores.items()
    ]
    return Outcome(put_image(pixels), None, "cpu", 0.0125, 1000, values)


def _why(value: float) -> str | None:
    return "a source is *flat*" if value != value else None
