"""EMFusion: enhanced medical image fusion."""

from __future__ import annotations

import math

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, from_tensorflow, load_network


@method(
    slug="emfusion",
    label="EMFusion",
    title="Enhanced medical image fusion network",
    reference="H. Xu, J. Ma, EMFusion: An unsupervised enhanced medical image fusion network, "
    "Inf. Fusion 76, 2021",
    doi="10.1016/j.inffus.2021.06.001",
    origin="official weights",
    colour="luma",
    tasks=("medical",),
    runs_on="any",
    min_size=2,
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    "EMFusion_ctmri.npz",
                    "bf57ef03bf4cea1522e9119423fe17d24b7cdfcde10dc5e4b47213c8c2db9072",
                ),
            ),
            licence="none stated",
            home="https://github.com/hanna-xu/EMFusion",
            trained_on=("Harvard",),
            notes="The variables of the authors' TensorFlow checkpoint in CT-MRI.zip, exported by "
            "their names with numpy.savez; an export of your own is given with --weights FILE.",
        ),
    ),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights for CT and MRI, run by us on one "
            "lossless pair",
            images=1,
            within_one=1.0,
            mean_abs=0.0,
            max_abs=0.0,
            equal=1.0,
            psnr=math.inf,
        ),
    ),
    notes="The weights at hand are those for CT and MRI; of its two others, for PET and SPECT, no "
    "public copy was found.",
)
def emfusion(files: WeightFiles, /) -> TensorFusion:
    """Both sources through one densely connected network, trained on medical images.

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
    Follows [1]_ and the authors' program. The auto-encoders that only training needs are left out;
    their variables in the checkpoint are not read. The fused image is stretched to 0..255, as the
    authors' way of saving does.

    References
    ----------
    .. [1] H. Xu, J. Ma, "EMFusion: An unsupervised enhanced medical image fusion network," Inf.
       Fusion 76, 2021. doi:10.1016/j.inffus.2021.06.001
    """
    from fusebench.methods._networks.u2fusion import DenseStack

    network = DenseStack(32, 3, (64, 32))
    layers = {"first": "fnet/fuse/conv1"}
    layers |= {f"dense.{n}": f"fnet/fuse/conv{n + 2}" for n in range(3)}
    layers |= {f"chain.{n}": f"fnet/fuse/conv{n + 6}" for n in range(3)}
    return load_network(network, files.path("EMFusion_ctmri.npz"), from_tensorflow(layers))
