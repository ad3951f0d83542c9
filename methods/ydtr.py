"""YDTR: Y-shape dynamic transformer."""

from __future__ import annotations

import math

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network


@method(
    slug="ydtr",
    label="YDTR",
    title="Y-shape dynamic transformer",
    reference="W. Tang, F. He, Y. Liu, YDTR: Infrared and visible image fusion via Y-shape dynamic "
    "transformer, IEEE Trans. Multimedia 25, 2023",
    doi="10.1109/TMM.2022.3192661",
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
                    "model_10.pth",
                    "183c31a103ada74063e644b300d6708ed567dcc231a9d0f8d52e098c6c2a0d32",
                    "https://github.com/tthinking/YDTR/raw/"
                    "8f5b0ab391c064f5c2ee89249c7df2acf5318da6/models/model_10.pth",
                ),
            ),
            licence="none stated",
            home="https://github.com/tthinking/YDTR",
            trained_on=("TNO",),
            notes="The paper trains on patches of TNO pairs; it does not name them.",
        ),
    ),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights, run by us on lossless pairs (2 TNO, "
            "1 RoadScene, 1 Lytro, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=0.0,
            max_abs=0.0,
            equal=1.0,
            psnr=math.inf,
        ),
    ),
)
def ydtr(files: WeightFiles, /) -> TensorFusion:
    """Y-shaped network: one branch for each source and the same once more for their sum.

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
    Follows [1]_ and the authors' program. As in DATFuse, which has the same first author, windows
    of the transformer hold one token, and tokens are runs of 64 values side by side in memory, so
    that the result depends on the width of the image. All three branches share their weights.
    Values are cut down to 8 bits by a cast
    that takes them modulo 256: the few below 0 become white.

    References
    ----------
    .. [1] W. Tang, F. He, Y. Liu, "YDTR: Infrared and visible image fusion via Y-shape dynamic
       transformer," IEEE Trans. Multimedia 25, 2023. doi:10.1109/TMM.2022.3192661
    """
    from fusebench.methods._networks.ydtr import YDTR, converted

    return load_network(YDTR(), files.path("model_10.pth"), converted)
