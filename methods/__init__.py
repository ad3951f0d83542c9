"""Fusion methods behind one interface.

Every import below registers the methods of that file; a new file is added to the list.
"""

from fusebench.methods import (
    auif,
    average,
    datfuse,
    dwt,
    gff,
    ifcnn,
    lp,
    lrrnet,
    mgff,
    rp,
    seafusion,
    ydtr,
)
from fusebench.methods._base import METHODS, LoadedMethod, load

__all__ = [
    "METHODS",
    "LoadedMethod",
    "auif",
    "average",
    "datfuse",
    "dwt",
    "gff",
    "ifcnn",
    "load",
    "lp",
    "lrrnet",
    "mgff",
    "rp",
    "seafusion",
    "ydtr",
]
