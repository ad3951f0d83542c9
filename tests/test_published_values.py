"""Values that others published, recomputed from their images: every one is an oracle.

* VIFB (Zhang et al. 2020) printed 13 metrics for each image with '%.5g': equal at every digit.
* The TNO spreadsheet of Linfeng Tang holds doubles: equal to 1e-9 relative, VIF to 1e-7.
* rao2021fmm prints means over 20 Lytro pairs with 4 decimals: equal within 1e-4.

And from images of our own runs, which a method here has made:

* rao2021fmm, IFCNN on 8 medical pairs: equal within 5e-4.
* zhang_smfnet, PMGI on 25 pairs of TNO: equal within 5e-4.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from fusebench.bench.images import read_image
from fusebench.methods import load
from fusebench.metrics import explain

pytestmark = pytest.mark.shared

VIFB_METHODS = (
    "ADF", "CBF", "CNN", "GFF", "GTF", "IFCNN", "LatLRR", "MSVD", "RP_SR", "TIF", "U2Fusion",
    "VSMWLS",
)  # fmt: skip
VIFB_NAMES = {
    "Avg_gradient": "ag",
    "Cross_entropy": "ce",
    "Edge_intensity": "ei",
    "Entropy": "en",
    "Mutinf": "mi",
    "Psnr": "psnr",
    "Qabf": "qabf",
    "Qcb": "q_cb",
    "Qcv": "q_cv",
    "Rmse": "rmse",
    "Spatial_frequency": "sf",
    "Ssim": "ssim",
    # The file is named so, but holds the standard deviation.
    "Variance": "sd",
}
TANG_METHODS = ("DenseFuse", "FusionGAN", "IFCNN", "PMGI", "SDNet", "U2Fusion")
# Wavelets and pyramids add up rounding errors in another order than MATLAB; VIF alone shows it.
TANG_TOLERANCE = {"VIF": 1e-7}
EXACT = 1e-9

Rows = dict[str, dict[str, str]]


def rows(path: Path, method: str, image: str) -> Rows:
    """Published values by image and metric."""
    found: Rows = defaultdict(dict)
    with path.open(newline="") as stream:
        for row in csv.DictReader(stream):
            if row["method"] == method:
                found[row[image]][row["metric"]] = row["value"]
    assert found
    return found


@pytest.mark.parametrize("method", VIFB_METHODS)
def test_vifb_prints_these_digits(method: str, shared: Path) -> None:
    folder = shared / "golden" / "vifb"
    published = rows(folder / "values.csv", method, "pair")
    assert len(published) == 21
    for pair, values in published.items():
        assert set(values) == set(VIFB_NAMES)
        a, b, fused = (
            read_image(folder / place / f"{pair}.jpg") for place in ("IR", "VI", f"fused/{method}")
        )
        ours = explain(a, b, fused, VIFB_NAMES.values(), "vifb")
        for name, printed in values.items():
            value = ours[VIFB_NAMES[name]].value
            assert float(f"{value:.5g}") == float(printed), f"{pair} {name}: {value!r}"


@pytest.mark.parametrize("method", TANG_METHODS)
def test_the_tno_spreadsheet(method: str, shared: Path) -> None:
    folder = shared / "golden" / "tang_tno"
    with (folder / "pairs.csv").open(newline="") as stream:
        pairs = {row["index"]: row for row in csv.DictReader(stream)}
    images = list((folder / "fused" / method).glob("*.png"))
    compared = 0
    for index, values in rows(folder / "values.csv", method, "index").items():
        path = folder / "fused" / method / f"{index}.png"
        if not path.is_file():
            continue
        a, b = (read_image(shared / "data" / pairs[index][side]) for side in ("ir", "vi"))
        ours = explain(a, b, read_image(path), [name.lower() for name in values], "tang")
        for name, published in values.items():
            tolerance = TANG_TOLERANCE.get(name, EXACT)
            assert ours[name.lower()].value == pytest.approx(float(published), rel=tolerance), name
            compared += 1
    assert compared == 11 * len(images) > 0


def printed_means(shared: Path, paper: str, table: str, method: str) -> dict[str, float]:
    """Means in a paper's table by metric; of its first dataset, where it has several."""
    found: dict[str, float] = {}
    with (shared / "baselines" / "baselines.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            if (row["paper_key"], row["table"], row["method"]) == (paper, table, method):
                found.setdefault(row["metric"], float(row["value"]))
    return found


def test_rao2021fmm_table_2(shared: Path) -> None:
    """MGFF; CSR is in test_audit, through the command."""
    method = "mgff"
    printed = printed_means(shared, "rao2021fmm", "2", method)
    assert len(printed) == 7
    scores = []
    for number in range(1, 21):
        sources = [
            read_image(shared / "data" / "lytro" / side / f"lytro-{number:02}.jpg")
            for side in ("near", "far")
        ]
        fused = shared / "golden" / "mfifb_lytro" / method.upper() / f"{number:02}.jpg"
        found = explain(*sources, read_image(fused), printed, "jiangnan")
        scores.append([found[metric].value for metric in printed])
    means = dict(zip(printed, np.mean(scores, axis=0), strict=True))
    for metric, value in printed.items():
        assert means[metric] == pytest.approx(value, abs=1e-4), metric


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("ifcnn_sum", {}),
        # Not the authors' published images, but their script as it is, which leaves grey sources
        # as they are.
        ("ifcnn_max", {"normalisation": "none"}),
    ],
)
def test_rao2021fmm_table_3_from_our_own_images(
    method: str, options: dict[str, str], shared: Path
) -> None:
    printed = printed_means(shared, "rao2021fmm", "3", method)
    assert len(printed) == 9
    folder = shared / "data" / "med_classic8"
    # Of two million pixels, a few hundred are one level off.
    assert own_means(folder, "a", "b", method, options, printed, "jiangnan") == pytest.approx(
        printed, abs=5e-4
    )


def test_smfnet_table_1_from_our_own_images(shared: Path) -> None:
    printed = printed_means(shared, "zhang_smfnet", "1", "pmgi")
    assert len(printed) == 8
    folder = shared / "data" / "tno25"
    assert own_means(folder, "ir", "vi", "pmgi", {}, printed, "smfnet") == pytest.approx(
        printed, abs=5e-4
    )


def own_means(
    folder: Path,
    first: str,
    second: str,
    slug: str,
    options: dict[str, str],
    metrics: Iterable[str],
    protocol: str,
) -> dict[str, float]:
    """Mean scores of a method here over a folder of pairs."""
    fuse = load(slug, device="cpu", **options)  # type: ignore[arg-type]
    scores = []
    for path in sorted((folder / first).iterdir()):
        a, b = read_image(path), read_image(folder / second / path.name)
        found = explain(a, b, fuse(a, b), metrics, protocol)
        scores.append([found[metric].value for metric in metrics])
    return dict(zip(metrics, np.mean(scores, axis=0), strict=True))
