"""TarDAL: target-aware dual adversarial learning."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, renamed


@method(
    slug="tardal",
    label="TarDAL",
    title="Target-aware dual adversarial learning",
    reference="J. Liu, X. Fan, Z. Huang, G. Wu, R. Liu, W. Zhong, Z. Luo, Target-aware dual "
    "adversarial learning and a multi-scenario multi-modality benchmark to fuse infrared and "
    "visible for object detection, Proc. CVPR, 2022",
    doi="10.1109/CVPR52688.2022.00571",
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
                    "tardal-dt.pth",
                    "887b12bd9928ee87c17cbc3cbaef5079778a678e437cba91d607b1fa66856834",
                    "https://github.com/fuhx-ai/TarDAL/raw/"
                    "7d79d52b88dd9991720a51a5cab732ffa06e4a34/weights/v1/tardal-dt.pth",
                ),
                WeightFile(
                    "tardal-tt.pth",
                    "cff3756548b511e3e415616debc557cdc85b3bb19393ca158cac8d08f232897c",
                ),
                WeightFile(
                    "tardal-ct.pth",
                    "7009d125e36db043d6918d9358e10c6dca7fdf2dd08ada09c5ecd294f45f98c5",
                ),
            ),
            licence="GPL-3.0",
            home="https://github.com/JinyuanLiu-CV/TarDAL",
            trained_on=("TNO", "RoadScene", "M3FD"),
            notes="The authors publish these files with the releases of their repository; those "
            "known here are from a fork of it, fuhx-ai/TarDAL, whose owner may have trained tt and "
            "ct again. The authors' settings name TNO and RoadScene for dt, M3FD for tt and ct. "
            "Give a folder that holds the files with --weights DIR.",
        ),
    ),
    fidelity=(
        Fidelity(
            against="the authors' network with the weights dt, run by us on lossless pairs (2 TNO, "
            "1 RoadScene, 1 Lytro, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=2.142e-05,
            max_abs=1.0,
            equal=0.99997,
            psnr=94.82,
        ),
        Fidelity(
            against="the authors' network with the weights tt, run by us on the same pairs",
            images=6,
            within_one=1.0,
            mean_abs=1.713e-05,
            max_abs=1.0,
            equal=0.99998,
            psnr=95.79,
        ),
        Fidelity(
            against="the authors' network with the weights ct, run by us on the same pairs",
            images=6,
            within_one=1.0,
            mean_abs=1.285e-05,
            max_abs=1.0,
            equal=0.99998,
            psnr=97.04,
        ),
    ),
    notes="The weights tt and ct, as found, give images of which a third is black and which run "
    "against the infrared source; dt is what comparisons should use.",
)
def tardal(files: WeightFiles, /, *, mode: Literal["dt", "tt", "ct"] = "dt") -> TensorFusion:
    """Densely connected generator, trained against judges of targets and of details.

    Parameters
    ----------
    mode : {"dt", "tt", "ct"}
        How the weights were trained: for fusion only, for detection only, or for both together.

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
    values are rounded and clipped. The file of dt says that its layers are to be normalised by the
    statistics of the image at hand; so every pixel depends on all others, and large images cannot
    be computed in tiles. The program takes the statistics over a batch; it is run one pair at a
    time, and so is this.

    References
    ----------
    .. [1] J. Liu, X. Fan, Z. Huang, G. Wu, R. Liu, W. Zhong, Z. Luo, "Target-aware dual adversarial
       learning and a multi-scenario multi-modality benchmark to fuse infrared and visible for
       object detection," Proc. CVPR, 2022. doi:10.1109/CVPR52688.2022.00571
    """
    from fusebench.methods._networks.tardal import TarDAL

    names = {"encoder.0": "first.0", "encoder.1": "first.1"}
    names |= {f"fuse.{i}": f"decoder.{i}" for i in (1, 2)}
    names |= {f"fuse.{i}.0": f"decoder.{i}" for i in (0, 3)}
    network = TarDAL(own_statistics=mode == "dt")
    return load_network(network, files.path(f"tardal-{mode}.pth"), renamed(names))
