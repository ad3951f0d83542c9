"""Mutual information by Tsallis entropy."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import Array, InputError
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._triplet import Name, Triplet
from fusebench.metrics.en import entropy

Form = Literal["liu", "paper"]


@metric(
    slug="q_te",
    label="Q_{TE}",
    title="Mutual information by Tsallis entropy",
    direction="higher",
    bounds=(0.0, float("inf")),
    needs="sources",
    reference="N. Cvejic, C. N. Canagarajah, D. R. Bull, Electron. Lett. 42(11), 2006",
    doi="10.1049/el:20060693",
    formula=(
        r"\frac{I_q(A; F) + I_q(B; F)}{H(A)^q + H(B)^q + I_q(A; B)}, \quad "
        r"I_q(X; Y) = \frac{1}{1 - q} \left( 1 - \sum_{i,j} "
        r"\frac{p_{XY}(i, j)^q}{\bigl(p_Y(i)\, p_X(j)\bigr)^{q-1}} \right),\ q = 0.43137"
    ),
)
def q_te(
    t: Triplet, *, order: float = 0.43137, normalised: bool = True, form: Form = "liu"
) -> Array:
    """Information that the fused image shares with the sources, by the entropy of Tsallis.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    order : float
        Order of the entropy, positive and not 1. Cvejic et al. take 1.85, Nava et al. 0.43137.
    normalised : bool
        Whether the sum over the sources is divided by their own information, after Nava et al.
    form : {"liu", "paper"}
        The code of Liu et al. (2012), from which the published values come, or the formulas.

    Returns
    -------
    float
        At least 0, higher is better; symmetric in the sources. NaN where it is normalised and
        both sources are constant.

    Notes
    -----
    The code of Liu et al. departs from the formulas in three places, all kept in form "liu". It
    exchanges the two marginal distributions, so that a pair of levels is compared with how
    frequent the level of the source is in the fused image, and the other way round: values then
    depend on where levels lie, and each image is stretched to 0..255 first, which otherwise would
    change nothing. It normalises with powers of Shannon entropies instead of Tsallis entropies,
    and adds the information that the sources share instead of subtracting it. On the triples
    tested it gives 0.33 to 0.61 where the formulas give 0.018 to 0.035. Not normalised, with order
    1.85, it gives 37 to 2362 where the formulas give 10 to 35.

    References
    ----------
    .. [1] N. Cvejic, C. N. Canagarajah, D. R. Bull, "Image fusion metric based on mutual
       information and Tsallis entropy," Electron. Lett. 42(11), 626-627, 2006.
       doi:10.1049/el:20060693
    .. [2] R. Nava, G. Cristobal, B. Escalante-Ramirez, "Mutual information improves image fusion
       quality assessments," SPIE Newsroom, 2007.
    .. [3] Z. Liu et al., "Objective assessment of multiresolution image fusion algorithms for
       context enhancement in night vision: a comparative study," IEEE Trans. Pattern Anal. Mach.
       Intell. 34(1), 94-109, 2012. doi:10.1109/TPAMI.2011.109
    """
    require_choice("form", form, Form)
    if not order > 0 or order == 1:
        raise InputError(f"order is {order!r}; expected a positive number other than 1")
    images = t.stretched() if form == "liu" else t
    shared = _shared(images, "a", "fused", order, form) + _shared(images, "b", "fused", order, form)
    if not normalised:
        return shared
    between = _shared(images, "a", "b", order, form)
    if form == "liu":
        entropy_a, entropy_b = (entropy(images.histogram(name), t) for name in ("a", "b"))
        own = entropy_a**order + entropy_b**order
        whole = own + between
    else:
        own = _tsallis(images, "a", order) + _tsallis(images, "b", order)
        whole = own - between
    empty = own == 0
    value = shared / t.xp.where(empty, t.xp.ones_like(whole), whole)
    return t.undefined_where(empty, value, "both sources are constant")


def _shared(t: Triplet, x: Name, y: Name, order: float, form: Form) -> Array:
    """Information that two images share, shape (N,)."""
    xp = t.xp
    joint, rows, columns = t.joint_histogram(x, y), t.histogram(x), t.histogram(y)
    if form == "liu":
        rows, columns = columns, rows
    product = rows[:, :, None] * columns[:, None, :]
    possible = (joint > 0) & (product > 0)
    one = xp.ones_like(joint)
    ratio = xp.where(possible, joint, one) ** order
    ratio = ratio / xp.where(possible, product, one) ** (order - 1)
    shared = (1 - t.total(xp.where(possible, ratio, xp.zeros_like(ratio)))) / (1 - order)
    # Below 0 by rounding only, but for orders above 1 with exchanged marginals.
    return shared if form == "liu" and order > 1 else xp.clip(shared, 0.0, None)


def _tsallis(t: Triplet, name: Name, order: float) -> Array:
    """Tsallis entropy of the grey levels of an image, shape (N,)."""
    return (1 - t.xp.sum(t.histogram(name) ** order, axis=1)) / (order - 1)
