"""Fusion by a fourth-order partial differential equation."""

from __future__ import annotations

import numpy as np

from fusebench.bench.images import to_8_bit
from fusebench.bench.types import Fidelity
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._checks import require_count, require_positive
from fusebench.methods._principal import principal_weights


@method(
    slug="fpde",
    label="FPDE",
    title="Fourth-order partial differential equation fusion",
    reference="D. P. Bavirisetti, G. Xiao, G. Liu, Multi-sensor image fusion based on fourth order "
    "partial differential equations, Int. Conf. Information Fusion, 2017",
    doi="10.23919/ICIF.2017.8009719",
    origin="reimplemented",
    colour="per_channel",
    fidelity=(
        Fidelity(
            against="the authors' code run in Octave on lossless grey pairs (3 TNO, 1 "
            "RoadScene, 1 Lytro, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=2.55e-5,
            max_abs=2.0,
        ),
    ),
)
def fpde(*, iterations: int = 15, step: float = 0.9, k: float = 4.0) -> TensorFusion:
    """Fourth-order diffusion: mean of the smoothed sources, details weighted by their variance.

    Parameters
    ----------
    iterations : int
        Number of diffusion steps, at least 1.
    step : float
        Size of a step in time, above 0. Above 1 diffusion becomes unstable.
    k : float
        Curvature, in grey levels of 0..255 per squared pixel, at which diffusion begins to be held
        back.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `iterations` is below 1, or `step` or `k` is not above 0.

    Notes
    -----
    You and Kaveh's diffusion [2]_ gives the base, which approaches planes instead of steps; what it
    removes is the detail. Details are weighted by the principal component of their covariance over
    the whole image, normalised to a sum of one [1]_.

    Traits of the authors' code: second derivatives are central differences taken twice, along rows
    and columns only; each base is rounded to 8 bits, and so is its half before the two halves are
    added, so that the base of the fused image is up to one level brighter than the mean. Fusing an
    image with itself therefore gives it back to within one level.

    References
    ----------
    .. [1] D. P. Bavirisetti, G. Xiao, G. Liu, "Multi-sensor image fusion based on fourth order
       partial differential equations," Int. Conf. Information Fusion, 2017.
       doi:10.23919/ICIF.2017.8009719
    .. [2] Y.-L. You, M. Kaveh, "Fourth-order partial differential equations for noise removal,"
       IEEE Trans. Image Process. 9(10), 2000. doi:10.1109/83.869184
    """
    require_count("iterations", iterations)
    require_positive("step", step)
    require_positive("k", k)

    def fuse(a: Plane, b: Plane) -> Plane:
        base_a, base_b = (_levels(_diffuse(x, iterations, step, k)) for x in (a, b))
        detail_a, detail_b = a - base_a, b - base_b
        weight_a, weight_b = principal_weights(detail_a, detail_b)
        base = np.minimum(_levels(base_a / 2) + _levels(base_b / 2), 255.0)
        return weight_a * detail_a + weight_b * detail_b + base

    return on_planes(fuse)


def _levels(plane: Plane) -> Plane:
    return to_8_bit(plane).astype(np.float64)


def _diffuse(plane: Plane, iterations: int, step: float, k: float) -> Plane:
    plane = plane.copy()
    for _ in range(iterations):
        along_rows, along_columns = _second(plane), _second(plane.T).T
        conduction = 1 / (1 + (along_rows**2 + along_columns**2) / k**2)
        plane -= step * (
            _second(conduction * along_rows) + _second((conduction * along_columns).T).T
        )
    return plane


def _second(plane: Plane) -> Plane:
    return _derivative(_derivative(plane))


def _derivative(plane: Plane) -> Plane:
    """Give central differences down the columns, one-sided in the first and last row."""
    if len(plane) == 1:
        return np.zeros_like(plane)
    slope: Plane = np.gradient(plane, axis=0)
    return slope
