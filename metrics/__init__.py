"""Quality measures of image fusion.

Each metric is a function of ``(a, b, fused)``; every import below registers the metrics of that
file, and a new file is added to the list. `score` computes many at once and shares their work.
"""

from fusebench.metrics._base import METRICS
from fusebench.metrics._maps import MAPPED, ScoreMap, maps_on_pixels, pool_maps, score_maps
from fusebench.metrics._protocol import Protocol, load_protocol, protocol_names
from fusebench.metrics._score import (
    Score,
    compute_scores,
    explain,
    score,
    score_batch,
    select_metrics,
    triplet_of,
)
from fusebench.metrics._triplet import Triplet
from fusebench.metrics.ag import ag
from fusebench.metrics.cc import cc
from fusebench.metrics.ce import ce
from fusebench.metrics.ei import ei
from fusebench.metrics.en import en
from fusebench.metrics.fmi import fmi_dct, fmi_pixel, fmi_w
from fusebench.metrics.mg import mg
from fusebench.metrics.mi import mi
from fusebench.metrics.ms_ssim import ms_ssim, ms_ssim_ref
from fusebench.metrics.mse import mse, rmse
from fusebench.metrics.nabf import nabf
from fusebench.metrics.nmi import nmi
from fusebench.metrics.piella import piella_q, piella_qe, piella_qw
from fusebench.metrics.psnr import psnr, psnr_ref
from fusebench.metrics.q0 import q0
from fusebench.metrics.q_c import q_c
from fusebench.metrics.q_cb import q_cb
from fusebench.metrics.q_cv import q_cv
from fusebench.metrics.q_m import q_m
from fusebench.metrics.q_ncie import q_ncie
from fusebench.metrics.q_p import q_p
from fusebench.metrics.q_sf import q_sf
from fusebench.metrics.q_te import q_te
from fusebench.metrics.q_y import q_y
from fusebench.metrics.qabf import qabf
from fusebench.metrics.scd import scd
from fusebench.metrics.sd import sd
from fusebench.metrics.sf import sf
from fusebench.metrics.ssim import ssim, ssim_ref
from fusebench.metrics.vif import vif, vif_ref
from fusebench.metrics.viff import viff

__all__ = [
    "MAPPED",
    "METRICS",
    "Protocol",
    "Score",
    "ScoreMap",
    "Triplet",
    "ag",
    "cc",
    "ce",
    "compute_scores",
    "ei",
    "en",
    "explain",
    "fmi_dct",
    "fmi_pixel",
    "fmi_w",
    "load_protocol",
    "maps_on_pixels",
    "mg",
    "mi",
    "ms_ssim",
    "ms_ssim_ref",
    "mse",
    "nabf",
    "nmi",
    "piella_q",
    "piella_qe",
    "piella_qw",
    "pool_maps",
    "protocol_names",
    "psnr",
    "psnr_ref",
    "q0",
    "q_c",
    "q_cb",
    "q_cv",
    "q_m",
    "q_ncie",
    "q_p",
    "q_sf",
    "q_te",
    "q_y",
    "qabf",
    "rmse",
    "scd",
    "score",
    "score_batch",
    "score_maps",
    "sd",
    "select_metrics",
    "sf",
    "ssim",
    "ssim_ref",
    "triplet_of",
    "vif",
    "vif_ref",
    "viff",
]
