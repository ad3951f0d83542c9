"""FusionGAN: a generator trained against a discriminator."""

from __future__ import annotations

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, from_tensorflow, load_network

_LAYERS = {f"layers.{n - 1}": f"fusion_model/layer{n}/{{}}{n}" for n in range(1, 6)}


@method(
    slug="fusiongan",
    label="FusionGAN",
    title="Generative adversarial network",
    reference="J. Ma, W. Yu, P. Liang, C. Li, J. Jiang, FusionGAN: A generative adversarial "
    "network for infrared and visible image fusion, Inf. Fusion 48, 2019",
    doi="10.1016/j.inffus.2018.09.004",
    origin="official weights",
    colour="luma",
    tasks=("ivif",),
    runs_on="any",
    weights=(
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
    notes="No weights come with the package: 'fusebench train fusiongan' makes some, but 150 "
    "steps on one core gave none that are better than the average of the sources. The network "
    "equals the authors' graph to 3e-6 of its range, both filled with the same numbers.",
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

    return load_network(FusionGAN(), files.path("FusionGAN.npz"), from_tensorflow(_LAYERS))
