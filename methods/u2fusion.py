"""U2Fusion: one network for all kinds of fusion."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, from_tensorflow, load_network


@method(
    slug="u2fusion",
    label="U2Fusion",
    title="Unified unsupervised image fusion network",
    reference="H. Xu, J. Ma, J. Jiang, X. Guo, H. Ling, U2Fusion: A unified unsupervised image "
    "fusion network, IEEE Trans. Pattern Anal. Mach. Intell. 44(1), 2022",
    doi="10.1109/TPAMI.2020.3012548",
    origin="official weights",
    colour="luma",
    tasks=("ivif", "medical", "mef", "mff"),
    runs_on="any",
    min_size=2,
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    "U2Fusion.npz",
                    "2fc15b2967ec1336378b94107f5b2f5e26fc3680e14fa3a608c310349f155456",
                ),
            ),
            licence="none stated",
            home="https://github.com/hanna-xu/U2Fusion",
            trained_on=("RoadScene", "TNO", "SICE", "Lytro", "Harvard"),
            notes="The variables of the authors' TensorFlow checkpoint, exported by their names "
            "with numpy.savez; an export of your own is given with --weights FILE.",
        ),
    ),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights, run by us on lossless grey pairs (2 "
            "TNO, 1 RoadScene, 1 Lytro, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=2.36e-05,
            max_abs=1.0,
            equal=0.99998,
            psnr=94.41,
        ),
        Fidelity(
            against="Linfeng Tang's images of TNO, somebody else's run of the authors' code; four "
            "of 14, which all are as near",
            images=4,
            within_one=1.0,
            mean_abs=7.31e-06,
            max_abs=1.0,
            equal=0.99999,
            psnr=99.49,
        ),
        Fidelity(
            against="the same pairs and network with visible first and the scale of the authors' "
            "script (order reversed, output scaled)",
            images=6,
            within_one=1.0,
            mean_abs=2.14e-05,
            max_abs=1.0,
            equal=0.99998,
            psnr=94.82,
        ),
    ),
    notes="Not symmetric. The order here, infrared first, is that of the published comparisons; "
    "the authors' script has visible first, which gives other images.",
)
def u2fusion(
    files: WeightFiles,
    /,
    *,
    order: Literal["as given", "reversed"] = "as given",
    output: Literal["stretched", "scaled", "kept"] = "stretched",
) -> TensorFusion:
    """Both sources through one densely connected network.

    Parameters
    ----------
    order : {"as given", "reversed"}
        Whether `a`, the infrared image, goes in first, or `b`.
    output : {"stretched", "scaled", "kept"}
        What becomes 0 and 255: the darkest and the brightest value of the network, black and its
        brightest value, or black and white.

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
    Follows [1]_ and the authors' program, but for the order of the sources (see the record) and the
    range of the output: by default both are those of the published comparisons. The authors' script
    of today has the visible image first and scales the output (`order` "reversed", `output`
    "scaled"). Papers differ: table 1 of [2]_ comes out with the visible image first and stretched,
    that of [3]_ with the visible image first and kept, in all columns on TNO.

    References
    ----------
    .. [1] H. Xu, J. Ma, J. Jiang, X. Guo, H. Ling, "U2Fusion: A unified unsupervised image fusion
       network," IEEE Trans. Pattern Anal. Mach. Intell. 44(1), 2022.
       doi:10.1109/TPAMI.2020.3012548
    .. [2] D. Rao, X.-J. Wu, T. Xu, G. Chen, "Unsupervised image fusion method based on feature
       mutual mapping," 2021.
    .. [3] X. Zhang, L. Wang, L. Zhao, X. Li, S. Ma, "A semantic-aware and multi-guided network for
       infrared-visible image fusion."
    """
    from fusebench.methods._networks.u2fusion import DenseStack

    network = DenseStack(44, 5, (128, 64, 32), reverse=order == "reversed", output=output)
    layers = {"first": "Generator/encoder/conv1_1"}
    layers |= {f"dense.{n}": f"Generator/encoder/dense_block_conv{n + 1}" for n in range(5)}
    layers |= {f"chain.{n}": f"Generator_1/decoder/conv2_{n + 1}" for n in range(4)}
    return load_network(network, files.path("U2Fusion.npz"), from_tensorflow(layers))
