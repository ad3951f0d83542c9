"""Losses against values worked out by hand, and their gradients against differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fusebench.methods import _losses as losses

C1, C2 = 1e-4, 9e-4


def image(*rows: list[float]) -> Tensor:
    return torch.tensor(rows)[None, None]


def flat(value: float) -> Tensor:
    return torch.full((1, 1, 12, 13), value)


def noise(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_similarity_of_flat_images_is_that_of_their_means() -> None:
    dark, bright, fused = flat(0.25), flat(0.75), flat(0.5)

    def expected(mean: float) -> float:
        return 1 - (2 * mean * 0.5 + C1) / (mean**2 + 0.25 + C1)

    # Neither varies, and these numbers are exact: the second source counts.
    for a, b, mean in ((dark, bright, 0.75), (bright, dark, 0.25)):
        loss = losses.selected_ssim(a, b, fused)
        assert loss.item() == pytest.approx(expected(mean), abs=1e-6)
        loss = losses.selected_ssim(a, b, fused, by="mean")
        assert loss.item() == pytest.approx(expected(0.75), abs=1e-6)
        without = losses.selected_ssim(a, b, fused, with_luminance=False)
        assert without.item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("with_luminance", [True, False])
def test_similarity_in_one_window_is_that_of_its_moments(with_luminance: bool) -> None:
    a, b, f = (noise(i, 1, 1, 11, 11) * scale for i, scale in ((0, 1.0), (1, 0.3), (2, 0.8)))
    x, y = (z.numpy().astype(np.float64).ravel() for z in (a, f))
    score = (2 * np.cov(x, y, bias=True)[0, 1] + C2) / (x.var() + y.var() + C2)
    if with_luminance:
        score *= (2 * x.mean() * y.mean() + C1) / (x.mean() ** 2 + y.mean() ** 2 + C1)
    # The first source varies more and is brighter.
    for by in ("var", "mean"):
        loss = losses.selected_ssim(a, b, f, by=by, with_luminance=with_luminance)  # type: ignore[arg-type]
        assert loss.item() == pytest.approx(1 - score, abs=1e-5)


def test_each_window_chooses_by_itself() -> None:
    # Two windows of two pixels: the first varies in a, the second in b.
    a, b = image([0.0, 1, 1], [0, 1, 1]), image([0.0, 0, 0.6], [0, 0, 0.6])
    of_a = losses.selected_ssim(a, b, a, size=2).item()
    # The fused image is a: similar to itself in one window, and not to b in the other.
    contrast = C2 / (0.09 + C2)
    luminance = (2 * 0.3 + C1) / (0.09 + 1 + C1)
    assert of_a == pytest.approx(1 - (1 + contrast * luminance) / 2, abs=1e-5)


def test_an_image_is_similar_to_itself() -> None:
    x = noise(3, 2, 3, 20, 14)
    assert losses.one_minus_ssim(x, x).item() == pytest.approx(0, abs=1e-5)
    assert losses.one_minus_ssim(x, 1 - x).item() > 1


def test_similarity_over_scales_of_flat_images_is_that_of_their_means() -> None:
    dark, bright = torch.full((2, 1, 16, 20), 0.25), torch.full((2, 1, 16, 20), 0.75)
    # Contrasts agree; the means count in the coarsest scale only, whose factor comes four times.
    similarity = (2 * 0.25 * 0.75 + C1) / (0.25**2 + 0.75**2 + C1)
    expected = 1 - ((similarity + 1) / 2) ** (4 * 0.1333)
    assert losses.one_minus_ms_ssim(dark, bright).item() == pytest.approx(expected, abs=1e-4)


def test_similarity_over_scales_is_made_of_contrasts_in_gaussian_windows() -> None:
    x, y = noise(4, 1, 1, 32, 32), noise(5, 1, 1, 32, 32) ** 2
    planes = [z[0, 0].numpy().astype(np.float64) for z in (x, y)]
    expected = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        if scale:
            planes = [z.reshape(len(z) // 2, 2, -1, 2).mean((1, 3)) for z in planes]
        side = min(11, len(planes[0]))
        tap = np.exp(-((np.arange(side) - side // 2) ** 2) / 4.5)
        window = np.outer(tap, tap) / tap.sum() ** 2
        parts = [np.lib.stride_tricks.sliding_window_view(z, window.shape) for z in planes]

        def mean(values: np.ndarray, window: np.ndarray = window) -> np.ndarray:
            found: np.ndarray = (values * window).sum((2, 3))
            return found

        (mu, nu), (p, q) = map(mean, parts), parts
        shared = 2 * (mean(p * q) - mu * nu) + C2
        contrast = shared / (mean(p * p) - mu**2 + mean(q * q) - nu**2 + C2)
        if scale < 4:
            expected *= ((contrast.mean() + 1) / 2) ** weight
        else:
            luminance = (2 * mu * nu + C1) / (mu**2 + nu**2 + C1)
            expected *= (((luminance * contrast).mean() + 1) / 2) ** (4 * weight)
    found = losses.one_minus_ms_ssim(x, y).item()
    assert found == pytest.approx(1 - expected, abs=1e-5)
    assert losses.one_minus_ms_ssim(x, x).item() == pytest.approx(0, abs=1e-6)


def test_total_variation_is_of_neighbours() -> None:
    # Down 2 and 3, to the right 1 and 2.
    assert losses.total_variation(image([0, 1], [2, 4])).item() == 6.5 + 2.5


def test_laplacian_of_a_dot() -> None:
    dot, nothing = image([0, 0, 0], [0, 1, 0], [0, 0, 0]), torch.zeros(1, 1, 3, 3)
    assert losses.laplacian_error(dot, nothing).item() == 16
    assert losses.laplacian_error(dot, dot).item() == 0


def test_gradient_of_a_ramp() -> None:
    ramp = torch.arange(4.0).expand(1, 2, 3, 4)
    assert losses.sobel(ramp)[0, 1].tolist() == [[4, 8, 8, 4]] * 3
    assert losses.sobel(ramp.transpose(2, 3))[0, 0].T.tolist() == [[4, 8, 8, 4]] * 3
    assert losses.gradient_error(ramp, torch.zeros_like(ramp)).item() == 6


def test_slopes_have_signs() -> None:
    ramp = torch.arange(4.0).expand(1, 1, 3, 4)
    # Slopes of 0.5, 1, 1 and 0.5 along the rows, and of 0 along the columns.
    assert losses.slope_error(ramp, 0 * ramp).item() == 0.375
    assert losses.slope_error(ramp, -ramp).item() == 0.75
    assert losses.gradient_error(ramp, -ramp).item() == 0


def test_similarity_in_one_gaussian_window_is_that_of_its_moments() -> None:
    x, y = noise(0, 1, 1, 11, 11), noise(2, 1, 1, 11, 11) * 0.8
    p, q = (z[0, 0].numpy().astype(np.float64) for z in (x, y))
    tap = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    window = np.outer(tap, tap) / tap.sum() ** 2
    mu, nu = (p * window).sum(), (q * window).sum()
    shared = 2 * ((p * q * window).sum() - mu * nu) + C2
    contrast = shared / ((p * p * window).sum() - mu**2 + (q * q * window).sum() - nu**2 + C2)
    score = contrast * (2 * mu * nu + C1) / (mu**2 + nu**2 + C1)
    assert losses.one_minus_gaussian_ssim(x, y).item() == pytest.approx(1 - score, abs=1e-5)


def test_adversarial_labels_lie_between() -> None:
    judged = torch.tensor([[1.0], [0.5]])
    labels = torch.tensor([[0.5], [0.0]])
    # Labels 0.95 and 0.7.
    loss = losses.adversarial(judged, 0.7, 1.2, labels)
    assert loss.item() == pytest.approx((0.05**2 + 0.2**2) / 2)


def test_maxima_are_taken_pixel_by_pixel() -> None:
    a, b, fused = image([0.0, 1], [0, 1]), image([0.5, 0.5], [0.5, 0.5]), image([0.5, 0], [1, 1])
    # The maxima are 0.5 and 1 in each row.
    assert losses.intensity_of_brighter(a, b, fused).item() == (0 + 1 + 0.5 + 0) / 4
    ramp = torch.arange(4.0).expand(1, 1, 3, 4)
    for sources in ((ramp, 0 * ramp), (0 * ramp, ramp), (ramp, -ramp)):
        assert losses.gradient_of_stronger(*sources, ramp).item() == 0
        assert losses.gradient_of_stronger(*sources, 0 * ramp).item() == 6


def test_decomposition_wants_alike_bases_and_unlike_details() -> None:
    x, y = image([0.0, 0, 1, 1]), image([0.0, 1, 0, 1])
    # Correlations are 1, -1, and 0 of x and y.
    for base, detail, expected in (
        ((x, x), (x, x), 1 / 2.01),
        ((x, 2 * x + 3), (x, y), 0),
        ((x, y), (x, -x), 1 / 1.01),
        ((x, -x), (y, y), 1 / 0.01),
    ):
        found = losses.decomposition(*base, *detail).item()
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-6)
    flat = torch.zeros(1, 1, 1, 4, requires_grad=True)
    losses.decomposition(flat, x, flat, y).backward()  # type: ignore[no-untyped-call]
    assert flat.grad is not None
    assert torch.isfinite(flat.grad).all()


def test_gram_matrices_forget_places() -> None:
    x = torch.tensor([[1.0, 2], [0, 1]])[None, :, None]
    # Products of the channels (1, 2) and (0, 1), over four values: 5, 2, 2 and 1.
    assert losses.gram_error(x, torch.zeros_like(x)).item() == (25 + 4 + 4 + 1) / 16 / 4
    assert losses.gram_error(x, x.flip(3)).item() == 0


OF_ONE: dict[str, Callable[[Tensor], Tensor]] = {
    "var": lambda x: losses.selected_ssim(noise(1, *x.shape), noise(2, *x.shape), x),
    "mean": lambda x: losses.selected_ssim(
        noise(1, *x.shape), noise(2, *x.shape), x, by="mean", with_luminance=False
    ),
    "ssim": lambda x: losses.one_minus_ssim(noise(1, *x.shape), x),
    "gaussian": lambda x: losses.one_minus_gaussian_ssim(noise(1, *x.shape), x),
    "slope": lambda x: losses.slope_error(noise(1, *x.shape), x),
    "ms_ssim": lambda x: losses.one_minus_ms_ssim(noise(1, *x.shape), x),
    "tv": losses.total_variation,
    "squared": lambda x: losses.squared_error(noise(1, *x.shape), x),
    "laplacian": lambda x: losses.laplacian_error(noise(1, *x.shape), x),
    "gradient": lambda x: losses.gradient_error(noise(1, *x.shape), x),
    "brighter": lambda x: losses.intensity_of_brighter(noise(1, *x.shape), noise(2, *x.shape), x),
    "stronger": lambda x: losses.gradient_of_stronger(noise(1, *x.shape), noise(2, *x.shape), x),
    "decomposition": lambda x: losses.decomposition(x, noise(1, *x.shape), x, noise(2, *x.shape)),
    "gram": lambda x: losses.gram_error(x, noise(1, *x.shape)),
    "adversarial": lambda x: losses.adversarial(x, 0.7, 1.2, noise(1, *x.shape)),
}


@pytest.mark.parametrize("name", OF_ONE)
def test_gradients_are_differences(name: str) -> None:
    x = noise(7, 1, 1, 16, 16)
    x.requires_grad_(True)
    OF_ONE[name](x).backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    direction = noise(8, *x.shape) - 0.5
    step = 2e-3
    with torch.no_grad():
        ahead, behind = (OF_ONE[name](x + s * direction).item() for s in (step, -step))
    slope = (x.grad * direction).sum().item()
    assert slope == pytest.approx((ahead - behind) / (2 * step), rel=0.02, abs=2e-3)


@pytest.mark.parametrize("name", OF_ONE)
def test_losses_of_half_precision_are_full(name: str) -> None:
    x = noise(9, 1, 1, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        loss = OF_ONE[name](x.bfloat16())
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(OF_ONE[name](x.bfloat16().float()).item(), rel=1e-5)


def test_nothing_becomes_nan_in_a_thousand_random_steps() -> None:
    torch.manual_seed(0)
    net = nn.Conv2d(2, 1, 3, padding=1)
    optimiser = torch.optim.Adam(net.parameters(), 0.1)
    for step in range(1000):
        # Flat, black and white images are where shares are undefined.
        a, b = (torch.rand(2, 1, 16, 16) * (step % 3) / 2 + (step % 2) * (i % 2) for i in (0, 1))
        fused = net(torch.cat((a, b), 1))
        loss = (
            losses.selected_ssim(a, b, fused)
            + losses.selected_ssim(a, b, fused, by="mean", with_luminance=False)
            + losses.one_minus_ssim(a, fused)
            + losses.one_minus_gaussian_ssim(a, fused)
            + losses.one_minus_ms_ssim(a, fused)
            + losses.slope_error(a, fused)
            + losses.total_variation(b - fused)
            + losses.squared_error(a, fused)
            + losses.laplacian_error(fused, b)
            + losses.gradient_error(fused, b)
            + losses.intensity_of_brighter(a, b, fused)
            + losses.gradient_of_stronger(a, b, fused)
            + losses.decomposition(a, fused, b, fused)
            + losses.gram_error(a, fused)
            + losses.adversarial(fused, 0.7, 1.2, torch.rand_like(fused))
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert torch.isfinite(loss)
    assert all(torch.isfinite(p).all() for p in net.parameters())
