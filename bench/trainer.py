"""Training networks: one loop for all recipes, which can be stopped at any moment and goes on.

Everything random follows from the seed and a batch's number, and a checkpoint holds all the rest,
so on a CPU a training that was killed ends with the same weights as one that was not. (A GPU adds
up in no fixed order.)
"""

from __future__ import annotations

import copy
import io
import json
import math
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fusebench import metrics
from fusebench.bench.environment import environment_facts
from fusebench.bench.images import to_8_bit
from fusebench.bench.training_data import Planes, TrainingData, open_training_data
from fusebench.bench.training_page import thinned, training_page
from fusebench.bench.types import InputError
from fusebench.methods import METHODS, load
from fusebench.methods._base import complete, resolve_device
from fusebench.methods._recipes import RECIPES
from fusebench.methods._recipes.base import Batch, Budget, Move, Recipe
from fusebench.methods._weights import file_digest

SCORES = ("en", "mi", "qabf", "ssim", "vif", "scd")
"""What validation pairs are scored by."""

SCORES_OF_REFERENCE = ("psnr_ref", "ssim_ref")
"""And those whose ideal result is known."""

HALF = 0.1
"""Weights are stored with 16 bits if that changes no validation pixel by as many grey levels."""

# Seconds between two checkpoints, and between two drawings of the losses.
_SAVE, _DRAW = 60.0, 10.0

Progress: TypeAlias = Callable[[int, int, str], None]
Scores: TypeAlias = dict[str, float]


def train_network(
    slug: str,
    names: Sequence[str],
    folder: Path,
    *,
    roots: Mapping[str, Path] | None = None,
    budget: str | Budget | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    save_every: float = _SAVE,
) -> tuple[Path, Path]:
    """Train the network of a method and write its weights with their card.

    Parameters
    ----------
    slug : str
        A method of `fusebench.methods._recipes.RECIPES`.
    names : sequence of str
        Datasets; see `fusebench.bench.training_data.open_training_data`.
    folder : Path
        Where ``SLUG_retrained.safetensors`` and ``SLUG_retrained.json`` are written, and meanwhile
        ``SLUG.html``, which shows the losses, and ``SLUG.checkpoint``.
    roots : mapping of str to Path, optional
        Folders of the datasets, "" for any.
    budget : {"paper", "cpu"} or Budget, optional
        How much of everything; by default "paper" on a GPU and "cpu" elsewhere.
    steps : int, optional
        Instead of the budget's.
    seed : int
        The same seed gives the same weights, on a CPU.
    device : {"auto", "cpu", "cuda"}
    resume : bool
        Whether to go on from the checkpoint in `folder`, where there is one.
    options : mapping, optional
        Options of the recipe.
    progress : callable, optional
        Told step, number of steps and the latest loss.
    save_every : float
        Seconds between two checkpoints.

    Returns
    -------
    weights, card : Path

    Raises
    ------
    UnknownNameError
        If there is no recipe for that method.
    InputError
        If the data are of a test split or do not fit, an option does not, a training is in `folder`
        that is another or was not asked for, or a loss is no longer finite.
    MissingDataError
        If the data are not here.
    """
    recipe = RECIPES[slug]
    where = torch.device(resolve_device(device, METHODS[slug]))
    amount, chosen = choose_budget(recipe, budget, steps, where)
    if seed < 0:
        raise InputError(f"seed is {seed}; expected a whole number of at least 0")
    values = complete(f"the training of {slug}", recipe.plan, options or {})
    data = open_training_data(names, roots or {}, recipe)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The generators of the caller stay as they are.
        with torch.random.fork_rng(), _precise():
            training = _Training(recipe, chosen, amount, data, seed, where, values, folder)
            training.start(resume)
            training.run(progress, save_every)
            return training.finish()
    except OSError as e:
        raise InputError(f"cannot write {folder}: {e.strerror or e}") from None


def _precise() -> Any:
    return torch.backends.cudnn.flags(allow_tf32=False)


def choose_budget(
    recipe: Recipe, given: str | Budget | None, steps: int | None, device: torch.device
) -> tuple[Budget, str]:
    """Give how much of everything, and what it is called; see `train_network`."""
    if isinstance(given, Budget):
        found, name = given, "given"
    else:
        name = given or ("cpu" if device.type == "cpu" else "paper")
        known = next((b for key, b in recipe.budgets.items() if key == name), None)
        if known is None:
            raise InputError(f"unknown budget {name!r}; expected {' or '.join(recipe.budgets)}")
        found = known
    if steps is not None and steps < 1:
        raise InputError(f"steps is {steps}; expected a whole number of at least 1")
    return found if steps is None else replace(found, steps=steps), name


class _Training:
    """A training on its way."""

    def __init__(
        self,
        recipe: Recipe,
        name: str,
        budget: Budget,
        data: TrainingData,
        seed: int,
        device: torch.device,
        options: Mapping[str, Any],
        folder: Path,
    ) -> None:
        torch.manual_seed(seed)
        self.recipe, self.name, self.budget, self.data = recipe, name, budget, data
        self.seed, self.device, self.folder = seed, device, folder
        self.plan = recipe.plan(budget, **options)
        self.networks = nn.ModuleList([self.plan.network, *self.plan.helpers]).to(device)
        self.optimisers = [
            [torch.optim.Adam(move.learns.parameters(), move.rate) for move in stage.moves]
            for stage in self.plan.stages
        ]
        # What makes it another training when it differs.
        self.settings: dict[str, Any] = {
            "method": recipe.slug,
            "options": dict(options),
            **{k: v for k, v in asdict(budget).items() if k != "steps"},
            "seed": seed,
            "data": list(data.names),
            "data sha256": data.digest,
        }
        shares = np.cumsum([stage.share for stage in self.plan.stages])
        self.ends: list[int] = np.round(shares / shares[-1] * budget.steps).astype(int).tolist()
        # The steps of a single stage at one rate may become more or fewer on the way.
        if len(self.plan.stages) > 1 or budget.decay:
            self.settings["steps"] = budget.steps
        self.step = self.batches = 0
        self.seconds = {"wall": 0.0, "processor": 0.0}
        self.losses: list[Scores] = []
        self.scores: list[Scores] = []
        self.baseline: Scores = {}
        self.queue: deque[list[Future[Planes]]] = deque()
        # Looked up now: by the end the code on the disk may be another.
        self.facts = environment_facts()

    # Where files go

    @property
    def checkpoint(self) -> Path:
        return self.folder / f"{self.recipe.slug}.checkpoint"

    @property
    def page(self) -> Path:
        return self.folder / f"{self.recipe.slug}.html"

    # Begin and end

    def start(self, resume: bool) -> None:
        """Take up the training in the folder, or begin one."""
        if self.checkpoint.exists():
            self._restore(resume)
        else:
            average = load("average", device="cpu")
            self.baseline = self._score(lambda a, b: average.fuse(a.cpu(), b.cpu()))

    def _restore(self, resume: bool) -> None:
        try:
            state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
            facts = json.loads(state["facts"])
        except Exception as e:
            # torch raises kinds of its own for damaged files.
            raise InputError(
                f"{self.checkpoint} cannot be read as a checkpoint ({type(e).__name__}); "
                "take it away to begin anew"
            ) from None
        if not resume:
            raise InputError(
                f"{self.folder} holds a training of {self.recipe.slug} that got to step "
                f"{facts['step']}; go on with --resume, or give another folder"
            )
        others = [k for k, v in self.settings.items() if facts["settings"].get(k) != v]
        if others:
            was, now = facts["settings"].get(others[0]), self.settings[others[0]]
            raise InputError(
                f"the training in {self.folder} is another: its {others[0]} was {was}, not {now}; "
                "give the same settings, or another folder"
            )
        self.networks.load_state_dict(state["networks"])
        for optimisers, states in zip(self.optimisers, state["optimisers"], strict=True):
            for optimiser, own in zip(optimisers, states, strict=True):
                optimiser.load_state_dict(own)
        for name in ("step", "batches", "seconds", "losses", "scores", "baseline"):
            setattr(self, name, facts[name])

    def _save(self) -> None:
        names = ("settings", "step", "batches", "seconds", "losses", "scores", "baseline")
        state = {
            "facts": json.dumps({name: getattr(self, name) for name in names}),
            "networks": self.networks.state_dict(),
            "optimisers": [[o.state_dict() for o in stage] for stage in self.optimisers],
        }
        stream = io.BytesIO()
        torch.save(state, stream)
        _write(self.checkpoint, stream.getvalue())

    def run(self, progress: Progress | None, save_every: float) -> None:
        """Do all steps that are left."""
        saved = drawn = time.monotonic()
        before = {"wall": time.monotonic(), "processor": time.process_time()}

        def count_time() -> None:
            now = {"wall": time.monotonic(), "processor": time.process_time()}
            for name, value in now.items():
                self.seconds[name] += value - before[name]
            before.update(now)

        workers = 1 if self.device.type == "cpu" else min(8, os.cpu_count() or 1)
        with ThreadPoolExecutor(workers) as pool:
            while self.step < self.budget.steps:
                epoch = self.epoch
                self.losses.append(self._advance(pool))
                self.step += 1
                last = self.step == self.budget.steps
                if self.epoch > epoch or last:
                    scores = self._score(self.plan.network)
                    self.scores.append({"step": self.step, "epoch": self.epoch, **scores})
                now = time.monotonic()
                if now - saved >= save_every or last:
                    count_time()
                    self._save()
                    saved = now
                if now - drawn >= _DRAW or last:
                    self._draw(not last)
                    drawn = now
                if progress is not None:
                    loss = sum(self.losses[-1].values())
                    progress(self.step, self.budget.steps, f"loss {loss:.4g}, epoch {self.epoch}")

    @property
    def epoch(self) -> int:
        """Number of times that every pair has given its crops."""
        crops = len(self.data.keys) * self.budget.crops
        return self.batches * self.budget.batch // crops

    # A step

    def _advance(self, pool: ThreadPoolExecutor) -> Scores:
        """Do the moves of one step; give the losses of each when it was done last."""
        self.networks.train()
        stage = int(np.searchsorted(self.ends, self.step, side="right"))
        slower = self._slower(stage)
        found: Scores = {}
        moves = zip(self.plan.stages[stage].moves, self.optimisers[stage], strict=True)
        for move, optimiser in moves:
            for group in optimiser.param_groups:
                group["lr"] = move.rate * slower
            for _ in range(move.times):
                found.update(self._move(move, optimiser, self._next(pool)))
        return found

    def _slower(self, stage: int) -> float:
        """Give what the rate of the next step is multiplied by."""
        begin, end = [0, *self.ends][stage : stage + 2]
        falling = self.budget.decay * (end - begin)
        return min(1.0, (end - self.step) / falling) if falling else 1.0

    def _next(self, pool: ThreadPoolExecutor) -> Batch:
        """Give the next batch; the one after it is being cut meanwhile."""
        size = self.budget.batch
        while len(self.queue) < 2:
            first = (self.batches + len(self.queue)) * size
            self.queue.append(
                [
                    pool.submit(self.data.crop, first + i, self.budget.crop, self.seed)
                    for i in range(size)
                ]
            )
        crops = [future.result() for future in self.queue.popleft()]
        # Whatever a loss draws follows from the number of the batch.
        torch.manual_seed(
            int(np.random.default_rng((self.seed, 3, self.batches)).integers(1 << 62))
        )
        self.batches += 1
        planes = {
            name: torch.from_numpy(np.stack([crop[name] for crop in crops])) for name in crops[0]
        }
        return _batch(planes, self.device)

    def _move(self, move: Move, optimiser: torch.optim.Adam, batch: Batch) -> Scores:
        optimiser.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            losses = move.loss(batch)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        if move.clip is not None:
            nn.utils.clip_grad_norm_(move.learns.parameters(), move.clip)
        optimiser.step()
        found = {name: float(loss.detach()) for name, loss in losses.items()}
        if not all(map(math.isfinite, found.values())):
            raise InputError(
                f"the loss of {self.recipe.slug} is {found} after step {self.step}; "
                "what was trained before is in the checkpoint, try another seed"
            )
        return found

    # Validation

    def _fuse(self, network: Callable[..., Tensor]) -> list[NDArray[np.float64]]:
        """Give the validation pairs fused, as grey levels before they are rounded."""
        self.networks.eval()
        fused = []
        with torch.inference_mode():
            for planes in self.data.validation():
                pair = (torch.from_numpy(planes[side])[None] for side in "ab")
                image = network(*(x.to(self.device) for x in pair))
                fused.append(_levels(image[0].double().cpu().numpy()))
        return fused

    def _score(self, network: Callable[..., Tensor]) -> Scores:
        """Give the mean scores of the validation pairs, fused by a function."""
        fused = [to_8_bit(levels) for levels in self._fuse(network)]
        pairs = list(self.data.validation())
        images = {
            name: [to_8_bit(_levels(planes[name].astype(np.float64))) for planes in pairs]
            for name in ("a", "b", "reference")
            if name in pairs[0]
        }
        reference = images.get("reference")
        wanted = SCORES if reference is None else (*SCORES, *SCORES_OF_REFERENCE)
        found = metrics.score_batch(
            images["a"],
            images["b"],
            fused,
            metrics=wanted,
            reference=reference,
            workers=torch.get_num_threads(),
        )
        return {slug: float(np.mean(values)) for slug, values in found.items()}

    # Results

    def _draw(self, running: bool) -> None:
        text = training_page(
            f"{self.recipe.slug}, step {self.step} of {self.budget.steps}",
            self.losses,
            self.scores,
            {"average": self.baseline},
            refresh=_DRAW if running else None,
        )
        _write(self.page, text.encode())

    def finish(self) -> tuple[Path, Path]:
        """Write the weights and their card."""
        from safetensors.torch import save

        tensors = {
            name: tensor.detach().cpu().contiguous().clone()
            for name, tensor in self.plan.network.state_dict().items()
        }
        halves = {n: t.half() if t.is_floating_point() else t for n, t in tensors.items()}
        change = self._change(halves)
        if change < HALF:
            tensors = halves
        weights = self.folder / f"{self.recipe.slug}_retrained.safetensors"
        card = weights.with_suffix(".json")
        _write(weights, save(tensors))
        facts = self.facts
        text = {
            "method": self.recipe.slug,
            "file": weights.name,
            "sha256": file_digest(weights),
            "values": sum(tensor.numel() for tensor in tensors.values()),
            "bits": 16 if change < HALF else 32,
            "change by 16 bits": f"{change:.2g} grey levels at most, of validation pixels",
            "data": ", ".join(self.data.names),
            "data sha256": self.data.digest,
            "pairs": len(self.data.keys),
            "held out": list(self.data.held_out),
            "options": self.settings["options"],
            "budget": self.name,
            **asdict(self.budget),
            "epochs": self.epoch,
            "seed": self.seed,
            "device": facts["gpu"] if self.device.type == "cuda" else facts["processor"],
            "seconds": round(self.seconds["wall"]),
            "processor seconds": round(self.seconds["processor"]),
            "losses": thinned(self.losses),
            "validation": [_rounded(scores) for scores in self.scores],
            "average": _rounded(self.baseline),
            **{name: facts[name] for name in ("fusebench", "commit", "modified")},
            "torch": facts["libraries"]["torch"],
        }
        _write(card, (json.dumps(text, indent=2) + "\n").encode())
        return weights, card

    def _change(self, tensors: Mapping[str, Tensor]) -> float:
        """Give the largest change of a validation pixel, in grey levels, by other tensors."""
        other = copy.deepcopy(self.plan.network).eval()
        other.load_state_dict(dict(tensors))
        images = zip(self._fuse(self.plan.network), self._fuse(other), strict=True)
        return max(float(np.abs(x - y).max()) for x, y in images)


def _levels(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give planes ``(1 or 3, H, W)`` in [0, 1] as an image of grey levels."""
    return 255 * (planes[0] if len(planes) == 1 else np.moveaxis(planes, 0, 2))


def _batch(planes: Mapping[str, Tensor], device: torch.device) -> Batch:
    on_device = {name: x.to(device, non_blocking=True) for name, x in planes.items()}
    return Batch(on_device["a"], on_device["b"], on_device.get("reference"), on_device.get("mask"))


def _rounded(scores: Scores) -> Scores:
    return {name: float(f"{value:.5g}") for name, value in scores.items()}


def _write(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
