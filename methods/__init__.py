"""Fusion methods behind one interface.

Every import below registers the methods of that file; a new file is added to the list.
"""

from fusebench.methods import (
    auif,
    average,
    datfuse,
    deepfuse,
    densefuse,
    dwt,
    emfusion,
    gff,
    ifcnn,
    lp,
    lrrnet,
    mgff,
    pmgi,
    rp,
    sdnet,
    seafusion,
    u2fusion,
    ydtr,
)
from fusebench.methods._base import METHODS, LoadedMethod, load

__all__ = [
    "METHODS",
    "LoadedMethod",
    "auif",
    "average",
    "datfuse",
    "deepfuse",
    "densefuse",
    "dwt",
    "emfusion",
    "gff",
    "ifcnn",
    "load",
    "lp",
    "lrrnet",
    "mgff",
    "pmgi",
    "rp",
    "sdnet",
    "seafusion",
    "u2fusion",
    "ydtr",
]
