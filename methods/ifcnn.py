"""IFCNN: one network for all kinds of fusion."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import Fidelity, Task, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network

_REFERENCE = (
    "Y. Zhang, Y. Liu, P. Sun, H. Yan, X. Zhao, L. Zhang, IFCNN: A general image fusion framework "
    "based on convolutional neural network, Inf. Fusion 54, 2020"
)
_DOI = "10.1016/j.inffus.2019.07.011"
_TASKS: tuple[Task, ...] = ("mff", "ivif", "medical")


def _official(rule: str, sha256: str) -> tuple[Weights]:
    name = f"IFCNN-{rule}.pth"
    return (
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    name,
                    sha256,
                    "https://github.com/uzeful/IFCNN/raw/1d281720468bb0c317957b6bd26929ae45a9dfb5/"
                    f"Code/snapshots/{name}",
                ),
            ),
            licence="none stated",
            home="https://github.com/uzeful/IFCNN",
            trained_on=("NYU-D2",),
            notes="The first layer is that of ResNet-101, trained on ImageNet and frozen.",
        ),
    )


def _load(files: WeightFiles, rule: str, normalisation: str) -> TensorFusion:
    from fusebench.methods._networks.ifcnn import IFCNN

    return load_network(IFCNN(rule, normalisation), files.path(f"IFCNN-{rule.upper()}.pth"))


@method(
    slug="ifcnn_max",
    label="IFCNN-MAX",
    title="General image fusion framework, element-wise maximum",
    reference=_REFERENCE,
    doi=_DOI,
    origin="official weights",
    colour="native",
    tasks=_TASKS,
    runs_on="any",
    any_number=True,
    weights=_official("MAX", "6022b44c88a2f0367ba9b08fcdf0d663745d9a966fca0ee1f41867797b6ff53f"),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights, run by us on lossless pairs (2 TNO, "
            "1 RoadScene, 1 Lytro in colour, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=1.63e-5,
            max_abs=1.0,
            equal=0.99998,
            psnr=96.02,
        ),
        Fidelity(
            against="Linfeng Tang's images of TNO, somebody else's run of the authors' code",
            images=14,
            within_one=1.0,
            mean_abs=1.68e-5,
            max_abs=1.0,
            equal=0.99998,
            psnr=95.87,
        ),
    ),
)
def ifcnn_max(
    files: WeightFiles, /, *, normalisation: Literal["imagenet", "none"] = "imagenet"
) -> TensorFusion:
    """One convolutional network whose features are merged by their maximum.

    Parameters
    ----------
    normalisation : {"imagenet", "none"}
        What is taken off the sources and given back to the fused image: mean and deviation of the
        photographs of ImageNet, or nothing.

    Returns
    -------
    callable
        Function of two or more source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If the weights are not here or not what they should be.

    Notes
    -----
    Follows [1]_ and the authors' program. Colour is fused as such. Grey sources are taken three
    times, and the fused image is turned to grey as Pillow does; three equal channels count as grey.
    Fused images are cut down to 8 bits, not rounded.

    All inputs are normalised as photographs of ImageNet are. The authors' script does not do so for
    grey ones (`normalisation` "none"), but their published images show that they did: with it ours
    equal them, without it they are 5 to 17 levels off. Others ran the script as it is: the rows of
    IFCNN in table 1 and of IFCNN(max) in table 3 of [2]_ come out with "none" in all columns.

    References
    ----------
    .. [1] Y. Zhang, Y. Liu, P. Sun, H. Yan, X. Zhao, L. Zhang, "IFCNN: A general image fusion
       framework based on convolutional neural network," Inf. Fusion 54, 2020.
       doi:10.1016/j.inffus.2019.07.011
    .. [2] D. Rao, X.-J. Wu, T. Xu, G. Chen, "Unsupervised image fusion method based on feature
       mutual mapping," 2021.
    """
    return _load(files, "max", normalisation)


@method(
    slug="ifcnn_mean",
    label="IFCNN-MEAN",
    title="General image fusion framework, element-wise mean",
    reference=_REFERENCE,
    doi=_DOI,
    origin="official weights",
    colour="native",
    tasks=("mef", *_TASKS),
    runs_on="any",
    any_number=True,
    weights=_official("MEAN", "fd2ee9361f1d428fc9749e28e8a2c5c5ef6ce6528ab6f5ad8ef5def42e7ffa4b"),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights, run by us on lossless pairs (2 TNO, "
            "1 RoadScene, 1 Lytro in colour, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=1.97e-5,
            max_abs=1.0,
            equal=0.99998,
            psnr=95.19,
        ),
    ),
    notes="The authors' choice for multi-exposure. Their published images of other tasks could not "
    "be reproduced with the published weights, by their own program either.",
)
def ifcnn_mean(
    files: WeightFiles, /, *, normalisation: Literal["imagenet", "none"] = "imagenet"
) -> TensorFusion:
    """One convolutional network whose features are merged by their mean.

    Parameters
    ----------
    normalisation : {"imagenet", "none"}
        What is taken off the sources and given back to the fused image: mean and deviation of the
        photographs of ImageNet, or nothing.

    Returns
    -------
    callable
        Function of two or more source tensors; see `ifcnn_max`.

    Raises
    ------
    InputError, MissingDataError
        If the weights are not here or not what they should be.

    References
    ----------
    .. [1] Y. Zhang, Y. Liu, P. Sun, H. Yan, X. Zhao, L. Zhang, "IFCNN: A general image fusion
       framework based on convolutional neural network," Inf. Fusion 54, 2020.
       doi:10.1016/j.inffus.2019.07.011
    """
    return _load(files, "mean", normalisation)


@method(
    slug="ifcnn_sum",
    label="IFCNN-SUM",
    title="General image fusion framework, element-wise sum",
    reference=_REFERENCE,
    doi=_DOI,
    origin="official weights",
    colour="native",
    tasks=_TASKS,
    runs_on="any",
    any_number=True,
    weights=_official("SUM", "a8c1d293f1bf16a93e6244a4bf8f7a7bd300dc10555c8597ad7ef3320b0410cb"),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights, run by us on lossless pairs (2 TNO, "
            "1 RoadScene, 1 Lytro in colour, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=1.76e-5,
            max_abs=1.0,
            equal=0.99998,
            psnr=95.67,
        ),
    ),
)
def ifcnn_sum(
    files: WeightFiles, /, *, normalisation: Literal["imagenet", "none"] = "imagenet"
) -> TensorFusion:
    """One convolutional network whose features are merged by their sum.

    Parameters
    ----------
    normalisation : {"imagenet", "none"}
        What is taken off the sources and given back to the fused image: mean and deviation of the
        photographs of ImageNet, or nothing.

    Returns
    -------
    callable
        Function of two or more source tensors; see `ifcnn_max`.

    Raises
    ------
    InputError, MissingDataError
        If the weights are not here or not what they should be.

    References
    ----------
    .. [1] Y. Zhang, Y. Liu, P. Sun, H. Yan, X. Zhao, L. Zhang, "IFCNN: A general image fusion
       framework based on convolutional neural network," Inf. Fusion 54, 2020.
       doi:10.1016/j.inffus.2019.07.011
    """
    return _load(files, "sum", normalisation)
