"""Nonlinear correlation information entropy."""

from __future__ import annotations

import math

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._primitives import LEVELS
from fusebench.metrics._triplet import Triplet
from fusebench.metrics.mi import mutual_information

IMAGES = 3


@metric(
    slug="q_ncie",
    label="Q_{NCIE}",
    title="Nonlinear correlation information entropy",
    direction="higher",
    # 1 - log_256(3) of three unrelated images, rounded down.
    bounds=(0.8018, 1.0),
    needs="sources",
    reference="Q. Wang, Y. Shen, J. Q. Zhang, Physica D 200(3-4), 2005",
    doi="10.1016/j.physd.2004.11.001",
    formula=(
        r"1 + \sum_{i=1}^{3} \frac{\lambda_i}{3} \log_{256} \frac{\lambda_i}{3}, \quad "
        r"\lambda = \mathrm{eig} \begin{pmatrix} 1 & n_{AB} & n_{AF} \\ n_{AB} & 1 & n_{BF} \\ "
        r"n_{AF} & n_{BF} & 1 \end{pmatrix},\ n_{XY} = \frac{I(X; Y)}{8}"
    ),
)
def q_ncie(t: Triplet) -> Array:
    """How strongly the sources and the fused image hang together, linearly or not.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        In [0.8019, 1], higher is better; symmetric in the sources. Unrelated images give 0.8019;
        three identical images give 1 only if all 256 grey levels are equally frequent.

    Notes
    -----
    The nonlinear correlation of two images is their mutual information to base 256. Of the 3 x 3
    matrix of correlations the eigenvalues, over 3, count as a distribution, and 1 less its entropy
    to base 256 is the value. Published code stretches each image to 0..255 first, which keeps
    different levels apart and so changes nothing. The relation between the two sources, which no
    fusion can change, counts as much as the others. One seed paper prints this measure as
    "Q_0 (Wang)".

    References
    ----------
    .. [1] Q. Wang, Y. Shen, J. Q. Zhang, "A nonlinear correlation measure for multivariable data
       set," Physica D 200(3-4), 287-295, 2005. doi:10.1016/j.physd.2004.11.001
    .. [2] Q. Wang, Y. Shen, J. Jin, "Performance evaluation of image fusion techniques," ch. 19 of
       Image Fusion: Algorithms and Applications, Academic Press, 469-492, 2008.
    """
    xp = t.xp
    bits = math.log2(LEVELS)
    ab = mutual_information(t, "a", "b") / bits
    af = mutual_information(t, "a", "fused") / bits
    bf = mutual_information(t, "b", "fused") / bits
    one = xp.ones_like(ab)
    correlations = xp.stack([one, ab, af, ab, one, bf, af, bf, one], axis=1)
    eigenvalues = xp.linalg.eigvalsh(xp.reshape(correlations, (-1, IMAGES, IMAGES)))
    # No eigenvalue is negative but by rounding.
    shares = xp.clip(eigenvalues, 0.0, None) / IMAGES
    logarithm = xp.log2(xp.where(shares > 0, shares, xp.ones_like(shares)))
    return 1 + xp.sum(shares * logarithm, axis=1) / bits
