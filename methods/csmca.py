"""Fusion by convolutional sparse codes of cartoon and texture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._checks import require_count
from fusebench.methods._csc import SIDE, activity, encode, read_filters, split_base, synthesise
from fusebench.methods._tensors import on_levels
from fusebench.methods._weights import WeightFiles, retrained

if TYPE_CHECKING:
    import torch

_CARTOON, _TEXTURE = "csmca_Dc_8_8_32.mat", "csmca_Dt_8_8_32.mat"
_ADDRESS = (
    "https://raw.githubusercontent.com/yuliu316316/CSMCA-Fusion/"
    "6f6c3e79fb72a7ef6f7cd2336092bf985e6a08ad/dictionary/"
)

# Weight of the differences of the base, and half the side of the windows that compare activity.
_SMOOTHNESS = 60.0
_RADIUS_OF_CARTOON, _RADIUS_OF_TEXTURE = 5, 2

# Weights of the absolute coefficients, falling from 0.5 by 0.1 a round to this one.
_LEAST_SPARSITY = 0.005
_ROUNDS_OF_SOLVER = 30


@method(
    slug="csmca",
    label="CSMCA",
    title="Convolutional sparsity based morphological component analysis",
    reference="Y. Liu, X. Chen, R. K. Ward, Z. J. Wang, Medical image fusion via convolutional "
    "sparsity based morphological component analysis, IEEE Signal Process. Lett. 26(3), 2019",
    doi="10.1109/LSP.2019.2895749",
    origin="official weights",
    colour="luma",
    tasks=("medical",),
    runs_on="any",
    min_size=SIDE,
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    _CARTOON,
                    sha256="7dda5cc96cb71041d24b0006c3d9eb2daea7403bea0ba8d2b30055dab52754c6",
                    url=_ADDRESS + "Dc_8_8_32.mat",
                ),
                WeightFile(
                    _TEXTURE,
                    sha256="8ff8902bb05d92f2329ff65ac80434e3924ce6beb06f6b4a3010ffeca28a5190",
                    url=_ADDRESS + "Dt_8_8_32.mat",
                ),
            ),
            licence="none stated",
            home="https://github.com/yuliu316316/CSMCA-Fusion",
            notes="Dc_8_8_32.mat and Dt_8_8_32.mat of the authors: 32 filters of 8x8 pixels for "
            "cartoon and for texture.",
        ),
        retrained("csmca", "cd936a9246a54b6b93a3f2b5026d09a735291078f3253b3da2d4a65b87171d00"),
    ),
    fidelity=(
        Fidelity(
            against="CSMCA_Fusion.m run in Octave on a lossless grey pair of TNO",
            images=1,
            within_one=0.999248,
            mean_abs=6.20e-3,
            max_abs=3.0,
        ),
    ),
)
def csmca(files: WeightFiles, *, rounds: int = 6) -> TensorFusion:
    """Cartoon and texture: convolutional codes of both, from where they are more active.

    Parameters
    ----------
    files : WeightFiles
        Filters of 8x8 pixels for cartoon and for texture.
    rounds : int
        How often both components are coded, at least 1. The weight of the absolute coefficients,
        for images in [0, 1], is 0.5 in the first round and 0.1 less in each that follows; from the
        sixth on it is 0.005.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `rounds` is below 1.
    MissingDataError
        If the filters are not here.

    Notes
    -----
    A smooth base is taken off each source; the rest is split into two components, coded in turns
    over their own filters by the solver of the method ``csr`` with at most 30 rounds [1]_. Each
    component comes from the source whose absolute coefficients, summed over the filters and
    averaged over a window of 11 (cartoon) or 5 pixels (texture), are larger, from `b` where they
    are equal; bases are averaged. As in the authors' code all is float32 and images are continued
    periodically. The code fuses grey images; the paper fuses the luma of colour ones. What the
    codes of a source leave out is lost: fusing an image with itself gives it back nearly.

    References
    ----------
    .. [1] Y. Liu, X. Chen, R. K. Ward, Z. J. Wang, "Medical image fusion via convolutional sparsity
       based morphological component analysis," IEEE Signal Process. Lett. 26(3), 2019.
       doi:10.1109/LSP.2019.2895749
    """
    require_count("rounds", rounds)
    names = (files.weights.files[i].name for i in (0, -1))
    cartoon, texture = (
        read_filters(files.path(name), key) for name, key in zip(names, ("Dc", "Dt"), strict=True)
    )

    def fuse(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        import torch

        kinds = [f.to(a.device) for f in (cartoon, texture)]
        planes = [(plane / 255).float() for plane in (a, b)]
        bases = [split_base(plane, _SMOOTHNESS) for plane in planes]
        pairs = [
            _decompose(plane - base, kinds[0], kinds[1], rounds)
            for plane, base in zip(planes, bases, strict=True)
        ]
        fused = (bases[0] + bases[1]) / 2
        radii = (_RADIUS_OF_CARTOON, _RADIUS_OF_TEXTURE)
        for filters, radius, codes in zip(kinds, radii, zip(*pairs, strict=True), strict=True):
            first = activity(codes[0], radius) > activity(codes[1], radius)
            fused = fused + synthesise(torch.where(first, codes[0], codes[1]), filters)
        return fused * 255

    return on_levels(fuse)


def _decompose(
    image: torch.Tensor, cartoon: torch.Tensor, texture: torch.Tensor, rounds: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the codes ``(K, H, W)`` of the two components of an image."""
    import torch

    part_c = part_t = torch.zeros_like(image)
    for turn in range(1, rounds + 1):
        sparsity = max(0.6 - 0.1 * turn, _LEAST_SPARSITY)
        code_c = encode(
            image - part_t,
            cartoon,
            sparsity,
            rho=50 * sparsity + 1,
            rounds=_ROUNDS_OF_SOLVER,
        )
        part_c = synthesise(code_c, cartoon)
        code_t = encode(image - part_c, texture, sparsity, rho=1.0, rounds=_ROUNDS_OF_SOLVER)
        part_t = synthesise(code_t, texture)
    return code_c, code_t
