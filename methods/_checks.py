"""Checks of option values that several methods share."""

from __future__ import annotations

import math

from fusebench.bench.types import InputError


def require_count(option: str, value: int, least: int = 1) -> None:
    """Check that a number of levels, pixels or iterations is at least one, or whatever is least.

    Raises
    ------
    InputError
        If it is not.
    """
    if value < least:
        raise InputError(f"{option} is {value}; expected a whole number of at least {least}")


def require_not_negative(option: str, value: float) -> None:
    """Check that a number is finite and at least zero.

    Raises
    ------
    InputError
        If it is not.
    """
    if not (value >= 0 and math.isfinite(value)):
        raise InputError(f"{option} is {value}; expected a finite number of at least 0")


def require_positive(option: str, value: float) -> None:
    """Check that a number is finite and above zero.

    Raises
    ------
    InputError
        If it is not.
    """
    if not (value > 0 and math.isfinite(value)):
        raise InputError(f"{option} is {value}; expected a finite number above 0")
