"""FMM: feature mutual mapping."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import InputError
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._checks import require_count
from fusebench.methods._weights import WeightFiles, load_network, retrained


@method(
    slug="fmm",
    label="FMM",
    title="Feature mutual mapping",
    reference="D. Rao, X.-J. Wu, T. Xu, G. Chen, Unsupervised image fusion method based on feature "
    "mutual mapping, manuscript",
    doi="",
    origin="retrained",
    colour="luma",
    tasks=("ivif", "mff", "medical"),
    runs_on="any",
    weights=(
        retrained(
            "fmm",
            "7872b370331b31e259bd0fde5b6ccf715c3ee74b146752dcb84aa0cdddb82df4",
            "roadscene:161",
            how="2,400 steps of 4 crops on one core, where the paper takes 4 epochs of 40,000 "
            "pairs of KAIST; made",
        ),
    ),
    notes="Weights of ours, from far less data and time than the paper's: its figures cannot be "
    "expected.",
)
def fmm(
    files: WeightFiles,
    /,
    *,
    fusion: Literal["mapping", "concat", "add"] = "mapping",
    depth: int = 3,
) -> TensorFusion:
    """Features weighted by what each place of one source has to do with all of the other.

    Parameters
    ----------
    fusion : {"mapping", "concat", "add"}
        How features are fused, as in the paper's Table 6.
    depth : int
        Number of scales, at least 2, as in its Table 7.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If `depth` is below 2, the weights are not here or not what they should be, or they are for
        other options.

    Notes
    -----
    Follows [1]_, whose authors have published neither code nor weights. An encoder for each source
    gives features of three scales. At the deepest one, the scalar products between the features of
    all places of one source and of the other, after a softmax over the places, are applied to the
    features of either source; these two maps, enlarged and joined with the features of finer
    scales, weight the features there (equation 1). A decoder gathers the scales.

    The paper leaves open, and we chose: 16, 32 and 64 channels, ReLU and no normalisation, pooling
    of 2x2 pixels by their maximum, bilinear enlargement, a sigmoid after the maps of finer scales,
    scalar products divided by the root of the number of channels, and borders that repeat the
    outermost pixels. Attention runs over all pairs of places, 27,648 squared for a 768x576 image,
    and is never kept as a whole.

    References
    ----------
    .. [1] D. Rao, X.-J. Wu, T. Xu, G. Chen, "Unsupervised image fusion method based on feature
       mutual mapping," manuscript.
    """
    from fusebench.methods._networks.fmm import FMM

    require_count("depth", depth, least=2)
    if not files.own and (fusion, depth) != ("mapping", 3):
        raise InputError(
            f"the weights of fmm are for fusion=mapping and depth=3, not fusion={fusion} and "
            f"depth={depth}; train some with: fusebench train fmm --set fusion={fusion} --set "
            f"depth={depth} …, and give them with --weights PATH"
        )
    return load_network(FMM(fusion, depth), files.path("fmm_retrained.safetensors"))
