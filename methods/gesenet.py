"""GeSeNet: semantic-guided network with masks, for medical images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._checks import require_count
from fusebench.methods._weights import WeightFiles, load_network, renamed

if TYPE_CHECKING:
    import torch


@method(
    slug="gesenet",
    label="GeSeNet",
    title="General semantic-guided network with couple mask ensemble",
    reference="J. Li, J. Liu, S. Zhou, Q. Zhang, N. K. Kasabov, GeSeNet: A general semantic-guided "
    "network with couple mask ensemble for medical image fusion, IEEE Trans. Neural Netw. Learn. "
    "Syst. 35(11), 2024",
    doi="10.1109/TNNLS.2023.3293274",
    origin="official weights",
    colour="native",
    tasks=("medical",),
    runs_on="any",
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    "GeSeNet.pth",
                    "3ecbeb6321d190a088a96adac244fcb384506cbfaf31880f08462d2aba518909",
                    "https://github.com/lok-18/GeSeNet/raw/"
                    "aa0f43f28b2b8bcbe9ffddec8ea465408be9b483/model/GeSeNet.pth",
                ),
            ),
            licence="MIT",
            home="https://github.com/lok-18/GeSeNet",
            trained_on=("Harvard",),
        ),
    ),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights and random masks, run by us on "
            "lossless pairs (2 TNO, 1 Lytro, 1 multi-exposure, 1 MRI-CT); ours are drawn with the "
            "same random numbers",
            images=5,
            within_one=1.0,
            mean_abs=1.55e-05,
            max_abs=1.0,
            equal=0.99998,
            psnr=96.23,
        ),
        Fidelity(
            against="the same images; ours with the expected masks, which is the default",
            images=5,
            within_one=0.967077,
            mean_abs=0.302,
            max_abs=15.0,
            equal=0.74016,
            psnr=51.91,
        ),
    ),
    notes="The authors' test program draws random masks, so that two runs of it differ; here masks "
    "are the expected ones, unless they are asked to be drawn.",
)
def gesenet(
    files: WeightFiles, /, *, masks: Literal["expected", "drawn"] = "expected", seed: int = 0
) -> TensorFusion:
    """Features with edges, refined under masks of channels and places.

    Parameters
    ----------
    masks : {"expected", "drawn"}
        Masks as they are without noise, or drawn at random as in the authors' test program.
    seed : int
        Start of the random numbers that masks are drawn with; every image starts there, so that
        results repeat.

    Returns
    -------
    callable
        Function of a functional source (CT, PET, SPECT) and MRI; see
        `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If the seed is below 0, or the weights are not here or not what they should be.

    Notes
    -----
    Follows [1]_ and the authors' test program, which never leaves the mode for training: masks are
    soft, made with Gumbel noise. Luma is fused, colour is that of the functional source, and the
    result is stretched to 0..255 over all channels together and cut down to 8 bits. The network
    needs even sides: a last row or column is doubled for it and cut off again.

    References
    ----------
    .. [1] J. Li, J. Liu, S. Zhou, Q. Zhang, N. K. Kasabov, "GeSeNet: A general semantic-guided
       network with couple mask ensemble for medical image fusion," IEEE Trans. Neural Netw. Learn.
       Syst. 35(11), 2024. doi:10.1109/TNNLS.2023.3293274
    """
    from fusebench.methods._networks.gesenet import NAMES, GeSeNet

    require_count("seed", seed, 0)

    def convert(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        # A normalisation is in the file that the network never applies.
        return renamed(NAMES)({k: v for k, v in tensors.items() if ".bn." not in k})

    network = GeSeNet(drawn=masks == "drawn", seed=seed)
    return load_network(network, files.path("GeSeNet.pth"), convert)
