"""Time, memory and size of every network, on one CPU thread; writes docs/deep_speed.md.

``python tests/benchmarks/deep_speed.py [SHARED]``. Each method has a process of its own. Processor
seconds are counted, which other programs on the machine disturb less than seconds on the wall.
With the shared folder, seconds of the authors' code stand beside ours: of the largest pair it ran
on, times the ratio of the areas; from another machine, so only the order of magnitude counts. The
difference that bfloat16 makes is measured on a pair of that folder, of the method's first task.
"""

from __future__ import annotations

import json
import math
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

from fusebench.bench.images import read_image
from fusebench.bench.memory import PeakMemory
from fusebench.bench.types import MissingDataError
from fusebench.methods import METHODS, LoadedMethod, load

HEIGHT, WIDTH, REPEATS = 480, 640, 3
PAGE = Path(__file__).resolve().parents[2] / "docs" / "deep_speed.md"

# Folders of the authors' outputs, whose meta.json has their seconds.
GOLDEN = {
    "auif": "AUIF",
    "datfuse": "DATFuse",
    "deepfuse": "DeepFuse",
    "deepfuse_li": "DeepFuse-hli",
    "densefuse": "DenseFuse",
    "didfuse": "DIDFuse",
    "emfusion": "EMFusion-ctmri",
    "gesenet": "GeSeNet",
    "ifcnn_max": "IFCNN-MAX",
    "ifcnn_mean": "IFCNN-MEAN",
    "ifcnn_sum": "IFCNN-SUM",
    "liu_cnn": "LiuCNN2018",
    "lrrnet": "LRRNet",
    "matr": "MATR",
    "mfeif": "MFEIF",
    "pmgi": "PMGI-ivf",
    "reconet": "ReCoNet",
    "sdnet": "SDNet-ivf",
    "seafusion": "SeAFusion",
    "sesf": "SESF",
    "tardal": "TarDAL-dt",
    "u2fusion": "U2Fusion",
    "ydtr": "YDTR",
}

# A pair of each task.
PAIRS = {"ivif": "tno_camp", "mff": "mf_lytro01", "mef": "me_u2d1", "medical": "med_ctmri1"}


def measure(slug: str, shared: Path | None) -> dict[str, Any]:
    """Time one method in this process."""
    torch.set_num_threads(1)
    fuse = load(slug, device="cpu")
    if fuse.parameters is None:
        return {}
    lowered = load(slug, device="cpu", precision="bfloat16")
    generator = np.random.default_rng(0)
    pair = generator.integers(0, 256, (2, HEIGHT, WIDTH), dtype=np.uint8)
    with PeakMemory() as memory, FlopCounterMode(display=False) as counter:
        fuse(*pair)
    lowered(*pair)
    seconds = np.array([[spent(f, pair) for f in (fuse, lowered)] for _ in range(REPEATS)])
    found = {
        "seconds": median(seconds[:, 0]),
        "bfloat16": median(seconds[:, 1]),
        "megabytes": None if memory.growth is None else memory.growth / 1e6,
        "parameters": fuse.parameters,
        "gflops": counter.get_total_flops() / 1e9,
    }
    if shared is not None:
        folder, name = shared / "golden" / "deep" / "inputs", PAIRS[fuse.record.tasks[0]]
        images = [read_image(folder / f"{name}_{side}.png") for side in ("ir", "vi")]
        off = np.abs(fuse(*images).astype(float) - lowered(*images))
        found |= {"mean_off": off.mean(), "most_off": off.max()}
    return found


def spent(fuse: LoadedMethod, pair: np.ndarray) -> float:
    """Give the processor seconds of one call."""
    start = time.process_time()
    fuse(*pair)
    return time.process_time() - start


def authors_seconds(slug: str, shared: Path | None) -> float | None:
    """Give the seconds of the authors' code for an image of this size, as far as is known."""
    if shared is None or slug not in GOLDEN:
        return None
    deep = shared / "golden" / "deep"
    known = json.loads((deep / GOLDEN[slug] / "meta.json").read_text())
    inputs = json.loads((deep / "inputs.json").read_text())
    areas = {pair: math.prod(inputs[pair]["size_wh"]) for pair in known if pair in inputs}
    largest = max(areas, key=lambda pair: areas[pair])
    return float(known[largest]["cpu_seconds"]) * HEIGHT * WIDTH / areas[largest]


def page(found: dict[str, dict[str, Any]], shared: Path | None) -> str:
    """Write the table."""
    out = [
        "# Time and memory of deep methods",
        "",
        f"One grey pair of {WIDTH}x{HEIGHT} pixels on one CPU thread: processor seconds (median of",
        f"{REPEATS}), growth of memory at its worst, learned values, and operations (a",
        "multiplication and an addition are two). Seconds of the authors' code are of another,",
        "loaded machine, scaled from the largest pair that it ran on: they tell the order of",
        "magnitude.",
        "",
        "`precision=bfloat16` (`fusebench fuse --set`, the options of a suite, or",
        "`fusebench.methods.load`) lets layers compute in half of single precision. It counts as",
        "an option of the method, so its rows stand apart; the image changes by the grey levels",
        "below: mean and largest of one pair of its first task.",
        "",
        f"Measured by `tests/benchmarks/deep_speed.py` with torch {torch.__version__} on "
        f"{processor()}, {time.strftime('%Y-%m-%d')}.",
        "",
        "| method | seconds | authors' code | bfloat16 | its difference | memory, MB "
        "| learned values | GFLOP |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for slug, f in found.items():
        theirs = authors_seconds(slug, shared)
        memory = "–" if f["megabytes"] is None else f"{f['megabytes']:.0f}"
        off = f"{f['mean_off']:.2f}, {f['most_off']:.0f}" if "mean_off" in f else "–"
        out.append(
            f"| `{slug}` | {f['seconds']:.2f} | {'–' if theirs is None else f'{theirs:.1f}'} "
            f"| {f['bfloat16']:.2f} | {off} | {memory} | {f['parameters']:,} | {f['gflops']:.1f} |"
        )
    return "\n".join([*out, "", CHOICES])


# What was tried for all networks, and what became of it.
CHOICES = """## What was tried

On one thread; processor seconds. Convolutions with the channels of a pixel side by side in memory
(channels last), in turns in one process, on a photograph of 320x240 pixels, median of 2 or 3:

| method | as stored | channels last | | method | as stored | channels last |
|---|---:|---:|---|---|---:|---:|
| `auif` | 0.71 | 0.43 | | `mff_gan` | 0.058 | 0.048 |
| `datfuse` | 0.056 | 0.055 | | `murf` | 0.041 | 0.032 |
| `deepfuse` | 0.26 | 0.24 | | `pmgi` | 0.067 | 0.059 |
| `deepfuse_li` | 0.028 | 0.022 | | `reconet` | 0.16 | 0.12 |
| `densefuse` | 0.11 | 0.087 | | `sdnet` | 0.041 | 0.034 |
| `didfuse` | 0.42 | 0.35 | | `seafusion` | 0.20 | 0.17 |
| `emfusion` | 0.13 | 0.11 | | `sesf` | 0.083 | 0.075 |
| `gesenet` | 0.35 | 0.32 | | `stdfusionnet` | 0.32 | 0.29 |
| `ifcnn_max` | 0.106 | 0.091 | | `tardal` | 0.33 | 0.30 |
| `liu_cnn` | 0.37 | 0.30 | | `u2fusion` | 0.75 | 0.51 |
| `lrrnet` | 1.09 | 0.99 | | `ydtr` | 0.67 | 0.92 |
| `mfeif` | 0.71 | 0.60 | | `matr` | 0.21 | 0.21 |
| `mefnet` | 0.044 | 0.042 | | | | |

`matr`, `mefnet` and `ydtr` do without, all others use it. What networks return changes by at most
0.006 of a grey level; where it is cut off to whole levels, by one level in fewer than 7 of 100,000
pixels.

Memory in pages of 2 MB, which `fusebench.methods.load` asks torch for (on Linux, by the variable
`THP_MEM_ALLOC_ENABLE` unless it is set), at 640x480 with channels last, in two processes:
`u2fusion` from 3.51 to 2.48 seconds, `ifcnn_max` 0.79 to 0.44, `sdnet` 0.33 to 0.19, `densefuse`
0.67 to 0.49, `pmgi` 0.67 to 0.63.

`precision=bfloat16` on a pair of 280x280 pixels, on a processor with instructions for it, and its
difference in grey levels, mean and largest:

| method | float32 | bfloat16 | difference |
|---|---:|---:|---:|
| `densefuse` | 0.097 | 0.061 | 0.43, 2 |
| `ifcnn_max` | 0.102 | 0.060 | 0.15, 2 |
| `mefnet` | 0.036 | 0.025 | 0.23, 9 |
| `murf` | 0.037 | 0.035 | 0.36, 3 |
| `sdnet` | 0.036 | 0.022 | 0.12, 1 |
| `sesf` | 0.262 | 0.063 | 0.00, 0 |
| `u2fusion` | 0.543 | 0.410 | 0.51, 2 |

`torch.compile` gave `sdnet` at 640x480 an equal image in 0.16 instead of 0.18 seconds, after four
minutes of compiling on a loaded machine: not used. Not measured, for lack of a GPU: channels last,
both halves of precision and batches (`fuse_all` makes them of pairs of equal shape) there.
"""


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
        command = [sys.executable, __file__, "--one", record.slug, *([shared] if shared else [])]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{record.slug} left out: {done.stderr.strip()}", file=sys.stderr)
        elif measured := json.loads(done.stdout):
            # Others with weights read a dictionary.
            found[record.slug] = measured
            print(record.slug, measured, file=sys.stderr)
    PAGE.write_text(page(found, shared), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        try:
            print(json.dumps(measure(sys.argv[2], Path(sys.argv[3]) if sys.argv[3:] else None)))
        except MissingDataError as e:
            sys.exit(str(e))
    else:
        main(Path(sys.argv[1]) if sys.argv[1:] else None)
