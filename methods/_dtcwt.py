"""Dual-tree complex wavelet transform of planes, and its inverse.

Every filtering step is one sparse matrix, border included. From the second level on the two trees
together are an orthonormal transform of the symmetric extension, so their inverse is the transpose.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from fusebench.methods._base import Plane
from fusebench.methods._pyramid import Bands

First = Literal["legall", "near_sym_b"]
Later = Literal["qshift_06", "qshift_b"]

Complex: TypeAlias = NDArray[np.complex128]

Matrix: TypeAlias = Any
"""A sparse matrix; SciPy's have no types."""

# Published taps. First level: low-pass filters of analysis and synthesis, symmetric, from the
# middle outwards; the high-pass filters are the other one's, modulated.
_FIRST: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "legall": ((0.75, 0.25, -0.125), (0.5, 0.25)),
    "near_sym_b": (
        (0.55546875, 0.296875, -0.0482421875, -0.046875, 0.022265625, 0.0, -0.0017578125),
        (
            0.5594308035714286,
            0.29975760323660716,
            -0.05168805803571428,
            -0.05564313616071428,
            0.023856026785714284,
            0.007156808035714285,
            -0.0018833705357142855,
            -0.0013419015066964285,
            0.0,
            7.062639508928571e-05,
        ),
    ),
}

# Later levels: the low-pass filter of tree a. Tree b has it reversed.
_LATER: dict[str, tuple[float, ...]] = {
    "qshift_06": (
        0.03516383657149474,
        0.0,
        -0.08832942445107285,
        0.23389032060723564,
        0.7602723690661257,
        0.5875182977235605,
        0.0,
        -0.11430183714424873,
        0.0,
        0.0,
    ),
    "qshift_b": (
        0.003253142763653182,
        -0.00388321199915849,
        0.03466034684485349,
        -0.03887280126882779,
        -0.11720388769911527,
        0.27529538466888204,
        0.7561456438925225,
        0.5688104207121227,
        0.011866092033797,
        -0.1067118046866654,
        0.023825384794920298,
        0.01702522388155399,
        -0.005439475937274115,
        -0.004556895628475491,
    ),
}


def decompose(
    plane: Plane, levels: int, first: First = "legall", later: Later = "qshift_06"
) -> tuple[Plane, Bands]:
    """Decompose a plane into a low-pass plane and six oriented complex bands per level.

    Parameters
    ----------
    plane : array, shape (H, W)
        Any size. Its last row or column is doubled where a side is odd; both outermost ones of a
        later level's input are where that is no multiple of four.
    levels : int
        Number of scales, at least 1; they end early once 2x2 samples are left.
    first, later : str
        Filters of the first level and of the others.

    Returns
    -------
    low : array, shape about (H / 2^(levels - 1), W / 2^(levels - 1))
    bands : list of lists of six complex arrays
        Finest level first; those of level k have shape about (H / 2^k, W / 2^k). Features of theirs
        lie at 15, 45, 75, -75, -45 and -15 degrees.

    References
    ----------
    .. [1] N. Kingsbury, "Complex wavelets for shift invariant analysis and filtering of signals,"
       Appl. Comput. Harmon. Anal. 10(3), 2001. doi:10.1006/acha.2000.0343
    """
    low = np.pad(plane, [(0, side % 2) for side in plane.shape], mode="edge")
    bands: Bands = []
    for level in range(levels):
        if level > 0:
            if max(low.shape) == 2:
                break
            low = np.pad(low, [(side % 4 // 2,) * 2 for side in low.shape], mode="edge")
        down, across = (_filters(side, level, first, later)[0] for side in low.shape)
        (low, upright), (flat, diagonal) = (
            [_filter_rows(along_row, column) for along_row in across]
            for column in (along_column @ low for along_column in down)
        )
        pairs = [_to_complex(band) for band in (flat, diagonal, upright)]
        bands.append([p for p, _ in pairs] + [q for _, q in reversed(pairs)])
    return low, bands


def reconstruct(
    low: Plane,
    bands: Bands,
    shape: tuple[int, ...],
    first: First = "legall",
    later: Later = "qshift_06",
) -> Plane:
    """Undo `decompose` of a plane of this shape ``(H, W)``."""
    for level in reversed(range(len(bands))):
        pairs = bands[level]
        height, width = (2 * side for side in pairs[0].shape)
        top, left = (low.shape[0] - height) // 2, (low.shape[1] - width) // 2
        low = low[top : top + height, left : left + width]
        flat, diagonal, upright = (_to_real(pairs[k], pairs[5 - k]) for k in range(3))
        sides = (height, width) if level == 0 else (2 * height, 2 * width)
        down, across = (_filters(side, level, first, later)[1] for side in sides)
        low = sum(
            along_column @ sum(_filter_rows(m, x) for m, x in zip(across, parts, strict=True))
            for along_column, parts in zip(down, ((low, upright), (flat, diagonal)), strict=True)
        )
    return low[: shape[0], : shape[1]]


def _filter_rows(matrix: Matrix, plane: Plane) -> Plane:
    filtered: Plane = (matrix @ plane.T).T
    return filtered


def _to_complex(band: Plane) -> tuple[Complex, Complex]:
    """Turn the four trees of a band, interleaved, into two bands of opposite orientation."""
    p: Complex = band[0::2, 0::2] + 1j * band[0::2, 1::2]
    q: Complex = band[1::2, 1::2] - 1j * band[1::2, 0::2]
    return (p - q) / 2**0.5, (p + q) / 2**0.5


def _to_real(first: Complex, second: Complex) -> Plane:
    p, q = (first + second) / 2**0.5, (second - first) / 2**0.5
    band = np.empty((2 * p.shape[0], 2 * p.shape[1]))
    band[0::2, 0::2], band[0::2, 1::2] = p.real, p.imag
    band[1::2, 1::2], band[1::2, 0::2] = q.real, -q.imag
    return band


@lru_cache(maxsize=64)
def _filters(
    side: int, level: int, first: First, later: Later
) -> tuple[tuple[Matrix, Matrix], tuple[Matrix, Matrix]]:
    """Give (low-pass, high-pass) matrices of the analysis and of the synthesis of a side."""
    if level == 0:
        analysis, synthesis = (np.array(half[:0:-1] + half) for half in _FIRST[first])
        bank = (analysis, _modulated(synthesis), synthesis, _modulated(analysis))
        matrices = [_symmetric(side, taps) for taps in bank]
        return (matrices[0], matrices[1]), (matrices[2], matrices[3])
    low_a = np.array(_LATER[later])
    low_b = low_a[::-1]
    high_a = low_b * (-1.0) ** np.arange(len(low_b))
    high_b = high_a[::-1]
    low = _decimated(side, low_b, low_a)
    high = _decimated(side, high_b, high_a)
    return (low, high), (low.T.tocsr(), high.T.tocsr())


def _modulated(taps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn a symmetric low-pass filter into a high-pass one, or back."""
    return taps * (-1.0) ** (np.arange(len(taps)) - len(taps) // 2)


def _symmetric(side: int, taps: NDArray[np.float64]) -> Matrix:
    """Give the matrix of a filter of odd length."""
    reach = len(taps) // 2
    places = np.arange(side)[:, None] + np.arange(-reach, reach + 1)
    return _matrix(side, places, np.broadcast_to(taps, places.shape))


def _decimated(side: int, even: NDArray[np.float64], odd: NDArray[np.float64]) -> Matrix:
    """Give the matrix that filters both trees, which are interleaved, and halves their rate.

    A filter sees the samples of one tree only. The outputs of the trees are interleaved again, in
    the order of the filters' delays, which differs between low-pass and high-pass filters.
    """
    steps = np.arange(len(even), -len(even), -2)
    starts = np.arange(0, side, 4)[:, None]
    trees = [(starts + steps, even), (starts + steps + 1, odd)]
    if even @ odd < 0:
        trees.reverse()
    places = np.stack([places for places, _ in trees], axis=1).reshape(-1, len(even))
    taps = np.tile([taps for _, taps in trees], (len(starts), 1))
    return _matrix(side, places, taps)


def _matrix(side: int, places: NDArray[np.int64], taps: NDArray[np.float64]) -> Matrix:
    """Put each row's taps to its places; places beyond the border are mirrored, edge doubled."""
    periodic = places % (2 * side)
    columns = np.minimum(periodic, 2 * side - 1 - periodic)
    rows = np.broadcast_to(np.arange(len(places))[:, None], places.shape)
    entries = (taps.ravel(), (rows.ravel(), columns.ravel()))
    return csr_array(entries, shape=(len(places), side))
