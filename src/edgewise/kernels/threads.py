"""Threads for compiled entries: functions of one address that share out their work by ticket.

Numba's own threading layers do not serve: GNU OpenMP aborts after a fork, workqueue aborts on calls from
two threads. And threads beside torch's compete with them: after each parallel operation of torch its
workers spin for milliseconds on the cores that ours would need (measured on two cores: a step 1.7 times as
long). So the entries run on torch's own OpenMP team where it is GNU's (Linux), in two microseconds, and on
new Python threads elsewhere and in forked children, which have no team. The number of threads follows
`torch.set_num_threads`.

A Python thread can outlive the call that started it, because Ctrl-C may interrupt that call at any point. So each
holds on to the memory it works on, and no two calls share a lock that an interrupt could leave behind.
"""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import torch

_Team = Callable[[int, int, int, int], None]
_team: _Team | None = None
_team_is_known = False


def _forget_threads() -> None:
    """A forked child has none of its parent's threads."""
    global _team, _team_is_known
    _team, _team_is_known = None, True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


def _find_team() -> _Team | None:
    """`GOMP_parallel` of the OpenMP library that torch has loaded, if it is GNU's."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return None
    loaded = {line.split(maxsplit=5)[-1] for line in maps.read_text().splitlines() if "libgomp" in line}
    torch_folder = Path(torch.__file__).parent  # other packages bring an OpenMP of their own
    for path in sorted(loaded):
        if path.startswith((f"{torch_folder}/", f"{torch_folder}.libs/")):
            try:
                parallel = ctypes.CDLL(path).GOMP_parallel
            except (OSError, AttributeError):
                continue
            parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
            parallel.restype = None
            return parallel
    return None


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


def run_on_threads(entry: Callable[[int], None], entry_address: int, data: Any, threads: int, memory: Any) -> None:
    """Let `threads` threads call `entry(address of data)` at the same time, and wait for all.

    Args:
        entry: a compiled C function that releases the GIL.
        entry_address: its address.
        data: the ctypes array it is called with.
        threads: how many threads.
        memory: whatever owns the memory that the addresses in `data` point to.
    """
    global _team, _team_is_known
    address = ctypes.addressof(data)
    if threads == 1:
        entry(address)
        return
    if not _team_is_known:
        _team, _team_is_known = _find_team(), True
    if _team is not None:
        _team(entry_address, address, threads, 0)
        return
    others = [Thread(target=_call, args=(entry, address, data, memory), daemon=True) for _ in range(threads - 1)]
    started = []
    for other in others:
        try:
            other.start()
        except RuntimeError:  # no more threads to be had: the shares go to those there are
            break
        started.append(other)
    entry(address)
    for other in started:
        other.join()


def _call(entry: Callable[[int], None], address: int, data: Any, memory: Any) -> None:
    """A share of the work of a thread that keeps `data` and `memory` alive meanwhile."""
    entry(address)
