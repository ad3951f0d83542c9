"""VIF-Net: two dense branches, trained without supervision."""

from __future__ import annotations

from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, retrained


@method(
    slug="vif_net",
    label="VIF-Net",
    title="Unsupervised network with dense branches",
    reference="R. Hou, D. Zhou, R. Nie, D. Liu, L. Xiong, Y. Guo, C. Yu, VIF-Net: An unsupervised "
    "framework for infrared and visible image fusion, IEEE Trans. Comput. Imaging 6, 2020",
    doi="10.1109/TCI.2020.2965304",
    origin="retrained",
    colour="luma",
    tasks=("ivif",),
    runs_on="any",
    weights=(
        retrained(
            "vif_net",
            "cfaed2b8920ff6139a87bdc369a6e94690a3402d572d3c1aff3f365613a69a5a",
            "roadscene:161",
            how="400 steps of 4 crops on one core, where the paper takes 50 epochs of 25,000 "
            "patches; made",
        ),
    ),
    notes="Weights of ours, from far less data and time than the paper's: its figures cannot be "
    "expected.",
)
def vif_net(files: WeightFiles, /) -> TensorFusion:
    """Features of a dense branch for each source, made into one image.

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
    Follows [1]_, whose authors have published neither code nor weights. Two programs by others
    agree on the branches, but not on what comes after them; taken is the one of 128, 64, 32 and 1
    channels, with ReLU after the first two.

    The loss is that of the paper, similarity to the brighter source in each window and the total
    variation of the difference to the visible source, with the means of windows compared as well:
    without them nothing in it would tell how bright the fused image is.

    References
    ----------
    .. [1] R. Hou et al., "VIF-Net: An unsupervised framework for infrared and visible image
       fusion," IEEE Trans. Comput. Imaging 6, 2020. doi:10.1109/TCI.2020.2965304
    """
    from fusebench.methods._networks.vif_net import VIFNet

    return load_network(VIFNet(), files.path("vif_net_retrained.safetensors"))
