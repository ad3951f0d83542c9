"""ReCoNet: recurrent correction network."""

from __future__ import annotations

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, renamed


@method(
    slug="reconet",
    label="ReCoNet",
    title="Recurrent correction network",
    reference="Z. Huang, J. Liu, X. Fan, R. Liu, W. Zhong, Z. Luo, ReCoNet: Recurrent correction "
    "network for fast and efficient multi-modality image fusion, Proc. ECCV, 2022",
    doi="10.1007/978-3-031-19797-0_31",
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
                    "params.pth",
                    "d4f013c85e48d10d4f6c8b6574f16e4fe9cb5df48c77fc17c1e524f04bb3c290",
                    "https://github.com/dlut-dimt/ReCoNet/raw/"
                    "301cddf9226e2fb45c2fc7a58abad93179e34918/archive/params.pth",
                ),
            ),
            licence="MIT",
            home="https://github.com/dlut-dimt/ReCoNet",
            trained_on=("TNO",),
        ),
    ),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights, run by us on lossless pairs (2 TNO, "
            "1 RoadScene, 1 Lytro, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=7.496e-06,
            max_abs=1.0,
            equal=0.99999,
            psnr=99.38,
        ),
    ),
    notes="Fuses images as they are; the network that registers them beforehand is not part of it.",
)
def reconet(files: WeightFiles, /) -> TensorFusion:
    """One small layer of parallel dilated convolutions, run three times.

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
    Follows [1]_ and the authors' first version, which is the one with published weights. Values are
    rounded and clipped, as the program saves them.

    References
    ----------
    .. [1] Z. Huang, J. Liu, X. Fan, R. Liu, W. Zhong, Z. Luo, "ReCoNet: Recurrent correction
       network for fast and efficient multi-modality image fusion," Proc. ECCV, 2022.
       doi:10.1007/978-3-031-19797-0_31
    """
    from fusebench.methods._networks.reconet import ReCoNet

    names = {"att_a_conv": "attend_a", "att_b_conv": "attend_b", "fus_conv": "last"}
    names |= {f"dil_conv_{i + 1}": f"dilated.{i}" for i in range(3)}
    return load_network(ReCoNet(), files.path("params.pth"), renamed(names))
