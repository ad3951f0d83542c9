"""DenseFuse: an auto-encoder with a dense block."""

from __future__ import annotations

import math
from typing import Literal

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._checks import require_count
from fusebench.methods._weights import WeightFiles, from_tensorflow, load_network, renamed

_TENSORFLOW = {
    "tf_1e0": "f49afc2d7133411bce6e3fbf288d862472833026265e29da4261ded4317fa699",
    "tf_1e1": "e99a6b65976fed99c30808e06a66bd2231dfff3b2746cb575953f5e3166d9024",
    "tf_1e2": "4d412b8d97d5df5355c16fe652cb84bcb88059705c1967c0ab7976f411b57a2b",
    "tf_1e3": "b4cfff9da974051168a2bde9c92e2214311c68944374b6e63b689e0794597a8e",
}


def _tensorflow(name: str, sha256: str) -> Weights:
    model = f"densefuse_model_bs2_epoch4_all_weight_{name.removeprefix('tf_')}"
    return Weights(
        name=name,
        origin="official weights",
        files=(WeightFile(f"DenseFuse_tf_{model}.npz", sha256),),
        licence="none stated",
        home="https://github.com/hli1221/imagefusion_densefuse",
        trained_on=("MS-COCO",),
        notes=f"The variables of the authors' TensorFlow checkpoint {model}, whose name ends with "
        "lambda, exported by their names with numpy.savez; an export of your own, of any of the "
        "four, is given with --weights FILE.",
    )


@method(
    slug="densefuse",
    label="DenseFuse",
    title="Encoder with a dense block",
    reference="H. Li, X.-J. Wu, DenseFuse: A fusion approach to infrared and visible images, "
    "IEEE Trans. Image Process. 28(5), 2019",
    doi="10.1109/TIP.2018.2887342",
    origin="official weights",
    colour="per_channel",
    tasks=("ivif",),
    runs_on="any",
    min_size=2,
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    "densefuse_gray.model",
                    "b34cf3650f04161b31ac2467decfeedf7eba39165b7618f846e0f298ecd2ac65",
                    "https://github.com/hli1221/densefuse-pytorch/raw/"
                    "a4d6c4e792f2975be303e57dbcf96e9bce442087/models/densefuse_gray.model",
                ),
            ),
            licence="none stated",
            home="https://github.com/hli1221/densefuse-pytorch",
            trained_on=("MS-COCO",),
            notes="The authors' PyTorch version, lambda 100.",
        ),
        *(_tensorflow(name, sha256) for name, sha256 in _TENSORFLOW.items()),
    ),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights, run by us on lossless grey pairs (2 "
            "TNO, 1 RoadScene, 1 Lytro, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=0.0,
            max_abs=0.0,
            equal=1.0,
            psnr=math.inf,
        ),
        Fidelity(
            against="Linfeng Tang's images of TNO, somebody else's run of the authors' TensorFlow "
            "code, compared with weights tf_1e2",
            images=14,
            within_one=1.0,
            mean_abs=4.54e-05,
            max_abs=1.0,
            equal=0.99995,
            psnr=91.56,
        ),
    ),
    notes="Most published comparisons use the authors' first, TensorFlow version, whose images are "
    "stretched to 0..255: weights tf_1e0 to tf_1e3, by lambda.",
)
def densefuse(
    files: WeightFiles, /, *, strategy: Literal["addition", "l1"] = "addition", radius: int = 1
) -> TensorFusion:
    """Features of an auto-encoder, added or weighted by their activity, and decoded.

    Parameters
    ----------
    strategy : {"addition", "l1"}
        How the features of the sources are merged: with equal weights, or by the share of each
        source in the sum of their magnitudes.
    radius : int
        Half the side of the window over which "l1" averages the magnitudes, 0 for none; the paper
        has 1, the authors' last TensorFlow program leaves it out.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If `radius` is below 0, or the weights are not here or not what they should be.

    Notes
    -----
    Follows [1]_ and the authors' two programs, which the set of weights chooses between. The later
    one, in PyTorch ("official"), averages features, has a ReLU after the last layer too, and cuts
    images down to 8 bits. The first, in TensorFlow, adds features and stretches images to 0..255.
    Channels of colour sources are fused one by one, as in the paper. Beyond the border the window
    of "l1" sees the border again.

    References
    ----------
    .. [1] H. Li, X.-J. Wu, "DenseFuse: A fusion approach to infrared and visible images," IEEE
       Trans. Image Process. 28(5), 2019. doi:10.1109/TIP.2018.2887342
    """
    from fusebench.methods._networks.densefuse import DenseFuse

    require_count("radius", radius, 0)
    decoders = (1, 2, 3, 4)
    (file,) = files.weights.files
    tensorflow = files.weights.name in _TENSORFLOW
    network = DenseFuse(strategy, radius, tensorflow=tensorflow)
    if tensorflow:
        layers = {"first": "encoder/conv1_1"}
        layers |= {f"dense.{n}": f"encoder/dense_block_conv{n + 1}" for n in range(3)}
        layers |= {f"decode{n}": f"decoder/conv2_{n}" for n in decoders}
        return load_network(network, files.path(file.name), from_tensorflow(layers))
    names = {"conv1.conv2d": "first"}
    names |= {f"DB1.denseblock.{n}.dense_conv.conv2d": f"dense.{n}" for n in range(3)}
    names |= {f"conv{n + 1}.conv2d": f"decode{n}" for n in decoders}
    return load_network(network, files.path(file.name), renamed(names))
