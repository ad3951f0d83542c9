"""STDFusionNet: fusion that was trained to keep salient targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, from_tensorflow, load_network

if TYPE_CHECKING:
    import torch

_FILE = "STDFusionNet.npz"
# Scope of each part, its number of blocks, and the place of the first block here.
_PARTS = {
    "visible": ("vi_extraction_network", 3, 1),
    "infrared": ("ir_extraction_network", 3, 1),
    "decoder": ("reconstruction_network", 4, 0),
}


@method(
    slug="stdfusionnet",
    label="STDFusionNet",
    title="Infrared and visible fusion network based on salient target detection",
    reference="J. Ma, L. Tang, M. Xu, H. Zhang, G. Xiao, STDFusionNet: An infrared and visible "
    "image fusion network based on salient target detection, IEEE Trans. Instrum. Meas. 70, 2021",
    doi="10.1109/TIM.2021.3075747",
    origin="official weights",
    colour="luma",
    tasks=("ivif",),
    runs_on="any",
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    _FILE, "f092eb347beb50e78981b9fd3bf9d5533905c77f3120e457151ae3e310892032"
                ),
            ),
            licence="MIT",
            home="https://github.com/Linfeng-Tang/STDFusionNet",
            trained_on=("TNO",),
            notes="The variables of the authors' TensorFlow checkpoint (checkpoint/Fusion.model-28 "
            "or 29 in their repository; which of the two is not known), exported by their names "
            "with numpy.savez; an export of your own is given with --weights DIR.",
        ),
    ),
    notes="Fidelity is not measured: no output of the authors is at hand.",
)
def stdfusionnet(files: WeightFiles, /) -> TensorFusion:
    """Residual blocks, trained with masks of salient targets.

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
    Follows [1]_ and the authors' test program, with exponential units in the first two blocks of
    the decoder. The fused image is stretched to 0..255, as the authors' way of saving does. The
    masks were needed for training only.

    References
    ----------
    .. [1] J. Ma, L. Tang, M. Xu, H. Zhang, G. Xiao, "STDFusionNet: An infrared and visible image
       fusion network based on salient target detection," IEEE Trans. Instrum. Meas. 70, 2021.
       doi:10.1109/TIM.2021.3075747
    """
    from fusebench.methods._networks.stdfusionnet import STDFusionNet

    return load_network(STDFusionNet(), files.path(_FILE), _convert)


def _convert(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    layers, around = {}, {}
    for ours, (part, blocks, first) in _PARTS.items():
        scope = f"STDFusion_model/{part}"
        if first:
            layers[f"{ours}.0"] = scope + "/conv1/{}"
        for k in range(blocks):
            block, theirs = f"{ours}.{k + first}", f"{scope}/block{k + 1}"
            layers.update({f"{block}.conv{i}": f"{theirs}/conv{i}/{{}}" for i in (1, 2, 3)})
            if not (first and k == 0):
                around[f"{block}.around"] = f"{theirs}/identity_conv/{{}}"
    # Those have no bias.
    nothing = {name.format("b"): tensors[name.format("w")].new_zeros(1) for name in around.values()}
    found = from_tensorflow({**layers, **around})({**tensors, **nothing})
    return {name: found[name] for name in found if not name.endswith("around.bias")}
