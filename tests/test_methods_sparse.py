"""Sparse, low-rank and convolutional methods: their solvers, and the dictionaries we ship."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import loadmat, savemat
from scipy.signal import convolve2d
from test_cli import Run, refused, run
from test_methods import picture

from fusebench.bench import training
from fusebench.bench.types import InputError, MissingDataError, Pair
from fusebench.methods import METHODS, _dictionary, _pursuit, _weights, load
from fusebench.methods._csc import activity, encode, gradient, split_base, synthesise
from fusebench.methods._dictionary import TRAINERS, learn_patches, learn_projection
from fusebench.methods._sparse import (
    approximate,
    cut,
    fuse_patches,
    paste,
    read_atoms,
    sparse_codes,
    step_of,
)
from fusebench.methods._wavelet import fuse_wavelets, whole_filters
from fusebench.methods.asr import direction
from fusebench.methods.gmc import _analyse, _gains, _synthesise

__all__ = ["run"]

RETRAINED = [
    m.slug
    for m in METHODS
    if any(w.name == "retrained" and w.files[0].name.endswith(".npz") for w in m.weights)
]


def unit_rows(rng: np.random.Generator, count: int) -> np.ndarray:
    rows = rng.standard_normal((count, 64))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


# Patches


@pytest.mark.parametrize("shape", [(8, 8), (9, 17), (24, 31)])
@pytest.mark.parametrize("step", [1, 2, 3, 8])
def test_patches_put_back_give_the_plane(shape: tuple[int, int], step: int) -> None:
    plane = np.random.default_rng(1).uniform(0, 255, shape)
    patches = cut(plane, step)
    rows, columns = ((side - 8) // step + 1 for side in shape)
    assert patches.shape == (rows * columns, 64)
    last = plane[(rows - 1) * step :, (columns - 1) * step :][:8, :8]
    np.testing.assert_array_equal(patches[-1], last.ravel())
    np.testing.assert_allclose(paste(patches, plane, step), plane, rtol=1e-14)


def test_patches_are_averaged_where_they_overlap_and_absent_at_the_margin() -> None:
    plane = np.zeros((8, 13))
    patches = np.stack([np.full(64, 4.0), np.full(64, 8.0)])
    assert paste(patches, plane, 4)[0].tolist() == [4] * 4 + [6] * 4 + [8] * 4 + [0]
    assert cut(plane[:7], 1).shape[0] == 0
    np.testing.assert_array_equal(paste(cut(plane[:7], 1), plane[:7], 1), plane[:7])


def plain_pursuit(patch: np.ndarray, atoms: np.ndarray, tolerance: float) -> np.ndarray:
    """Orthogonal matching pursuit as it is worded: least squares anew in each step."""
    taken: list[int] = []
    code, rest = np.zeros(len(atoms)), patch
    while np.linalg.norm(rest) > tolerance and len(taken) < 64:
        taken.append(int(np.argmax(np.abs(atoms @ rest))))
        solution = np.linalg.lstsq(atoms[taken].T, patch, rcond=None)[0]
        rest = patch - atoms[taken].T @ solution
        code = np.zeros(len(atoms))
        code[taken] = solution
    return code


@pytest.fixture(params=["array operations", "machine code"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both forms of the pursuit of NumPy arrays."""
    if request.param == "array operations":
        monkeypatch.setattr(_pursuit, "_compiled", lambda: None)
    else:
        pytest.importorskip("numba", reason="needs the extra 'fast'")


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("tolerance", [0.1, 40.0, 120.0])
def test_pursuit_of_many_patches_is_that_of_each(tolerance: float) -> None:
    rng = np.random.default_rng(2)
    atoms = unit_rows(rng, 96)
    patches = 30 * rng.standard_normal((40, 64)) * rng.uniform(0, 1, (40, 1))
    patches[7] = 0
    codes = np.stack([plain_pursuit(p, atoms, tolerance) for p in patches])
    fit, strength = approximate(patches, atoms, tolerance)
    np.testing.assert_allclose(strength, np.abs(codes).sum(1), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(fit, codes @ atoms, atol=1e-7)
    assert np.linalg.norm(patches - fit, axis=1).max() <= tolerance
    tensors = approximate(torch.from_numpy(patches), torch.from_numpy(atoms), tolerance)
    np.testing.assert_allclose(tensors[1].numpy(), strength, rtol=1e-6)


@pytest.mark.usefixtures("form")
def test_pursuit_ends_where_atoms_span_no_more() -> None:
    atoms = np.eye(64)[[0, 1, 0]]
    patch = np.zeros((1, 64))
    patch[0, :3] = 3, 4, 5
    fit, strength = approximate(patch, atoms, 0.1)
    assert fit[0, :3].tolist() == [3, 4, 0]
    assert strength.tolist() == [7]


@pytest.mark.usefixtures("form")
def test_codes_use_as_many_atoms_as_they_may() -> None:
    rng = np.random.default_rng(3)
    atoms = unit_rows(rng, 80)
    patches = rng.standard_normal((200, 64))
    codes = sparse_codes(patches, atoms, 4)
    assert ((codes != 0).sum(1) == 4).all()
    rest = patches - codes @ atoms
    # A projection: what is left is orthogonal to the atoms in use.
    assert np.abs(np.where(codes != 0, rest @ atoms.T, 0)).max() < 1e-12


def test_the_patch_with_more_detail_is_taken_with_its_mean() -> None:
    atoms = np.eye(64)
    detail = np.zeros((8, 8))
    detail[0] = 8
    strong, weak = 100 + detail, 50 + detail / 2
    np.testing.assert_allclose(fuse_patches(strong, weak, atoms, 2, 0.1), strong, atol=1e-12)
    np.testing.assert_allclose(fuse_patches(weak, strong, atoms, 2, 0.1), strong, atol=1e-12)
    # Equal strength: the first source's.
    np.testing.assert_allclose(fuse_patches(weak, 9 + weak, atoms, 2, 0.1), weak, atol=1e-12)


def test_base_of_wavelets_has_the_scale_of_orthonormal_filters() -> None:
    plane, seen = np.full((32, 32), 10.0), []

    def base(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        seen.append(a)
        return a

    for name in ("db1", "db2"):
        fused = fuse_wavelets(plane, plane, levels=3, filters=whole_filters(name), base=base)
        np.testing.assert_allclose(seen.pop(), np.full((4, 4), 80.0))
        np.testing.assert_allclose(fused, plane)


@pytest.mark.parametrize("slug", ["lp", "rp", "dwt", "dtcwt"])
def test_too_small_a_base_is_averaged(slug: str) -> None:
    a, b = picture(33, 47), picture(33, 47, seed=1)
    fused = load(f"{slug}_sr", weights="retrained")(a, b)
    np.testing.assert_array_equal(fused, load(slug)(a, b))
    a, b = picture(160, 160), picture(160, 160, seed=1)
    assert (load(f"{slug}_sr", weights="retrained")(a, b) != load(slug)(a, b)).any()


def test_direction_is_that_of_the_gradients() -> None:
    y, x = np.mgrid[:8, :8].astype(float)
    # A dot has gradients at 45, 90 and 135 degrees, of equal strength twice: none dominates.
    dot = np.zeros((8, 8))
    dot[3:5, 3:5] = 1e-3
    stripes = 100 * np.sin(2 * x), 100 * np.sin(2 * y), 100 * np.sin(1.4 * (x + y))
    found = direction(np.stack([np.zeros(64), *(s.ravel() for s in stripes), dot.ravel()]))
    assert found[0] == 0
    assert found[2] == 3  # 90 degrees is in (60, 90]
    assert found[3] == 2  # 45 degrees is in (30, 60]


@pytest.mark.parametrize(("overlap", "step"), [(0, 8), (6, 2), (7, 1)])
def test_step_is_what_patches_do_not_share(overlap: int, step: int) -> None:
    assert step_of(overlap) == step


# Convolutional codes


def fourier_encode(
    image: np.ndarray, filters: np.ndarray, sparsity: float, rho: float, rounds: int
) -> np.ndarray:
    """The solver as its paper has it: all maps in the Fourier domain, in float64."""
    shape = image.shape
    spectrum, atoms = np.fft.fft2(image), np.fft.fft2(filters, shape)
    y = u = np.zeros((len(filters), *shape))
    target = 1 + 18.3 ** (np.log10(sparsity) + 1)
    for turn in range(rounds):
        b = atoms.conj() * spectrum + rho * np.fft.fft2(y - u)
        share = (atoms * b).sum(0) / (rho + (np.abs(atoms) ** 2).sum(0))
        x = np.fft.ifft2((b - atoms.conj() * share) / rho).real
        relaxed = 1.8 * x - 0.8 * y
        old, y = y, np.sign(relaxed + u) * np.maximum(np.abs(relaxed + u) - sparsity / rho, 0)
        u = u + relaxed - y
        norm = np.linalg.norm
        primal = norm(x - y) / max(norm(x), norm(y))
        dual = norm(old - y) / norm(u)
        if primal <= 1e-3 and dual <= 1e-3:
            break
        if turn:
            factor = np.sqrt(primal / (dual * target))
            factor = min(max(factor, 1 / factor), 100)
            change = 1.0
            if primal > target * 1.2 * dual:
                change = factor
            if dual > 1.2 / target * primal:
                change = 1 / factor
            rho, u = rho * change, u / change
    return y


@pytest.mark.parametrize("shape", [(8, 8), (19, 26)])
def test_codes_are_those_of_the_fourier_domain(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(4)
    image = picture(*shape) / 255.0
    image = image - image.mean()
    filters = unit_rows(rng, 12).reshape(-1, 8, 8)
    expected = fourier_encode(image, filters, 0.05, 5.5, 60)
    found = encode(
        torch.from_numpy(image).float(),
        torch.from_numpy(filters).float(),
        0.05,
        rho=5.5,
        rounds=60,
    ).numpy()
    # Single against double precision.
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert (found == 0).mean() > 0.3


def test_nothing_has_no_codes() -> None:
    filters = torch.ones(3, 8, 8)
    assert (encode(torch.zeros(9, 11), filters, 0.1, rho=1.0, rounds=50) == 0).all()


def test_synthesis_is_a_periodic_convolution_and_gradient_its_transpose() -> None:
    rng = np.random.default_rng(5)
    maps, filters = rng.standard_normal((4, 13, 10)), rng.standard_normal((4, 8, 8))
    expected = sum(
        convolve2d(m, f, "full", "wrap")[:13, :10] for m, f in zip(maps, filters, strict=True)
    )
    # The first rows and columns of a full wrapped convolution are those of the periodic one.
    tensors = torch.from_numpy(maps), torch.from_numpy(filters)
    found = synthesise(*tensors)
    direct = np.fft.ifft2((np.fft.fft2(maps) * np.fft.fft2(filters, (13, 10))).sum(0)).real
    np.testing.assert_allclose(found.numpy(), direct, atol=1e-10)
    np.testing.assert_allclose(found.numpy()[7:, 7:], expected[7:, 7:], atol=1e-10)
    other = torch.from_numpy(rng.standard_normal((13, 10)))
    left = (found * other).sum()
    right = (gradient(tensors[0], other) * tensors[1]).sum()
    assert float(left) == pytest.approx(float(right))


def test_activity_counts_zeros_beyond_the_border() -> None:
    maps = -torch.ones(2, 5, 6)
    assert activity(maps, 1)[0, 0].item() == pytest.approx(2 * 4 / 9)
    assert activity(maps, 1)[2, 2].item() == pytest.approx(2)


def test_base_is_the_solution_of_its_least_squares() -> None:
    # Far from the mirrored border a wave keeps the share 1 / (1 + strength * (2 - 2 cos w)).
    wave = torch.sin(2 * torch.pi * torch.arange(64, dtype=torch.float64) / 8).expand(64, 64)
    share = 1 / (1 + 5 * (2 - 2 * np.cos(2 * np.pi / 8)))
    base = split_base(wave, 5.0)
    np.testing.assert_allclose(base[:, 24:40], share * wave[:, 24:40], atol=1e-4)
    constant = torch.full((9, 70), 0.7, dtype=torch.float64)
    np.testing.assert_allclose(split_base(constant, 60.0), constant, atol=1e-12)


# The other models


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (16, 24), (33, 47)])
def test_haar_bands_give_the_image_back(shape: tuple[int, int]) -> None:
    image = torch.from_numpy(np.random.default_rng(6).uniform(size=shape))
    again = _synthesise(_analyse(image, 4), image.shape)
    np.testing.assert_allclose(again, image, atol=1e-14)


def test_gains_are_the_principal_direction_of_each_block() -> None:
    rng = np.random.default_rng(7)
    a, b = rng.uniform(size=(2, 5, 6))
    a[:2, :2] = b[:2, :2] = 0
    a[2:4, :2] = 0
    found = [g.numpy() for g in _gains(torch.from_numpy(a), torch.from_numpy(b))]
    assert [g[0, 0] for g in found] == [1, 0]
    assert [g[2, 0] for g in found] == [0, 1]
    assert [g[4, 4] for g in found] == [1, 1]
    block = np.stack([a[2:4, 2:4].ravel(), b[2:4, 2:4].ravel()])
    _, vectors = np.linalg.eigh(block @ block.T)
    np.testing.assert_allclose([g[3, 3] for g in found], np.abs(vectors[:, 1]))


def test_gmc_stretches_its_result() -> None:
    fused = load("gmc")(picture(40, 40) // 4, picture(40, 40, seed=1) // 4)
    assert (fused.min(), fused.max()) == (0, 255)
    black = np.zeros((12, 12), np.uint8)
    assert (load("gmc")(black, black) == 0).all()


def test_latlrr_of_the_paper_gives_an_image_back() -> None:
    x = picture(33, 47)
    fuse = load("latlrr", weights="retrained", accumulate=False)
    np.testing.assert_array_equal(fuse(x, x), x)
    with pytest.raises(InputError, match=r"no projection L_16 \(256, 256\)"):
        load("latlrr", weights="retrained", side=16)


def test_latlrr_weights_patches_by_nuclear_norm(tmp_path: Path) -> None:
    # The whole patch is salient, so that no base is left.
    path = tmp_path / "identity.npz"
    np.savez(path, L_8=np.eye(64))
    column, diagonal = np.zeros((8, 8)), np.diag(np.full(8, 200.0))
    column[:, 0] = 200
    # Norms: 200 sqrt(8) of rank one, 200 * 8 of rank eight.
    share = np.sqrt(8) / (np.sqrt(8) + 8)
    expected = share * column + (1 - share) * diagonal
    fused = load("latlrr", weights=str(path), levels=1)(column / 255, diagonal / 255)
    np.testing.assert_allclose(fused * 255, expected, atol=1e-3)


# Dictionaries


@pytest.mark.parametrize("slug", RETRAINED)
def test_shipped_weights_are_used_without_any_others(
    slug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSEBENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingDataError, match=r"weights get \w+, or choose --weights retrained"):
        load(slug)
    fuse = load(slug, weights="retrained")
    assert fuse.origin == "retrained"
    (file,) = next(w for w in METHODS[slug].weights if w.name == "retrained").files
    assert fuse.weights_digest == file.sha256
    card = json.loads(_weights.find_file(slug, file).with_suffix(".json").read_text())
    assert card["sha256"] == file.sha256
    assert card["file"] == file.name
    fused = fuse(picture(33, 47), picture(33, 47, seed=1))
    assert fused.std() > 5


@pytest.mark.parametrize("slug", RETRAINED)
def test_weights_of_another_kind_are_refused(slug: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.mat"
    savemat(path, {"D": np.zeros((5, 5)), "L_8": np.zeros((5, 5)), "Dc": np.zeros((5, 5))})
    with pytest.raises(InputError, match=r"holds no .*D|holds no projection"):
        load(slug, weights=str(path))


def test_atoms_are_scaled_and_turned(tmp_path: Path) -> None:
    atom = np.arange(64.0).reshape(8, 8)
    savemat(tmp_path / "own.mat", {"D": np.stack([atom.ravel("F")] * 2, axis=1)})
    (first, _) = read_atoms(tmp_path / "own.mat", "D")
    np.testing.assert_allclose(first, atom.ravel() / np.linalg.norm(atom))
    savemat(tmp_path / "zero.mat", {"D": np.zeros((64, 3))})
    with pytest.raises(InputError, match="zero or not finite"):
        read_atoms(tmp_path / "zero.mat", "D")


def test_learning_finds_the_atoms_that_made_the_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_dictionary, "_ATOMS_OF_A_PATCH", 2)
    rng = np.random.default_rng(8)
    atoms = unit_rows(rng, 24)
    codes = np.zeros((1500, 24))
    for row in codes:
        row[rng.choice(24, 2, replace=False)] = rng.choice([-1, 1], 2) * rng.uniform(1, 2, 2)
    learned = learn_patches(codes @ atoms, 24, 15, np.random.default_rng(0))
    assert np.median(np.abs(atoms @ learned.T).max(1)) > 0.99
    again = learn_patches(codes @ atoms, 24, 15, np.random.default_rng(0))
    np.testing.assert_array_equal(learned, again)


def test_projection_meets_its_constraint_for_low_rank_patches() -> None:
    rng = np.random.default_rng(9)
    columns = rng.uniform(size=(16, 3)) @ rng.uniform(size=(3, 40))
    projection, rounds = learn_projection(columns)
    assert rounds > 10
    # Without any error X = XZ + LX: L passes part of X and nothing outside its span.
    u, _, _ = np.linalg.svd(columns)
    assert np.abs(projection @ u[:, 3:]).max() < 1e-2
    assert 0.3 < np.linalg.norm(projection, 2) < 1.01


@pytest.mark.parametrize("slug", sorted(TRAINERS))
def test_training_writes_weights_and_their_card(
    slug: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    little = {"_ATOMS": 8, "_ROUNDS": 1, "_CROPS": 2, "_FINAL_CODING": 1, "_COLUMNS": 60}
    for name, value in little.items():
        monkeypatch.setattr(_dictionary, name, value)
    images = [picture(80, 96, seed=i) for i in range(2)]
    pairs = [Pair(f"p{i}", "mff", x, x, reference=x) for i, x in enumerate(images)]
    monkeypatch.setattr(training.datasets, "load", lambda name: pairs)
    result = run("train", "dictionary", slug, "-o", str(tmp_path), "--seed", "3")
    assert result.status == 0
    path, card_path = (Path(line) for line in result.out.split())
    card = json.loads(card_path.read_text())
    assert card["seed"] == 3
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    shipped = Path(_weights.__file__).parent / "weights" / slug / path.name
    with np.load(path) as ours, np.load(shipped) as theirs:
        assert set(ours.files) == set(theirs.files)
        assert all(np.isfinite(ours[name]).all() for name in ours.files)
    fused = load(slug, weights=str(path))(picture(33, 47), picture(33, 47, seed=1))
    assert fused.std() > 5


def test_training_refuses_what_it_does_not_know(run: Run, tmp_path: Path) -> None:
    refused(run("train", "dictionary", "gff", "-o", str(tmp_path)), "unknown dictionary 'gff'")
    refused(run("train", "dictionary", "sr", "-o", str(tmp_path), "--seed", "-1"), "seed is -1")


@pytest.mark.shared
@pytest.mark.parametrize("side", [8, 16])
def test_projections_of_the_authors_are_read_as_they_are(side: int, shared: Path) -> None:
    matrix = loadmat(shared / "weights" / "dictionaries" / f"latlrr_L_{side}.mat")[f"L_{side}"]
    plane = picture(side, side) / 255.0
    detail = (matrix @ plane.ravel("F")).reshape(side, side, order="F")
    fuse = load("latlrr", levels=1, side=side, accumulate=False)
    # One patch: the base is the mean of the sources' bases, and a black source has none.
    expected = (plane - detail) / 2 + detail
    found = fuse(plane, np.zeros_like(plane))
    np.testing.assert_allclose(found, np.clip(expected, 0, 1), atol=1e-6)
