"""Time, memory and size of every method with weights, on one CPU thread; writes docs/deep_speed.md.

``python tests/benchmarks/deep_speed.py [SHARED]``. Each method has a process of its own. Processor
seconds are counted, which other programs on the machine disturb less than seconds on the wall.
With the shared folder, seconds of the authors' code stand beside ours: of its largest pair, 640x426
pixels, times the ratio of the areas; from another machine, so only the order of magnitude counts.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from fusebench.bench.memory import PeakMemory
from fusebench.bench.types import MissingDataError
from fusebench.methods import METHODS, load

HEIGHT, WIDTH, REPEATS = 480, 640, 3
PAGE = Path(__file__).resolve().parents[2] / "docs" / "deep_speed.md"

# Folders of the authors' outputs, whose meta.json has their seconds.
GOLDEN = {
    "auif": "AUIF",
    "datfuse": "DATFuse",
    "deepfuse_li": "DeepFuse-hli",
    "densefuse": "DenseFuse",
    "ifcnn_max": "IFCNN-MAX",
    "ifcnn_mean": "IFCNN-MEAN",
    "ifcnn_sum": "IFCNN-SUM",
    "lrrnet": "LRRNet",
    "pmgi": "PMGI-ivf",
    "sdnet": "SDNet-ivf",
    "seafusion": "SeAFusion",
    "u2fusion": "U2Fusion",
    "ydtr": "YDTR",
}
GOLDEN_PAIR, GOLDEN_PIXELS = "me_u2d1", 640 * 426


def measure(slug: str) -> dict[str, Any]:
    """Time one method in this process."""
    torch.set_num_threads(1)
    fuse = load(slug, device="cpu")
    generator = np.random.default_rng(0)
    pair = generator.integers(0, 256, (2, HEIGHT, WIDTH), dtype=np.uint8)
    with PeakMemory() as memory, FlopCounterMode(display=False) as counter:
        fuse(*pair)
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        fuse(*pair)
        seconds.append(time.process_time() - start)
    return {
        "seconds": median(seconds),
        "megabytes": None if memory.growth is None else memory.growth / 1e6,
        "parameters": fuse.parameters,
        "gflops": counter.get_total_flops() / 1e9,
    }


def authors_seconds(slug: str, shared: Path | None) -> float | None:
    """Give the seconds of the authors' code for an image of this size, as far as is known."""
    if shared is None or slug not in GOLDEN:
        return None
    meta = json.loads((shared / "golden" / "deep" / GOLDEN[slug] / "meta.json").read_text())
    return float(meta[GOLDEN_PAIR]["cpu_seconds"]) * HEIGHT * WIDTH / GOLDEN_PIXELS


def page(found: dict[str, dict[str, Any]], shared: Path | None) -> str:
    """Write the table."""
    out = [
        "# Time and memory of deep methods",
        "",
        f"One grey pair of {WIDTH}x{HEIGHT} pixels on one CPU thread: processor seconds (median of",
        f"{REPEATS}, while other programs ran), growth of memory at its worst, learned values, and",
        "operations (a multiplication and an addition are two). Seconds of the authors' code are",
        "those of another loaded machine, scaled from 640x426 pixels: they tell the order of",
        "magnitude.",
        "",
        f"Measured by `tests/benchmarks/deep_speed.py` with torch {torch.__version__} on "
        f"{processor()}, {time.strftime('%Y-%m-%d')}.",
        "",
        "| method | seconds | authors' code | memory, MB | learned values | GFLOP |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for slug, f in found.items():
        theirs = authors_seconds(slug, shared)
        memory = "–" if f["megabytes"] is None else f"{f['megabytes']:.0f}"
        out.append(
            f"| `{slug}` | {f['seconds']:.2f} | {'–' if theirs is None else f'{theirs:.1f}'} "
            f"| {memory} | {f['parameters']:,} | {f['gflops']:.1f} |"
        )
    return "\n".join(out) + "\n"


def processor() -> str:
    """Name the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main(shared: Path | None) -> None:
    """Measure all methods whose weights are here and write the page."""
    found = {}
    for record in METHODS:
        if not record.weights:
            continue
        done = subprocess.run(
            [sys.executable, __file__, "--one", record.slug], capture_output=True, text=True
        )
        if done.returncode:
            print(f"{record.slug} left out: {done.stderr.strip()}", file=sys.stderr)
            continue
        found[record.slug] = json.loads(done.stdout)
        print(record.slug, found[record.slug], file=sys.stderr)
    PAGE.write_text(page(found, shared), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        try:
            print(json.dumps(measure(sys.argv[2])))
        except MissingDataError as e:
            sys.exit(str(e))
    else:
        main(Path(sys.argv[1]) if sys.argv[1:] else None)
