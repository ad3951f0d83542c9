"""AUIF: two-scale decomposition by unrolled optimisation."""

from __future__ import annotations

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, renamed

_AT = (
    "https://github.com/Zhaozixiang1228/IVIF-AUIF-Net/raw/8b97900c5ac959941374916c0ec8b72ddd480d28/"
    "Models/"
)
_BASE, _DETAIL, _DECODER = (
    f"TCSVT_{part}.model" for part in ("Encoder_Base", "Encoder_Detail", "Decoder")
)


@method(
    slug="auif",
    label="AUIF",
    title="Algorithm unrolling for image fusion",
    reference="Z. Zhao, S. Xu, J. Zhang, C. Liang, C. Zhang, J. Liu, Efficient and model-based "
    "infrared and visible image fusion via algorithm unrolling, IEEE Trans. Circuits Syst. Video "
    "Technol. 32(3), 2022",
    doi="10.1109/TCSVT.2021.3075745",
    origin="official weights",
    colour="luma",
    tasks=("ivif",),
    runs_on="any",
    # Below, the mirror of the 19 x 19 filter would need pixels that are not there.
    min_size=10,
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    _BASE,
                    "c4fe51b85637e3befc89b27e3cbb7a765aea37871eb4da4f58b471680ce7eb72",
                    _AT + _BASE,
                ),
                WeightFile(
                    _DETAIL,
                    "92e1ad6a4b7e5a2acc442a3a57c3b0e48a2af262f487942e42d81334de204726",
                    _AT + _DETAIL,
                ),
                WeightFile(
                    _DECODER,
                    "7966d490bb4003821c8f20ce1197c22d020ab986850571c5dfa02b0defad8ad3",
                    _AT + _DECODER,
                ),
            ),
            licence="none stated",
            home="https://github.com/Zhaozixiang1228/IVIF-AUIF-Net",
            trained_on=("FLIR",),
        ),
    ),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights, run by us on lossless pairs (2 TNO, "
            "1 RoadScene, 1 Lytro, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=4.18e-5,
            max_abs=1.0,
            equal=0.99996,
            psnr=91.92,
        ),
    ),
)
def auif(files: WeightFiles, /) -> TensorFusion:
    """Unrolled descent: base and detail by ten steps each, with learned filters.

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
    Follows [1]_ and the authors' weights: base and detail of both sources are added, which is the
    paper's rule "sum", and the sum is decoded. Before the first step an image is parted by an 11 x
    11 mean and a 19 x 19 Laplacian. Results are rounded, as the authors' program saves them.

    References
    ----------
    .. [1] Z. Zhao, S. Xu, J. Zhang, C. Liang, C. Zhang, J. Liu, "Efficient and model-based infrared
       and visible image fusion via algorithm unrolling," IEEE Trans. Circuits Syst. Video Technol.
       32(3), 2022. doi:10.1109/TCSVT.2021.3075745
    """
    from fusebench.methods._networks.auif import AUIF

    network = AUIF()
    load_network(network.base, files.path(_BASE), renamed({"conv1": "steps"}))
    load_network(network.detail, files.path(_DETAIL), renamed({"conv2": "steps"}))
    load_network(network.decoding, files.path(_DECODER))
    return network
