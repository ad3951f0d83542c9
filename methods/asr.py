"""Fusion by adaptive sparse codes of patches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

from array_api_compat import array_namespace

from fusebench.bench.types import Array, Fidelity, InputError, WeightFile, Weights
from fusebench.methods._base import Plane, TensorFusion, method
from fusebench.methods._checks import require_not_negative, require_positive
from fusebench.methods._sparse import (
    SIDE,
    approximate,
    cut,
    like,
    paste,
    read_atoms,
    step_of,
)
from fusebench.methods._tensors import on_arrays
from fusebench.methods._weights import WeightFiles, retrained

if TYPE_CHECKING:
    import torch

_GENERAL, _ORIENTED = "asr_D_100000_256_8_0.mat", "asr_D_100000_256_8_6.mat"
_ADDRESS = (
    "https://raw.githubusercontent.com/yuliu316316/ASR-Fusion/"
    "17d7b387e72e3713b81182a9381f154e9f90c09f/Dictionary/"
)

# Classes of orientation, and the share of the gradients that must be in one of them.
CLASSES = 6
_DOMINANT = 1.5 / CLASSES

# Tolerance for noise, in its standard deviations for each of the 8 pixels of a side.
_NOISE_GAIN = 1.15


@method(
    slug="asr",
    label="ASR",
    title="Adaptive sparse representation",
    reference="Y. Liu, Z. Wang, Simultaneous image fusion and denoising with adaptive sparse "
    "representation, IET Image Process. 9(5), 2015",
    doi="10.1049/iet-ipr.2014.0311",
    origin="official weights",
    colour="per_channel",
    tasks=("mff", "ivif", "medical"),
    runs_on="any",
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    _GENERAL,
                    sha256="e2edff55cc4306af8fa9e9084cc199b25adedd90ddbc7a4a173fdcbf9e3c65e3",
                    url=_ADDRESS + "D_100000_256_8_0.mat",
                ),
                WeightFile(
                    _ORIENTED,
                    sha256="22f6f667f93fad21f884feeeca8483aed04843517ec72943c4cf710f694a16b8",
                    url=_ADDRESS + "D_100000_256_8_6.mat",
                ),
            ),
            licence="none stated",
            home="https://github.com/yuliu316316/ASR-Fusion",
            notes="D_100000_256_8_0.mat and D_100000_256_8_6.mat of the authors: 256 atoms of 8x8 "
            "pixels for patches without a direction, and 256 for each of six directions.",
        ),
        retrained("asr", "94df2de5e04f381d1a41940c2847baf4ca50dddf9526b3d140d27ea7b0a58574"),
    ),
    fidelity=(
        Fidelity(
            against="asr_fuse.m run in Octave on a lossless grey pair of TNO",
            images=1,
            within_one=1.0,
            mean_abs=1.83e-5,
            max_abs=1.0,
        ),
        Fidelity(
            against="result that the authors ship with their code, made in MATLAB, on one "
            "multi-focus pair",
            images=1,
            within_one=1.0,
            mean_abs=2.44e-4,
            max_abs=1.0,
        ),
    ),
)
def asr(
    files: WeightFiles,
    *,
    task: Literal["auto", "mff", "ivif", "mef", "medical"] = "auto",
    overlap: int = 7,
    epsilon: float = 0.1,
    sigma: float = 0.0,
) -> TensorFusion:
    """Adaptive sparse representation: a dictionary for each direction of gradients.

    Parameters
    ----------
    files : WeightFiles
        A general dictionary of 8x8 patches, and one for each of six directions.
    task : {"auto", "mff", "ivif", "mef", "medical"}
        Kind of fusion. For multi-focus ("mff", also "auto") the mean of a patch comes from the same
        source as its detail; otherwise the two means are averaged.
    overlap : int
        Pixels that neighbouring patches share, 0 to 7.
    epsilon : float
        Norm of the error at which a patch counts as reached, in grey levels of 0..255.
    sigma : float
        Standard deviation of the noise in the sources, in grey levels; what it explains is not
        coded, so that it is removed.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `overlap` is not 0 to 7, `epsilon` is not above 0, or `sigma` is below 0.
    MissingDataError
        If a dictionary is not here.

    Notes
    -----
    Of every two patches the one with the greater variance chooses the dictionary: that of the
    direction in which more than a quarter of its gradients lie, or the general one. Both patches,
    without their means, are coded over it by orthogonal matching pursuit, and the one with the
    larger sum of absolute coefficients is taken, the first source's where they are equal [1]_. As
    in the authors' code a patch counts as black outside itself when its gradients are taken, and
    gradients of exactly 0 degrees, across upright edges, are left out. Where no patch lies, the
    sources are averaged. Without noise an image fused with itself comes back.

    References
    ----------
    .. [1] Y. Liu, Z. Wang, "Simultaneous image fusion and denoising with adaptive sparse
       representation," IET Image Process. 9(5), 2015. doi:10.1049/iet-ipr.2014.0311
    """
    step = step_of(overlap)
    require_positive("epsilon", epsilon)
    require_not_negative("sigma", sigma)
    tolerance = epsilon + SIDE * _NOISE_GAIN * sigma
    general, oriented = (files.weights.files[i].name for i in (0, -1))
    dictionaries = [read_atoms(files.path(general), "D")]
    all_oriented = read_atoms(files.path(oriented), "Dn")
    if len(all_oriented) % CLASSES:
        raise InputError(
            f"{files.path(oriented)} holds {len(all_oriented)} atoms; expected as many for each of "
            f"{CLASSES} directions"
        )
    dictionaries += list(all_oriented.reshape(CLASSES, -1, SIDE**2))
    focus = task in ("auto", "mff")

    def fuse(coders: Sequence[_Coder], a: Array, b: Array) -> Array:
        xp = array_namespace(a)
        patches = [cut(plane, step) for plane in (a, b)]
        means = [p.mean(1, keepdims=True) for p in patches]
        centred = [p - m for p, m in zip(patches, means, strict=True)]
        first = (centred[0] ** 2).sum(1) > (centred[1] ** 2).sum(1)
        kind = direction(xp.where(first[:, None], *patches))
        fits, activities = zip(
            *[code(p, kind) for code, p in zip(coders, centred, strict=True)], strict=True
        )
        second = (activities[0] < activities[1])[:, None]
        mean = xp.where(second, means[1], means[0]) if focus else (means[0] + means[1]) / 2
        return paste(xp.where(second, fits[1], fits[0]) + mean, (a + b) / 2, step)

    def run(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        coders = [_Coder(dictionaries, tolerance) for _ in range(2)]
        return on_arrays(partial(fuse, coders))(a, b)

    return run


class _Coder:
    """Sparse codes of the patches of one source, plane after plane.

    A grey source beside a coloured one comes once for each channel: what of it was coded over the
    same dictionary is used again.
    """

    def __init__(self, dictionaries: Sequence[Plane], tolerance: float) -> None:
        self.dictionaries, self.tolerance = dictionaries, tolerance
        self.patches: Array = None

    def __call__(self, patches: Array, kind: Array) -> tuple[Array, Array]:
        """Approximate patches ``(N, 64)``, each over the dictionary of its kind."""
        xp = array_namespace(patches)
        if (
            self.patches is None
            or self.patches.shape != patches.shape
            or bool((self.patches != patches).any())
        ):
            self.patches, self.kind = patches, xp.full_like(kind, -1)
            self.fit, self.activity = xp.zeros_like(patches), xp.zeros_like(patches[:, 0])
        for i, atoms in enumerate(self.dictionaries):
            some = xp.nonzero((kind == i) & (self.kind != i))[0]
            self.fit[some], self.activity[some] = approximate(
                patches[some], like(atoms, patches), self.tolerance
            )
        self.kind = kind
        return self.fit, self.activity


def direction(patches: Array) -> Array:
    """Give the class of the gradients of patches ``(N, 64)``: 1 to 6, or 0 where none dominates."""
    xp = array_namespace(patches)
    wide = xp.zeros((len(patches), SIDE + 2, SIDE + 2), dtype=patches.dtype, device=patches.device)
    wide[:, 1:-1, 1:-1] = patches.reshape(-1, SIDE, SIDE)
    across = wide[:, :, 2:] - wide[:, :, :-2]
    across = across[:, :-2] + 2 * across[:, 1:-1] + across[:, 2:]
    down = wide[:, 2:] - wide[:, :-2]
    down = down[:, :, :-2] + 2 * down[:, :, 1:-1] + down[:, :, 2:]
    strength = xp.sqrt(across**2 + down**2).reshape(-1, SIDE**2)
    # A vertical gradient has 90 degrees, one of no direction 0, which is in no class.
    safe = xp.where(across == 0, 1.0, across)
    angle = xp.where(across == 0, 90.0 * (down != 0), xp.atan(down / safe) * 180 / math.pi)
    angle = xp.where(angle < 0, angle + 180, angle).reshape(-1, SIDE**2)
    classes = xp.ceil(angle / (180 / CLASSES))
    # Added up pixel by pixel, as the authors' code does: what is equal shall stay equal.
    sums = [xp.zeros_like(strength[:, 0]) for _ in range(CLASSES)]
    for i in range(SIDE**2):
        for k in range(CLASSES):
            sums[k] += strength[:, i] * (classes[:, i] == k + 1)
    histogram = xp.stack(sums, axis=1)
    total = sum(sums[1:], sums[0])
    strongest, most = xp.argmax(histogram, axis=1), xp.max(histogram, axis=1)
    dominant = (total > 0) & (most / xp.where(total > 0, total, 1.0) > _DOMINANT)
    return xp.where(dominant, strongest + 1, 0)
