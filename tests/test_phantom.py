"""Phantoms: what their docstring promises, so that networks learn from what it says."""

from __future__ import annotations

import numpy as np
import pytest

from fusebench import datasets
from fusebench.bench import training_data
from fusebench.bench.images import luma
from fusebench.bench.types import InputError

KEYS = ("ct_mri_000", "ct_mri_001", "pet_mri_004")


@pytest.mark.parametrize("key", KEYS)
def test_phantoms_are_the_same_each_time_and_no_others(key: str) -> None:
    phantom = datasets.load("phantom")
    first, again = phantom[key], phantom[key]
    assert np.array_equal(first.a, again.a)
    assert np.array_equal(first.b, again.b)
    other = phantom[key[:-1] + "9"]
    assert not np.array_equal(first.b, other.b)
    assert first.a.shape[:2] == first.b.shape == (256, 256)
    assert (first.a.ndim == 3) == key.startswith("pet")
    assert training_data.tested(first) is None


@pytest.mark.parametrize("key", KEYS[:2])
def test_bone_is_bright_in_ct_and_dark_in_mri(key: str) -> None:
    pair = datasets.load("phantom:ct_mri")[key]
    bone = pair.a > 200
    assert 0.01 < bone.mean() < 0.2
    assert pair.b[bone].mean() < 60 < 200 < pair.a[bone].mean()
    # Within the bone, MRI tells more than CT does.
    rows, columns = np.nonzero(bone)
    middle = (slice(120, 136), slice(columns.min() + 25, columns.max() - 25))
    assert pair.b[middle].std() > pair.a[middle].std() > 1
    # Nothing is around the head.
    assert luma(pair.a)[:8].max() < 12
    assert rows.min() > 8


def test_pet_is_blurred_and_mri_is_not() -> None:
    pair = datasets.load("phantom:pet_mri")["pet_mri_004"]
    steps = [np.abs(np.diff(luma(x).astype(float), axis=1)).max() for x in (pair.a, pair.b)]
    assert 2 * steps[0] < steps[1]


def test_kinds_are_splits_for_training() -> None:
    info = datasets.DATASETS["phantom"]
    assert info.training == tuple(info.splits)
    kinds = [datasets.load(f"phantom:{kind}").keys for kind in ("ct_mri", "pet_mri")]
    assert sum(kinds, ()) == datasets.load("phantom").keys
    with pytest.raises(InputError, match="no pair"):
        datasets.load("phantom:ct_mri")["pet_mri_000"]
