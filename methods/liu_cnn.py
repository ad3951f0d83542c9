"""Convolutional network of Liu et al. for infrared and visible images."""

from __future__ import annotations

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network


@method(
    slug="liu_cnn",
    label="CNN",
    title="Infrared and visible image fusion with convolutional neural networks",
    reference="Y. Liu, X. Chen, J. Cheng, H. Peng, Z. Wang, Infrared and visible image fusion with "
    "convolutional neural networks, Int. J. Wavelets Multiresolut. Inf. Process. 16(3), 2018",
    doi="10.1142/S0219691318500182",
    origin="official weights",
    colour="native",
    tasks=("ivif", "medical"),
    runs_on="any",
    # The network compares patches of 16 pixels; the last may lack a row and a column.
    min_size=15,
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    "cnnmodel.mat",
                    "f826e6739aa6cea943a1323642468760102fc735ff090cd83ab28d998ba76a20",
                    "https://github.com/xingchenzhang/VIFB/raw/"
                    "5d29ee72176551bca1e7823598f4a1f7f5f2467f/methods/CNN/model/cnnmodel.mat",
                ),
            ),
            licence="none stated",
            home="https://github.com/xingchenzhang/VIFB",
            trained_on=("ImageNet validation",),
            notes="The authors' file, as published with VIFB.",
        ),
    ),
    fidelity=(
        Fidelity(
            against="a port of the authors' code with their weights, which is within JPEG noise of "
            "VIFB's images, run by us on lossless grey pairs (2 TNO, 1 RoadScene, 1 Lytro, 1 "
            "multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=0.999998,
            mean_abs=2.891e-05,
            max_abs=2.0,
            equal=0.99997,
            psnr=92.92,
        ),
        Fidelity(
            against="the seven smallest images of VIFB, made by the authors' MATLAB code and saved "
            "as JPEG; ours is saved so too",
            images=7,
            within_one=0.999539,
            mean_abs=0.002027,
            max_abs=4.0,
            equal=0.9985,
            psnr=72.97,
        ),
    ),
)
def liu_cnn(files: WeightFiles, /) -> TensorFusion:
    """Weights by a network that compares patches, applied in Laplacian pyramids.

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
    Follows [1]_ and the authors' code as VIFB runs it. One map of weights is made from the grey
    images and used for every channel. Weights come from patches every second pixel; a pixel has the
    mean of those of the patches it is in. Where bands match by more than 0.6 they are averaged by
    weight, elsewhere the stronger is taken; ties go to the second source. Sums around a corner
    count nothing beyond it, as in the toolbox that the code uses: with a mirror image there,
    VIFB's images would be further away. Results are rounded.

    References
    ----------
    .. [1] Y. Liu, X. Chen, J. Cheng, H. Peng, Z. Wang, "Infrared and visible image fusion with
       convolutional neural networks," Int. J. Wavelets Multiresolut. Inf. Process. 16(3), 2018.
       doi:10.1142/S0219691318500182
    """
    from fusebench.methods._networks.liu_cnn import LiuCNN, converted

    return load_network(LiuCNN(), files.path("cnnmodel.mat"), converted)
