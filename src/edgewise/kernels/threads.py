"""Threads for kernels that release the GIL.

Numba's own threading layers do not serve: GNU OpenMP aborts after a fork, workqueue aborts on calls from
two threads. Ordinary Python threads have neither fault. The caller works on the first share itself, so a
call with one share costs nothing; the number of shares follows `torch.set_num_threads`.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

_pool: ThreadPoolExecutor | None = None


def _forget_pool() -> None:
    """A forked child has none of its parent's threads: start a pool of its own at first use."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def shares(tasks: int, work: float, grain: float) -> int:
    """How many threads to use for `tasks` independent tasks of `work` operations in all.

    Args:
        tasks: number of independent tasks.
        work: estimated operations.
        grain: operations below which a second thread costs more than it brings.

    Returns:
        A number from 1 to torch's thread count.
    """
    return max(1, min(torch.get_num_threads(), tasks, int(work / grain)))


def split(run: Callable[[int, int], None], tasks: int, threads: int) -> None:
    """Call `run(start, stop)` on `threads` contiguous shares of `range(tasks)`, at the same time.

    Args:
        run: works on one share; must release the GIL to gain anything.
        tasks: number of tasks.
        threads: number of shares.
    """
    if threads <= 1:
        run(0, tasks)
        return
    global _pool
    pool = _pool
    if pool is None:
        pool = _pool = ThreadPoolExecutor(max_workers=max(64, os.cpu_count() or 1), thread_name_prefix="edgewise")
    bounds = [tasks * t // threads for t in range(threads + 1)]
    others = [pool.submit(run, start, stop) for start, stop in zip(bounds[1:-1], bounds[2:], strict=True)]
    try:
        run(bounds[0], bounds[1])
    finally:
        for other in others:  # the buffers must not be freed under a thread that still writes
            other.exception()
    for other in others:
        other.result()
