"""PMGI: paths for gradients and intensities."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, from_tensorflow, load_network

_FILES = {
    "ivif": "PMGI_irvis.npz",
    "medical": "PMGI_medical.npz",
    "mef": "PMGI_mef.npz",
    "mff": "PMGI_mff.npz",
}


@method(
    slug="pmgi",
    label="PMGI",
    title="Proportional maintenance of gradient and intensity",
    reference="H. Zhang, H. Xu, Y. Xiao, X. Guo, J. Ma, Rethinking the image fusion: A fast "
    "unified image fusion network based on proportional maintenance of gradient and intensity, "
    "Proc. AAAI 34(7), 2020",
    doi="10.1609/aaai.v34i07.6975",
    origin="official weights",
    colour="luma",
    tasks=("ivif", "medical", "mef", "mff"),
    runs_on="any",
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    "PMGI_irvis.npz",
                    "60c062aa84baabbb7ff95e3a08968fdb88d292139ac9bf984209b0c36cfd3424",
                ),
                WeightFile(
                    "PMGI_medical.npz",
                    "c0658ee35b84d8c39564a18b34bcbfa585b8d283cbc617a087c5de63a568c085",
                ),
                WeightFile(
                    "PMGI_mef.npz",
                    "cf79196484251cb5986c4d8608d0e28b4edcef1e4b5fa1ba16e9c442a813b59d",
                ),
                WeightFile(
                    "PMGI_mff.npz",
                    "3f46cabbd589b6d06f0d97988c34daa2cfac2543da2f72509300351775a1f606",
                ),
            ),
            licence="MIT",
            home="https://github.com/HaoZhang1018/PMGI_AAAI2020",
            trained_on=("TNO", "Harvard", "Lytro"),
            notes="The variables of the authors' four TensorFlow checkpoints, one file for each "
            "task, exported by their names with numpy.savez; an export of your own is given with "
            "--weights DIR.",
        ),
    ),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights, run by us on lossless grey pairs (2 "
            "TNO, 1 RoadScene, 1 Lytro, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=0.0001124,
            max_abs=1.0,
            equal=0.99989,
            psnr=87.62,
        ),
        Fidelity(
            against="the authors' network with their weights for medical fusion, run by us on one "
            "lossless pair",
            images=1,
            within_one=1.0,
            mean_abs=0.000504,
            max_abs=1.0,
            equal=0.9995,
            psnr=81.11,
        ),
        Fidelity(
            against="the authors' network with their weights for multi-exposure, run by us on one "
            "lossless pair",
            images=1,
            within_one=1.0,
            mean_abs=0.000308,
            max_abs=1.0,
            equal=0.99969,
            psnr=83.24,
        ),
        Fidelity(
            against="the authors' network with their weights for multi-focus, run by us on one "
            "lossless pair",
            images=1,
            within_one=1.0,
            mean_abs=0.0002256,
            max_abs=1.0,
            equal=0.99977,
            psnr=84.6,
        ),
        Fidelity(
            against="Linfeng Tang's images of TNO, somebody else's run of the authors' code",
            images=11,
            within_one=0.9997,
            mean_abs=0.05904,
            max_abs=3.0,
            equal=0.94126,
            psnr=60.37,
        ),
    ),
)
def pmgi(
    files: WeightFiles, /, *, task: Literal["auto", "ivif", "medical", "mef", "mff"] = "auto"
) -> TensorFusion:
    """Two paths, for gradients and for intensities, that exchange what they find.

    Parameters
    ----------
    task : {"auto", "ivif", "medical", "mef", "mff"}
        Whose weights; "auto" takes those of the pair's task in runs, and of "ivif" elsewhere.

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
    Follows [1]_ and the authors' test program, which does not restore what batch normalisation has
    learned and normalises each layer by the statistics of the image at hand. So every pixel depends
    on all others, and large images cannot be computed in tiles. The fused image is stretched to
    0..255, as the authors' way of saving does.

    References
    ----------
    .. [1] H. Zhang, H. Xu, Y. Xiao, X. Guo, J. Ma, "Rethinking the image fusion: A fast unified
       image fusion network based on proportional maintenance of gradient and intensity," Proc.
       AAAI 34(7), 2020. doi:10.1609/aaai.v34i07.6975
    """
    from fusebench.methods._networks.sdnet import PMGI

    layers = {"last": "fusion_model/layer5/{}5"}
    for side in PMGI.sides:
        for n in ("1", "2", "2_3", "3", "3_4", "4"):
            layers[f"layers.layer{n}{side}"] = f"fusion_model/layer{n}{side}/{{}}{n}{side}"
    path = files.path(_FILES["ivif" if task == "auto" else task])
    return load_network(PMGI(), path, from_tensorflow(layers))
