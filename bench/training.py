"""Training what the package ships: dictionaries, from the photographs of the demo."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from fusebench import __version__, datasets
from fusebench.bench.images import luma
from fusebench.bench.registry import unknown_name
from fusebench.bench.types import InputError
from fusebench.methods._weights import file_digest

DATA = "demo:mff"
"""What is trained on: the references of these pairs, photographs in focus everywhere."""


def train_dictionary(slug: str, folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """Learn the dictionary of a method and write it with its card.

    Parameters
    ----------
    slug : str
        A method of `fusebench.methods._dictionary.TRAINERS`.
    folder : Path
        Where ``SLUG_retrained.npz`` and ``SLUG_retrained.json`` are written.
    seed : int
        Start of the random choices; the same seed gives the same dictionary.

    Returns
    -------
    weights, card : Path

    Raises
    ------
    UnknownNameError
        If nothing is learned for that method.
    InputError
        If `seed` is negative, or the folder cannot be written.
    """
    from fusebench.methods._dictionary import TRAINERS, settings

    if slug not in TRAINERS:
        raise unknown_name("dictionary", slug, list(TRAINERS))
    if seed < 0:
        raise InputError(f"seed is {seed}; expected a whole number of at least 0")
    pairs = list(datasets.load(DATA))
    images = [luma(p.reference).astype(np.float64) for p in pairs if p.reference is not None]
    arrays, figures = TRAINERS[slug](images, seed)
    weights, card = (folder / f"{slug}_retrained{ending}" for ending in (".npz", ".json"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(weights, allow_pickle=False, **arrays)
        text = {
            "method": slug,
            "file": weights.name,
            "sha256": file_digest(weights),
            "arrays": {name: list(array.shape) for name, array in arrays.items()},
            "data": f"{DATA}, references: {', '.join(pair.key for pair in pairs)}",
            "seed": seed,
            "settings": settings(slug),
            "figures": {name: float(f"{value:.4g}") for name, value in figures.items()},
            "fusebench": __version__,
        }
        card.write_text(json.dumps(text, indent=2) + "\n", encoding="utf-8")
    except OSError as e:
        raise InputError(f"cannot write {folder}: {e.strerror or e}") from None
    return weights, card
