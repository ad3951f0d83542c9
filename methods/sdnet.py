"""SDNet: squeeze and decompose."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, from_tensorflow, load_network

_FILES = {
    "ivif": "SDNet_irvis.npz",
    "medical": "SDNet_medical.npz",
    "mef": "SDNet_mef.npz",
    "mff": "SDNet_mff.npz",
}


@method(
    slug="sdnet",
    label="SDNet",
    title="Squeeze-and-decomposition network",
    reference="H. Zhang, J. Ma, SDNet: A versatile squeeze-and-decomposition network for real-time "
    "image fusion, Int. J. Comput. Vis. 129, 2021",
    doi="10.1007/s11263-021-01501-8",
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
                    "SDNet_irvis.npz",
                    "7485212dd1d1963aa0ee91a021001f3e18d3c6e79532df3bcbba8d8d4029b3b5",
                ),
                WeightFile(
                    "SDNet_medical.npz",
                    "d5cae21f1b74bea34e6aca88c17fe85e5abb75f4a8716d352e20471aae07ca0d",
                ),
                WeightFile(
                    "SDNet_mef.npz",
                    "bf191dc0deed0ec1561b82203cc02c0802d9ecae9e5cbbf2ab26ae1aefaa475f",
                ),
                WeightFile(
                    "SDNet_mff.npz",
                    "5104bdad8b5ffc0f7d493203d56f4981690bb34e9af94f3a7f53567b2146b26d",
                ),
            ),
            licence="MIT",
            home="https://github.com/HaoZhang1018/SDNet",
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
            mean_abs=3.32e-05,
            max_abs=1.0,
            equal=0.99997,
            psnr=92.92,
        ),
        Fidelity(
            against="the authors' network with their weights for medical fusion, run by us on one "
            "lossless pair",
            images=1,
            within_one=1.0,
            mean_abs=3.05e-05,
            max_abs=1.0,
            equal=0.99997,
            psnr=93.29,
        ),
        Fidelity(
            against="the authors' network with their weights for multi-exposure, run by us on one "
            "lossless pair",
            images=1,
            within_one=1.0,
            mean_abs=3.3e-05,
            max_abs=1.0,
            equal=0.99997,
            psnr=92.94,
        ),
        Fidelity(
            against="the authors' network with their weights for multi-focus, run by us on one "
            "lossless pair",
            images=1,
            within_one=1.0,
            mean_abs=2.22e-05,
            max_abs=1.0,
            equal=0.99998,
            psnr=94.67,
        ),
        Fidelity(
            against="Linfeng Tang's images of TNO, somebody else's run of the authors' code",
            images=14,
            within_one=0.99714,
            mean_abs=0.1914,
            max_abs=3.0,
            equal=0.81145,
            psnr=55.18,
        ),
    ),
)
def sdnet(
    files: WeightFiles, /, *, task: Literal["auto", "ivif", "medical", "mef", "mff"] = "auto"
) -> TensorFusion:
    """Dense paths for both sources, squeezed into one image.

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
    Follows [1]_ and the authors' test program. The decomposing half, which only training needs, is
    left out; its variables in the checkpoint are not read. The fused image is stretched to 0..255,
    as the authors' way of saving does.

    References
    ----------
    .. [1] H. Zhang, J. Ma, "SDNet: A versatile squeeze-and-decomposition network for real-time
       image fusion," Int. J. Comput. Vis. 129, 2021. doi:10.1007/s11263-021-01501-8
    """
    from fusebench.methods._networks.sdnet import SDNet

    layers = {"last": "fusion_model/layer5_fuse/{}5_fuse"}
    for side in SDNet.sides:
        for n in range(1, 5):
            layers[f"layers.layer{n}_{side}"] = f"fusion_model/layer{n}_{side}/{{}}{n}_{side}"
    path = files.path(_FILES["ivif" if task == "auto" else task])
    return load_network(SDNet(), path, from_tensorflow(layers))
