"""The transforms of multi-scale methods: they come back, and they do what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from fusebench.methods import _dtcwt

SHAPES = [(1, 1), (2, 3), (5, 64), (33, 47), (64, 64), (90, 122)]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, shape)


def grating(side: int, degrees: float, period: float) -> np.ndarray:
    """Stripes that run at an angle to the x axis, counted counter-clockwise as one sees them.

    The period is that along x or y, whichever is shorter: bands are squares in frequency.
    """
    y, x = np.mgrid[:side, :side]
    wave = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
    wave /= np.abs(wave).max()
    return np.cos(2 * np.pi / period * (y * wave[0] + x * wave[1]))


# Dual-tree complex wavelets


@pytest.mark.parametrize("first", ["legall", "near_sym_b"])
@pytest.mark.parametrize("later", ["qshift_06", "qshift_b"])
@pytest.mark.parametrize("shape", SHAPES)
def test_dual_tree_comes_back(
    first: _dtcwt.First, later: _dtcwt.Later, shape: tuple[int, int]
) -> None:
    plane = noise(*shape)
    low, bands = _dtcwt.decompose(plane, 4, first, later)
    again = _dtcwt.reconstruct(low, bands, shape, first, later)
    np.testing.assert_allclose(again, plane, atol=1e-10)


def test_dual_tree_bands_halve_and_end_early() -> None:
    low, bands = _dtcwt.decompose(noise(64, 96), 3)
    assert [b.shape for b in bands] == [(6, 32, 48), (6, 16, 24), (6, 8, 12)]
    assert low.shape == (16, 24)
    low, bands = _dtcwt.decompose(noise(7, 5), 99)
    assert low.shape == (2, 2)
    assert len(bands) == 3


def test_dual_tree_bands_have_their_orientation() -> None:
    for band, degrees in enumerate((15, 45, 75, -75, -45, -15)):
        _, bands = _dtcwt.decompose(grating(128, degrees, 5.5), 3, "near_sym_b", "qshift_b")
        energies = (np.abs(bands[1][:, 8:-8, 8:-8]) ** 2).sum(axis=(1, 2))
        assert energies.argmax() == band
        assert energies[band] > 0.6 * energies.sum()


def test_dual_tree_energy_hardly_moves_with_the_image() -> None:
    def energy(shift: int) -> float:
        edge = np.zeros((64, 256))
        edge[:, 100 + shift :] = 100.0
        _, bands = _dtcwt.decompose(edge, 4, "near_sym_b", "qshift_b")
        return float((np.abs(bands[2]) ** 2).sum())

    energies = [energy(shift) for shift in range(16)]
    # A decimated real wavelet transform has ratios of 2 and more here.
    assert max(energies) < 1.2 * min(energies)
