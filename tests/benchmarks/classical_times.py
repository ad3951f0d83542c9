"""Time every classical method beside its published code and write ``docs/classical_speed.md``.

``OMP_NUM_THREADS=1 python tests/benchmarks/classical_times.py [SHARED]``, with the folder of
``golden/classical/octave_times.csv`` (the authors' MATLAB code run in Octave) and the pairs it was
timed on. Some minutes; times are seconds of processor, so that other programs disturb little.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from fusebench.bench.environment import environment_facts
from fusebench.bench.images import read_image
from fusebench.bench.types import Image, MissingDataError
from fusebench.methods import METHODS, LoadedMethod, load

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "classical_speed.md"

# Where a method of the list has another name here; the others have the same in lower case.
SLUGS = {"msvd_clip": "msvd"}

# The shortest of several runs is taken, as far as they fit into this many seconds.
SECONDS_PER_IMAGE, MOST_RUNS = 2.0, 5

Pairs = dict[str, tuple[Image, Image]]


def published_times(shared: Path) -> dict[str, dict[str, float]]:
    """Give the shortest published time by method and pair."""
    times: dict[str, dict[str, float]] = {}
    with (shared / "golden" / "classical" / "octave_times.csv").open(newline="") as file:
        for name, pair, _height, _width, seconds in csv.reader(file):
            of_method = times.setdefault(SLUGS.get(name.lower(), name.lower()), {})
            of_method[pair] = min(float(seconds), of_method.get(pair, float("inf")))
    return times


def read_pairs(shared: Path) -> Pairs:
    golden = shared / "golden" / "classical"
    return {
        first.stem[:-2]: (read_image(first), read_image(first.with_stem(first.stem[:-2] + "_B")))
        for folder in (golden / "inputs", golden / "matlab" / "in")
        for first in sorted(folder.glob("*_A.png"))
    }


def seconds(fuse: LoadedMethod, a: Image, b: Image) -> float:
    shortest, spent = float("inf"), 0.0
    for _ in range(MOST_RUNS):
        start = time.process_time()
        fuse(a, b)
        last = time.process_time() - start
        shortest, spent = min(shortest, last), spent + last
        if spent + last > SECONDS_PER_IMAGE:
            break
    return shortest


def rows(published: dict[str, dict[str, float]], pairs: Pairs) -> Iterator[str]:
    octave_pairs = [pair for pair in published["lp"] if pair in pairs][:6]
    for record in sorted(METHODS, key=lambda m: m.slug):
        theirs = {p: t for p, t in published.get(record.slug, {}).items() if p in pairs}
        if record.weights and not theirs:
            continue  # a network
        try:
            fuse = load(record.slug, device="cpu")
        except MissingDataError as e:
            print(f"{record.slug} is left out: {e}", file=sys.stderr)
            continue
        small = pairs["tno19"]
        fuse(small[0][:64, :64], small[1][:64, :64])
        ours = {pair: seconds(fuse, *pairs[pair]) for pair in theirs or octave_pairs}
        cells = [f"`{record.slug}`", str(len(ours)), "–", f"{sum(ours.values()):.3f}", "–", "–"]
        if theirs:
            gains = [theirs[pair] / ours[pair] for pair in theirs]
            total = sum(theirs.values())
            cells[2], cells[4] = f"{total:.3f}", f"{total / sum(ours.values()):.1f}"
            cells[5] = f"{min(gains):.1f}"
        yield f"| {' | '.join(cells)} |"
        print(cells, file=sys.stderr)


def page(shared: Path) -> str:
    facts = environment_facts()
    libraries = ", ".join(f"{k} {facts['libraries'][k]}" for k in ("numpy", "scipy", "torch"))
    return "\n".join(
        [
            "# Speed of the classical methods",
            "",
            "Seconds for one image with the authors' published code run in Octave, and with this "
            "project, on the same grey pairs (202x270 to 576x768 pixels) with the published "
            "parameters, added up over the pairs. The last columns are the quotient of the two "
            "sums, and the smallest quotient of a single pair.",
            "",
            f"* Here: processor time on one thread ({facts['processor']}, Python "
            f"{facts['python']}, {libraries}), 8-bit arrays to 8-bit array, the shortest of up to "
            f"{MOST_RUNS} runs. Reading files and loading the method are not in it.",
            "* Published code: one run in Octave, the shortest where there are several, on an "
            "unknown machine. Its compiled parts (OMP, bilateral grid) were compiled there too. "
            "MATLAB compiles loops and is likely to be faster where the code loops over pixels.",
            "* Methods without a published time are timed on six of the pairs.",
            "",
            "| method | pairs | published (s) | here (s) | times faster | at least |",
            "|---|---:|---:|---:|---:|---:|",
            *rows(published_times(shared), read_pairs(shared)),
            "",
            "Written by `OMP_NUM_THREADS=1 python tests/benchmarks/classical_times.py`.",
            "",
        ]
    )


if __name__ == "__main__":
    if os.environ.get("OMP_NUM_THREADS") != "1":
        sys.exit("set OMP_NUM_THREADS=1: the table is about one thread")
    torch.set_num_threads(1)
    PAGE.write_text(page(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared"))
