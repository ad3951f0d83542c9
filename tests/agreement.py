"""Every value of the oracle of published toolboxes: who agrees with us, and who does not and why.

ORACLE: toolboxes in MATLAB and Python, run on 13 triples and two crops of them, under the shared
folder in ``golden/metrics``; ``oracle_meta.json`` there says which commit of which repository gave
what. Each cell (a name in the oracle, a toolbox, a triple) is either reproduced by a metric with
some parameters, or departs for a stated reason; a test holds that none is left out.

``python tests/agreement.py SHARED`` measures the agreement again and writes docs/agreement.json,
from which docs/generate.py makes its tables.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from conftest import as_triplet

from fusebench.bench.images import read_image
from fusebench.bench.types import Image
from fusebench.metrics import METRICS, Triplet

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "agreement.json"

# -- tolerances, relative ---------------------------------------------------------------------

# Sums of 1e5 terms in float64, in another order. The largest error seen is 2e-11.
FLOAT64 = 1e-9
# Rounding noise decides: in black parts Q_CB is a ratio of nearly nothing left by Fourier
# transforms (seen: 4e-8), and saturated variances are close to nothing (seen: 1.4e-9).
FOURIER, SATURATED = 1e-6, 1e-8
# On [0, 1] the orientation of flat areas is rounding noise. Seen: 1.0e-6.
FLAT_NOISE = 2e-6
# Toolboxes in float32, whose step is 1.2e-7. Seen: 8.5e-7.
FLOAT32 = 1e-6
# exp(-255 x) of float32 images in [0, 1]. Seen: 1.7e-6.
FLOAT32_EXPONENTS = 5e-6
# In float32 local variances E[x^2] - E[x]^2 lose most digits in flat windows. Seen: 4.2e-5 (Q_Y),
# 2.5e-4 (SSIM with a range of 1), 3.9e-4 (FMI: two flat windows agree or not) and 5.5e-3 (VIFF,
# which then takes the other source).
FLOAT32_WINDOWS, FLOAT32_SMALL_CONSTANTS, FLOAT32_CHOICE = 1e-4, 5e-4, 1e-2
FLAT_WINDOWS = 1e-3
# piq takes windows for flat below a variance of 1e-8, MATLAB and ours below 1e-10, which matters
# where much is black. Seen: 1.4e-4 on the medical triple, 1e-8 on the others.
PIQ_EPSILON = 2e-4

# -- names in the oracle ----------------------------------------------------------------------

CDDFUSE, CDDFUSE32 = "cddfuse_evaluator(float64)", "cddfuse_evaluator(float32)"
CDDFUSE_SSIM = "cddfuse_evaluator(skimage<0.20 semantics: float => data_range=2)"
THF_UNIT = "thf_evaluation.m(im2double)"
XLSX = "published_matlab_xlsx"
P1, P2, P3 = "P1_tno_piafusion", "P2_lytro_ifcnn", "P3_medical_ifcnn"


@dataclass(frozen=True)
class Form:
    """A metric with parameters, its name in the oracle, and who computes it how exactly.

    Attributes
    ----------
    slug, key : str
        Metric, and its name in the oracle.
    toolboxes : mapping of str to float
        Largest relative error by toolbox.
    parameters : mapping
        Those that differ from the canonical ones.
    """

    slug: str
    key: str
    toolboxes: Mapping[str, float]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.slug, *map(str, self.parameters.values()), self.key])


def exact(*toolboxes: str) -> dict[str, float]:
    """Toolboxes that agree but for the order of sums in float64."""
    return dict.fromkeys(toolboxes, FLOAT64)


def single(*toolboxes: str) -> dict[str, float]:
    """Toolboxes that compute in float32."""
    return dict.fromkeys(toolboxes, FLOAT32)


FORMS = [
    Form(
        "en",
        "EN",
        {
            **exact(
                "evalIF", "hou", "mefb", "rfn", "thf", THF_UNIT, "vifb", CDDFUSE, CDDFUSE32, XLSX
            ),
            **single("cslib.en"),
        },
    ),
    Form(
        "sd",
        "SD",
        {
            **exact("evalIF", "mefb", "vifb", CDDFUSE),
            **single(CDDFUSE32, "ivif_zoo", "cslib.sd"),
        },
    ),
    Form("sd", "SD", {**exact("hou", "thf"), **single("topanxal")}, {"form": "sample"}),
    Form("sd", "SD", exact("rfn(frobenius, [0,1])"), {"form": "frobenius"}),
    Form("sd", "SD", exact(f"{XLSX}(uint8-saturating SD)"), {"form": "saturated"}),
    Form(
        "sf",
        "SF",
        {
            **exact("evalIF", "hou_uint8_SF_double", CDDFUSE),
            **single(CDDFUSE32, "ivif_zoo", "cslib.sf"),
        },
    ),
    Form("sf", "SF", {**exact("mefb", "thf", "vifb"), **single("topanxal")}, {"divisor": "pixels"}),
    Form("sf", "SF", exact(f"{XLSX}([0,1] scale)"), {"scale": "unit"}),
    Form("ag", "AG", {**exact(CDDFUSE), **single(CDDFUSE32, "ivif_zoo")}),
    Form(
        "ag",
        "AG",
        {
            **exact("evalIF", "hou", "mefb", "thf", "vifb", XLSX),
            **single("topanxal"),
        },
        {"divisor": "inner"},
    ),
    Form("mg", "DF", exact("thf")),
    Form(
        "mg",
        "DF",
        {**exact("thf AverageGradient.m (/(m*n))"), **single("topanxal")},
        {"divisor": "pixels"},
    ),
    Form("ei", "EI", {**exact("mefb", "thf", "vifb"), **single("topanxal", "cslib.ei")}),
    Form("ei", "EI", single("ivif_zoo"), {"border": "zero"}),
    Form("ce", "CE", {**exact("vifb", "mefb", "thf"), **single("cslib.ce")}),
    Form("mi", "MI", exact("ivif_zoo")),
    Form("mi", "MI", {**exact(CDDFUSE, CDDFUSE32), **single("cslib.mi")}, {"unit": "nats"}),
    Form("mi", "MI", exact("vifb"), {"unit": "nats", "stretch": True}),
    Form("mi", "MI", exact("evalIF", f"{XLSX}(uint8 +1 saturation)"), {"merge": "joint"}),
    Form("mi", "MI", exact("hou", "thf MIabf.m (uint8 saturating)"), {"merge": "all"}),
    Form("mi", "MI", exact("rfn(bug: =2*EN)", "thf(bug: =2*EN)"), {"twice_entropy": True}),
    Form("nmi", "NMI", {**exact("zheng", "mefb", "thf"), **single("cslib.nmi")}),
    Form(
        "scd",
        "SCD",
        {
            **exact("evalIF", "hou_uint8_SF_double", "rfn", THF_UNIT, CDDFUSE, XLSX),
            **single(CDDFUSE32, "ivif_zoo", "topanxal", "cslib.scd"),
        },
    ),
    Form("scd", "SCD", exact("hou", "thf"), {"arithmetic": "saturated"}),
    Form(
        "cc",
        "CC",
        {
            **exact("evalIF", CDDFUSE, XLSX),
            **single(CDDFUSE32, "ivif_zoo", "topanxal", "cslib.cc"),
        },
    ),
    Form("mse", "MSE", {**exact(CDDFUSE), **single(CDDFUSE32)}),
    Form(
        "mse",
        "MSE",
        {**exact("evalIF", XLSX), **single("ivif_zoo", "cslib.mse")},
        {"scale": "unit"},
    ),
    Form("rmse", "RMSE", exact("vifb"), {"form": "root of sums"}),
    Form("rmse", "RMSE", single("cslib.rmse"), {"scale": "unit"}),
    Form("psnr", "PSNR", single("cslib.psnr")),
    Form("psnr", "PSNR", {**exact("evalIF", XLSX), **single("ivif_zoo")}, {"scale": "unit"}),
    Form("psnr", "PSNR", {**exact(CDDFUSE), **single(CDDFUSE32)}, {"peak": "fused maximum"}),
    Form("psnr", "PSNR", exact("mefb", "vifb"), {"form": "root of sums"}),
    Form("psnr", "PSNR", {**exact("hou"), **single("topanxal")}, {"form": "mean of ratios"}),
    Form(
        "qabf",
        "Qabf",
        {
            **exact("evalIF", "mefb", "thf", "thf Qabf.m", "vifb", CDDFUSE),
            **single(CDDFUSE32, "ivif_zoo"),
        },
    ),
    Form("qabf", "Qabf", exact(f"{XLSX}([0,1] scale)"), {"scale": "unit"}),
    Form("qabf", "Qabf", exact("zheng", "thf metricXydeas(uint8 in)"), {"form": "liu"}),
    Form("qabf", "Qabf", exact("pui petmetric"), {"form": "bristol"}),
    Form(
        "qabf",
        "Qabf",
        {"pui_im2double petmetric": FLAT_NOISE},
        {"form": "bristol", "scale": "unit"},
    ),
    Form(
        "vif",
        "VIF_pixel_sum",
        {
            **exact("evalIF", CDDFUSE, CDDFUSE32),
            "piq.vif_p_sum(255)": PIQ_EPSILON,
        },
    ),
    Form(
        "vif",
        "VIF_pixel_sum",
        {f"{XLSX}(uint8-saturating products at scale 1)": SATURATED},
        {"form": "saturated"},
    ),
    Form("vif", "VIF_wavelet_mean", exact("thf vifvec on im2double"), {"form": "wavelet"}),
    Form(
        "viff",
        "VIFF",
        {
            **exact("thf", "mefb"),
            **dict.fromkeys(("topanxal", "cslib.vif", "cslib.viff"), FLOAT32_CHOICE),
        },
    ),
    Form(
        "ssim", "SSIM", exact("vifb", "piq.ssim_sum(downsample=False)", "skimage_gaussian_L255_sum")
    ),
    Form("ssim", "SSIM", exact("hou", "thf", THF_UNIT), {"form": "matlab", "halved": True}),
    Form("ssim", "SSIM", exact("evalIF"), {"form": "matlab", "halved": True, "dynamic_range": 1}),
    Form(
        "ssim",
        "SSIM",
        exact("skimage_default_L255_sum", "skimage_uint8_L255_sum"),
        {"form": "uniform"},
    ),
    Form("ssim", "SSIM", {CDDFUSE_SSIM: FLOAT32_WINDOWS}, {"form": "uniform", "dynamic_range": 2}),
    Form("ssim", "SSIM", {"ivif_zoo": FLOAT32_SMALL_CONSTANTS}, {"dynamic_range": 1}),
    Form("ms_ssim", "MEF_MS_SSIM", exact("evalIF")),
    Form("ms_ssim", "MS_SSIM", exact("piq.ms_ssim_sum"), {"form": "piq"}),
    Form("q0", "Q0_imqind_mean", exact("pui", "pui_im2double")),
    Form("q0", "Q0", {"cslib.q": FLOAT32_WINDOWS}),
    Form("piella_q", "Qs", {**exact("zheng", "thf"), "cslib.q_s": FLOAT32_WINDOWS}),
    Form("piella_qw", "Qw", {**exact("zheng", "thf"), "cslib.q_w": FLOAT32_WINDOWS}),
    Form("piella_qw", "Qw_imqmet_cedge0", exact("pui"), {"form": "bristol"}),
    Form("piella_qe", "Qe", exact("derived: zheng Qw * (mefb or sqrt(thf)) QwE, alpha=1")),
    Form("piella_qe", "Qpiella_imqmet_default", exact("pui", "pui_im2double"), {"form": "bristol"}),
    Form("piella_qe", "Qe_imqmet_cedge0.5", exact("pui"), {"form": "bristol", "share": 0.5}),
    Form("q_cb", "Qcb", dict.fromkeys(("zheng", "zheng_uint8in", "thf", "vifb", "mefb"), FOURIER)),
    Form("q_cv", "Qcv", {**exact("zheng", "thf", "vifb", "mefb"), **single("cslib.q_cv")}),
    Form("q_y", "Qy", {**exact("zheng", "thf", "mefb"), "cslib.q_y": FLOAT32_WINDOWS}),
    Form("q_c", "Qc", {**exact("zheng", "thf", "mefb"), "cslib.q_c": FLOAT32_WINDOWS}),
    Form("q_c", "Qc_Cvejic_metric", exact("pui"), {"form": "cvejic"}),
    Form("q_m", "Qm", {**exact("zheng"), "cslib.pww": FLOAT32_EXPONENTS}),
    Form("q_ncie", "Qncie", {**exact("zheng", "mefb", "thf"), **single("cslib.q_ncie")}),
    Form("q_p", "Qp", exact("zheng", "thf", "mefb")),
    Form("q_sf", "Qsf", exact("zheng", "thf")),
    Form("q_te", "QTE", exact("zheng")),
    Form(
        "q_te",
        "MI_Tsallis_q1.85",
        {**exact("zheng", "mefb"), **single("cslib.te")},
        {"order": 1.85, "normalised": False},
    ),
    Form("fmi_pixel", "FMI_none", exact("evalIF")),
    Form("fmi_pixel", "FMI_pixel", {"cslib.fmi": FLAT_WINDOWS, "cslib.fmi_p": FLAT_WINDOWS}),
    Form("fmi_pixel", "FMI_gradient", exact("evalIF"), {"feature": "gradient"}),
    Form("fmi_dct", "FMI_dct", {**exact("evalIF"), **single("cslib.fmi_d")}),
    Form("nabf", "Nabf", {**exact("thf", "evalIF_nabf_fixed_argorder"), **single("cslib.n_abf")}),
    Form("nabf", "Nabf", exact("ivif_zoo"), {"weak_edges": "left out"}),
    Form("nabf", "Nabf", exact("rfn"), {"scale": "unit"}),
    Form("nabf", "Nabf", exact("evalIF"), {"swapped": True}),
]  # fmt: skip


@dataclass(frozen=True)
class Departure:
    """A toolbox that computes, under the name of a metric, what no form of ours gives.

    Attributes
    ----------
    slug : str
        Metric whose name it bears.
    reason : str
        What it computes instead.
    triples : tuple of str
        Where it departs; everywhere if empty.
    """

    slug: str
    reason: str
    triples: tuple[str, ...] = ()


ANOTHER_FILTER = "another contrast filter than that of the paper"
# By name in the oracle and toolbox.
DEPARTURES = {
    ("EN", "ivif_zoo"): Departure("en", "adds 1e-7 inside the logarithm"),
    ("EN", "topanxal"): Departure("en", "merges levels 0 and 1"),
    ("SF", "hou"): Departure("sf", "saturating 8-bit differences"),
    ("AG", "cslib.ag"): Departure("ag", "adds a small number inside the root"),
    ("MG_01", "cslib.mg"): Departure("mg", "pixels in [0, 1], a small number inside the root"),
    ("CE", "ivif_zoo"): Departure("ce", "sigmoids of the pixels instead of histograms"),
    ("NMI", "ivif_zoo"): Departure("nmi", "histograms of another kind"),
    ("CC", "thf"): Departure("cc", "saturating 8-bit products"),
    ("Qncie", "ivif_zoo"): Departure("q_ncie", "another formula"),
    ("QTE", "ivif_zoo"): Departure("q_te", "the entropy of a difference"),
    ("Qabf", "hou analysis_QG (atan2, symmetric pad)"): Departure(
        "qabf", "orientations over the full circle"
    ),
    ("Qabf", "topanxal"): Departure("qabf", "orientations over the full circle"),
    ("Qabf", "cslib.q_abf"): Departure("qabf", "equal strengths count as a ratio of 1"),
    ("Qabf", THF_UNIT): Departure("qabf", "flat areas are rounding noise on [0, 1]"),
    ("VIF_pixel_sum", "ivif_zoo"): Departure(
        "vif", "an asymmetric window, zeros beyond the border"
    ),
    ("VIF_wavelet_mean", "thf vifvec on 0-255"): Departure(
        "vif", "wavelet form on 0..255: the noise counts 255^2 times less"
    ),
    ("SSIM", "cslib.ssim"): Departure(
        "ssim", "half the sum, also of windows across the border, where images are mirrored"
    ),
    ("SSIM", "topanxal"): Departure("ssim", "uniform 11x11 window, zeros beyond the border"),
    ("MS_SSIM", "ivif_zoo"): Departure(
        "ms_ssim", "images multiplied by 255 once more, zeros beyond an odd border"
    ),
    ("MEF_MS_SSIM", "evalIF"): Departure(
        "ms_ssim", "crops of 40x40 pixels are too small: it gives minus infinity, we refuse",
        (f"{P1}@c40", f"{P3}@c40"),
    ),
    ("MEF_SSIM_level1", "evalIF"): Departure(
        "ms_ssim", "the finest scale alone; checked by a test of its own"
    ),
    ("Q0_img_qi_A", "pui"): Departure("q0", "one source alone; checked by a test of its own"),
    ("Q0_img_qi_B", "pui"): Departure("q0", "one source alone; checked by a test of its own"),
    ("Q_qindex", "pui"): Departure("piella_q", "another index of Bristol; not pursued"),
    ("Q_fqiQ_crop8", "pui"): Departure(
        "piella_q", "the universal index, in blocks that do not overlap"
    ),
    ("QwE_edge_part_only", "mefb(metricsQw sw=3)"): Departure(
        "piella_qe", "the factor of the edges alone"
    ),
    ("QwE_edge_part_only", "cslib.q_e"): Departure("piella_qe", "the factor of the edges alone"),
    ("Qe", "thf(buggy: QwE*QwE)"): Departure("piella_qe", "the edge part squared"),
    ("PSNR", "topanxal"): Departure(
        "psnr", "the maximum of each source for its peak, where it is not 255",
        (P2, "A_15_PIAFusion", "A_15_PMGI"),
    ),
    ("Qcb", "ivif_zoo"): Departure(
        "q_cb", "half of every frequency, and 1e-10 beside a blur of nearly 0"
    ),
    ("Qcb", "cslib.q_cb"): Departure("q_cb", "stretched images are not rounded"),
    ("Qcb_dog", "cslib.q_cbd"): Departure("q_cb", "stretched images are not rounded"),
    ("Qcb_mannos", "cslib.q_cbm"): Departure("q_cb", ANOTHER_FILTER),
    ("Qcb_barton", "cslib.q_cbb"): Departure("q_cb", ANOTHER_FILTER),
    ("Qcv", "cslib.q_cv"): Departure("q_cv", "stretched images are not rounded", (P1, P2)),
    ("Qcv_mannos", "cslib.q_cvm"): Departure("q_cv", "stretched images are not rounded"),
    ("Qcv_daly", "cslib.q_cvd"): Departure("q_cv", ANOTHER_FILTER),
    ("Qcv_ahumada", "cslib.q_cva"): Departure("q_cv", ANOTHER_FILTER),
    ("Qy", "ivif_zoo"): Departure("q_y", "window weights that sum up to 7, zeros at the border"),
    ("Qc", "cslib.q_c"): Departure(
        "q_c", "rounding noise of float32 decides in flat windows", (P1,)
    ),
    ("Qsf", "cslib.q_sf"): Departure("q_sf", "other divisors of the sums"),
    ("FMI_gradient", "cslib.fmi_g"): Departure("fmi_pixel", "another gradient"),
    ("FMI_edge", "cslib.fmi_e"): Departure("fmi_pixel", "binary edges are no feature of ours"),
    ("Nabf", "topanxal"): Departure("nabf", "orientations over the full circle"),
}  # fmt: skip

# No toolbox at hand computes the feature mutual information of wavelets on whole images.
WITHOUT_ORACLE = {"fmi_w"}


# -- measurement ------------------------------------------------------------------------------


@cache
def oracle(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Values by triple, name and toolbox; those that are no number are NaN or infinite."""
    files = ("oracle.json", "oracle_average.json")
    tables = {k: v for f in files for k, v in json.loads((folder / f).read_text()).items()}
    return {
        triple: {k: {box: float(x) for box, x in v.items()} for k, v in table.items()}
        for triple, table in tables.items()
    }


@cache
def images(folder: Path, triple: str) -> tuple[Image, Image, Image]:
    """Three images, or their central 40 x 40 pixels."""
    name, _, crop = triple.partition("@")
    a, b, fused = (read_image(folder / "triples" / name / f"{x}.png") for x in "abf")
    if crop:
        top, left = (a.shape[0] - 40) // 2, (a.shape[1] - 40) // 2
        a, b, fused = (x[top : top + 40, left : left + 40] for x in (a, b, fused))
    return a, b, fused


@cache
def planes(folder: Path, triple: str) -> Triplet:
    """One triplet for all metrics of a triple, so that its maps are computed once."""
    return as_triplet(images(folder, triple))


def departs(key: str, toolbox: str, triple: str) -> bool:
    """Say whether a cell is listed as one that departs."""
    found = DEPARTURES.get((key, toolbox))
    return found is not None and (not found.triples or triple in found.triples)


def cells(folder: Path, key: str, toolbox: str) -> dict[str, float]:
    """Published values by triple that ought to agree."""
    return {
        triple: table[key][toolbox]
        for triple, table in oracle(folder).items()
        if toolbox in table.get(key, {}) and not departs(key, toolbox, triple)
    }


def value(folder: Path, triple: str, slug: str, parameters: Mapping[str, Any]) -> float:
    """Our value of a cell; NaN where the metric refuses the size."""
    record, t = METRICS[slug], planes(folder, triple)
    if min(t.shape[1:]) < record.min_size:
        return math.nan
    return float(record.compute(t, **parameters)[0])


def relative(found: float, published: float) -> float:
    """Relative error; infinite where one of the two is no number."""
    error = abs(found / published - 1) if published else abs(found)
    return error if math.isfinite(error) else math.inf


def agreements(folder: Path) -> Iterator[dict[str, Any]]:
    """Measure every form against every toolbox that computes it."""
    for form in FORMS:
        for toolbox in form.toolboxes:
            there = cells(folder, form.key, toolbox)
            errors = [
                relative(value(folder, t, form.slug, form.parameters), x) for t, x in there.items()
            ]
            usual = [relative(x, value(folder, t, form.slug, {})) for t, x in there.items()]
            yield {
                "metric": form.slug,
                "key": form.key,
                "toolbox": toolbox,
                "parameters": dict(form.parameters),
                "triples": list(there),
                "error": float(f"{max(errors):.2g}"),
                "from_canonical": float(f"{max(usual):.2g}") if form.parameters else 0.0,
            }


def departures(folder: Path) -> Iterator[dict[str, Any]]:
    """Measure how far the others are from the canonical value."""
    for (key, toolbox), departure in DEPARTURES.items():
        there = {
            triple: table[key][toolbox]
            for triple, table in oracle(folder).items()
            if toolbox in table.get(key, {}) and departs(key, toolbox, triple)
        }
        errors = [relative(x, value(folder, t, departure.slug, {})) for t, x in there.items()]
        finite = [e for e in errors if math.isfinite(e)]
        yield {
            "metric": departure.slug,
            "key": key,
            "toolbox": toolbox,
            "reason": departure.reason,
            "triples": list(there),
            "from_canonical": float(f"{max(finite):.2g}") if finite else None,
        }


def measure(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Give all figures of docs/agreement.json, from ``golden/metrics`` of the shared folder."""
    return {"agree": list(agreements(folder)), "depart": list(departures(folder))}


def write(figures: Mapping[str, list[dict[str, Any]]]) -> str:
    """Write figures as JSON, a line for each."""
    parts = [
        f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]"
        for name, rows in figures.items()
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    FIGURES.write_text(write(measure(Path(sys.argv[1]) / "golden" / "metrics")))
