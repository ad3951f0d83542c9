"""DeepFuse, by its authors and as most infrared-visible comparisons mean it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, from_tensorflow, load_network

if TYPE_CHECKING:
    import torch

_REFERENCE = (
    "K. R. Prabhakar, V. S. Srikar, R. V. Babu, DeepFuse: A deep unsupervised approach for "
    "exposure fusion with extreme exposure image pairs, Proc. ICCV, 2017"
)
_DOI = "10.1109/ICCV.2017.505"


@method(
    slug="deepfuse",
    label="DeepFuse",
    title="Unsupervised exposure fusion",
    reference=_REFERENCE,
    doi=_DOI,
    origin="official weights",
    colour="luma",
    tasks=("mef",),
    runs_on="any",
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    "DF_model_Epoch99.npz",
                    "dd6ad74ad6bb91ea083febf49a5ab2af888416e6a3a1ec4b7af07920fdd9b91a",
                    "https://github.com/KRamPrabhakar/DeepFuse/raw/"
                    "2a776bacd49ad3d9c2917d31bf71fd8d2ae2e370/DF_model_Epoch99.npz",
                ),
            ),
            licence="none stated",
            home="https://github.com/KRamPrabhakar/DeepFuse",
        ),
    ),
    fidelity=(
        Fidelity(
            against="a port of the authors' network with their weights, which is within one level "
            "of their three published images, run by us on lossless grey pairs (2 TNO, 1 "
            "RoadScene, 1 Lytro, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=0.0002185,
            max_abs=1.0,
            equal=0.99978,
            psnr=84.74,
        ),
    ),
    notes="Infrared-visible comparisons mostly mean another network of that name: deepfuse_li.",
)
def deepfuse(files: WeightFiles, /) -> TensorFusion:
    """Features of both exposures, added, and an image made of them.

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
    Follows [1]_ and the authors' program: kernels are turned by half, as true convolutions have
    them, a leaky ReLU follows the last layer too, and the fused image is stretched to 0..255.
    Without any constants in the network, the scale of the sources does not matter.

    References
    ----------
    .. [1] K. R. Prabhakar, V. S. Srikar, R. V. Babu, "DeepFuse: A deep unsupervised approach for
       exposure fusion with extreme exposure image pairs," Proc. ICCV, 2017.
       doi:10.1109/ICCV.2017.505
    """
    from fusebench.methods._networks.deepfuse import DeepFuse

    return load_network(DeepFuse(), files.path("DF_model_Epoch99.npz"), _from_theano)


def _from_theano(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    layers = ("c11", "c21", "c3", "c4", "c41", "c5")
    return {f"{name}.weight": tensors[f"arr_{i}"].flip(2, 3) for i, name in enumerate(layers)}


@method(
    slug="deepfuse_li",
    label="DeepFuse (Li)",
    title="Auto-encoder that goes by the name of DeepFuse",
    reference=_REFERENCE + "; network and training of Hui Li",
    doi=_DOI,
    origin="retrained",
    colour="luma",
    tasks=("ivif",),
    runs_on="any",
    min_size=2,
    weights=(
        Weights(
            name="official",
            origin="retrained",
            files=(
                WeightFile(
                    "DeepFuse_hli.npz",
                    "0e39a23fa695a483613b97926fa2c12192996887cd60c2b52040e21af8cd783f",
                ),
            ),
            licence="none stated",
            home="https://github.com/hli1221/Imagefusion_deepfuse",
            trained_on=("MS-COCO",),
            notes="The variables of Hui Li's TensorFlow checkpoint, exported by their names with "
            "numpy.savez; an export of your own is given with --weights FILE.",
        ),
    ),
    fidelity=(
        Fidelity(
            against="Hui Li's network with his weights, run by us on lossless grey pairs (2 TNO, 1 "
            "RoadScene, 1 Lytro, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=7.5e-05,
            max_abs=1.0,
            equal=0.99993,
            psnr=89.38,
        ),
    ),
    notes="Not the network of the paper: a smaller auto-encoder, which infrared-visible "
    "comparisons mostly mean by DeepFuse.",
)
def deepfuse_li(files: WeightFiles, /) -> TensorFusion:
    """Features of an auto-encoder, added and decoded.

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
    Follows Hui Li's program, written after [1]_ for infrared and visible images and trained by
    structural similarity alone. The level of its output means nothing, and the fused image is
    stretched to 0..255.

    References
    ----------
    .. [1] K. R. Prabhakar, V. S. Srikar, R. V. Babu, "DeepFuse: A deep unsupervised approach for
       exposure fusion with extreme exposure image pairs," Proc. ICCV, 2017.
       doi:10.1109/ICCV.2017.505
    """
    from fusebench.methods._networks.deepfuse import DeepFuseLi

    layers = {f"encode{n}": f"encoder/conv1_{n}" for n in (1, 2)}
    layers |= {f"decode{n}": f"decoder/conv2_{n}" for n in (1, 2, 3)}
    return load_network(DeepFuseLi(), files.path("DeepFuse_hli.npz"), from_tensorflow(layers))
