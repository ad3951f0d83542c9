"""Where units of work run: in this process, in local processes, or on a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import wait as wait_for_sentinel
from typing import Protocol, TypeVar

from fusebench.bench.types import InputError

U = TypeVar("U")
R = TypeVar("R")

# What torch and BLAS read when they are loaded.
_THREADS = "OMP_NUM_THREADS"


class Pool(Protocol):
    """Runs a function over units and yields each unit with its result, in any order."""

    workers: int

    def map(
        self, function: Callable[[U], R], units: Iterable[U], on_crash: Callable[[U], R]
    ) -> Generator[tuple[U, R]]:
        """Yield ``(unit, result)``; `on_crash` gives the result where a worker died."""
        ...


class SerialPool:
    """Runs everything in this process."""

    workers = 1

    def map(
        self, function: Callable[[U], R], units: Iterable[U], on_crash: Callable[[U], R]
    ) -> Generator[tuple[U, R]]:
        """Yield ``(unit, result)`` in order."""
        for unit in units:
            yield unit, function(unit)


class ProcessPool:
    """Runs units in local processes and survives their crashes.

    Parameters
    ----------
    workers : int
        Number of processes; they share the cores among them.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def map(
        self, function: Callable[[U], R], units: Iterable[U], on_crash: Callable[[U], R]
    ) -> Generator[tuple[U, R]]:
        """Yield ``(unit, result)`` as they are done.

        A worker that dies takes all units under way with it. They are run again one by one, so
        that only the unit that kills its worker fails.
        """
        waiting = iter(units)
        while True:
            suspects: list[U] = []
            yield from self._run(function, waiting, self.workers, suspects)
            if not suspects:
                return
            for unit in suspects:
                culprit: list[U] = []
                yield from self._run(function, iter([unit]), 1, culprit)
                if culprit:
                    yield unit, on_crash(unit)

    def _run(
        self, function: Callable[[U], R], waiting: Iterator[U], workers: int, lost: list[U]
    ) -> Generator[tuple[U, R]]:
        before = set(multiprocessing.active_children())
        executor = ProcessPoolExecutor(
            workers,
            # Forking a process that has threads (torch, BLAS) can hang it.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=start_worker,
        )
        under_way: dict[Future[R], U] = {}
        finished_or_broken = False

        def submit(count: int) -> None:
            for unit in islice(waiting, count):
                try:
                    # Processes are started here, as they are needed.
                    with threads_of_a_process(max(1, (os.cpu_count() or 1) // workers)):
                        under_way[executor.submit(function, unit)] = unit
                except BrokenProcessPool:
                    lost.append(unit)
                    return

        try:
            # Two units a worker keep it busy without taking more units than a crash should cost.
            submit(2 * workers)
            while under_way and not lost:
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    unit = under_way.pop(future)
                    try:
                        result = future.result()
                    except BrokenProcessPool:
                        lost.append(unit)
                        break
                    yield unit, result
                    submit(1)
            lost.extend(under_way.values())
            finished_or_broken = True
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
            if not finished_or_broken:
                # Interrupted: what is under way is given up, what is done has been yielded.
                for child in set(multiprocessing.active_children()) - before:
                    child.terminate()


class DaskPool:
    """Runs units on a Dask cluster, whose workers have fusebench and the images at hand.

    Parameters
    ----------
    scheduler : str or None
        Address such as ``tcp://host:8786``; None starts a cluster on this machine.
    workers : int or None
        Number of local workers where no scheduler is given.

    Raises
    ------
    InputError
        If Dask is not installed or the scheduler does not answer.
    """

    def __init__(self, scheduler: str | None = None, workers: int | None = None) -> None:
        try:
            from distributed import Client
        except ModuleNotFoundError:
            raise InputError("--executor dask needs Dask: pip install 'fusebench[dask]'") from None
        try:
            if scheduler:
                self._client = Client(scheduler, timeout="10s")
            else:
                self._client = Client(
                    n_workers=workers or os.cpu_count(),
                    threads_per_worker=1,
                    dashboard_address=None,
                )
        except (OSError, ValueError) as e:
            raise InputError(f"no Dask scheduler answers at {scheduler}: {e}") from None
        self.workers = len(self._client.scheduler_info(n_workers=-1)["workers"])

    def map(
        self, function: Callable[[U], R], units: Iterable[U], on_crash: Callable[[U], R]
    ) -> Generator[tuple[U, R]]:
        """Yield ``(unit, result)`` as they are done."""
        from distributed import as_completed
        from distributed.scheduler import KilledWorker

        waiting = iter(units)
        under_way = {}
        queue = as_completed()
        try:
            for unit in islice(waiting, 2 * max(1, self.workers)):
                future = self._client.submit(function, unit, pure=False)
                under_way[future.key] = unit
                queue.add(future)
            for future in queue:
                unit = under_way.pop(future.key)
                try:
                    yield unit, future.result()
                except KilledWorker:
                    yield unit, on_crash(unit)
                for following in islice(waiting, 1):
                    next_future = self._client.submit(function, following, pure=False)
                    under_way[next_future.key] = following
                    queue.add(next_future)
        finally:
            self._client.close()


def make_pool(executor: str, workers: int | None, scheduler: str | None) -> Pool:
    """Choose where to run.

    Raises
    ------
    InputError
        If the executor is unknown or the number of workers is not positive.
    """
    if workers is not None and workers < 1:
        raise InputError(f"--workers must be at least 1, got {workers}")
    if executor == "dask":
        return DaskPool(scheduler, workers)
    if executor != "local":
        raise InputError(f"unknown executor {executor!r}; expected local or dask")
    if scheduler is not None:
        raise InputError("--scheduler goes with --executor dask")
    count = workers or os.cpu_count() or 1
    return SerialPool() if count == 1 else ProcessPool(count)


@contextmanager
def threads_of_a_process(count: int) -> Iterator[None]:
    """Let processes that are started meanwhile use so many threads each.

    BLAS reads this when it is loaded, which in a new process is before any code of ours runs.
    """
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = str(count)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before


def start_worker() -> None:
    """Prepare the end of a process that was started to work for this one."""
    # Ctrl-C reaches the whole group; the parent decides what becomes of the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=(parent.sentinel,), daemon=True).start()


def _die_with(sentinel: int) -> None:
    """End this worker when its parent is gone, however it went."""
    wait_for_sentinel([sentinel])
    os._exit(1)
