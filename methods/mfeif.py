"""MFEIF: an ensemble of features at several scales, guided by edges."""

from __future__ import annotations

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, renamed

_NAMES = {
    f"{theirs}.{layer}": f"{ours}.{place}"
    for theirs, ours, places in (
        ("ext.conv_1", "features.first", (("conv", 0), ("bn", 1))),
        *(
            (f"ext.conv_{path}{k + 1}", f"features.paths.{i}.{k}", (("conv", 0), ("bn", 1)))
            for i, path in enumerate("abc")
            for k in range(3)
        ),
        *((f"con.conv_{k + 1}", f"decoder.{k}", (("conv", 0), ("bn", 1))) for k in range(4)),
        *(
            (f"att.conv_{k + 1}", "attention", (("conv_1", 2 * k), ("conv_2", 2 * k + 1)))
            for k in range(3)
        ),
        ("att", "attention", (("conv_4", 6),)),
    )
    for layer, place in places
}


@method(
    slug="mfeif",
    label="MFEIF",
    title="Multi-scale feature ensemble with edge attention",
    reference="J. Liu, X. Fan, J. Jiang, R. Liu, Z. Luo, Learning a deep multi-scale feature "
    "ensemble and an edge-attention guidance for image fusion, IEEE Trans. Circuits Syst. Video "
    "Technol. 32(1), 2022",
    doi="10.1109/TCSVT.2021.3056725",
    origin="official weights",
    colour="luma",
    tasks=("ivif",),
    runs_on="any",
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    "default.pth",
                    "de730170d4e7c794c476bdf1ace00b3f949ce12fe332dec4d83aa0a961d809b6",
                    "https://github.com/JinyuanLiu-CV/MFEIF/raw/"
                    "07906adf34beb3de396aaf76a858a16887d547a4/weights/default.pth",
                ),
            ),
            licence="none stated",
            home="https://github.com/JinyuanLiu-CV/MFEIF",
            notes="With these weights the attention is about 1e-7 everywhere: it and the deepest "
            "features have no visible effect on the result.",
        ),
    ),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights, run by us on lossless pairs (2 TNO, "
            "1 RoadScene, 1 Lytro, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=2.68e-5,
            max_abs=1.0,
            equal=0.99997,
            psnr=93.85,
        ),
    ),
)
def mfeif(files: WeightFiles, /) -> TensorFusion:
    """Features at three scales, fused by an attention that starts from edges.

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
    Follows [1]_ and the authors' program: the fused deep features go through a softmax over their
    channels, which the paper does not show, and the paths of the deepest layer count 0.1, 0.1 and
    1. Results are rounded and what exceeds white is clipped, as OpenCV saves them.

    The published weights make the attention about 1e-7 everywhere, so that the softmax is even and
    neither the attention nor the deepest features have a visible effect. They are computed all the
    same, but the comparison with the authors' images does not test them.

    References
    ----------
    .. [1] J. Liu, X. Fan, J. Jiang, R. Liu, Z. Luo, "Learning a deep multi-scale feature ensemble
       and an edge-attention guidance for image fusion," IEEE Trans. Circuits Syst. Video Technol.
       32(1), 2022. doi:10.1109/TCSVT.2021.3056725
    """
    from fusebench.methods._networks.mfeif import MFEIF

    return load_network(MFEIF(), files.path("default.pth"), renamed(_NAMES))
