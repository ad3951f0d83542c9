"""MsgFusion: medical images by two branches that share their layers."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network


@method(
    slug="msgfusion",
    label="MsgFusion",
    title="Medical semantic guided two-branch network",
    reference="J. Wen, F. Qin, J. Du, M. Fang, X. Wei, C. L. P. Chen, P. Li, MsgFusion: Medical "
    "semantic guided two-branch network for multimodal brain image fusion, IEEE Trans. Multimedia "
    "26, 2024",
    doi="",
    origin="official weights",
    colour="native",
    tasks=("medical",),
    runs_on="any",
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(WeightFile("ct_mr.pth"), WeightFile("mr_pet.pth")),
            licence="none stated",
            home="https://github.com/22385wjy/MsgFusion",
            trained_on=("Harvard",),
            notes="A file for each kind of pair, named so by the authors' test program; give it "
            "with --weights FILE.",
        ),
    ),
    notes="Nobody here has seen the authors' weights. On tensors made by a rule the network gives "
    "what theirs gives, to 2e-5 of its range. Results are grey, also where PET or SPECT is in "
    "false colours.",
)
def msgfusion(
    files: WeightFiles, /, *, modalities: Literal["ct_mr", "mr_pet"] = "ct_mr"
) -> TensorFusion:
    """Structure of one source and low frequencies of the other, with light in place of colour.

    Parameters
    ----------
    modalities : {"ct_mr", "mr_pet"}
        Weights for CT and MRI, or for MRI and PET, and what the authors' program does with each.

    Returns
    -------
    callable
        Function of a functional source (CT, PET, SPECT) and MRI; see
        `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If the weights are not here or not what they should be.

    Notes
    -----
    Follows [1]_ and the authors' program. The light of a source is the sum of its channels beyond
    their maximum, for CT and MRI that beyond white, stretched to 0..255 over the whole image.
    Images with an odd side get its last row or column twice, and are cut to size again. The fused
    colours are cut down to 8 bits and turned to grey; the authors' colour images are that grey in
    false colours.

    References
    ----------
    .. [1] J. Wen, F. Qin, J. Du, M. Fang, X. Wei, C. L. P. Chen, P. Li, "MsgFusion: Medical
       semantic guided two-branch network for multimodal brain image fusion," IEEE Trans. Multimedia
       26, 2024
    """
    from fusebench.methods._networks.msgfusion import MsgFusion, converted

    return load_network(MsgFusion(modalities), files.path(f"{modalities}.pth"), converted)
