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
from fusebench.bench.types import Image, Method, MissingDataError
from fusebench.methods import METHODS, LoadedMethod, load

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "classical_speed.md"

# Where a method of the list has another name here; the others have the same in lower case.
SLUGS = {"msvd_clip": "msvd"}

# The shortest of several runs is taken, as far as they fit into this many seconds.
SECONDS_PER_IMAGE, MOST_RUNS = 2.0, 5

Pairs = dict[str, tuple[Image, Image]]


def published_times(shared: Path) -> tuple[dict[str, dict[str, float]], dict[str, tuple[int, int]]]:
    """Give the shortest published time by method and pair, and the size of each pair."""
    times: dict[str, dict[str, float]] = {}
    sizes = {}
    with (shared / "golden" / "classical" / "octave_times.csv").open(newline="") as file:
        for name, pair, height, width, seconds in csv.reader(file):
            of_method = times.setdefault(SLUGS.get(name.lower(), name.lower()), {})
            of_method[pair] = min(float(seconds), of_method.get(pair, float("inf")))
            sizes[pair] = int(height), int(width)
    return times, sizes


def read_pairs(shared: Path) -> Pairs:
    golden = shared / "golden" / "classical"
    return {
        first.stem[:-2]: (read_image(first), read_image(first.with_stem(first.stem[:-2] + "_B")))
        for folder in (golden / "inputs", golden / "matlab" / "in")
        for first in sorted(folder.glob("*_A.png"))
    }


def is_network(record: Method) -> bool:
    """Say whether a method's weights are a network: dictionaries of atoms are MATLAB files."""
    return any(not f.name.endswith(".mat") for w in record.weights[:1] for f in w.files)


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


def rows(shared: Path) -> Iterator[str]:
    published, sizes = published_times(shared)
    pairs = read_pairs(shared)
    usual = [pair for pair in published["lp"] if pair in pairs][:6]
    large_a, large_b = pairs["road1"]
    for record in sorted(METHODS, key=lambda m: m.slug):
        if is_network(record):
            continue
        try:
            fuse = load(record.slug, device="cpu")
        except MissingDataError as e:
            print(f"{record.slug} is left out: {e}", file=sys.stderr)
            continue
        theirs = published.get(record.slug, {})
        found = {pair: t for pair, t in theirs.items() if pair in pairs}
        if theirs and not found:
            # A cut of the same size stands for a pair that is not here.
            found = theirs
            for pair in theirs:
                height, width = sizes[pair]
                pairs[pair] = large_a[:height, :width], large_b[:height, :width]
        side = max(64, record.min_size)
        fuse(large_a[:side, :side], large_b[:side, :side])
        ours = {pair: seconds(fuse, *pairs[pair]) for pair in found or usual}
        cells = [f"`{record.slug}`", str(len(ours)), "–", f"{sum(ours.values()):.3f}", "–", "–"]
        if found:
            total = sum(found.values())
            cells[2], cells[4] = f"{total:.3f}", f"{total / sum(ours.values()):.1f}"
            cells[5] = f"{min(found[pair] / ours[pair] for pair in found):.1f}"
        row = f"| {' | '.join(cells)} |"
        print(row, file=sys.stderr, flush=True)
        yield row


def page(shared: Path) -> str:
    facts = environment_facts()
    libraries = ", ".join(f"{k} {facts['libraries'][k]}" for k in ("numpy", "scipy", "torch"))
    return "\n".join(
        [
            "# Speed of the classical methods",
            "",
            "Seconds for one image with the authors' published code run in Octave, and with this "
            "project, on the same grey pairs (202x270 to 576x768 pixels) with the published "
            "parameters, added up over the pairs; for latlrr a cut of a pair of the same size "
            "(90x96). The last columns are the quotient of the two "
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
            *rows(shared),
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
