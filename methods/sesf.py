"""SESF-Fuse: focus measured in features that a network learned without labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, renamed

if TYPE_CHECKING:
    import torch

_FILE = "lp+lssim_se_sf_net_times30.pkl"
_NAMES = {
    f"{theirs}.{layer}": f"encoder.{ours}.{name}"
    for block, attention, ours in (
        ("features", "se_f", "0"),
        *((f"conv_encode_{k + 1}", f"se_{k + 1}", f"1.{k}") for k in range(3)),
    )
    for theirs, layer, name in (
        (block, "0", "conv"),
        (block, "2", "norm"),
        (attention, "fc.0", "squeeze"),
        (attention, "fc.2", "excite"),
    )
}


@method(
    slug="sesf",
    label="SESF-Fuse",
    title="Squeeze-and-excitation and spatial frequency fusion",
    reference="B. Ma, Y. Zhu, X. Yin, X. Ban, H. Huang, M. Mukeshimana, SESF-Fuse: an unsupervised "
    "deep model for multi-focus image fusion, Neural Comput. Appl. 33, 2021",
    doi="10.1007/s00521-020-05358-9",
    origin="official weights",
    colour="native",
    tasks=("mff",),
    runs_on="any",
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    _FILE,
                    "8758fcab88f19f673e31c9a8d1dc60e67f5b655572462ea099c49248b36fdaa3",
                    "https://github.com/Keep-Passion/SESF-Fuse/raw/"
                    f"f699b54d59c2c13d6c8ec09c376c44445858a788/nets/parameters/{_FILE}",
                ),
            ),
            licence="MIT",
            home="https://github.com/Keep-Passion/SESF-Fuse",
            trained_on=("MS-COCO",),
        ),
    ),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights, run by us on lossless pairs (1 Lytro "
            "in colour, 1 TNO, 1 MRI-CT)",
            images=3,
            within_one=1.0,
            mean_abs=0.0,
            max_abs=0.0,
            equal=1.0,
            psnr=math.inf,
        ),
    ),
)
def sesf(files: WeightFiles, /) -> TensorFusion:
    """Decision map from the spatial frequency of features that a network learned.

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
    Follows [1]_ and the authors' program. Where both are equally sharp, the second source is taken.
    The decision map is opened and closed with a disk of radius 5, regions below 1% of the image are
    done away with, and a guided filter (radius 4, eps 0.1 in squares of grey levels) smooths its
    edges. In colour the filter adds up the slopes that each channel would have alone. Results are
    cut down to 8 bits, not rounded, so that rounding errors of the filter show as single levels.

    References
    ----------
    .. [1] B. Ma, Y. Zhu, X. Yin, X. Ban, H. Huang, M. Mukeshimana, "SESF-Fuse: an unsupervised deep
       model for multi-focus image fusion," Neural Comput. Appl. 33, 2021.
       doi:10.1007/s00521-020-05358-9
    """
    from fusebench.methods._networks.sesf import SESF

    return load_network(SESF(), files.path(_FILE), _convert)


def _convert(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    # The decoder was needed for training only.
    return renamed(_NAMES)({k: v for k, v in tensors.items() if "decode" not in k})
