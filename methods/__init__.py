"""Fusion methods behind one interface.

Every import below registers the methods of that file; a new file is added to the list.
"""

from fusebench.methods import (
    average,
    deepfuse,
    densefuse,
    dwt,
    emfusion,
    gff,
    ifcnn,
    lp,
    mgff,
    pmgi,
    rp,
    sdnet,
    u2fusion,
)
from fusebench.methods._base import METHODS, LoadedMethod, load

__all__ = [
    "METHODS",
    "LoadedMethod",
    "average",
    "deepfuse",
    "densefuse",
    "dwt",
    "emfusion",
    "gff",
    "ifcnn",
    "load",
    "lp",
    "mgff",
    "pmgi",
    "rp",
    "sdnet",
    "u2fusion",
]
