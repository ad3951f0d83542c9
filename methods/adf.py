"""Fusion by anisotropic diffusion."""

from __future__ import annotations

import numpy as np

from fusebench.bench.types import Fidelity
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._checks import require_count, require_positive
from fusebench.methods._principal import principal_weights

# A diagonal neighbour is sqrt(2) pixels away, and the flow falls with the square of the distance.
_DIAGONAL = 0.5


@method(
    slug="adf",
    label="ADF",
    title="Anisotropic diffusion fusion",
    reference="D. P. Bavirisetti, R. Dhuli, Fusion of infrared and visible sensor images based on "
    "anisotropic diffusion and Karhunen-Loeve transform, IEEE Sens. J. 16(1), 2016",
    doi="10.1109/JSEN.2015.2478655",
    origin="reimplemented",
    colour="per_channel",
    fidelity=(
        Fidelity(
            against="the authors' code run in Octave on lossless grey pairs (3 TNO, 1 "
            "RoadScene, 1 Lytro, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=3.01e-5,
            max_abs=1.0,
        ),
        Fidelity(
            against="VIFB's published colour images, made in MATLAB and saved as JPEG",
            images=21,
            within_one=0.99997,
            mean_abs=1.43e-4,
            max_abs=4.0,
        ),
    ),
)
def adf(*, iterations: int = 10, step: float = 0.15, kappa: float = 30.0) -> TensorFusion:
    """Anisotropic diffusion: mean of the smoothed sources, details weighted by their variance.

    Parameters
    ----------
    iterations : int
        Number of diffusion steps, at least 1.
    step : float
        Size of a step in time, above 0. Above 1/6 diffusion overshoots.
    kappa : float
        Difference of neighbours, in grey levels of 0..255, at which flow begins to be held back.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `iterations` is below 1, or `step` or `kappa` is not above 0.

    Notes
    -----
    Perona and Malik's diffusion [2]_ with eight neighbours and conduction exp(-(d / kappa)^2) gives
    the base; what it removes is the detail. Details are weighted by the principal component of
    their covariance over the whole image, normalised to a sum of one [1]_. Where details of the two
    sources go against each other a weight is negative, and its details come back inverted.

    As in the authors' code pixels outside the image are black: bright borders are held by the
    conduction, dark ones darken a little. Fusing an image with itself gives the image back.

    References
    ----------
    .. [1] D. P. Bavirisetti, R. Dhuli, "Fusion of infrared and visible sensor images based on
       anisotropic diffusion and Karhunen-Loeve transform," IEEE Sens. J. 16(1), 2016.
       doi:10.1109/JSEN.2015.2478655
    .. [2] P. Perona, J. Malik, "Scale-space and edge detection using anisotropic diffusion," IEEE
       Trans. Pattern Anal. Mach. Intell. 12(7), 1990. doi:10.1109/34.56205
    """
    require_count("iterations", iterations)
    require_positive("step", step)
    require_positive("kappa", kappa)

    def fuse(a: Plane, b: Plane) -> Plane:
        base_a, base_b = (_diffuse(x, iterations, step, kappa) for x in (a, b))
        detail_a, detail_b = a - base_a, b - base_b
        weight_a, weight_b = principal_weights(detail_a, detail_b)
        return weight_a * detail_a + weight_b * detail_b + (base_a + base_b) / 2

    return on_planes(fuse)


def _diffuse(plane: Plane, iterations: int, step: float, kappa: float) -> Plane:
    wide = np.pad(plane, 1)
    for _ in range(iterations):
        change = _inflow(wide, 1, 0, kappa) + _inflow(wide, 0, 1, kappa)
        change += _DIAGONAL * (_inflow(wide, 1, 1, kappa) + _inflow(wide, 1, -1, kappa))
        wide[1:-1, 1:-1] += step * change
    inside: Plane = wide[1:-1, 1:-1]
    return inside


def _inflow(wide: Plane, down: int, right: int, kappa: float) -> Plane:
    """Give what flows into each inner pixel from one neighbour and from the opposite one."""
    height, width = wide.shape[0] - 2, wide.shape[1] - 2
    first = 1 - max(right, 0)
    end = width + 1 - min(right, 0)
    difference = (
        wide[1 : height + 1 + down, first + right : end + right]
        - wide[1 - down : height + 1, first:end]
    )
    # What enters a pixel on one side has left its neighbour there: each flow is computed once.
    flow = difference * np.exp(-np.square(difference / kappa))
    entering = flow[down:, 1 - first : 1 - first + width]
    leaving = flow[:height, 1 - first - right : 1 - first - right + width]
    inflow: Plane = entering - leaving
    return inflow
