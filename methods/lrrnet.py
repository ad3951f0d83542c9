"""LRRNet: low-rank representation by a network."""

from __future__ import annotations

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, renamed

_FILE = "final_lrr_net_lam2_1.5_wir_3.0_lam3_gram_2000_epoch_4_block_4.model"
_NAMES = {
    **{
        f"get_ls{i}.{theirs}": f"{name}.{ours}"
        for i, name in ((1, "infrared"), (2, "visible"))
        for theirs, ours in (
            ("lamj", "threshold"),
            ("lamz", "keep"),
            ("conv_W00.conv2d", "first"),
            *((f"lrrblock{k}.conv_Wdz.conv2d", f"restore.{k}") for k in range(4)),
            *((f"lrrblock{k}.conv_Wdtz.conv2d", f"describe.{k}") for k in range(4)),
        )
    },
    "decoder.conv_ReZx.conv2d": "low.0",
    "decoder.conv_ReZy.conv2d": "low.1",
    "decoder.conv_ReUx.conv2d": "sparse.0",
    "decoder.conv_ReUy.conv2d": "sparse.1",
    "decoder.conv_ReL.conv2d": "join_low",
    "decoder.conv_ReH.conv2d": "join_sparse",
}


@method(
    slug="lrrnet",
    label="LRRNet",
    title="Learned low-rank representation network",
    reference="H. Li, T. Xu, X.-J. Wu, J. Lu, J. Kittler, LRRNet: A novel representation learning "
    "guided fusion network for infrared and visible images, IEEE Trans. Pattern Anal. Mach. "
    "Intell. 45(9), 2023",
    doi="10.1109/TPAMI.2023.3268209",
    origin="official weights",
    colour="luma",
    tasks=("ivif",),
    runs_on="any",
    min_size=2,
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    _FILE,
                    "1de9dd8dee9b650ce69c74ea53e3b9a6b749222f1059a689aabf28f68ee63e29",
                    "https://github.com/hli1221/imagefusion-LRRNet/raw/"
                    f"fa97de87794f5aed6cadf66e6245a74af29afdbf/model/{_FILE}",
                ),
            ),
            licence="none stated",
            home="https://github.com/hli1221/imagefusion-LRRNet",
            trained_on=("KAIST",),
        ),
    ),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights, run by us on lossless pairs (2 TNO, "
            "1 RoadScene, 1 Lytro, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=3.43e-5,
            max_abs=1.0,
            equal=0.99997,
            psnr=92.78,
        ),
    ),
    notes="Slow on a CPU: 256 channels at full size.",
)
def lrrnet(files: WeightFiles, /) -> TensorFusion:
    """Low-rank and sparse parts by four unrolled steps of learned shrinkage.

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
    Follows [1]_ and the authors' program. Each source is stretched to [0, 1] before, and the result
    after; it is cut down to 8 bits.

    References
    ----------
    .. [1] H. Li, T. Xu, X.-J. Wu, J. Lu, J. Kittler, "LRRNet: A novel representation learning
       guided fusion network for infrared and visible images," IEEE Trans. Pattern Anal. Mach.
       Intell. 45(9), 2023. doi:10.1109/TPAMI.2023.3268209
    """
    from fusebench.methods._networks.lrrnet import LRRNet

    return load_network(LRRNet(), files.path(_FILE), renamed(_NAMES))
