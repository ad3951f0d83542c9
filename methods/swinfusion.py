"""SwinFusion: transformer in shifted windows, across two sources."""

from __future__ import annotations

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, retrained


@method(
    slug="swinfusion",
    label="SwinFusion",
    title="Cross-domain long-range learning with a shifted-window transformer",
    reference="J. Ma, L. Tang, F. Fan, J. Huang, X. Mei, Y. Ma, SwinFusion: Cross-domain "
    "long-range learning for general image fusion via Swin transformer, IEEE/CAA J. Autom. "
    "Sinica 9(7), 2022",
    doi="10.1109/JAS.2022.105686",
    origin="retrained",
    colour="luma",
    tasks=("ivif",),
    runs_on="any",
    weights=(
        retrained(
            "swinfusion",
            "e38a059b88f8c3adb66419bbf84e8fdec7f2efb21dc2a576f17a39b8c329abcb",
            "roadscene:161",
            how="450 steps of 2 crops on one core, where the authors take 10,000 steps of 12 from "
            "MSRS; made",
        ),
        Weights(
            name="official",
            origin="official weights",
            files=(WeightFile("10000_E.pth"),),
            licence="as of SwinIR (Apache-2.0), say the authors",
            home="https://github.com/Linfeng-Tang/SwinFusion",
            trained_on=("MSRS train",),
            notes="The weights for infrared and visible images. No copy at a fixed address was "
            "found; yours is given with --weights FILE.",
        ),
    ),
    notes="Weights of ours, from far less data and time than the authors'. Fidelity is not "
    "measured, since no weights of the authors are at hand. With tensors filled by a fixed "
    "rule the network differs from the authors' by less than 1e-5 of the range of its values, "
    "between its stages too. The authors' networks for other kinds of fusion take colour; they are "
    "not here.",
)
def swinfusion(files: WeightFiles, /) -> TensorFusion:
    """Attention in windows, within each source and from one to the other.

    Returns
    -------
    callable
        Function of an infrared and a visible source; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If the weights are not here or not what they should be.

    Notes
    -----
    Follows [1]_ and the authors' program for infrared and visible images, of which three traits
    are kept: the first layers of the infrared branch serve the visible image too, one normalisation
    serves all stages, and images are continued by their mirror image to the next multiple of 8,
    even where their sides are multiples.

    References
    ----------
    .. [1] J. Ma, L. Tang, F. Fan, J. Huang, X. Mei, Y. Ma, "SwinFusion: Cross-domain long-range
       learning for general image fusion via Swin transformer," IEEE/CAA J. Autom. Sinica 9(7),
       2022. doi:10.1109/JAS.2022.105686
    """
    from fusebench.methods._networks.swinfusion import SwinFusion, converted

    return load_network(SwinFusion(), files.path(files.weights.files[0].name), converted)
