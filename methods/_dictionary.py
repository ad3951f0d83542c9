"""Learning the dictionaries, filters and projections of the sparse and low-rank methods.

All of it is small: minutes on one core. Results depend on the seed only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from fusebench.methods._base import Plane
from fusebench.methods._sparse import SIDE, cut, sparse_codes, transpose_pixels
from fusebench.methods.asr import CLASSES, direction

if TYPE_CHECKING:
    import torch

Arrays: TypeAlias = dict[str, NDArray[np.float32]]
Figures: TypeAlias = dict[str, float]
Trainer: TypeAlias = Callable[[Sequence[Plane], int], tuple[Arrays, Figures]]

_ATOMS, _FILTERS = 256, 32

# Of patches: how many, how many atoms each may use, and how often the dictionary is updated.
_PATCHES, _ATOMS_OF_A_PATCH, _ROUNDS = 20_000, 5, 30
# Patches that vary less, as a sum of squares of grey levels, are flat.
_FLAT = 64.0

# Of filters: side of the crops, how many of them, and rounds of coding and of updating for each.
_CROP, _CROPS, _CODING, _UPDATES = 64, 400, 30, 4
_SPARSITY = 0.1
# Rounds of the coding that gives the figures of a card.
_FINAL_CODING = 100
# Gaussian blur that parts cartoon from texture, in pixels.
_TEXTURE = 2.0

# Of the projection: patches, weight of the sparse error, growth of the penalty, when to end.
_COLUMNS, _ERROR, _GROWTH, _LARGEST_PENALTY, _RESIDUAL = 600, 0.4, 1.2, 1e6, 1e-5


def learn_patches(patches: Plane, atoms: int, rounds: int, rng: np.random.Generator) -> Plane:
    """Learn a dictionary of patches by approximate K-SVD.

    Parameters
    ----------
    patches : array, shape (N, 64)
        Without their means; at least as many as atoms.
    atoms : int
    rounds : int
        How often all patches are coded and all atoms updated.
    rng : Generator

    Returns
    -------
    array, shape (atoms, 64)
        Of norm one.

    Notes
    -----
    Patches are coded with five atoms each; every atom is then fitted, once, to what the others
    leave of the patches that use it, together with its coefficients [1]_. An atom that none uses is
    replaced by the patch that is represented worst.

    References
    ----------
    .. [1] M. Aharon, M. Elad, A. Bruckstein, "K-SVD: an algorithm for designing overcomplete
       dictionaries for sparse representation," IEEE Trans. Signal Process. 54(11), 2006.
       doi:10.1109/TSP.2006.881199
    """
    dictionary = _unit(patches[rng.choice(len(patches), atoms, replace=False)])
    for _ in range(rounds):
        codes = sparse_codes(patches, dictionary, _ATOMS_OF_A_PATCH)
        rest = patches - codes @ dictionary
        worst = iter(np.argsort(-(rest**2).sum(1)))
        for k in rng.permutation(atoms):
            users = np.flatnonzero(codes[:, k])
            if len(users) == 0:
                dictionary[k] = _unit(patches[next(worst)][None])[0]
                continue
            target = rest[users] + np.outer(codes[users, k], dictionary[k])
            atom = _unit((codes[users, k] @ target)[None])[0]
            codes[users, k] = target @ atom
            rest[users] = target - np.outer(codes[users, k], atom)
            dictionary[k] = atom
    return dictionary


def _unit(rows: Plane) -> Plane:
    unit: Plane = rows / np.sqrt((rows**2).sum(1, keepdims=True))
    return unit


def _sample(images: Sequence[Plane], rng: np.random.Generator) -> Plane:
    """Give patches ``(N, 64)`` of images, with their means, without flat ones."""
    found = np.concatenate([cut(image, 1) for image in images])
    found = found[64 * found.var(1) > _FLAT]
    chosen: Plane = found[rng.choice(len(found), min(_PATCHES, len(found)), replace=False)]
    return chosen


def _residual(patches: Plane, dictionary: Plane) -> float:
    codes = sparse_codes(patches, dictionary, _ATOMS_OF_A_PATCH)
    return float(np.sqrt(np.mean((patches - codes @ dictionary) ** 2)))


def _columns(dictionary: Plane) -> NDArray[np.float32]:
    """Give atoms as the published files have them: one a column, its pixels column by column."""
    return np.ascontiguousarray(transpose_pixels(dictionary).T, dtype=np.float32)


def train_patches(images: Sequence[Plane], seed: int) -> tuple[Arrays, Figures]:
    """Learn the one dictionary ``D`` of the method ``sr`` and its kin."""
    rng = np.random.default_rng(seed)
    patches = _sample(images, rng)
    patches -= patches.mean(1, keepdims=True)
    dictionary = learn_patches(patches, _ATOMS, _ROUNDS, rng)
    return {"D": _columns(dictionary)}, {"residual": _residual(patches, dictionary)}


def train_directions(images: Sequence[Plane], seed: int) -> tuple[Arrays, Figures]:
    """Learn the dictionaries of the method ``asr``: ``D``, and ``Dn`` for six directions."""
    rng = np.random.default_rng(seed)
    patches = _sample(images, rng)
    kinds = direction(patches)
    patches -= patches.mean(1, keepdims=True)
    learned, figures = [], {}
    for kind in range(CLASSES + 1):
        own = patches if kind == 0 else patches[kinds == kind]
        learned.append(learn_patches(own, _ATOMS, _ROUNDS, rng))
        figures[f"residual_{kind}"] = _residual(own, learned[-1])
    first, *others = map(_columns, learned)
    return {"D": first, "Dn": np.concatenate(others, axis=1)}, figures


def learn_filters(images: Sequence[torch.Tensor], rng: np.random.Generator) -> torch.Tensor:
    """Learn filters ``(32, 8, 8)`` of norm one by coding crops of images and descending.

    Parameters
    ----------
    images : sequence of Tensor, shape (H, W), float32
        Details in the scale of images in [0, 1], at least 64 pixels high and wide.
    rng : Generator

    Notes
    -----
    Each crop is coded by `fusebench.methods._csc.encode`; a few steps along the gradient of its
    squared error, each as long as is best along it, follow [1]_.

    References
    ----------
    .. [1] J. Liu, C. Garcia-Cardona, B. Wohlberg, W. Yin, "First- and second-order methods for
       online convolutional dictionary learning," SIAM J. Imaging Sci. 11(2), 2018.
       doi:10.1137/17M1145689
    """
    import torch

    from fusebench.methods._csc import encode, gradient, synthesise

    filters = torch.from_numpy(_unit(rng.standard_normal((_FILTERS, SIDE**2)))).float()
    filters = filters.reshape(-1, SIDE, SIDE)
    for _ in range(_CROPS):
        crop = _crop(images, rng)
        codes = encode(crop, filters, _SPARSITY, rho=10.0, rounds=_CODING)
        for _ in range(_UPDATES):
            down = gradient(codes, crop - synthesise(codes, filters))
            effect = synthesise(codes, down).square().sum()
            if effect == 0:
                break
            filters = filters + down * (down.square().sum() / effect)
            filters = filters / torch.linalg.vector_norm(filters, dim=(1, 2), keepdim=True)
    learned: torch.Tensor = filters
    return learned


def _crop(images: Sequence[torch.Tensor], rng: np.random.Generator) -> torch.Tensor:
    image = images[int(rng.integers(len(images)))]
    top, left = (int(rng.integers(side - _CROP + 1)) for side in image.shape)
    return image[top : top + _CROP, left : left + _CROP]


def _learn_named(
    details: Mapping[str, Sequence[torch.Tensor]], seed: int
) -> tuple[Arrays, Figures]:
    from fusebench.methods._csc import encode, synthesise

    arrays, figures = {}, {}
    for name, images in details.items():
        filters = learn_filters(images, np.random.default_rng(seed))
        codes = [encode(x, filters, 0.01, rho=1.5, rounds=_FINAL_CODING) for x in images]
        rest = [x - synthesise(c, filters) for x, c in zip(images, codes, strict=True)]
        figures[f"residual_{name}"] = float(sum(r.abs().mean() for r in rest) / len(rest))
        used = sum(float((c != 0).double().mean()) for c in codes)
        figures[f"nonzero_{name}"] = used / len(codes)
        arrays[name] = filters.permute(1, 2, 0).contiguous().numpy()
    return arrays, figures


def _details(images: Sequence[Plane], smoothness: float) -> list[torch.Tensor]:
    import torch

    from fusebench.methods._csc import split_base

    scaled = [torch.from_numpy(image / 255) for image in images]
    return [(x - split_base(x, smoothness)).float() for x in scaled]


def train_filters(images: Sequence[Plane], seed: int) -> tuple[Arrays, Figures]:
    """Learn the filters ``D`` of the method ``csr``."""
    return _learn_named({"D": _details(images, 5.0)}, seed)


def train_components(images: Sequence[Plane], seed: int) -> tuple[Arrays, Figures]:
    """Learn the filters of the method ``csmca``: ``Dc`` of cartoon and ``Dt`` of texture."""
    cartoons = [gaussian_filter(image, _TEXTURE) for image in images]
    textures = [image - cartoon for image, cartoon in zip(images, cartoons, strict=True)]
    return _learn_named({"Dc": _details(cartoons, 60.0), "Dt": _details(textures, 60.0)}, seed)


def learn_projection(columns: Plane) -> tuple[Plane, int]:
    """Learn the projection onto salient parts: latent low-rank representation.

    Parameters
    ----------
    columns : array, shape (P, N)
        Patches in [0, 1], one a column.

    Returns
    -------
    projection : array, shape (P, P)
    rounds : int

    Notes
    -----
    Minimises the nuclear norms of Z and L plus 0.4 times the absolute error E with X = XZ + LX + E,
    by the inexact augmented Lagrangian of [1]_.

    References
    ----------
    .. [1] G. Liu, S. Yan, "Latent low-rank representation for subspace segmentation and feature
       extraction," ICCV, 2011. doi:10.1109/ICCV.2011.6126422
    """
    x = columns
    size, number = x.shape
    z, left, error = np.zeros((number, number)), np.zeros((size, size)), np.zeros_like(x)
    y1, y2, y3 = np.zeros_like(x), np.zeros_like(z), np.zeros_like(left)
    from_right = np.linalg.inv(np.eye(number) + x.T @ x)
    from_left = np.linalg.inv(np.eye(size) + x @ x.T)
    penalty, rounds = 1e-4, 0
    while penalty < _LARGEST_PENALTY:
        rounds += 1
        low_z, low_left = (
            _low_rank(z + y2 / penalty, penalty),
            _low_rank(left + y3 / penalty, penalty),
        )
        z = from_right @ (x.T @ (x - left @ x - error) + low_z + (x.T @ y1 - y2) / penalty)
        left = ((x - x @ z - error) @ x.T + low_left + (y1 @ x.T - y3) / penalty) @ from_left
        rest = x - x @ z - left @ x
        error = rest + y1 / penalty
        error -= np.clip(error, -_ERROR / penalty, _ERROR / penalty)
        gaps = rest - error, z - low_z, left - low_left
        if max(np.abs(gap).max() for gap in gaps) < _RESIDUAL:
            break
        y1, y2, y3 = (y + penalty * gap for y, gap in zip((y1, y2, y3), gaps, strict=True))
        penalty *= _GROWTH
    return left, rounds


def _low_rank(matrix: Plane, penalty: float) -> Plane:
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    shrunk: Plane = (u * np.maximum(s - 1 / penalty, 0)) @ v
    return shrunk


def train_projection(images: Sequence[Plane], seed: int) -> tuple[Arrays, Figures]:
    """Learn the projection ``L_8`` of the method ``latlrr``, half from flat, half from detail."""
    rng = np.random.default_rng(seed)
    patches = np.concatenate([cut(image / 255, 1) for image in images])
    order = np.argsort(patches.var(1), kind="stable")
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    chosen = [rng.choice(half, _COLUMNS // 2, replace=False) for half in halves]
    # Pixels column by column, as the published file has them.
    projection, rounds = learn_projection(transpose_pixels(patches[np.concatenate(chosen)]).T)
    largest = float(np.linalg.norm(projection, 2))
    return {"L_8": projection.astype(np.float32)}, {"rounds": rounds, "largest_singular": largest}


TRAINERS: dict[str, Trainer] = {
    "sr": train_patches,
    "asr": train_directions,
    "csr": train_filters,
    "csmca": train_components,
    "latlrr": train_projection,
}
"""What is learned for each method; the kin of ``sr`` share its dictionary."""


def settings(slug: str) -> dict[str, Any]:
    """Give the settings of a trainer, for the card that goes with its result."""
    patches = {
        "patches": _PATCHES,
        "atoms": _ATOMS,
        "atoms of a patch": _ATOMS_OF_A_PATCH,
        "rounds": _ROUNDS,
    }
    filters = {
        "filters": _FILTERS,
        "crops": _CROPS,
        "side of a crop": _CROP,
        "rounds of coding": _CODING,
        "steps after each": _UPDATES,
        "sparsity": _SPARSITY,
    }
    projection = {"patches": _COLUMNS, "weight of the error": _ERROR}
    return {"csr": filters, "csmca": filters, "latlrr": projection}.get(slug, patches)
