"""DATFuse: dual attention transformer."""

from __future__ import annotations

import math

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network


@method(
    slug="datfuse",
    label="DATFuse",
    title="Dual attention transformer",
    reference="W. Tang, F. He, Y. Liu, Y. Duan, T. Si, DATFuse: Infrared and visible image fusion "
    "via dual attention transformer, IEEE Trans. Circuits Syst. Video Technol. 33(7), 2023",
    doi="10.1109/TCSVT.2023.3234340",
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
                    "075b636954cbd425fc29be808bcfb42232e29b203f054c2a637ed301300d5a1d",
                    "https://github.com/tthinking/DATFuse/raw/"
                    "c6e1ca2494b4b318bbc046420377d8176cd360ab/model_10.pth",
                ),
            ),
            licence="none stated",
            home="https://github.com/tthinking/DATFuse",
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
def datfuse(files: WeightFiles, /) -> TensorFusion:
    """Dual attention in channels and places, around a transformer.

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
    Follows [1]_ and the authors' program, which differs from the paper's words in two ways that are
    kept. Its transformer works on windows of one token, where attention has no effect; and its
    tokens are runs of 16 values side by side in memory instead of the 16 channels of a pixel, so
    that the result depends on the width of the image. Values are cut down to 8 bits by a cast
    that takes them modulo 256: the few below 0 become white.

    References
    ----------
    .. [1] W. Tang, F. He, Y. Liu, Y. Duan, T. Si, "DATFuse: Infrared and visible image fusion via
       dual attention transformer," IEEE Trans. Circuits Syst. Video Technol. 33(7), 2023.
       doi:10.1109/TCSVT.2023.3234340
    """
    from fusebench.methods._networks.datfuse import DATFuse, converted

    return load_network(DATFuse(), files.path("model_10.pth"), converted)
