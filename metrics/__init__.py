"""Quality measures of image fusion.

Each metric is a function of ``(a, b, fused)``; every import below registers the metrics of that
file, and a new file is added to the list. `score` computes many at once and shares their work.
"""

from fusebench.metrics._base import METRICS
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
from fusebench.metrics.ei import ei
from fusebench.metrics.en import en
from fusebench.metrics.mg import mg
from fusebench.metrics.mi import mi
from fusebench.metrics.mse import mse, rmse
from fusebench.metrics.piella import piella_q, piella_qe, piella_qw
from fusebench.metrics.psnr import psnr, psnr_ref
from fusebench.metrics.q0 import q0
from fusebench.metrics.qabf import qabf
from fusebench.metrics.scd import scd
from fusebench.metrics.sd import sd
from fusebench.metrics.sf import sf
from fusebench.metrics.ssim import ssim, ssim_ref
from fusebench.metrics.vif import vif

__all__ = [
    "METRICS",
    "Protocol",
    "Score",
    "Triplet",
    "ag",
    "cc",
    "compute_scores",
    "ei",
    "en",
    "explain",
    "load_protocol",
    "mg",
    "mi",
    "mse",
    "piella_q",
    "piella_qe",
    "piella_qw",
    "protocol_names",
    "psnr",
    "psnr_ref",
    "q0",
    "qabf",
    "rmse",
    "scd",
    "score",
    "score_batch",
    "sd",
    "select_metrics",
    "sf",
    "ssim",
    "ssim_ref",
    "triplet_of",
    "vif",
]
