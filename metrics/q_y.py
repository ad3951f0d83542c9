"""Structural similarity index of Yang et al."""

from __future__ import annotations

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._triplet import Moments, Name, Triplet

WINDOW, SIGMA = 7, 1.5
# Both constants of the similarity: so small that they matter for black and for flat windows only.
TINY = 2e-16
# Window variances below this are rounding noise of flat windows.
FLAT = 1e-9
# Windows in which the sources are at least so similar are judged by both.
ALIKE = 0.75


@metric(
    slug="q_y",
    label="Q_Y",
    title="Structural similarity to the sources, after Yang",
    direction="higher",
    bounds=(-1.0, 1.0),
    needs="sources",
    identity=1.0,
    min_size=WINDOW,
    reference="C. Yang, J.-Q. Zhang, X.-R. Wang, X. Liu, Inf. Fusion 9(2), 2008",
    doi="10.1016/j.inffus.2006.09.001",
    formula=(
        r"\frac{1}{|W|} \sum_{w \in W} \begin{cases} \lambda_w\, \mathrm{SSIM}_w(A, F) "
        r"+ (1 - \lambda_w)\, \mathrm{SSIM}_w(B, F) & \mathrm{SSIM}_w(A, B) \ge 0.75 \\ "
        r"\max\bigl(\mathrm{SSIM}_w(A, F), \mathrm{SSIM}_w(B, F)\bigr) & \text{else} \end{cases}, "
        r"\quad "
        r"\lambda_w = \frac{\sigma_A^2}{\sigma_A^2 + \sigma_B^2}"
    ),
)
def q_y(t: Triplet) -> Array:
    """Local similarity to both sources where they agree, to the better kept one where not.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        In [-1, 1], higher is better; symmetric in the sources; three identical images give 1.

    Raises
    ------
    ValueError
        If a side is below 7 pixels.

    Notes
    -----
    Gaussian window of 7x7 pixels, sigma 1.5, full windows only; constants of 2e-16. Sources that
    are similar by 0.75 or more are weighted by their variances. Where both are flat, they count
    alike, and a flat window is known as such; in the code of Liu et al. (2012) rounding noise
    decides there, and a window that is black in both sources makes the value NaN. A toolbox whose
    window sums up to 7, with zeros beyond the border, gives up to 14 % more; single precision
    changes values by up to 4e-5.

    References
    ----------
    .. [1] C. Yang, J.-Q. Zhang, X.-R. Wang, X. Liu, "A novel similarity based quality metric for
       image fusion," Inf. Fusion 9(2), 156-160, 2008. doi:10.1016/j.inffus.2006.09.001
    .. [2] Z. Liu et al., "Objective assessment of multiresolution image fusion algorithms for
       context enhancement in night vision: a comparative study," IEEE Trans. Pattern Anal. Mach.
       Intell. 34(1), 94-109, 2012. doi:10.1109/TPAMI.2011.109
    """
    return t.window_mean(WINDOW, _quality)


def _quality(t: Triplet) -> Array:
    """Quality of every window."""
    xp = t.xp
    sources = local_moments(t, "a", "b")
    like_a = local_similarity(t, "a", "fused")
    like_b = local_similarity(t, "b", "fused")
    both = sources.var_x + sources.var_y
    flat = both == 0
    share_a = xp.where(
        flat, xp.full_like(both, 0.5), sources.var_x / xp.where(flat, xp.ones_like(both), both)
    )
    mixed = share_a * like_a + (1 - share_a) * like_b
    alike = local_similarity(t, "a", "b") >= ALIKE
    return xp.where(alike, mixed, xp.maximum(like_a, like_b))


def local_moments(t: Triplet, x: Name, y: Name) -> Moments:
    """Moments of two images in every window, exactly 0 where a window is flat."""

    def make() -> Moments:
        xp = t.xp
        m = t.gaussian_moments(x, y, WINDOW, SIGMA)
        zero = xp.zeros_like(m.cov)
        flat_x, flat_y = m.var_x < FLAT, m.var_y < FLAT
        return Moments(
            mean_x=m.mean_x,
            mean_y=m.mean_y,
            var_x=xp.where(flat_x, zero, m.var_x),
            var_y=xp.where(flat_y, zero, m.var_y),
            cov=xp.where(flat_x | flat_y, zero, m.cov),
        )

    return t.once(("local moments", x, y), make)


def local_similarity(t: Triplet, x: Name, y: Name) -> Array:
    """Structural similarity of two images in every window."""

    def make() -> Array:
        m = local_moments(t, x, y)
        similar = (2 * m.mean_x * m.mean_y + TINY) * (2 * m.cov + TINY)
        return similar / ((m.mean_x**2 + m.mean_y**2 + TINY) * (m.var_x + m.var_y + TINY))

    return t.once(("local similarity", x, y), make)
