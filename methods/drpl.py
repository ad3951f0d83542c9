"""DRPL: deep regression pair learning."""

from __future__ import annotations

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, read_tensors, retrained


@method(
    slug="drpl",
    label="DRPL",
    title="Deep regression pair learning",
    reference="J. Li, X. Guo, G. Lu, B. Zhang, Y. Xu, F. Wu, D. Zhang, DRPL: Deep regression pair "
    "learning for multi-focus image fusion, IEEE Trans. Image Process. 29, 2020",
    doi="10.1109/TIP.2020.2976190",
    origin="retrained",
    colour="native",
    tasks=("mff",),
    runs_on="any",
    weights=(
        retrained(
            "drpl",
            "117950e5f37f695bde2a00a0de16a8002297f6d604cdb3fbbd989bcadb440385",
            "roadscene:161",
            how="500 steps of 4 crops on one core, with 16 channels where the authors have 64 "
            "(--set channels=16), on pairs made from the visible images; made",
        ),
        Weights(
            name="official",
            origin="official weights",
            files=(WeightFile("40_net_params.pkl"),),
            licence="none stated",
            home="https://github.com/sasky1/DRPL",
            notes="The checkpoint that the authors' test program reads; nobody here has seen it.",
        ),
    ),
    notes="The network is that of the authors' test program, never compared with their output; our "
    "weights have a quarter of its channels. How they trained it is known here from the paper's "
    "summary only: unverified, and their figures cannot be expected.",
)
def drpl(files: WeightFiles, /) -> TensorFusion:
    """Weigh the sources by maps of where each is in focus.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If the weights are not here or not what they should be.

    Notes
    -----
    Follows [1]_ as far as its summary and the authors' test program tell: the pair in colour goes
    through three convolutions, twelve residual blocks and three more convolutions, all normalised
    and at full size, to two maps of focus. The first one and what the second leaves are averaged,
    and weigh the colours of the sources. Training minimises the error of the maps, their distance
    from adding up to one, and structural similarity and gradients of the composed image.

    The number of channels is that of the file: 64 in the authors' program, 16 in the weights that
    come with the package, which were trained on one core.

    References
    ----------
    .. [1] J. Li et al., "DRPL: Deep regression pair learning for multi-focus image fusion," IEEE
       Trans. Image Process. 29, 2020. doi:10.1109/TIP.2020.2976190
    """
    from fusebench.methods._networks.drpl import DRPL, channels_of, converted

    path = files.path(files.weights.files[0].name)
    return load_network(DRPL(channels_of(read_tensors(path))), path, converted)
