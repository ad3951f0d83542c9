"""Steerable pyramid of order 5, analysis only, for the wavelet-domain VIF."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusebench.bench.types import Array
from fusebench.metrics._primitives import correlate_mirrored

ORIENTATIONS = 6


@lru_cache(maxsize=1)
def _filters() -> dict[str, NDArray[np.float64]]:
    path = Path(__file__).parent / "filters" / "sp5.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    bands = np.array(table["bfilts"])
    side = round(len(bands) ** 0.5)
    return {
        "first": np.array(table["lo0filt"]),
        "down": np.array(table["lofilt"]),
        # Stored column by column, as MATLAB lays arrays out.
        "bands": np.stack([band.reshape(side, side, order="F") for band in bands.T]),
    }


def steerable_bands(images: Array, levels: int, wanted: Sequence[int]) -> list[list[Array]]:
    """Decompose images into oriented bands.

    Parameters
    ----------
    images : float64 array, shape (N, H, W)
    levels : int
        Number of scales, each half as large as the one before.
    wanted : sequence of int
        Orientations to compute, from 0 to 5.

    Returns
    -------
    list of list of arrays
        For each level, finest first, the wanted bands of shape (N, H / 2^level, W / 2^level).

    References
    ----------
    .. [1] E. P. Simoncelli, W. T. Freeman, "The steerable pyramid: a flexible architecture for
       multi-scale derivative computation," Proc. IEEE ICIP 3, 444-447, 1995.
       doi:10.1109/ICIP.1995.537667
    """
    filters = _filters()
    low = correlate_mirrored(images, filters["first"])
    result = []
    for level in range(levels):
        result.append([correlate_mirrored(low, filters["bands"][k]) for k in wanted])
        if level + 1 < levels:
            low = correlate_mirrored(low, filters["down"])[:, ::2, ::2]
    return result
