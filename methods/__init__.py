"""Fusion methods behind one interface.

Every import below registers the methods of that file; a new file is added to the list.
"""

from fusebench.methods import (
    adf,
    average,
    cbf,
    dwt,
    fpde,
    gff,
    gtf,
    hybrid_msd,
    ifcnn,
    ifevip,
    lp,
    maximum,
    mertens,
    mgff,
    msvd,
    pca,
    rp,
    tif,
    vsmwls,
)
from fusebench.methods._base import METHODS, LoadedMethod, load

__all__ = [
    "METHODS",
    "LoadedMethod",
    "adf",
    "average",
    "cbf",
    "dwt",
    "fpde",
    "gff",
    "gtf",
    "hybrid_msd",
    "ifcnn",
    "ifevip",
    "load",
    "lp",
    "maximum",
    "mertens",
    "mgff",
    "msvd",
    "pca",
    "rp",
    "tif",
    "vsmwls",
]
