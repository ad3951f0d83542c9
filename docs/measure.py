"""Compute the cells of papers that can be computed, and write ``bench/papers/measured.csv``.

For maintainers, after methods or metrics changed:
``python docs/measure.py [--retrained] [--only NAME,…] IMAGES DATABASE [PAPER …]``. ``IMAGES`` holds
the source images under ``data``, published results under ``golden`` and weights under ``weights``.
Every method here that a paper compares is run on the pairs of that paper, into the database; what
it holds already is not run again. Values of papers that are not named stay as they are, and with
``--only`` those of methods and settings that are not. With ``--retrained`` it is the methods that
run on weights of ours, whose values reproduce nothing and go to ``bench/papers/retrained.csv``.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections import defaultdict
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from fusebench import datasets
from fusebench.bench.audit import (
    MEASURED,
    PLACE,
    RETRAINED,
    Audited,
    Results,
    audit,
    dataset_here,
    find_folder,
    find_stored,
    methods_here,
    value_rows,
    write_rows,
)
from fusebench.bench.images import as_jpeg
from fusebench.bench.paper import Paper, load_paper, paper_names
from fusebench.bench.pool import make_pool
from fusebench.bench.runner import find_root, run_suite
from fusebench.bench.store import Store
from fusebench.bench.suite import MethodChoice, Suite
from fusebench.bench.types import Image
from fusebench.methods import METHODS, load
from fusebench.methods._weights import trained_here
from fusebench.metrics import METRICS

# Results that others published: paper, method, folder and who.
PUBLISHED = (
    ("rao2021fmm", "csr", "mfifb_lytro/CSR", "published by MFIFB"),
    ("rao2021fmm", "mgff", "mfifb_lytro/MGFF", "published by MFIFB"),
)


# Settings that papers print beside the default, by the names that the papers' files give them.
SETTINGS = {
    "densefuse_l1": MethodChoice("densefuse", "DenseFuse-l1", {"strategy": "l1"}),
    "densefuse_tf_l1": MethodChoice(
        "densefuse", "DenseFuse-TF-l1", {"strategy": "l1"}, weights="tf_1e2"
    ),
    "tardal_tt": MethodChoice("tardal", "TarDAL-tt", {"mode": "tt"}),
    "tardal_ct": MethodChoice("tardal", "TarDAL-ct", {"mode": "ct"}),
    # Visible first, and then with the range that the network gives.
    "u2fusion_reversed": MethodChoice("u2fusion", "U2Fusion-reversed", {"order": "reversed"}),
    "u2fusion_kept": MethodChoice(
        "u2fusion", "U2Fusion-kept", {"order": "reversed", "output": "kept"}
    ),
    # With the means of patches averaged, as for images that are not of two focal depths.
    "asr_averaged": MethodChoice("asr", "ASR-averaged", {"task": "ivif"}),
    # As the authors' script takes grey images, without the mean of photographs taken off.
    "ifcnn_max_plain": MethodChoice("ifcnn_max", "IFCNN-MAX-plain", {"normalisation": "none"}),
}

# Methods whose authors read JPEG files through libjpeg 9, as Pillow did before 9.1 where it was not
# built otherwise, by paper: it enlarges the colour planes, which such files hold at half the size,
# otherwise than libjpeg-turbo does.
LIBJPEG_9 = {"rao2021fmm": {"ifcnn_lytro20": ("ifcnn_mean", "ifcnn_max", "ifcnn_sum")}}

# Methods of which a paper measured the images that MFIFB publishes, which are JPEG files.
AS_JPEG = {("rao2021fmm", "ifcnn_lytro20"): ("ASR-averaged", "CBF", "RP-SR")}


def main(
    images: Path, database: str, papers: list[str], *, retrained: bool, only: list[str]
) -> None:
    """Run, audit and write."""
    path = RETRAINED if retrained else MEASURED
    before = read_rows(path)
    os.environ.setdefault("FUSEBENCH_WEIGHTS", str(images / "weights"))
    roots = {"": images / "data"}
    found: list[Audited] = []
    with closing(Store.open(database)) as store:
        for key in papers:
            paper = load_paper(key)
            run_what_is_here(paper, store, roots, retrained=retrained, only=only)
            results = [
                replace(
                    find_folder(paper, None, method, images / "golden" / folder, roots),
                    name=f"images {who}",
                )
                for name, method, folder, who in PUBLISHED
                if name == key
            ]
            stored = [own(r) for r in find_stored(paper, None, store, roots)]
            saved = [
                r
                for r in stored
                if r.name.partition(" run here")[0] in AS_JPEG.get((key, r.dataset), ())
            ]
            results += [*stored, *map(saved_as_jpeg, saved)]
            if not retrained:
                results += through_libjpeg_9(paper, roots, only)
            results = [r for r in results if r.retrained == retrained]
            found += audit(paper, None, results, shipped=False, progress=show)
    new = value_rows(found)
    again = {whose(row) for row in new}
    rows = new + [
        row for row in before if row["paper"] not in papers or (only and whose(row) not in again)
    ]
    cells = [cell for key in paper_names() for cell in load_paper(key).cells]
    order = {tuple(getattr(c, n) for n in ("paper", *PLACE)): i for i, c in enumerate(cells)}
    write_rows(path, sorted(rows, key=lambda row: order[tuple(row[n] for n in ("paper", *PLACE))]))


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read computed values as they are stored."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def whose(row: dict[str, str]) -> tuple[str, ...]:
    """Say of which images a value is."""
    return tuple(row[name] for name in ("paper", "table", "dataset", "method", "images"))


def run_what_is_here(
    paper: Paper,
    store: Store,
    roots: dict[str, Path],
    *,
    retrained: bool,
    only: list[str],
) -> None:
    """Run the methods of a paper on its datasets, where both are here."""
    wanted: dict[str, dict[str, MethodChoice]] = defaultdict(dict)
    for cell in paper.cells:
        source = paper.datasets[cell.dataset]
        # Where it is not known which of the pairs were used, there is nothing to compare.
        known = cell.pair or source.published in (None, cell.pairs)
        if cell.metric in METRICS and dataset_here(source) and known:
            here = {
                slug: MethodChoice(slug)
                for slug in methods_here(paper, cell.method)
                if trained_here(METHODS[slug], METHODS[slug].origin) == retrained
            }
            others = set() if retrained else set(paper.aliases.get(cell.method, ())) & set(SETTINGS)
            here |= {name: SETTINGS[name] for name in sorted(others)}
            wanted[source.use] |= {k: v for k, v in here.items() if not only or k in only}
    for dataset, choices in wanted.items():
        if not choices:
            continue
        suite = Suite("measure", "", (dataset,), tuple(choices.values()), ("en",))
        pool = make_pool("local", None, None)
        report = run_suite(suite, store, pool=pool, roots=roots, progress=show)
        for failure in report.failures:
            print(failure, file=sys.stderr)


def through_libjpeg_9(paper: Paper, roots: dict[str, Path], only: list[str]) -> list[Results]:
    """Run the methods of `LIBJPEG_9` on JPEG files that it decodes."""
    import jpeglib

    found = []
    for dataset, slugs in LIBJPEG_9.get(paper.key, {}).items():
        source = paper.datasets[dataset]
        opened = datasets.load(source.use, find_root(source.use, roots))
        for slug in slugs:
            if only and slug not in only:
                continue
            method = load(slug, device="cpu")
            fused: dict[str, Image] = {}
            with jpeglib.version("9e"):
                for key, files in opened.files.items():
                    a, b = (jpeglib.read_spatial(str(files[n])).spatial for n in ("a", "b"))
                    fused[key] = method(a, b)
            read = {key: lambda image=image: image for key, image in fused.items()}
            name = f"{METHODS[slug].label} of files read by libjpeg 9, run here (cpu)"
            found.append(Results(slug, dataset, name, opened, read, pairs=source.pairs))
    return found


def saved_as_jpeg(result: Results) -> Results:
    """Save fused images as JPEG files, and read them again."""
    read = {key: lambda image=image: as_jpeg(image()) for key, image in result.read.items()}
    return replace(result, name=f"{result.name}, saved as JPEG", read=read)


def own(result: Results) -> Results:
    """Name the images of a method of this package."""
    return replace(result, name=result.name.replace(" in the database", " run here"))


def show(done: int, total: int, what: str) -> None:
    """Say what was done last."""
    print(f"{done}/{total} {what}", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--retrained", action="store_true")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    parser.add_argument("images", type=Path)
    parser.add_argument("database")
    parser.add_argument("papers", nargs="*")
    given = parser.parse_args()
    main(
        given.images,
        given.database,
        given.papers or paper_names(),
        retrained=given.retrained,
        only=given.only,
    )
