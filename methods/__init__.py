"""Fusion methods behind one interface.

Every import below registers the methods of that file; a new file is added to the list.
"""

from fusebench.methods import (
    asr,
    average,
    csmca,
    csr,
    cvt,
    dtcwt,
    dwt,
    dwt_sr,
    gff,
    gmc,
    ifcnn,
    latlrr,
    lp,
    lp_sr,
    mgff,
    nsct,
    nsst_papcnn,
    rp,
    rp_sr,
    sr,
    wavelet,
)
from fusebench.methods._base import METHODS, LoadedMethod, load

__all__ = [
    "METHODS",
    "LoadedMethod",
    "asr",
    "average",
    "csmca",
    "csr",
    "cvt",
    "dtcwt",
    "dwt",
    "dwt_sr",
    "gff",
    "gmc",
    "ifcnn",
    "latlrr",
    "load",
    "lp",
    "lp_sr",
    "mgff",
    "nsct",
    "nsst_papcnn",
    "rp",
    "rp_sr",
    "sr",
    "wavelet",
]
