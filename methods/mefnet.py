"""MEF-Net: weights of exposures, learned by the measure that they are judged by."""

from __future__ import annotations

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, renamed

_FILE = "MEFNet_release.pt"
_NAMES = {
    "lr.18": "layers.6",
    **{
        f"lr.{3 * k + i}{theirs}": f"layers.{k}.{ours}"
        for k in range(6)
        for i, theirs, ours in (
            (0, "", "conv"),
            (1, ".w_0", "keep"),
            (1, ".w_1", "share"),
            (1, ".in_norm", "norm"),
        )
    },
}


@method(
    slug="mefnet",
    label="MEF-Net",
    title="Deep guided learning for multi-exposure fusion",
    reference="K. Ma, Z. Duanmu, H. Zhu, Y. Fang, Z. Wang, Deep guided learning for fast "
    "multi-exposure image fusion, IEEE Trans. Image Process. 29, 2020",
    doi="10.1109/TIP.2019.2952716",
    origin="official weights",
    colour="native",
    tasks=("mef",),
    runs_on="any",
    any_number=True,
    # The smaller an image is, the more its copy with a shorter side of 128 is enlarged.
    min_size=16,
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(
                WeightFile(
                    _FILE,
                    "8d524b43086cff513c36ae34814669ea4d1cbee4014d394b1a921b5114360b1b",
                    "https://github.com/makedede/MEFNet/raw/"
                    f"28ed07461ad24f82e19b910bd6df47f591ad477b/checkpoint/{_FILE}",
                ),
            ),
            licence="none stated",
            home="https://github.com/makedede/MEFNet",
        ),
    ),
    notes="Fidelity is not measured: nobody published an output that we could compare with.",
)
def mefnet(files: WeightFiles, /) -> TensorFusion:
    """Weights from small images, brought to full size by a guided filter, for any number.

    Returns
    -------
    callable
        Function of two or more source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If the weights are not here or not what they should be.

    Notes
    -----
    Follows [1]_ and the authors' program: luma is weighted by what the network says of copies with
    a shorter side of 128 (Pillow's bilinear filter, 8 bits), chroma by its distance from grey.
    Results are cut down to 8 bits, as old versions of torchvision saved them. The program shrinks
    images with both sides above 2048; here they keep their size.

    Two things are not settled by the authors' files and taken from the public package of that
    guided filter: 3 x 3 windows end at the border, and coefficients are interpolated with corners
    on corners.

    References
    ----------
    .. [1] K. Ma, Z. Duanmu, H. Zhu, Y. Fang, Z. Wang, "Deep guided learning for fast multi-exposure
       image fusion," IEEE Trans. Image Process. 29, 2020. doi:10.1109/TIP.2019.2952716
    """
    from fusebench.methods._networks.mefnet import MEFNet

    return load_network(MEFNet(), files.path(_FILE), renamed(_NAMES))
