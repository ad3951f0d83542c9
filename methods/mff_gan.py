"""MFF-GAN: multi-focus fusion learned against an adversary that looks at gradients."""

from __future__ import annotations

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, from_tensorflow, load_network

_FILE = "MFF-GAN_lytro.npz"


@method(
    slug="mff_gan",
    label="MFF-GAN",
    title="Adversarial network with adaptive and gradient joint constraints",
    reference="H. Zhang, Z. Le, Z. Shao, H. Xu, J. Ma, MFF-GAN: An unsupervised generative "
    "adversarial network with adaptive and gradient joint constraints for multi-focus image "
    "fusion, Inf. Fusion 66, 2021",
    doi="10.1016/j.inffus.2020.08.022",
    origin="official weights",
    colour="luma",
    tasks=("mff",),
    runs_on="any",
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    _FILE, "cc905539dd60b8fc6227391eac9766ccfa234a8e73e4426601821d0b186336c1"
                ),
            ),
            licence="none stated",
            home="https://github.com/HaoZhang1018/MFF-GAN",
            trained_on=("Lytro",),
            notes="The variables of the authors' TensorFlow checkpoint for Lytro "
            "(checkpoint/Lytro_model in their repository), exported by their names with "
            "numpy.savez; an export of your own is given with --weights DIR.",
        ),
    ),
    notes="Fidelity is not measured: no output of the authors is at hand.",
)
def mff_gan(files: WeightFiles, /) -> TensorFusion:
    """Two dense paths that exchange what they find, trained against a discriminator.

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
    Follows [1]_ and the authors' test program: the network is that of PMGI without normalisation,
    and each path begins with one source. The fused luma is stretched to 0..255, as the authors' way
    of saving does; their JPEG in between is left out.

    References
    ----------
    .. [1] H. Zhang, Z. Le, Z. Shao, H. Xu, J. Ma, "MFF-GAN: An unsupervised generative adversarial
       network with adaptive and gradient joint constraints for multi-focus image fusion," Inf.
       Fusion 66, 2021. doi:10.1016/j.inffus.2020.08.022
    """
    from fusebench.methods._networks.sdnet import MFFGAN

    layers = {"last": "fusion_model/layer5/{}5"}
    for side in MFFGAN.sides:
        for n in ("1", "2", "2_3", "3", "3_4", "4"):
            layers[f"layers.layer{n}{side}"] = f"fusion_model/layer{n}{side}/{{}}{n}{side}"
    return load_network(MFFGAN(), files.path(_FILE), from_tensorflow(layers))
