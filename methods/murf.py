"""MURF: the fusion stage of mutually reinforcing registration and fusion."""

from __future__ import annotations

import math

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network


@method(
    slug="murf",
    label="MURF",
    title="Mutually reinforcing multi-modal image registration and fusion",
    reference="H. Xu, J. Yuan, J. Ma, MURF: Mutually reinforcing multi-modal image registration "
    "and fusion, IEEE Trans. Pattern Anal. Mach. Intell. 45(10), 2023",
    doi="10.1109/TPAMI.2023.3283682",
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
                    "MURF_rgbir_f2m.npz",
                    "13072610c99c60bb442a1ef223b23b925925be1ce40e6fd5377bff7de24f293c",
                ),
            ),
            licence="none stated",
            home="https://github.com/hanna-xu/MURF",
            trained_on=("RoadScene",),
            notes="The variables of the authors' TensorFlow checkpoint for visible and infrared "
            "images (RGB-IR/fine_registration_and_fusion/models/finetuning), exported by their "
            "names with numpy.savez; an export of your own is given with --weights FILE.",
        ),
    ),
    fidelity=(
        Fidelity(
            against="the authors' TensorFlow network with their weights, run by us on one pair of "
            "patterns of 70 x 90 pixels; compared before the stretch with which it is saved",
            images=1,
            within_one=1.0,
            mean_abs=0,
            max_abs=0.0,
            equal=1.0,
            psnr=math.inf,
        ),
    ),
    notes="Fuses registered images; the networks that register them are not part of it.",
)
def murf(files: WeightFiles, /) -> TensorFusion:
    """Features of both sources, weighted by the strength of their edges.

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
    Follows the second stage of [1]_ and the authors' program, without the deformation that it
    predicts for images that are not quite registered. Colour is that of the visible source. The
    program brings all images to one size first; the network does not need it, and here none is
    resized. Attention depends on the whole image, so large images cannot be computed in tiles. The
    result is stretched to 0..255 over all channels together, as the program's way of saving does.

    References
    ----------
    .. [1] H. Xu, J. Yuan, J. Ma, "MURF: Mutually reinforcing multi-modal image registration and
       fusion," IEEE Trans. Pattern Anal. Mach. Intell. 45(10), 2023.
       doi:10.1109/TPAMI.2023.3283682
    """
    from fusebench.methods._networks.murf import MURF, converted

    return load_network(MURF(), files.path("MURF_rgbir_f2m.npz"), converted)
