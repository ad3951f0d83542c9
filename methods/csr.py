"""Fusion by convolutional sparse codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._checks import require_count, require_positive
from fusebench.methods._csc import SIDE, activity, encode, read_filters, split_base, synthesise
from fusebench.methods._tensors import on_levels
from fusebench.methods._weights import WeightFiles, retrained

if TYPE_CHECKING:
    import torch

# Weight of the differences of the base, and half the side of the windows that compare activity.
_SMOOTHNESS = 5.0
_RADIUS_OF_FOCUS, _RADIUS = 9, 3


@method(
    slug="csr",
    label="CSR",
    title="Convolutional sparse representation",
    reference="Y. Liu, X. Chen, R. K. Ward, Z. J. Wang, Image fusion with convolutional sparse "
    "representation, IEEE Signal Process. Lett. 23(12), 2016",
    doi="10.1109/LSP.2016.2618776",
    origin="official weights",
    colour="per_channel",
    tasks=("mff", "ivif", "medical"),
    runs_on="any",
    min_size=SIDE,
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    "csr_dict.mat",
                    sha256="2cf35f24bc7270995db519f28a2ffdd310f9188e5efe7c7dc2f9f7107c3cdba7",
                    url="https://raw.githubusercontent.com/yuliu316316/CSR-Fusion/"
                    "48aff426b684d50178ce75eec150f02b1b13bb68/dict.mat",
                ),
            ),
            licence="none stated",
            home="https://github.com/yuliu316316/CSR-Fusion",
            notes="dict.mat of the authors: 32 filters of 8x8 pixels.",
        ),
        retrained("csr", "9abcc8b91b8ab01019a616afbbd86bfd6f22c43b2874fad44333c75121512d9f"),
    ),
    fidelity=(
        Fidelity(
            against="CSR_Fusion.m run in Octave on a lossless grey pair of TNO",
            images=1,
            within_one=1.0,
            mean_abs=4.40e-4,
            max_abs=1.0,
        ),
    ),
)
def csr(
    files: WeightFiles,
    *,
    task: Literal["auto", "mff", "ivif", "mef", "medical"] = "auto",
    sparsity: float = 0.01,
    rounds: int = 500,
) -> TensorFusion:
    """Convolutional sparse representation: detail from where more of the dictionary is active.

    Parameters
    ----------
    files : WeightFiles
        Filters of 8x8 pixels.
    task : {"auto", "mff", "ivif", "mef", "medical"}
        Kind of fusion. For multi-focus ("mff", also "auto") activity is compared in windows of 19
        pixels and the base comes from the same source as the detail; otherwise windows have 7
        pixels and the bases are averaged.
    sparsity : float
        Weight of the absolute coefficients against the squared error, for images in [0, 1].
    rounds : int
        Rounds of the solver at most; it ends earlier once both its residuals are below 0.001.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `sparsity` is not above 0, or `rounds` is below 1.
    MissingDataError
        If the filters are not here.

    Notes
    -----
    A smooth base is taken off each source; the rest is coded over 32 filters by the alternating
    direction method of multipliers (SPORCO's cbpdn with the authors' settings) [1]_. The
    coefficients come from the source whose absolute coefficients, summed over the filters and
    averaged over a window, are larger; from `b` where they are equal, as in regions that are flat
    in both. As in the authors' code coefficients are float32 and images are continued periodically,
    so that opposite borders see each other. What the code of a source leaves out is lost: fusing an
    image with itself gives it back within the sparsity only.

    References
    ----------
    .. [1] Y. Liu, X. Chen, R. K. Ward, Z. J. Wang, "Image fusion with convolutional sparse
       representation," IEEE Signal Process. Lett. 23(12), 2016. doi:10.1109/LSP.2016.2618776
    """
    require_positive("sparsity", sparsity)
    require_count("rounds", rounds)
    filters = read_filters(files.path(files.weights.files[0].name), "D")
    focus = task in ("auto", "mff")

    def fuse(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        import torch

        atoms = filters.to(a.device)
        bases, codes, activities = [], [], []
        for plane in (a / 255, b / 255):
            base = split_base(plane, _SMOOTHNESS)
            code = encode(
                (plane - base).float(), atoms, sparsity, rho=100 * sparsity + 0.5, rounds=rounds
            )
            bases.append(base)
            codes.append(code)
            activities.append(activity(code, _RADIUS_OF_FOCUS if focus else _RADIUS))
        first = activities[0] > activities[1]
        code = torch.where(first, codes[0], codes[1])
        base = torch.where(first, bases[0], bases[1]) if focus else (bases[0] + bases[1]) / 2
        return (base + synthesise(code, atoms)) * 255

    return on_levels(fuse)
