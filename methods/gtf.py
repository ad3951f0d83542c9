"""Gradient transfer fusion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusebench.bench.types import Fidelity
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._checks import require_count, require_positive

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    Operator = Callable[[torch.Tensor], torch.Tensor]

# Constants of the published solver that decide where it stops.
_BINS = 1000
_SMALLEST_SHARE_OF_DATA, _SMALLEST_SHARE_OF_EDGES = 0.05, 0.01
_FIRST_WEIGHT = 2 * 0.1**0.5
_RESIDUAL_SHRINKS_BY = 5
_MOST_STEPS = 500


@method(
    slug="gtf",
    label="GTF",
    title="Gradient transfer fusion",
    reference="J. Ma, C. Chen, C. Li, J. Huang, Infrared and visible image fusion via gradient "
    "transfer and total variation minimization, Inf. Fusion 31, 2016",
    doi="10.1016/j.inffus.2016.02.001",
    origin="reimplemented",
    colour="native",
    runs_on="any",
    fidelity=(
        Fidelity(
            against="the authors' code run in MATLAB on two lossless RoadScene pairs",
            images=2,
            within_one=1.0,
            mean_abs=1.39e-5,
            max_abs=1.0,
        ),
        Fidelity(
            against="another implementation, equal to MATLAB's on three pairs, on lossless "
            "grey pairs (3 TNO, 1 RoadScene, 1 Lytro, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=4.20e-4,
            max_abs=1.0,
        ),
        Fidelity(
            against="VIFB's published colour images, made in MATLAB and saved as JPEG, of its"
            " 7 smallest pairs",
            images=7,
            within_one=0.99999,
            mean_abs=9.11e-5,
            max_abs=2.0,
        ),
    ),
    notes="",
)
def gtf(*, lam: float = 4.0, rounds: int = 5) -> TensorFusion:
    """Gradient transfer: levels of source `a` (infrared), gradients of source `b` (visible).

    Parameters
    ----------
    lam : float
        Weight of the gradients, above 0.
    rounds : int
        Number of times the weights of the least-squares problem are renewed, at least 1.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `lam` is not above 0, or `rounds` is below 1.

    Notes
    -----
    The fused image is near to the levels of `a` in the sum of absolute differences, and its
    gradients are near to those of `b` in total variation [1]_. The authors minimise that by the
    reweighted least squares of [2]_, and stop it far from its minimum: conjugate gradients end each
    round once the residual is a fifth of what it was. A solver that converges gives another image
    (up to 60 levels away), so the rounds, weights and limits of theirs are followed here.

    One of those limits depends on MATLAB: its `pcg` takes a tolerance of at least 1 for just below
    1, which occurs in the first round and which Octave's does not do. The channels of colour
    sources share the weights of their edges, as in the authors' solver; an image of three equal
    channels is treated as grey. Images are clipped to 0..255. Fusing an image with itself gives the
    image back.

    References
    ----------
    .. [1] J. Ma, C. Chen, C. Li, J. Huang, "Infrared and visible image fusion via gradient transfer
       and total variation minimization," Inf. Fusion 31, 2016. doi:10.1016/j.inffus.2016.02.001
    .. [2] P. Rodriguez, B. Wohlberg, "Efficient minimization method for a generalized total
       variation functional," IEEE Trans. Image Process. 18(2), 2009. doi:10.1109/TIP.2008.2008420
    """
    require_positive("lam", lam)
    require_count("rounds", rounds)
    import torch

    def fuse(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        # Three equal channels are one: their edges must not count three times.
        grey = ((a == a[:, :1]) & (b == b[:, :1])).flatten(1).all(dim=1)
        fused = torch.empty_like(a)
        for chosen, channels in ((grey, 1), (~grey, a.shape[1])):
            if bool(chosen.any()):
                gradients = b[chosen, :channels].double()
                data = a[chosen, :channels].double() - gradients
                smooth = _l1_total_variation(data, lam, rounds)
                fused[chosen] = (gradients + smooth).clamp(0, 1).float()
        return fused

    return fuse


def _l1_total_variation(data: torch.Tensor, lam: float, rounds: int) -> torch.Tensor:
    """Minimise ``sum |x - data| + lam * total variation of x`` by reweighted least squares.

    Parameters
    ----------
    data : Tensor, shape (N, C, H, W)
        The channels of an image share the weights of their edges.
    """
    solution = data
    for _ in range(rounds):
        root = _root_of_data_weight(solution, data)
        weight = _edge_weight(solution)

        def operator(
            x: torch.Tensor, root: torch.Tensor = root, weight: torch.Tensor = weight
        ) -> torch.Tensor:
            scaled = root * x
            edges = sum(
                _difference_adjoint(weight.narrow(d, 0, x.shape[d] - 1) * scaled.diff(dim=d), d)
                for d in (2, 3)
            )
            return x + lam * root * edges

        solution = root * _conjugate_gradients(operator, data / root, solution / root)
    return solution


def _root_of_data_weight(solution: torch.Tensor, data: torch.Tensor) -> torch.Tensor:
    import torch

    residual = (solution - data).abs()
    centres, place = _percentile(residual, _SMALLEST_SHARE_OF_DATA)
    root = (torch.maximum(residual, centres(place + 1)) / 2).sqrt()
    unchanged = residual.amax(dim=(1, 2, 3), keepdim=True) == 0
    return torch.where(unchanged, _FIRST_WEIGHT, root)


def _edge_weight(solution: torch.Tensor) -> torch.Tensor:
    import torch

    edges = torch.zeros_like(solution[:, :1])
    for d in (2, 3):
        squared = solution.diff(dim=d).square().sum(dim=1, keepdim=True)
        edges.narrow(d, 0, squared.shape[d]).add_(squared)
    centres, place = _percentile(edges, _SMALLEST_SHARE_OF_EDGES)
    smallest = torch.where(centres(place) > 0, centres(place), centres(place + 1))
    # A flat image has no edges to weigh.
    smallest = torch.where(smallest > 0, smallest, torch.ones_like(smallest))
    return 2 * torch.maximum(edges, smallest).rsqrt()


def _percentile(values: torch.Tensor, share: float) -> tuple[Operator, torch.Tensor]:
    """Find the bin of each image's histogram in which a share of its values is passed.

    Bins have equal distances and their centres reach from the smallest to the largest value.

    Returns
    -------
    centres : callable
        Centre of a bin, for the number of the bin.
    place : Tensor, shape (N, 1, 1, 1)
        Number of the bin, from 0.
    """
    import torch

    flat = values.flatten(1)
    low, high = flat.aminmax(dim=1, keepdim=True)
    step = (high - low) / (_BINS - 1)
    bins = ((flat - low) / step.clamp_min(torch.finfo(flat.dtype).tiny) + 0.5).long()
    bins = bins.clamp_max(_BINS - 1)
    counts = torch.zeros(len(flat), _BINS, dtype=torch.long, device=flat.device)
    counts.scatter_add_(1, bins, torch.ones_like(bins))
    passed = counts.cumsum(1) > share * flat.shape[1]
    place = passed.int().argmax(dim=1)[:, None, None, None]

    def centres(number: torch.Tensor) -> torch.Tensor:
        shape = (-1, 1, 1, 1)
        return low.view(shape) + step.view(shape) * number.clamp_max(_BINS - 1)

    return centres, place


def _difference_adjoint(differences: torch.Tensor, d: int) -> torch.Tensor:
    """Apply the adjoint of the forward difference along a dimension."""
    from torch.nn.functional import pad

    return -pad(differences, (1, 1, 0, 0) if d == 3 else (0, 0, 1, 1)).diff(dim=d)


def _conjugate_gradients(
    operator: Operator, right: torch.Tensor, start: torch.Tensor
) -> torch.Tensor:
    """Solve a positive definite system for each image until its residual has shrunk enough."""
    import torch

    def product(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x * y).sum(dim=(1, 2, 3), keepdim=True)

    solution = start
    residual = right - operator(solution)
    squared = product(residual, residual)
    # The published solver asks for a residual below that of zero too: MATLAB's pcg lowers a
    # tolerance of 1 and more to just below 1.
    goal = torch.minimum(
        squared.sqrt() / _RESIDUAL_SHRINKS_BY,
        product(right, right).sqrt() * (1 - torch.finfo(right.dtype).eps),
    )
    direction = residual
    for _ in range(_MOST_STEPS):
        open_ = squared.sqrt() > goal
        if not bool(open_.any()):
            break
        image = operator(direction)
        step = torch.where(open_, squared / product(direction, image), 0.0)
        solution = solution + step * direction
        residual = residual - step * image
        before, squared = squared, product(residual, residual)
        direction = residual + torch.where(open_, squared / before, 0.0) * direction
    return solution
