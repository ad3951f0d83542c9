"""Fusion methods behind one interface.

Every import below registers the methods of that file; a new file is added to the list.
"""

from fusebench.methods import (
    average,
    cvt,
    dtcwt,
    dwt,
    gff,
    ifcnn,
    lp,
    mgff,
    nsct,
    nsst_papcnn,
    rp,
    wavelet,
)
from fusebench.methods._base import METHODS, LoadedMethod, load

__all__ = [
    "METHODS",
    "LoadedMethod",
    "average",
    "cvt",
    "dtcwt",
    "dwt",
    "gff",
    "ifcnn",
    "load",
    "lp",
    "mgff",
    "nsct",
    "nsst_papcnn",
    "rp",
    "wavelet",
]
