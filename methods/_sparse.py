"""Sparse coding of image patches over a learned dictionary.

Everything here takes NumPy arrays or torch tensors and gives the same kind back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from array_api_compat import array_namespace

from fusebench.bench.types import Array, InputError, WeightFile, Weights
from fusebench.methods._base import Plane
from fusebench.methods._checks import require_positive
from fusebench.methods._pursuit import pursuit_of
from fusebench.methods._weights import WeightFiles, read_tensors, retrained

SIDE = 8
"""Height and width of a patch."""

OFFICIAL = Weights(
    name="official",
    origin="official weights",
    files=(
        WeightFile(
            "mst_sr_D_100000_256_8.mat",
            sha256="ca4e6fc769ccdab7e0854c0f76d8103802fce05f8e56a8c0b461c9a7c37f4e10",
            url="https://raw.githubusercontent.com/xingchenzhang/VIFB/"
            "5d29ee72176551bca1e7823598f4a1f7f5f2467f/methods/RP_SR/sparsefusion/Dictionary/"
            "D_100000_256_8.mat",
        ),
    ),
    licence="none stated",
    home="https://github.com/yuliu316316/MST-SR-Fusion-Toolbox",
    notes="The dictionary of Y. Liu, D_100000_256_8.mat: 256 atoms of 8x8 pixels, learned by K-SVD "
    "from 100,000 patches of natural images.",
)

WEIGHTS = (
    OFFICIAL,
    retrained("sr", "11a4b4f37fa58de3ff24b3168d8b489af65e33cb5194f9feef3fb7c410121621"),
)
"""What the methods with one dictionary of patches have."""


def read_atoms(path: Path, name: str) -> Plane:
    """Read a dictionary of patches.

    Parameters
    ----------
    path : Path
        A file that `fusebench.methods._weights.read_tensors` reads.
    name : str
        Its array ``(64, K)``: one atom in each column, its pixels column by column.

    Returns
    -------
    array, shape (K, 64)
        Atoms of norm one, their pixels row by row.

    Raises
    ------
    InputError
        If the file holds no such array, or an atom is zero or not finite.
    """
    tensors = read_tensors(path)
    if name not in tensors or tensors[name].ndim != 2 or tensors[name].shape[0] != SIDE**2:
        found = ", ".join(f"{k} {tuple(v.shape)}" for k, v in tensors.items()) or "none"
        raise InputError(f"{path} holds no dictionary {name} (64, K); its arrays: {found}")
    columns = tensors[name].double().numpy()
    norms = np.sqrt((columns**2).sum(0))
    if not np.isfinite(norms).all() or not norms.all():
        raise InputError(f"{path} holds atoms of {name} that are zero or not finite")
    return transpose_pixels((columns / norms).T)


def transpose_pixels(patches: Plane) -> Plane:
    """Turn patches ``(N, side ** 2)`` from column by column to row by row."""
    side = math.isqrt(patches.shape[1])
    swapped = patches.reshape(-1, side, side).transpose(0, 2, 1)
    return np.ascontiguousarray(swapped.reshape(patches.shape))


def cut(plane: Array, step: int, side: int = SIDE) -> Array:
    """Cut a plane ``(H, W)`` into square patches, row by row on a grid of `step` pixels.

    Returns
    -------
    array, shape (number of patches, side ** 2)
        Empty if the plane is smaller than a patch. A margin that the grid does not reach is left
        out.
    """
    xp = array_namespace(plane)
    rows, columns = _grid(plane.shape, step, side)
    pixels = [
        plane[dy : dy + rows * step : step, dx : dx + columns * step : step].reshape(-1)
        for dy in range(side)
        for dx in range(side)
    ]
    return xp.stack([p[: rows * columns] for p in pixels], axis=1)


def paste(patches: Array, plane: Array, step: int, side: int = SIDE) -> Array:
    """Put patches that `cut` gave back to their places, averaged where they overlap.

    Parameters
    ----------
    patches : array, shape (number of patches, side ** 2)
    plane : array, shape (H, W)
        Values where no patch lies.
    step, side : int

    Returns
    -------
    array, shape (H, W)
    """
    xp = array_namespace(plane)
    rows, columns = _grid(plane.shape, step, side)
    if rows * columns == 0:
        return plane
    total, count = xp.zeros_like(plane), xp.zeros_like(plane)
    for i in range(side**2):
        dy, dx = divmod(i, side)
        places = np.s_[dy : dy + rows * step : step, dx : dx + columns * step : step]
        total[places] += patches[:, i].reshape(rows, columns)
        count[places] += 1
    return xp.where(count > 0, total / xp.where(count > 0, count, 1), plane)


def _grid(shape: Sequence[int], step: int, side: int) -> tuple[int, int]:
    rows, columns = (max((length - side) // step + 1, 0) for length in shape)
    return (rows, columns) if rows and columns else (0, 0)


def approximate(patches: Array, atoms: Array, tolerance: float) -> tuple[Array, Array]:
    """Approximate patches by few atoms: orthogonal matching pursuit.

    Each step takes the atom that correlates most with what is left of a patch, and projects the
    patch on all atoms taken so far, until at most `tolerance` is left or 64 atoms are taken.

    Parameters
    ----------
    patches : array, shape (N, 64)
    atoms : array, shape (K, 64)
        Of norm one.
    tolerance : float
        Norm of the rest at which a patch counts as reached.

    Returns
    -------
    fit : array, shape (N, 64)
        The combinations of atoms.
    activity : array, shape (N,)
        Sums of the absolute coefficients.

    Notes
    -----
    The pursuit of [1]_, for many patches at once. Projections go through an orthonormal basis that
    grows by one vector each step, so that nothing is solved anew.

    References
    ----------
    .. [1] Y. C. Pati, R. Rezaiifar, P. S. Krishnaprasad, "Orthogonal matching pursuit: recursive
       function approximation with applications to wavelet decomposition," Asilomar Conf., 1993.
       doi:10.1109/ACSSC.1993.342465
    """
    xp = array_namespace(patches)
    fit, activity = xp.zeros_like(patches), xp.zeros_like(patches[:, 0])
    energy = xp.vecdot(patches, patches)
    # Patches of alike energy need alike numbers of atoms; flat ones need none.
    order = xp.argsort(energy)[int((energy <= tolerance**2).sum()) :]
    pursuit = pursuit_of(patches, atoms)
    for start in range(0, order.shape[0], pursuit.together):
        some = order[start : start + pursuit.together]
        rest, _, coefficients = pursuit(patches[some], tolerance, SIDE**2)
        fit[some], activity[some] = patches[some] - rest, xp.abs(coefficients).sum(1)
    return fit, activity


def sparse_codes(patches: Array, atoms: Array, most: int) -> Array:
    """Give the coefficients ``(N, K)`` of patches over at most `most` atoms; see `approximate`."""
    xp = array_namespace(patches)
    codes = xp.zeros((len(patches), len(atoms)), dtype=patches.dtype, device=patches.device)
    pursuit = pursuit_of(patches, atoms)
    for start in range(0, len(patches), pursuit.together):
        some = slice(start, start + pursuit.together)
        _, chosen, coefficients = pursuit(patches[some], 1e-6, most)
        for k in range(chosen.shape[1]):
            rows = xp.arange(start, start + len(chosen))
            codes[rows, chosen[:, k]] += coefficients[:, k]
    return codes


def fuse_patches(a: Array, b: Array, atoms: Array, step: int, tolerance: float) -> Array:
    """Fuse two planes by the sparse codes of their patches.

    Of every two patches, without their means, the one with the larger sum of absolute coefficients
    is taken (the first one where they are equal), together with its mean.

    Parameters
    ----------
    a, b : array, shape (H, W)
        Grey levels of 0..255, or low-pass bands of any size.
    atoms : array, shape (K, 64)
        See `read_atoms`.
    step : int
        Distance of the patches.
    tolerance : float
        See `approximate`.

    Returns
    -------
    array, shape (H, W)
        The mean of both where no patch lies.

    References
    ----------
    .. [1] B. Yang, S. Li, "Multifocus image fusion and restoration with sparse representation,"
       IEEE Trans. Instrum. Meas. 59(4), 2010. doi:10.1109/TIM.2009.2026612
    """
    xp = array_namespace(a)
    means, fits, activities = [], [], []
    for plane in (a, b):
        patches = cut(plane, step)
        mean = patches.mean(1, keepdims=True)
        fit, activity = approximate(patches - mean, atoms, tolerance)
        means.append(mean)
        fits.append(fit)
        activities.append(activity)
    second = (activities[0] < activities[1])[:, None]
    fused = xp.where(second, fits[1] + means[1], fits[0] + means[0])
    return paste(fused, (a + b) / 2, step)


class PatchFusion:
    """The rule `fuse_patches` with the dictionary of a set of weights and checked options.

    Parameters
    ----------
    files : WeightFiles
        A dictionary ``D``.
    overlap : int
        Pixels that neighbouring patches share, 0 to 7.
    epsilon : float
        Norm of the error at which a patch counts as reached, in the scale of the planes.

    Raises
    ------
    InputError
        If an option is out of its range, or the file is not a dictionary.
    MissingDataError
        If the file is not here.
    """

    def __init__(self, files: WeightFiles, overlap: int, epsilon: float) -> None:
        self.step = step_of(overlap)
        require_positive("epsilon", epsilon)
        self.epsilon = epsilon
        self.atoms = read_atoms(files.path(files.weights.files[0].name), "D")

    def __call__(self, a: Plane, b: Plane) -> Plane:
        """Fuse two planes ``(H, W)``."""
        atoms = like(self.atoms, a)
        fused: Plane = fuse_patches(a, b, atoms, self.step, self.epsilon)
        return fused


def step_of(overlap: int) -> int:
    """Give the distance of patches that share `overlap` pixels.

    Raises
    ------
    InputError
        If `overlap` is not 0 to 7.
    """
    if not 0 <= overlap < SIDE:
        raise InputError(f"overlap is {overlap}; expected a whole number from 0 to {SIDE - 1}")
    return SIDE - overlap


def like(array: Plane, other: Array) -> Array:
    """Give an array as the kind of another, on its device."""
    xp = array_namespace(other)
    return xp.asarray(array, device=other.device)
