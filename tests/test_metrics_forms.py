"""Forms of metrics against the toolboxes that compute them so: every number is an oracle.

Canonical forms are in test_metrics_oracle.py; here are the variants that protocols use, and metrics
whose definitions leave nothing to choose.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusebench.bench.images import read_image
from fusebench.bench.types import InputError
from fusebench.metrics import METRICS, Triplet, triplet_of

# The same operations in another order.
EXACT = 1e-9
# Toolboxes that compute in single precision.
FLOAT32 = 1e-6
# Sums of logarithms over windows whose variance is close to the rounding noise of 8-bit products.
SATURATED = 1e-8


@dataclass(frozen=True)
class Form:
    """A form of a metric, and who computes it."""

    slug: str
    key: str
    toolbox: str
    parameters: dict[str, Any]
    tolerance: float = EXACT

    def __str__(self) -> str:
        chosen = "-".join(str(v) for v in self.parameters.values())
        return f"{self.slug}-{chosen or 'canonical'}-{self.toolbox}"


FORMS = [
    Form("sd", "SD", "thf", {"form": "sample"}),
    Form("sd", "SD", "hou", {"form": "sample"}),
    Form("sd", "SD", "topanxal", {"form": "sample"}, FLOAT32),
    Form("sd", "SD", "rfn(frobenius, [0,1])", {"form": "frobenius"}),
    Form("sd", "SD", "published_matlab_xlsx(uint8-saturating SD)", {"form": "saturated"}),
    Form("sf", "SF", "vifb", {"divisor": "pixels"}),
    Form("sf", "SF", "mefb", {"divisor": "pixels"}),
    Form("sf", "SF", "thf", {"divisor": "pixels"}),
    Form("sf", "SF", "published_matlab_xlsx([0,1] scale)", {"scale": "unit"}),
    Form("ag", "AG", "evalIF", {"divisor": "inner"}),
    Form("ag", "AG", "vifb", {"divisor": "inner"}),
    Form("ag", "AG", "thf", {"divisor": "inner"}),
    Form("ag", "AG", "hou", {"divisor": "inner"}),
    Form("mg", "DF", "thf", {}),
    Form("mg", "DF", "thf AverageGradient.m (/(m*n))", {"divisor": "pixels"}),
    Form("ei", "EI", "vifb", {}),
    Form("ei", "EI", "mefb", {}),
    Form("ei", "EI", "thf", {}),
    Form("ei", "EI", "topanxal", {}, FLOAT32),
    Form("ei", "EI", "cslib.ei", {}, FLOAT32),
    Form("ei", "EI", "ivif_zoo", {"border": "zero"}, FLOAT32),
    Form("scd", "SCD", "thf", {"arithmetic": "saturated"}),
    Form("scd", "SCD", "hou", {"arithmetic": "saturated"}),
    Form("cc", "CC", "evalIF", {}),
    Form("cc", "CC", "cddfuse_evaluator(float64)", {}),
    Form("cc", "CC", "ivif_zoo", {}, FLOAT32),
    Form("cc", "CC", "topanxal", {}, FLOAT32),
    Form("cc", "CC", "cslib.cc", {}, FLOAT32),
    Form("mse", "MSE", "cddfuse_evaluator(float64)", {}),
    Form("mse", "MSE", "evalIF", {"scale": "unit"}),
    Form("mse", "MSE", "ivif_zoo", {"scale": "unit"}, FLOAT32),
    Form("mse", "MSE", "cslib.mse", {"scale": "unit"}, FLOAT32),
    Form("rmse", "RMSE", "vifb", {"form": "root of sums"}),
    Form("rmse", "RMSE", "cslib.rmse", {"scale": "unit"}, FLOAT32),
    Form("psnr", "PSNR", "evalIF", {"scale": "unit"}),
    Form("psnr", "PSNR", "hou", {"form": "mean of ratios"}),
    Form("psnr", "PSNR", "vifb", {"form": "root of sums"}),
    Form("psnr", "PSNR", "mefb", {"form": "root of sums"}),
    Form("psnr", "PSNR", "cddfuse_evaluator(float64)", {"peak": "fused maximum"}),
    Form("qabf", "Qabf", "zheng", {"form": "liu"}),
    Form("qabf", "Qabf", "pui petmetric", {"form": "bristol"}),
    Form("qabf", "Qabf", "published_matlab_xlsx([0,1] scale)", {"scale": "unit"}),
    Form("vif", "VIF_wavelet_mean", "thf vifvec on im2double", {"form": "wavelet"}),
    Form(
        "vif",
        "VIF_pixel_sum",
        "published_matlab_xlsx(uint8-saturating products at scale 1)",
        {"form": "saturated"},
        SATURATED,
    ),
]


@cache
def oracle(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    files = ("oracle.json", "oracle_average.json")
    return {k: v for f in files for k, v in json.loads((folder / f).read_text()).items()}


@cache
def triple(folder: Path, name: str) -> Triplet:
    a, b, fused = (read_image(folder / "triples" / name / f"{x}.png") for x in "abf")
    return triplet_of(a, b, fused)


@pytest.mark.shared
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_form_is_that_of_the_toolbox(form: Form, shared: Path) -> None:
    folder = shared / "golden" / "metrics"
    compared = 0
    for name, cells in oracle(folder).items():
        if "@" in name or form.toolbox not in cells.get(form.key, {}):
            continue
        found = METRICS[form.slug].compute(triple(folder, name), **form.parameters)
        published = cells[form.key][form.toolbox]
        assert float(found[0]) == pytest.approx(published, rel=form.tolerance), name
        compared += 1
    assert compared


@pytest.mark.parametrize("slug", METRICS.slugs)
def test_unknown_forms_are_refused(slug: str) -> None:
    record = METRICS[slug]
    noise = np.random.default_rng(0).integers(0, 256, (3, 1, 48, 48)).astype(float)
    for name, value in record.parameters.items():
        if isinstance(value, str):
            with pytest.raises(InputError, match=f"{name} is 'nonsense'; expected"):
                record.compute(Triplet(*noise), **{name: "nonsense"})
