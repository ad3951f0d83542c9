"""NST: infrared and visible images fused as pictures are given a style."""

from __future__ import annotations

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._checks import require_count, require_positive
from fusebench.methods._weights import WeightFiles, load_network

_STEM_FILE = "resnet50_conv1_bn1_torchvision_v1.pt"
_WHOLE_FILE = "resnet50-0676ba61.pth"
_RESNET = (
    "ResNet50 of K. He, X. Zhang, S. Ren, J. Sun, Deep residual learning for image recognition, "
    "CVPR 2016, as torchvision trained it (IMAGENET1K_V1)"
)


@method(
    slug="nst",
    label="NST",
    title="Neural style transfer based infrared-visible fusion",
    reference="L. Kumar KM, N. Aishwarya, B. Ashwin, Neural Style Transfer based Infrared-Visible "
    "Fusion",
    doi="",
    origin="reimplemented",
    colour="native",
    tasks=("ivif",),
    runs_on="any",
    weights=(
        Weights(
            name="stem",
            origin="official weights",
            files=(
                WeightFile(
                    _STEM_FILE, "725830ec543f44bbf6b58db7be1688e89f894ec9e5425e50018b6956b2836af5"
                ),
            ),
            licence="BSD-3-Clause",
            home="https://github.com/pytorch/vision",
            trained_on=("ImageNet",),
            notes=_RESNET + ": its first convolution and normalisation only, which are all that is "
            "needed. The whole network has them too: --weights torchvision.",
        ),
        Weights(
            name="torchvision",
            origin="official weights",
            files=(
                WeightFile(
                    _WHOLE_FILE,
                    "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
                    f"https://download.pytorch.org/models/{_WHOLE_FILE}",
                ),
            ),
            licence="BSD-3-Clause",
            home="https://github.com/pytorch/vision",
            trained_on=("ImageNet",),
            notes=_RESNET + "; 103 MB. Its digest is the one that public lists of checksums agree "
            "on.",
        ),
    ),
    notes="Written after the paper, which has no code and most likely used the ResNet50 of Keras, "
    "with other weights; it has not been compared with the paper's table 1.",
)
def nst(
    files: WeightFiles,
    /,
    *,
    iterations: int = 300,
    rate: float = 0.01,
    ema: bool = True,
    side: int = 0,
) -> TensorFusion:
    """Mean of the sources, changed until its summed features in ResNet50 are the larger ones.

    Parameters
    ----------
    iterations : int
        Number of iterations, at least 1.
    rate : float
        Learning rate of Adam for images in [0, 1].
    ema : bool
        Whether the fused image is the moving average over the iterations (momentum 0.99).
    side : int
        Side of the square in which the images are fused, 256 in the paper; 0 leaves them as they
        are.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If an option is out of range, or the weights are not here or not what they should be.

    Notes
    -----
    Follows [1]_: the first convolution of ResNet50 (7x7, every second pixel), normalisation and
    activation give 64 maps, which are summed; the larger of the two sums at each place is what the
    fused image, at first the mean of the sources, is to have. Not stated: the number of iterations,
    whether colours may part (here grey sources give one plane that stands for all three channels),
    and how the image is cut to [0, 1] (at the end). The sum has a quarter of the places that
    the image has pixels, so that many images have it; which one is found depends on the start, the
    rate and the iterations.

    References
    ----------
    .. [1] L. Kumar KM, N. Aishwarya, B. Ashwin, "Neural style transfer based infrared-visible
       fusion."
    """
    require_count("iterations", iterations)
    require_positive("rate", rate)
    require_count("side", side, least=0)
    from fusebench.methods._networks.nst import NST
    from fusebench.methods._networks.resnet import ResNet50Stem, converted

    stem = load_network(ResNet50Stem(), files.path(files.weights.files[0].name), converted)
    return NST(stem, iterations=iterations, rate=rate, averaged=ema, side=side)
