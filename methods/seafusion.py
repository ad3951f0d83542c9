"""SeAFusion: fusion trained together with segmentation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, renamed

if TYPE_CHECKING:
    import torch

_BLOCK = {
    "dense.conv1.conv": "dense.0",
    "dense.conv2.conv": "dense.1",
    "convdown.conv": "down",
    "sobelconv.convx": "across",
    "sobelconv.convy": "along",
    "convup.conv": "up",
}
_NAMES = {
    **{
        f"{theirs}_{part}": f"{ours}.{place}"
        for theirs, ours in (("vis", "visible"), ("inf", "infrared"))
        for part, place in (
            ("conv.conv", 0),
            *(
                (f"rgbd{i}.{layer}", f"{i}.{name}")
                for i in (1, 2)
                for layer, name in _BLOCK.items()
            ),
        )
    },
    **{f"decode{4 - i}.conv": f"decoder.{i}" for i in range(4)},
}


@method(
    slug="seafusion",
    label="SeAFusion",
    title="Semantic-aware real-time infrared and visible image fusion network",
    reference="L. Tang, J. Yuan, J. Ma, Image fusion in the loop of high-level vision tasks: A "
    "semantic-aware real-time infrared and visible image fusion network, Inf. Fusion 82, 2022",
    doi="10.1016/j.inffus.2021.12.004",
    origin="official weights",
    colour="native",
    tasks=("ivif",),
    runs_on="any",
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    "SeAFusion.pth",
                    "8d65a7f9a50f36349803368cf9920f40420776995e7e8cc8a56d8d30e499431d",
                ),
            ),
            licence="none stated",
            home="https://github.com/Linfeng-Tang/SeAFusion",
            trained_on=("MSRS train",),
            notes="The authors' repository could not be searched for it. The file is "
            "Checkpoint/SeAFusion/SeAFusion.pth of https://github.com/ycc568/my-seafusion.",
        ),
    ),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights, run by us on lossless pairs (2 TNO, "
            "1 RoadScene, 1 Lytro, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=0.0,
            max_abs=0.0,
            equal=1.0,
            psnr=math.inf,
        ),
    ),
)
def seafusion(files: WeightFiles, /) -> TensorFusion:
    """Gradient residual dense network, trained with a segmentation network behind it.

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
    Follows [1]_ and the authors' program: luma is fused, colour is that of the visible source, and
    the result is stretched to 0..255 over all channels together and cut down to 8 bits. The
    program stretches over a batch; it is run one pair at a time, and so is this.

    References
    ----------
    .. [1] L. Tang, J. Yuan, J. Ma, "Image fusion in the loop of high-level vision tasks: A
       semantic-aware real-time infrared and visible image fusion network," Inf. Fusion 82, 2022.
       doi:10.1016/j.inffus.2021.12.004
    """
    from fusebench.methods._networks.seafusion import SeAFusion

    return load_network(SeAFusion(), files.path("SeAFusion.pth"), _convert)


def _convert(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    # The decoder's normalisations are in the file, but the network never applies them.
    return renamed(_NAMES)({k: v for k, v in tensors.items() if ".bn." not in k})
