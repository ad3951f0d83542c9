"""How much memory a call takes at its worst."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class PeakMemory:
    """Measure the largest growth of this process's resident memory inside a ``with`` block.

    Attributes
    ----------
    growth : int or None
        Bytes above the level at the start; None where the system cannot tell (outside Linux).
    """

    growth: int | None = None

    def __enter__(self) -> PeakMemory:
        try:
            # Writing 5 resets the kernel's high-water mark of resident memory.
            _CLEAR.write_text("5")
            self._start: int | None = _resident("VmRSS")
        except (OSError, ValueError):
            self._start = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._start is not None:
            self.growth = max(0, _resident("VmHWM") - self._start)


def _resident(field: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"no {field} in {_STATUS}")
