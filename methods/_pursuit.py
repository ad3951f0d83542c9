"""Orthogonal matching pursuit of many patches at once.

Two forms of one algorithm: NumPy arrays go through machine code where Numba is installed, and all
else (NumPy arrays without it, torch tensors on a GPU) through array operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Protocol

import numpy as np
from array_api_compat import array_namespace, is_numpy_array

from fusebench.bench.types import Array

# Patches coded together: their bases shall stay in the cache of a core, or fill a GPU.
_TOGETHER_ON_CPU = 128
_TOGETHER_ON_GPU = 16384
_TOGETHER_COMPILED = 64

# Norm below which what a new atom adds to those taken is rounding.
_SPANNED = 1e-10


class Pursuit(Protocol):
    """Codes patches over one dictionary; see `pursuit_of`."""

    together: int
    """Most patches of a call."""

    def __call__(self, patches: Array, tolerance: float, most: int) -> tuple[Array, Array, Array]:
        """Code patches.

        Parameters
        ----------
        patches : array, shape (N, S)
        tolerance : float
            Norm of the rest at which a patch counts as reached.
        most : int
            Most atoms of a patch, at most as many as it has pixels.

        Returns
        -------
        rest : array, shape (N, S)
            What is left of each patch.
        chosen : array of int, shape (N, k)
            Atoms taken, in their order.
        coefficients : array, shape (N, k)
            Zero where a patch needed fewer than `k`.
        """


def pursuit_of(patches: Array, atoms: Array) -> Pursuit:
    """Give the fastest pursuit over a dictionary ``(K, S)`` for arrays of the kind of `patches`."""
    compiled = _compiled() if is_numpy_array(patches) else None
    return _CompiledPursuit(compiled, atoms) if compiled else _ArrayPursuit(patches, atoms)


class _ArrayPursuit:
    """Orthogonal matching pursuit of up to `together` patches at once, in memory used again."""

    def __init__(self, patches: Array, atoms: Array) -> None:
        self.xp = xp = array_namespace(patches)
        self.together = _TOGETHER_ON_CPU if is_numpy_array(patches) else _TOGETHER_ON_GPU
        self.atoms = atoms
        # Single precision is enough to see which atom correlates most; what is left of a patch is
        # kept in double, so that rounding does not build up.
        self.columns = xp.astype(atoms, xp.float32).T
        number, size = min(len(patches), self.together), atoms.shape[1]
        make = partial(xp.empty, dtype=patches.dtype, device=patches.device)
        self.basis = make((number, size, size))  # one orthonormal vector in each row
        # Atom k is the sum over i <= k of mixture[k, :, i] * basis[:, i].
        self.mixture, self.projection = make((size, number, size)), make((number, size))

    def __call__(self, patches: Array, tolerance: float, most: int) -> tuple[Array, Array, Array]:
        """Code patches; see `Pursuit`."""
        xp, number = self.xp, len(patches)
        basis, mixture = self.basis[:number], self.mixture[:, :number]
        rest, taken, chosen = patches, 0, []
        active = xp.vecdot(rest, rest) > tolerance**2
        while taken < most and bool(active.any()):
            correlation = xp.astype(rest, xp.float32) @ self.columns
            chosen.append(xp.argmax(xp.abs(correlation), axis=1))
            atom = self.atoms[chosen[-1]]
            mix = basis[:, :taken] @ atom[:, :, None]
            atom = atom - (xp.matrix_transpose(mix) @ basis[:, :taken])[:, 0]
            length = xp.sqrt(xp.vecdot(atom, atom))
            # An atom that lies in the span of those taken adds nothing; it ends the pursuit.
            active = active & (length > _SPANNED)
            length = xp.where(active, length, 1.0)
            vector = atom * (active / length)[:, None]
            share = xp.vecdot(vector, rest)
            basis[:, taken], self.projection[:number, taken] = vector, share
            mixture[taken, :, :taken], mixture[taken, :, taken] = mix[:, :, 0], length
            rest = rest - share[:, None] * vector
            taken += 1
            active = active & (xp.vecdot(rest, rest) > tolerance**2)
        # Coefficients of the atoms, by back substitution for all patches at once. Where a pursuit
        # ended early its projections are zero, and so are the coefficients.
        coefficients = self.projection[:number, :taken]
        for k in reversed(range(taken)):
            coefficients[:, k] /= mixture[k, :, k]
            coefficients[:, :k] -= coefficients[:, k : k + 1] * mixture[k, :, :k]
        return rest, xp.stack(chosen, axis=1) if chosen else xp.zeros((number, 0)), coefficients


class _CompiledPursuit:
    """The same as machine code, one patch after the other."""

    together = 8192

    def __init__(self, compiled: Callable[..., tuple[Array, Array, Array]], atoms: Array) -> None:
        self.compiled, self.atoms = compiled, atoms
        self.columns = np.ascontiguousarray(atoms.T, dtype=np.float32)

    def __call__(self, patches: Array, tolerance: float, most: int) -> tuple[Array, Array, Array]:
        """Code patches; see `Pursuit`."""
        patches = np.ascontiguousarray(patches)
        return self.compiled(patches, self.atoms, self.columns, tolerance, most)


def _pursue(
    patches: Array, atoms: Array, columns: Array, tolerance: float, most: int
) -> tuple[Array, Array, Array]:
    """Do what `_ArrayPursuit` does, in loops that read each basis only once a step."""
    number, size = patches.shape
    rests = patches.copy()
    chosen, coefficients = np.zeros((number, most), np.int64), np.zeros((number, most))
    basis = np.empty((_TOGETHER_COMPILED, size, size))
    mixture = np.empty((_TOGETHER_COMPILED, size, size))
    taken, active = np.zeros(_TOGETHER_COMPILED, np.int64), np.zeros(_TOGETHER_COMPILED, np.bool_)
    single = np.zeros((_TOGETHER_COMPILED, size), np.float32)
    correlation = np.zeros((_TOGETHER_COMPILED, len(atoms)), np.float32)
    vector, longest = np.empty(size), 0
    for start in range(0, number, _TOGETHER_COMPILED):
        together = min(_TOGETHER_COMPILED, number - start)
        for n in range(together):
            energy = 0.0
            for i in range(size):
                energy += rests[start + n, i] ** 2
            taken[n], active[n] = 0, energy > tolerance**2
        step = 0
        while step < most and active[:together].any():
            for n in range(together):
                for i in range(size):
                    single[n, i] = rests[start + n, i]
            np.dot(single, columns, correlation)
            for n in range(together):
                if not active[n]:
                    continue
                largest = np.float32(0)
                for k in range(len(atoms)):
                    largest = max(largest, abs(correlation[n, k]))
                atom = 0
                while abs(correlation[n, atom]) != largest:
                    atom += 1
                new, known, mix, rest = atoms[atom], basis[n], mixture[n, step], rests[start + n]
                for i in range(size):
                    vector[i] = new[i]
                # Four vectors of the basis at a time: each is read from the cache once.
                fours = step // 4 * 4
                for k in range(0, fours, 4):
                    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
                    for i in range(size):
                        s0 += known[k, i] * new[i]
                        s1 += known[k + 1, i] * new[i]
                        s2 += known[k + 2, i] * new[i]
                        s3 += known[k + 3, i] * new[i]
                    mix[k], mix[k + 1], mix[k + 2], mix[k + 3] = s0, s1, s2, s3
                    for i in range(size):
                        vector[i] -= (s0 * known[k, i] + s1 * known[k + 1, i]) + (
                            s2 * known[k + 2, i] + s3 * known[k + 3, i]
                        )
                for k in range(fours, step):
                    s0 = 0.0
                    for i in range(size):
                        s0 += known[k, i] * new[i]
                    mix[k] = s0
                    for i in range(size):
                        vector[i] -= s0 * known[k, i]
                length = 0.0
                for i in range(size):
                    length += vector[i] * vector[i]
                length = math.sqrt(length)
                # An atom that lies in the span of those taken adds nothing; it ends the pursuit.
                if length <= _SPANNED:
                    active[n] = False
                    continue
                share, energy = 0.0, 0.0
                for i in range(size):
                    vector[i] /= length
                    share += vector[i] * rest[i]
                for i in range(size):
                    known[step, i] = vector[i]
                    rest[i] -= share * vector[i]
                    energy += rest[i] * rest[i]
                chosen[start + n, step], mix[step] = atom, length
                coefficients[start + n, step] = share
                taken[n], active[n] = step + 1, energy > tolerance**2
            step += 1
        for n in range(together):
            values = coefficients[start + n]
            for k in range(taken[n] - 1, -1, -1):
                values[k] /= mixture[n, k, k]
                for i in range(k):
                    values[i] -= values[k] * mixture[n, k, i]
            longest = max(longest, taken[n])
    return rests, chosen[:, :longest], coefficients[:, :longest]


@cache
def _compiled() -> Callable[..., tuple[Array, Array, Array]] | None:
    """Give `_pursue` as machine code, or None where Numba is not installed."""
    try:
        from numba import njit
    except ImportError:
        return None
    # Sums may be taken in any order; all numbers are finite.
    compiled: Callable[..., tuple[Array, Array, Array]] = njit(
        fastmath={"reassoc", "contract", "nsz", "nnan"}, nogil=True
    )(_pursue)
    return compiled
