"""Fusion methods behind one interface.

Every import below registers the methods of that file; a new file is added to the list.
"""

from fusebench.methods import average, dwt, gff, ifcnn, lp, mgff, rp
from fusebench.methods._base import METHODS, LoadedMethod, load

__all__ = ["METHODS", "LoadedMethod", "average", "dwt", "gff", "ifcnn", "load", "lp", "mgff", "rp"]
