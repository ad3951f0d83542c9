"""FusionGAN: a generator trained against a discriminator."""

from __future__ import annotations

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, from_tensorflow, load_network, retrained

_LAYERS = {f"layers.{n - 1}": f"fusion_model/layer{n}/{{}}{n}" for n in range(1, 6)}


@method(
    slug="fusiongan",
    label="FusionGAN",
    title="Generative adversarial network",
    reference="J. Ma, W. Yu, P. Liang, C. Li, J. Jiang, FusionGAN: A generative adversarial "
    "network for infrared and visible image fusion, Inf. Fusion 48, 2019",
    doi="10.1016/j.inffus.2018.09.004",
    origin="retrained",
    colour="luma",
    tasks=("ivif",),
    runs_on="any",
    weights=(
        retrained(
            "fusiongan",
            "47515cccc59538ddd02e89674b91b85bde71afbb74dbd53a54991fa785c41908",
            "roadscene:161",
            how="400 steps of 4 crops on one core, where the authors take 20,000 of 32 from TNO; "
            "made",
        ),
        Weights(
            name="official",
            origin="official weights",
            files=(WeightFile("FusionGAN.npz"),),
            licence="see the authors' repository",
            home="https://github.com/jiayi-ma/FusionGAN",
            trained_on=("TNO",),
            notes="The variables of a TensorFlow checkpoint of the authors (CGAN.model), exported "
            "by their names with numpy.savez; nobody here has seen one. Your export is given with "
            "--weights FILE.",
        ),
    ),
    notes="Weights of ours, from far less data and time than the authors'. By Q^AB/F and MS-SSIM "
    "they are below the average of the sources, and so is what rao2021fmm prints: 0.268 and 0.614 "
    "on ten pairs of TNO, where these weights have 0.252 and 0.673, the average 0.331 and 0.865. "
    "The network equals the authors' graph to 3e-6 of its range, both filled with the same "
    "numbers.",
)
def fusiongan(files: WeightFiles, /) -> TensorFusion:
    """Image with the intensities of the infrared and the edges of the visible source.

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
    Follows [1]_ and the authors' test program: sources are repeated at their borders, images are
    normalised by their own statistics after each convolution but the last (batch normalisation that
    has forgotten what it learned), and the result is stretched to 0..255, as the program's way of
    saving does. Every pixel depends on the whole image, so large ones cannot be computed in tiles.

    References
    ----------
    .. [1] J. Ma, W. Yu, P. Liang, C. Li, J. Jiang, "FusionGAN: A generative adversarial network for
       infrared and visible image fusion," Inf. Fusion 48, 2019. doi:10.1016/j.inffus.2018.09.004
    """
    from fusebench.methods._networks.fusiongan import FusionGAN

    return load_network(
        FusionGAN(), files.path(files.weights.files[0].name), from_tensorflow(_LAYERS)
    )
