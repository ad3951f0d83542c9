"""Fusion by multi-level latent low-rank representation."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from fusebench.bench.types import Array, Fidelity, InputError, WeightFile, Weights
from fusebench.methods._base import Plane, TensorFusion, method
from fusebench.methods._checks import require_count
from fusebench.methods._sparse import cut, like, paste, transpose_pixels
from fusebench.methods._tensors import on_arrays
from fusebench.methods._weights import WeightFiles, read_tensors, retrained

_ADDRESS = (
    "https://raw.githubusercontent.com/xingchenzhang/VIFB/"
    "5d29ee72176551bca1e7823598f4a1f7f5f2467f/methods/LatLRR/models/"
)
_SIDES = (8, 16)


@method(
    slug="latlrr",
    label="LatLRR",
    title="Multi-level latent low-rank representation",
    reference="H. Li, X.-J. Wu, J. Kittler, MDLatLRR: a novel decomposition method for infrared "
    "and visible image fusion, IEEE Trans. Image Process. 29, 2020",
    doi="10.1109/TIP.2020.2975984",
    origin="official weights",
    colour="per_channel",
    tasks=("ivif",),
    runs_on="any",
    min_size=8,
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=tuple(
                WeightFile(f"latlrr_L_{side}.mat", sha256=sha256, url=f"{_ADDRESS}L_{side}.mat")
                for side, sha256 in zip(
                    _SIDES,
                    (
                        "7cba0d58551eae76d935bb3190c1b0e96fbfffb427a669e872c26cb00aa30c8d",
                        "9eae145befde2f454f5d521f61e8e8ef370295b609acb04eb1a6b3021ba7cad4",
                    ),
                    strict=True,
                )
            ),
            licence="none stated",
            home="https://github.com/hli1221/imagefusion_mdlatlrr",
            notes="L_8.mat and L_16.mat of the authors, as VIFB has them: projections for patches "
            "of 8x8 and 16x16 pixels.",
        ),
        retrained("latlrr", "ac4c75ad996d1714e90cb482e19d6569b9c234270e122f9343ae7bf0c5e17937"),
    ),
    notes="Comparisons that run the authors' code at four levels show it with far too much detail, "
    "which is what that code does; accumulate=false is the paper.",
    fidelity=(
        Fidelity(
            against="VIFB's colour images of manWalking and peopleshadow, made in MATLAB",
            images=2,
            within_one=1.0,
            mean_abs=2.56e-4,
            max_abs=1.0,
        ),
    ),
)
def latlrr(
    files: WeightFiles, *, levels: int = 4, side: int = 8, accumulate: bool = True
) -> TensorFusion:
    """Latent low-rank representation: salient detail by nuclear norms of patches, mean of the rest.

    Parameters
    ----------
    files : WeightFiles
        Learned projections of patches onto their salient part.
    levels : int
        How often the salient part is taken off, at least 1.
    side : int
        Side of the patches, 8 or 16 pixels; the retrained projection is for 8.
    accumulate : bool
        Whether the detail of each level counts once more for every level below it, as in the
        authors' code.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `levels` is below 1, or `side` is neither 8 nor 16, or the file is no projection.
    MissingDataError
        If the projection is not here.

    Notes
    -----
    All patches, one a pixel, are projected; the average of the projections is the detail of a
    level, the rest goes to the next [1]_. Two projected patches are weighted by their nuclear
    norms; bases are averaged. In the authors' code the sum of the patches is not reset between
    levels, so that at four levels the first detail counts four times, the second three times, and
    so on: the published images are made so, and `accumulate` follows. Where both norms are zero, as
    in black patches, the weights are undefined (NaN in the authors' code, drawn black); here they
    are one half, which adds the zero that is there. With `accumulate` off an image fused with
    itself comes back.

    References
    ----------
    .. [1] H. Li, X.-J. Wu, J. Kittler, "MDLatLRR: a novel decomposition method for infrared and
       visible image fusion," IEEE Trans. Image Process. 29, 2020. doi:10.1109/TIP.2020.2975984
    .. [2] H. Li, X.-J. Wu, "Infrared and visible image fusion using latent low-rank
       representation," arXiv:1804.08992, 2018.
    """
    require_count("levels", levels)
    if side not in _SIDES:
        raise InputError(f"side is {side}; expected 8 or 16")
    projection = _read(files, side)

    def fuse(a: Array, b: Array) -> Array:
        matrix = like(projection, a)
        fused = 0 * a
        for level in range(levels):
            a, salient_a = _split(a, matrix, side)
            b, salient_b = _split(b, matrix, side)
            detail = paste(_weighted(salient_a, salient_b, side), a, 1, side)
            fused = fused + detail * (levels - level if accumulate else 1)
        return fused + (a + b) / 2

    return on_arrays(fuse)


def _read(files: WeightFiles, side: int) -> Plane:
    known = files.weights.files
    path = files.path(known[min(_SIDES.index(side), len(known) - 1)].name)
    tensors, name = read_tensors(path), f"L_{side}"
    if name not in tensors or tensors[name].shape != (side**2, side**2):
        found = ", ".join(f"{k} {tuple(v.shape)}" for k, v in tensors.items()) or "none"
        raise InputError(
            f"{path} holds no projection {name} {(side**2, side**2)}; its arrays: {found}"
        )
    return transpose_pixels(transpose_pixels(tensors[name].double().numpy()).T).T


def _split(plane: Array, projection: Array, side: int) -> tuple[Array, Array]:
    """Give what is left of a plane ``(H, W)`` and its projected patches ``(N, side ** 2)``."""
    salient = cut(plane, 1, side) @ projection.T
    return plane - paste(salient, plane, 1, side), salient


def _weighted(a: Array, b: Array, side: int) -> Array:
    """Average patches by their nuclear norms."""
    xp = array_namespace(a)
    norms: list[Any] = [
        xp.linalg.svdvals(patches.reshape(-1, side, side)).sum(1)[:, None] for patches in (a, b)
    ]
    total = norms[0] + norms[1]
    share = xp.where(total > 0, norms[0] / xp.where(total > 0, total, 1.0), 0.5)
    return a * share + b * (1 - share)
