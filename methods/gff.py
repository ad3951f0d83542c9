"""Guided filtering fusion."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, laplace, uniform_filter

from fusebench.bench.images import luma, to_8_bit
from fusebench.bench.types import Fidelity
from fusebench.methods._base import Plane, TensorFusion, method, on_images
from fusebench.methods._checks import require_count, require_positive
from fusebench.methods._guided import guided_filter

# The paper's constants that its authors' code does not offer as options.
_BASE_WINDOW = 31
_SALIENCY_SIGMA, _SALIENCY_RADIUS = 5.0, 5

# Keeps a weight where all sources are flat; the value is that of the authors' code.
_TINY = 1e-12


@method(
    slug="gff",
    label="GFF",
    title="Guided filtering fusion",
    reference="S. Li, X. Kang, J. Hu, Image fusion with guided filtering, "
    "IEEE Trans. Image Process. 22(7), 2013",
    doi="10.1109/TIP.2013.2244222",
    origin="reimplemented",
    colour="native",
    fidelity=(
        Fidelity(
            against="the authors' code run in Octave on lossless grey pairs (3 TNO, 1 RoadScene, 1 "
            "Lytro, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=1.62e-5,
            max_abs=1.0,
        ),
        Fidelity(
            against="VIFB's published colour images, made in MATLAB, from sources saved as "
            "JPEG once more, as VIFB does",
            images=17,
            within_one=0.99191,
            mean_abs=6.238e-2,
            max_abs=48.0,
        ),
    ),
    notes="Where both sources are equally salient, source b (visible, far focus) is taken, because "
    "the published comparisons stack it first.",
)
def gff(*, r1: int = 45, eps1: float = 0.3, r2: int = 7, eps2: float = 1e-6) -> TensorFusion:
    """Guided filtering: per-pixel choice by saliency, smoothed along the edges of each source.

    Parameters
    ----------
    r1, eps1 : int, float
        Radius in pixels (at least 1) and flatness of the filter that smooths the choice for the
        base layers. `eps1` is a variance on the 0..1 scale.
    r2, eps2 : int, float
        The same for the detail layers.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `r1` or `r2` is below 1, or `eps1` or `eps2` is not above 0.

    Notes
    -----
    Follows [1]_ with one trait of the authors' code: smoothed choices are rounded to 8 bits before
    they are normalised. Weights of colour sources come from their 8-bit luma and are applied to all
    three channels. Fusing an image with itself gives the image back.

    The authors' code stops with an error on images whose height or width is at most 2 r1 + 1 = 91
    pixels, because its box sums address windows that do not fit. Nothing in the method asks for
    that: here windows end at the border, as they do there for larger images, and every size works.

    The sources tie wherever both are flat, and the first of them, here `b`, is taken. VIFB's
    published images, made in MATLAB, took the other source in some flat regions, most likely
    because a Laplacian of rounding errors (1e-17) is not quite 0 there. They also were made from
    sources saved once more as JPEG, and those of a grey infrared image beside a colour one are
    wrong: their loader wrote the infrared image into the green channel of the visible one.

    References
    ----------
    .. [1] S. Li, X. Kang, J. Hu, "Image fusion with guided filtering," IEEE Trans. Image Process.
       22(7), 2013. doi:10.1109/TIP.2013.2244222
    """
    require_count("r1", r1)
    require_positive("eps1", eps1)
    require_count("r2", r2)
    require_positive("eps2", eps2)

    def fuse(a: Plane, b: Plane) -> Plane:
        guide_a, guide_b = _grey(a), _grey(b)
        choose_a = (_saliency(guide_a) > _saliency(guide_b)).astype(np.float64)
        base_a, base_b = _base(a), _base(b)

        def share_of_a(radius: int, eps: float) -> Plane:
            weight_a = _weight(guide_a, choose_a, radius, eps)
            weight_b = _weight(guide_b, 1 - choose_a, radius, eps)
            return weight_a / (weight_a + weight_b)

        base, detail = share_of_a(r1, eps1), share_of_a(r2, eps2)
        return (
            base * base_a
            + (1 - base) * base_b
            + detail * (a - base_a)
            + (1 - detail) * (b - base_b)
        )

    return on_images(fuse)


def _grey(levels: Plane) -> Plane:
    image = to_8_bit(levels[0] if len(levels) == 1 else np.moveaxis(levels, 0, 2))
    return luma(image).astype(np.float64) / 255.0


def _saliency(guide: Plane) -> Plane:
    contrast = np.abs(laplace(guide, mode="nearest"))
    saliency: Plane = gaussian_filter(
        contrast, _SALIENCY_SIGMA, radius=_SALIENCY_RADIUS, mode="nearest"
    )
    return saliency


def _base(levels: Plane) -> Plane:
    base: Plane = uniform_filter(levels, (1, _BASE_WINDOW, _BASE_WINDOW), mode="nearest")
    return base


def _weight(guide: Plane, choice: Plane, radius: int, eps: float) -> Plane:
    smooth = guided_filter(guide, choice, radius, eps)
    return to_8_bit(smooth * 255.0).astype(np.float64) / 255.0 + _TINY
