"""DIDFuse: deep image decomposition."""

from __future__ import annotations

from fusebench.bench.types import Fidelity, WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, renamed

_ENCODER, _DECODER = (f"{part}_weight_IJCAI.pkl" for part in ("Encoder", "Decoder"))


@method(
    slug="didfuse",
    label="DIDFuse",
    title="Deep image decomposition for infrared and visible image fusion",
    reference="Z. Zhao, S. Xu, C. Zhang, J. Liu, P. Li, J. Zhang, DIDFuse: Deep image "
    "decomposition for infrared and visible image fusion, Proc. IJCAI, 2020",
    doi="10.24963/ijcai.2020/135",
    origin="official weights",
    colour="luma",
    tasks=("ivif",),
    runs_on="any",
    # One pixel has no mirror image beside it.
    min_size=2,
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    _ENCODER,
                    "4d84a4e64e58469d3d4591f83c6683ead3e422498519db99bb617cb29d268471",
                ),
                WeightFile(
                    _DECODER,
                    "c6974e2a7c66ab579a77bacb086023237a229e769d459783bad8ff43e52e9986",
                ),
            ),
            licence="none stated",
            home="https://github.com/Zhaozixiang1228/IVIF-DIDFuse",
            trained_on=("FLIR",),
            notes="Both files are in the folder Models of the authors' repository; give a folder "
            "that holds them with --weights DIR.",
        ),
    ),
    fidelity=(
        Fidelity(
            against="the authors' network with their weights, run by us on lossless pairs (2 TNO, "
            "1 RoadScene, 1 Lytro, 1 multi-exposure, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=2.463e-05,
            max_abs=1.0,
            equal=0.99997,
            psnr=94.22,
        ),
    ),
)
def didfuse(files: WeightFiles, /) -> TensorFusion:
    """Decompose both sources by one encoder, add base and detail, and decode the sums.

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
    Follows [1]_ with the rule "sum", which is the default of the authors' program: base, detail and
    the layers before them are added, though training decoded those of one image. Results are
    rounded, as the program saves them.

    References
    ----------
    .. [1] Z. Zhao, S. Xu, C. Zhang, J. Liu, P. Li, J. Zhang, "DIDFuse: Deep image decomposition for
       infrared and visible image fusion," Proc. IJCAI, 2020. doi:10.24963/ijcai.2020/135
    """
    from fusebench.methods._networks.didfuse import DIDFuse

    network = DIDFuse()
    names = {
        "cov1.cov1.1": "first.0",
        "cov1.cov1.2": "first.1",
        "cov1.cov1.3": "first.2",
        "cov2.cov2": "second",
        "cov3.cov3": "base",
        "cov4.cov4": "detail",
    }
    load_network(network.encoder, files.path(_ENCODER), renamed(names))
    names = {
        "cov5.cov5": "parts",
        "cov6.cov6": "second",
        "cov7.cov7.1": "first.0",
        "cov7.cov7.2": "first.1",
    }
    load_network(network.decoder, files.path(_DECODER), renamed(names))
    return network
