"""MATR: multiscale adaptive transformer, for medical images."""

from __future__ import annotations

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network


@method(
    slug="matr",
    label="MATR",
    title="Multiscale adaptive transformer",
    reference="W. Tang, F. He, Y. Liu, Y. Duan, MATR: Multimodal medical image fusion via "
    "multiscale adaptive transformer, IEEE Trans. Image Process. 31, 2022",
    doi="10.1109/TIP.2022.3193288",
    origin="official weights",
    colour="luma",
    tasks=("medical",),
    runs_on="any",
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    "model_10.pth",
                    "523f6be0ef0330a84c473a7ad2e037a7eb1a98584021c4772dfd317c1c0ddaab",
                    "https://github.com/tthinking/MATR/raw/"
                    "9784909dd5d50ec6eb5200670656f07329bf3136/models/model_10.pth",
                ),
            ),
            licence="none stated",
            home="https://github.com/tthinking/MATR",
            trained_on=("Harvard",),
        ),
    ),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights, run by us on lossless square pairs "
            "(1 TNO, 1 Lytro, 1 MRI-CT)",
            images=3,
            within_one=1.0,
            mean_abs=1.207e-05,
            max_abs=1.0,
            equal=0.99998,
            psnr=97.31,
        ),
    ),
    notes="The authors' network takes square images only; here others are mirrored to squares.",
)
def matr(files: WeightFiles, /) -> TensorFusion:
    """Convolutions that adapt to the image, around a transformer, in three branches.

    Returns
    -------
    callable
        Function of a functional source (CT, PET, SPECT) and MRI; see
        `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If the weights are not here or not what they should be.

    Notes
    -----
    Follows [1]_ and the authors' program, of which three traits are kept. Its transformer works on
    windows of one token, where attention has no effect; its tokens are runs of 16 values side by
    side in memory instead of the 16 channels of a pixel; and its three branches share all layers.
    Images that are not square are continued by their mirror image, on the right or below, and cut
    to size again. Kernels depend on the whole image, so large images cannot be computed in tiles.
    Results are cut down to 8 bits.

    References
    ----------
    .. [1] W. Tang, F. He, Y. Liu, Y. Duan, "MATR: Multimodal medical image fusion via multiscale
       adaptive transformer," IEEE Trans. Image Process. 31, 2022. doi:10.1109/TIP.2022.3193288
    """
    from fusebench.methods._networks.matr import MATR, converted

    return load_network(MATR(), files.path("model_10.pth"), converted)
