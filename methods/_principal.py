"""Weights from the principal component of two planes."""

from __future__ import annotations

import numpy as np

from fusebench.methods._base import Plane


def principal_weights(a: Plane, b: Plane) -> tuple[float, float]:
    """Give the direction in which two planes vary most, as weights that sum to one.

    Parameters
    ----------
    a, b : array, shape (H, W)

    Returns
    -------
    tuple of float
        Weights of `a` and `b`. Where the planes go against each other they may leave [0, 1]; one
        half each where the components of the direction cancel, or nothing varies.
    """
    x, y = a - a.mean(), b - b.mean()
    mixed = float(np.vdot(x, y))
    covariance = np.array([[np.vdot(x, x), mixed], [mixed, np.vdot(y, y)]])
    first, second = np.linalg.eigh(covariance)[1][:, -1]
    total = first + second
    # Equal planes make two equal components only up to rounding, and a zero matrix has no
    # direction: both are told from the matrix.
    if not covariance.any() or abs(total) < 1e-12:
        return 0.5, 0.5
    return float(first / total), float(second / total)
