"""RFN-Nest: the auto-encoder of NestFuse with residual networks that merge features."""

from __future__ import annotations

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, renamed

_CODER = "nestfuse_gray_1e2.model"
_BLOCKS = "Final_epoch_2_alpha_700_wir_6.0_wvi_3.0_ssim_vi.model"


@method(
    slug="rfn_nest",
    label="RFN-Nest",
    title="Residual fusion network in a nested auto-encoder",
    reference="H. Li, X.-J. Wu, J. Kittler, RFN-Nest: An end-to-end residual fusion network for "
    "infrared and visible images, Inf. Fusion 73, 2021",
    doi="10.1016/j.inffus.2021.02.023",
    origin="official weights",
    colour="luma",
    tasks=("ivif",),
    runs_on="any",
    min_size=16,
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(WeightFile(_CODER), WeightFile(_BLOCKS)),
            licence="none stated",
            home="https://github.com/hli1221/imagefusion-rfn-nest",
            trained_on=("MS-COCO", "KAIST"),
            notes="The authors' two files, of the auto-encoder and of the residual blocks, in one "
            "folder, which is given with --weights DIR. A file that holds both, as autoencoder and "
            "rfn, is given with --weights FILE.",
        ),
    ),
    notes="Nobody here has seen the authors' weights. On tensors made by a rule the network gives "
    "what theirs gives, to 1e-5 of its range.",
)
def rfn_nest(files: WeightFiles, /) -> TensorFusion:
    """Features of four scales, merged by residual blocks, and decoded by nested blocks.

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
    Follows [1]_ and the authors' present program, in which each source has a layer of its own
    before the residual; an earlier one had one for both. The auto-encoder, that of NestFuse, is
    trained first and stays as it is while the blocks learn to keep the structure of the visible
    image and, in features, 6 parts of infrared to 3 of visible. An image with a side above 512
    pixels is fused in four overlapping quarters and averaged where they overlap. The result is
    stretched to 0..255 and cut down to 8 bits.

    References
    ----------
    .. [1] H. Li, X.-J. Wu, J. Kittler, "RFN-Nest: An end-to-end residual fusion network for
       infrared and visible images," Inf. Fusion 73, 2021. doi:10.1016/j.inffus.2021.02.023
    """
    from fusebench.methods._networks.nestfuse import NAMES as CODER_NAMES
    from fusebench.methods._networks.rfn_nest import NAMES as BLOCK_NAMES
    from fusebench.methods._networks.rfn_nest import RFNNest

    network = RFNNest()
    coder, blocks = files.path(_CODER), files.path(_BLOCKS)
    if coder == blocks:
        names = {f"autoencoder.{theirs}": f"coder.{ours}" for theirs, ours in CODER_NAMES.items()}
        names |= {f"rfn.{theirs}": f"blocks.{ours}" for theirs, ours in BLOCK_NAMES.items()}
        return load_network(network, coder, renamed(names))
    load_network(network.coder, coder, renamed(CODER_NAMES))
    load_network(network.blocks, blocks, renamed(BLOCK_NAMES))
    return network
