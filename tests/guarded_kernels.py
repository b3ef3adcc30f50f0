"""The kernels on tensors that touch forbidden memory; `test_kernels_bounds` runs this file as a process of its own.

Every input and every result lies in a region of its own between two pages that may not be touched, at its very
end or at its very beginning. A number too far is then a segmentation fault; the name of the case stands on the
last line written. What remains of a region is NaN and must stay so.

    python guarded_kernels.py cases     run all cases
    python guarded_kernels.py networks  run all cases of small networks and Gauss-Newton matrices
    python guarded_kernels.py reach     let each tensor stick out by one number: each must end a process
"""

import ctypes
import faulthandler
import itertools
import mmap
import os
import resource
import signal
import sys

import numpy as np
import torch

from edgewise import kernels
from edgewise.splines import extend_knots, uniform_knots

PAGE = mmap.PAGESIZE
PAGES = -(-64 * 1024 // PAGE)
WIDTHS = (1, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65)
INPUTS, GRID = 2, 3

_protect = ctypes.CDLL(None, use_errno=True).mprotect
_protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class Region:
    """Memory between two forbidden pages."""

    def __init__(self, pages=PAGES):
        self.memory = mmap.mmap(-1, (pages + 2) * PAGE)
        self.start = ctypes.addressof(ctypes.c_char.from_buffer(self.memory)) + PAGE
        self.size = pages * PAGE
        for guard in (self.start - PAGE, self.start + self.size):
            if _protect(guard, PAGE, 0):
                raise OSError(ctypes.get_errno(), "mprotect")
        self.bytes = np.frombuffer(self.memory, np.uint8, self.size, PAGE)
        self.used = slice(0, 0)

    def place(self, shape, dtype, at_end, beyond=0):
        """A tensor at the end (or beginning) that sticks out by `beyond` elements; all of its numbers are NaN."""
        count, width = int(np.prod(shape)), dtype.itemsize
        assert 0 < count * width <= self.size, (shape, dtype)
        first = self.size - (count - beyond) * width if at_end else -beyond * width
        self.bytes[:] = 255
        self.used = slice(max(first, 0), first + count * width)
        whole = (ctypes.c_char * (count * width)).from_address(self.start + first)
        return torch.frombuffer(whole, dtype=dtype).view(shape)

    def write(self, values, beyond):
        """Fill the tensor, but for what sticks out."""
        raw = values.contiguous().numpy().reshape(-1).view(np.uint8)
        size = self.used.stop - self.used.start
        skip = beyond * values.element_size()
        if self.used.stop > self.size:
            self.bytes[self.used.start :] = raw[: raw.size - skip]
        else:
            self.bytes[self.used] = raw[raw.size - size :]

    def check(self):
        rest = self.bytes.copy()
        rest[self.used] = 255
        assert (rest == 255).all(), f"written outside of a tensor, at {np.flatnonzero(rest != 255)[:5]}"


class Guarded:
    """Regions for the inputs by name, and for the results in the order they are asked for."""

    def __init__(self, pages=PAGES):
        self.inputs = {name: Region() for name in ("x", "coef", "base", "weight", "knots", "cotangent")}
        self.results = [Region(pages) for _ in range(16)]
        self.at_end, self.n_results = True, 0

    def start(self, at_end):
        self.at_end, self.n_results = at_end, 0

    def input(self, name, values, beyond=0):
        tensor = self.inputs[name].place(values.shape, values.dtype, self.at_end, beyond)
        self.inputs[name].write(values, beyond)
        return tensor

    def result(self, made, is_zero):
        if made.numel() == 0:
            return made
        region = self.results[self.n_results]
        self.n_results += 1
        tensor = region.place(made.shape, made.dtype, self.at_end)
        return tensor.zero_() if is_zero else tensor

    def has(self, tensor):
        used = self.results[: self.n_results]
        return any(region.start <= tensor.data_ptr() < region.start + region.size for region in used)

    def check(self):
        for region in [*self.inputs.values(), *self.results[: self.n_results]]:
            region.check()


def guard_results(memory):
    """Let torch's constructors, which the kernels call for their results, take guarded memory while switched on."""
    constructors = {torch.Tensor: ("new_empty", "new_zeros"), torch: ("empty", "empty_like", "zeros", "zeros_like")}
    kept = [(place, name, getattr(place, name)) for place, names in constructors.items() for name in names]

    def guarded(name, make):
        return lambda *args, **kwargs: memory.result(make(*args, **kwargs), "zeros" in name)

    def switch(on):
        for place, name, make in kept:
            setattr(place, name, guarded(name, make) if on else make)

    return switch


def problem(dtype, outputs, degree, uneven, rows, models):
    """Arguments by name; the inputs reach beyond the grid on both sides."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*models, *shape, dtype=dtype, generator=generator)

    knots = uniform_knots(-torch.ones(INPUTS, dtype=dtype), torch.ones(INPUTS, dtype=dtype), GRID, degree)
    if uneven:
        knots = extend_knots(torch.tensor([[-1.0, -0.9, 0.5, 1.0], [-1.0, 0.1, 0.2, 1.0]], dtype=dtype), degree)
    x = 1.3 * normal(rows, INPUTS)
    return {
        "x": x,
        "coef": normal(INPUTS, GRID + degree, outputs),
        "base": normal(INPUTS, outputs),
        "weight": normal(rows, INPUTS),
        "knots": knots.expand(*models, *knots.shape).contiguous(),
        "cotangent": normal(rows, outputs),
    }


def results_of(p, degree, linear, separately):
    """Everything the public functions compute of these arguments; and where the cotangent lay."""
    x, coef, base, knots, g = (p[name] for name in ("x", "coef", "base", "knots", "cotangent"))
    if separately:
        h = p["weight"]
        found = [kernels.evaluate(x, coef, knots, h, degree, 1, linear)]
        found.append(kernels.scatter(x, g, knots, h, degree, 0, linear))
        found.append(kernels.pull(x, coef, g, knots, degree, 1, linear))
        return found, g.data_ptr()
    inputs = [t.detach().requires_grad_() for t in (x, coef, base)]
    places = []
    y = kernels.edges(*inputs, knots, degree, linear)
    y.register_hook(lambda g: places.append(g.data_ptr()))
    return [y.detach(), *torch.autograd.grad(y, inputs, g)], places[0]


def run_case(memory, switch, case, at_end, beyond=None):
    """Compare one case with the same on ordinary tensors. `beyond` names one tensor that sticks out."""
    dtype, outputs, degree, uneven, linear, rows, models, separately = case
    plain = problem(dtype, outputs, degree, uneven, rows, models)
    memory.start(at_end)
    guarded = {name: memory.input(name, values, int(name == beyond)) for name, values in plain.items()}
    switch(True)
    found, place = results_of(guarded, degree, linear, separately)
    switch(False)
    assert place == guarded["cotangent"].data_ptr(), "the cotangent was copied on the way"
    assert all(map(memory.has, found)), "results are allocated in another way now: teach `guard_results`"
    expected, _ = results_of(plain, degree, linear, separately)
    for actual, right in zip(found, expected, strict=True):
        assert torch.equal(actual, right), (actual - right).abs().max()
    memory.check()


def all_cases():
    kinds = (torch.float32, torch.float64)
    yield from itertools.product(kinds, WIDTHS, (1, 3), (False, True), (False, True), (1, 5, 33), ((),), (False,))
    yield from itertools.product(kinds, WIDTHS, (3,), (False, True), (True,), (1, 5), ((2,),), (False,))
    yield from itertools.product(kinds, WIDTHS, (3,), (False, True), (False,), (1, 33), ((),), (True,))


def network_problem(dtype, width, uneven, rows, models):
    """The tensors of two layers, by name, and a cotangent: `models` of each, or no model axis."""
    generator = torch.Generator().manual_seed(0)
    found = {"x": 1.3 * torch.randn(*models, rows, width[0], dtype=dtype, generator=generator)}
    for number, (inputs, outputs) in enumerate(itertools.pairwise(width)):
        knots = uniform_knots(-torch.ones(inputs, dtype=dtype), torch.ones(inputs, dtype=dtype), GRID, 3)
        if uneven:
            ends = torch.tensor([[-1.0, -0.9, 0.5, 1.0]], dtype=dtype).expand(inputs, -1)
            knots = extend_knots(ends, 3)
        found |= {
            f"coef {number}": torch.randn(*models, inputs, GRID + 3, outputs, dtype=dtype, generator=generator),
            f"base {number}": torch.randn(*models, inputs, outputs, dtype=dtype, generator=generator),
            f"knots {number}": knots.expand(*models, *knots.shape).contiguous(),
            # of `gram` only: what stands in rows of a Jacobian
            f"inputs {number}": 1.3 * torch.randn(*models, rows, inputs, dtype=dtype, generator=generator),
            f"factors {number}": torch.randn(*models, rows, inputs, dtype=dtype, generator=generator),
            f"pulled {number}": torch.randn(*models, rows, outputs, dtype=dtype, generator=generator),
        }
    found["cotangent"] = torch.randn(*models, rows, width[-1], dtype=dtype, generator=generator)
    found["residual"] = torch.randn(*models, rows, dtype=dtype, generator=generator)
    return found


def network_results(p, linear):
    """What the kernels compute of these: outputs and gradients of a small network, and a Gauss-Newton matrix."""
    layers = [(p[f"coef {n}"], p[f"base {n}"], p[f"knots {n}"]) for n in range(2)]
    found, size, rows = [], 0, []
    values = kernels.network_values(p["x"], layers, 3, linear)
    if values is not None:  # None: knots of unequal spacing, or a machine without this kernel
        gradients, pulled = kernels.network_gradients(p["x"], values[1], layers, p["cotangent"], 3, linear)
        found = [*values, *(t for pair in gradients for t in pair), pulled]
    for n, (coef, base, knots) in enumerate(layers):
        coef_size = coef[0].numel() if coef.dim() == 4 else coef.numel()
        base_size = base[0].numel() if base.dim() == 3 else base.numel()
        rows.append(
            kernels.LayerRows(p[f"inputs {n}"], p[f"factors {n}"], p[f"pulled {n}"], knots, size, size + coef_size)
        )
        size += coef_size + base_size
    return [*found, kernels.gram(rows, p["residual"], size, 3, linear)]


def run_network_case(memory, switch, case, at_end):
    dtype, width, uneven, linear, rows, models = case
    plain = network_problem(dtype, width, uneven, rows, models)
    regions = {name: Region() for name in plain}
    guarded = {}
    for name, values in plain.items():
        guarded[name] = regions[name].place(values.shape, values.dtype, at_end)
        regions[name].write(values, 0)
    memory.start(at_end)
    switch(True)
    found = network_results(guarded, linear)
    switch(False)
    assert all(map(memory.has, found)), "results are allocated in another way now: teach `guard_results`"
    for actual, right in zip(found, network_results(plain, linear), strict=True):
        triangles = (actual.tril(), right.tril()) if actual is found[-1] else (actual, right)
        assert torch.equal(*triangles), (actual - right).abs().max()
    for region in [*regions.values(), *memory.results[: memory.n_results]]:
        region.check()


def run_networks():
    count, memory = 0, Guarded(-(-4 * 1024 * 1024 // PAGE))
    switch = guard_results(memory)
    kinds, widths = (torch.float32, torch.float64), ((1, 1, 1), (2, 3, 1), (3, 5, 2), (2, 9, 3))
    for case in itertools.product(kinds, widths, (False, True), (False, True), (1, 5, 33), ((3,),)):
        for at_end in (True, False):
            say(f"dtype, width, uneven, linear, rows, models={case}, at {'the end' if at_end else 'the beginning'}")
            run_network_case(memory, switch, case, at_end)
            count += 1
    say(f"right {count}")


def names(case):
    labels = ("dtype", "outputs", "degree", "uneven", "linear", "rows", "models", "separately")
    return ", ".join(f"{label}={value}" for label, value in zip(labels, case, strict=True))


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run_cases(memory, switch):
    count = 0
    for case in all_cases():
        for at_end in (True, False):
            say(f"{names(case)}, at {'the end' if at_end else 'the beginning'}")
            run_case(memory, switch, case, at_end)
            count += 1
    say(f"right {count}")


def reach(memory, switch):
    """Let each tensor stick out by one number, in a forked child; say how each child ended."""
    for name, at_end in itertools.product(memory.inputs, (True, False)):
        separately = name == "weight"
        case = (torch.float64, 5, 3, False, not separately, 5, (), separately)
        run_case(memory, switch, case, at_end)
        child = os.fork()
        if child == 0:
            faulthandler.disable()
            try:
                run_case(memory, switch, case, at_end, beyond=name)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        ended = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGSEGV, signal.SIGBUS)
        say(f"{name} {'end' if at_end else 'beginning'} {'fault' if ended else status}")


def main():
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    torch.set_num_threads(1)
    if sys.argv[1] == "networks":
        run_networks()
        return
    memory = Guarded()
    {"cases": run_cases, "reach": reach}[sys.argv[1]](memory, guard_results(memory))


if __name__ == "__main__":
    main()
