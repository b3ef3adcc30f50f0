"""Kernels at their limits: the ends of tensors, of floating point, of the grid; threads and Ctrl-C."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path

import mpmath
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch.nn.functional import silu
from torch.testing import assert_close

from edgewise import kernels
from edgewise.kernels import reference, threads
from edgewise.splines import uniform_knots
from test_kernels_values import even_knots, uneven_knots

F32, F64 = torch.float32, torch.float64

# ------------------------------------------------------------------------------- the ends of tensors


def run_guarded(task, timeout=120):
    """Run `guarded_kernels.py` in a process of its own: a segmentation fault is a failure that names its case."""
    script = Path(__file__).with_name("guarded_kernels.py")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), task],
        timeout=timeout, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines() or ["nothing"]
    assert done.returncode == 0, f"ended with {done.returncode} in: {lines[-1]}\n{done.stderr[-3000:]}"
    return lines


needs_protected_pages = pytest.mark.skipif(sys.platform == "win32", reason="no mprotect, no fork")


@needs_protected_pages
@pytest.mark.slow  # more than a minute; the networks' test below stays
def test_nothing_beyond_a_tensor_is_read_or_written():
    """1664 cases on memory between forbidden pages: all inputs, and the results too."""
    assert run_guarded("cases")[-1] == "right 1664"


@needs_protected_pages
def test_networks_and_gauss_newton_matrices_read_nothing_beyond_a_tensor():
    """192 cases with a model axis: all inputs and results on memory between forbidden pages."""
    assert run_guarded("networks")[-1] == "right 192"


@needs_protected_pages
def test_one_number_beyond_a_tensor_ends_the_process():
    """The test above can fail: every input that sticks out by one element is noticed, on either side."""
    endings = run_guarded("reach")
    assert len(endings) == 12
    for ending in endings:
        assert ending.endswith(" fault"), ending


# ------------------------------------------------------------------------------- silu in floating point

POINTS = [-1e4, -745, -710, -708.4, -708, -104, -88, -87.4, -87, -20, -1e-30, 0, 1e-30, 20, 87, 88, 708, 710, 1e4]


def silu_of_kernels(x, outputs=1, linear=True):
    """Value and slope of the residual function alone: zero coefficients, one unit weight for the last output."""
    degree, grid = 3, 5
    knots = uniform_knots(-torch.ones(1, dtype=x.dtype), torch.ones(1, dtype=x.dtype), grid, degree)
    coef = torch.zeros(1, grid + degree, outputs, dtype=x.dtype)
    base = torch.zeros(1, outputs, dtype=x.dtype)
    base[0, -1] = 1
    column = x[:, None].clone().requires_grad_()
    y = kernels.edges(column, coef, base, knots, degree, linear)
    y.sum().backward()
    assert column.grad is not None
    return y.detach()[:, -1], column.grad[:, 0]


def exact_silu(z):
    """Value, slope and gate `1 / (1 + exp(-z))` at the floating-point number `z`, in 60 digits."""
    with mpmath.workdps(60):
        z = mpmath.mpf(z)
        gate = 1 / (1 + mpmath.exp(-z))
        rest = 1 / (1 + mpmath.exp(z))
        return z * gate, gate * (1 + z * rest), gate


def assert_silu_is_right(x, values, slopes):
    """Within 8u, u being half the spacing of numbers beside 1.

    `exp` takes 4u (its reduced argument 1, its polynomial 2, truncation 0.1, the power of two 0), the sum, the
    quotient and the product one each: 7u, and one to spare. The slope `gate (1 + z (1 - gate))` cancels near
    z = -1.28, so its rounding is relative to `gate (1 + |z|)`; above z = 40 the gate is 1 and its complement 0.
    (The same steps in ordinary float64 arithmetic: 2.4u at most in 6000 points from -708 to 708.)

    A gate that is subnormal, or less than twice the smallest normal number, may be flushed to zero: then a value is
    off by up to `2 |z|` times the smallest normal number, 1.4e-36 in float32 and 2.4e-305 in float64.
    """
    info = torch.finfo(x.dtype)
    u, tiny, step = info.eps / 2, info.tiny, info.tiny * info.eps
    for z, value, slope in zip(x.tolist(), values.tolist(), slopes.tolist(), strict=True):
        right_value, right_slope, gate = exact_silu(z)
        flushed = gate < 2 * tiny
        for name, actual, right, size in (
            ("silu", value, right_value, abs(right_value)),
            ("slope", slope, right_slope, gate * (1 + min(abs(z), 40 if z > 0 else abs(z)))),
        ):
            allowed = 8 * u * size + (2 + abs(z)) * (step if flushed else 0)
            error = abs(mpmath.mpf(actual) - right)
            assert error <= allowed or (flushed and actual == 0), (
                f"{name}({z!r}) is {actual!r}, not {float(right)!r}: {float(error / (u * size)) if size else 0:.3g} u"
            )


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("outputs", [1, 9, 65])
@pytest.mark.parametrize("linear", [False, True])
def test_silu_to_the_last_places_where_its_exponential_ends(dtype, outputs, linear):
    x = torch.tensor(POINTS, dtype=dtype)
    assert_silu_is_right(x, *silu_of_kernels(x, outputs, linear))


@pytest.mark.parametrize("dtype", [F32, F64])
def test_silu_to_the_last_places_everywhere(dtype):
    end = 95 if dtype == F32 else 720
    generator = torch.Generator().manual_seed(0)
    spread = torch.rand(1500, dtype=F64, generator=generator) * 2 - 1
    x = torch.cat([spread * end, spread[:500] * 20, spread[:500] * 2, -1.2784645 + spread[:200] * 1e-3]).to(dtype)
    assert_silu_is_right(x, *silu_of_kernels(x))


@pytest.mark.parametrize("dtype", [F32, F64])
def test_silu_at_infinity_and_nan_is_that_of_torch(dtype):
    """There `x / (1 + exp(-x))` is inf at +inf and NaN at -inf; the slope, `inf * 0` inside, is NaN at both."""
    x = torch.tensor([float("inf"), -float("inf"), float("nan")], dtype=dtype)
    values, slopes = silu_of_kernels(x, linear=False)  # "linear" would multiply infinity by zero coefficients
    leaf = x.clone().requires_grad_()
    expected = silu(leaf)
    expected.sum().backward()
    assert_close(values, expected.detach(), rtol=0, atol=0, equal_nan=True)
    assert_close(slopes, leaf.grad, rtol=0, atol=0, equal_nan=True)


# ------------------------------------------------------------------------------- Ctrl-C in the thread fallback

interrupts = pytest.mark.skipif(sys.platform == "win32", reason="no signals to a thread")


@pytest.fixture
def no_team(monkeypatch):
    """Python threads, as where torch has no GNU OpenMP and in forked children."""
    monkeypatch.setattr(threads, "_team", None)
    monkeypatch.setattr(threads, "_team_is_known", True)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Memory:
    """Stands for the tensors a thread works on."""


class Work:
    """An entry that takes `seconds` on every thread but the first, which only does `on_first`."""

    def __init__(self, on_first=lambda: None, seconds=0.3):
        self.seconds, self.on_first = seconds, on_first
        self.main, self.others = threading.get_ident(), []

    def __call__(self, address):
        if threading.get_ident() == self.main:
            self.on_first()
            return
        self.others.append(threading.current_thread())
        time.sleep(self.seconds)


def interrupt():
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def run_interrupted(work):
    """The interrupt comes through; who still works then keeps the memory, and nobody does after that."""
    memory = Memory()
    alive = weakref.ref(memory)
    try:
        threads.run_on_threads(work, 0, (ctypes.c_int64 * 1)(), 4, memory)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a failure must not let the next interrupt end pytest
    else:
        pytest.fail("the interrupt was lost")
    del memory
    gc.collect()
    if any(other.is_alive() for other in work.others):
        assert alive() is not None, "memory was freed under a thread that still works"
    for other in work.others:
        other.join()
    gc.collect()
    assert alive() is None, "memory outlives the work"


@interrupts
@pytest.mark.parametrize("times", [(0.1,), (0.05, 0.1, 0.15, 0.2)], ids=["once", "four times"])
def test_ctrl_c_while_waiting_frees_no_memory_under_a_thread(times, no_team):
    timers = [threading.Timer(seconds, interrupt) for seconds in times]
    for timer in timers:
        timer.start()
    work = Work()
    try:
        run_interrupted(work)
    finally:
        for timer in timers:
            timer.join()
    assert len(work.others) == 3


@interrupts
def test_ctrl_c_in_the_first_threads_own_share_frees_no_memory_under_the_others(no_team):
    work = Work(on_first=lambda: signal.raise_signal(signal.SIGINT))
    run_interrupted(work)
    assert len(work.others) == 3


@interrupts
def test_ctrl_c_while_the_work_is_handed_out_frees_no_memory_under_those_who_have_some(no_team, monkeypatch):
    class Interrupted(threading.Thread):
        """Ctrl-C right after the second thread has started."""

        started = 0

        def start(self):
            super().start()
            Interrupted.started += 1
            if Interrupted.started == 2:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(threads, "Thread", Interrupted)
    work = Work()
    run_interrupted(work)
    assert len(work.others) == 2


STORM = """
import os, random, signal, sys, time
import torch
from edgewise import kernels

torch.set_num_threads(2)
F64 = torch.float64
x = torch.rand(6000, 8, dtype=F64, generator=torch.Generator().manual_seed(0))
coef, base = torch.rand(8, 8, 33, dtype=F64), torch.rand(8, 33, dtype=F64)
knots = ((torch.arange(12, dtype=F64) - 3) / 5).expand(8, -1).contiguous()

def call():
    with torch.no_grad():
        return kernels.edges(x, coef, base, knots, 3, True)

expected = call()
child = os.fork()  # it has no OpenMP team, so the kernels take Python threads
if child:
    for _ in range(400):
        time.sleep(0.1)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
    else:
        os.kill(child, signal.SIGKILL)
        sys.exit("the child waits for a lock that nobody gives back")
    sys.exit(f"the child ended with signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
signal.signal(signal.SIGALRM, signal.default_int_handler)  # what SIGINT does, and a clock can send it
start = time.perf_counter()
call()
call()
length = (time.perf_counter() - start) / 2
times, interrupts = random.Random(0), 0
for _ in range(150):
    try:
        signal.setitimer(signal.ITIMER_REAL, max(1e-6, times.uniform(0, length)))
        call()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        interrupts += 1
right = (call().numpy() == expected.numpy()).all()  # torch's own comparison would want the team
sys.stdout.write(f"{right} {interrupts}")
sys.stdout.flush()
os._exit(0)
"""


@interrupts
@pytest.mark.slow
def test_a_process_survives_ctrl_c_at_any_time_in_the_thread_fallback():
    """Results are freed when the interrupt leaves the call: a thread that still writes then hits unmapped memory."""
    memory = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}  # glibc gives freed memory back
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STORM],
        timeout=90, capture_output=True, text=True, check=False, env=os.environ | memory,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    right, count = done.stdout.split()
    assert right == "True"
    assert int(count) > 20, "too few interrupts came in time to mean anything"


# ------------------------------------------------------------------------------- inputs chosen to hurt


@dataclass
class Sizes:
    """Of one call of `edges`."""

    rows: int
    inputs: int
    outputs: int
    grid: int
    degree: int
    uneven: bool
    linear: bool
    where: str
    layout: str
    seed: int = 0


WHERE = ("inside", "on knots", "at the ends", "far outside", "one cell", "only outside", "some nan", "beside knots")
LAYOUTS = (
    "contiguous",
    "transposed",
    "every second",
    "some columns",
    "one row expanded",
    "one column expanded",
)


def inputs_at(sizes, knots):
    """`(B, I)` inputs of the wanted kind."""
    generator = torch.Generator().manual_seed(sizes.seed)
    shape = (sizes.rows, sizes.inputs)
    u = torch.rand(shape, dtype=F64, generator=generator)
    k = sizes.degree
    lo, hi = knots[:, k], knots[:, -k - 1]
    chosen = (u * knots.shape[1]).long().clamp(0, knots.shape[1] - 1)
    on_knots = torch.gather(knots.T.expand(-1, sizes.inputs), 0, chosen) if sizes.rows else u
    sign = torch.where(u < 0.5, -1.0, 1.0).to(F64)
    inside = lo + (hi - lo) * u
    middle = knots.shape[1] // 2
    return {
        "inside": inside,
        "on knots": on_knots,
        "at the ends": torch.where(u < 0.5, lo, hi),
        "far outside": (lo + hi) / 2 + sign * (hi - lo) * 10 ** (5 * u),
        "one cell": knots[:, middle] + (knots[:, middle + 1] - knots[:, middle]) * u * 0.999,
        "only outside": torch.where(u < 0.5, lo - (hi - lo) * (u + 0.1), hi + (hi - lo) * u),
        "some nan": torch.where(u < 0.1, torch.nan, lo + (hi - lo) * (1.4 * u - 0.2)),
        "beside knots": torch.nextafter(on_knots, on_knots + sign),
    }[sizes.where]


def in_layout(x, layout):
    """The same numbers (but for the expanded layouts) in another place of memory."""
    if layout == "transposed":
        return x.T.contiguous().T
    if layout == "every second":
        return torch.stack([x, torch.full_like(x, 7.0)], dim=-1).flatten(-2)[..., ::2]
    if layout == "some columns":
        return torch.cat([x + 1, x, x - 1], dim=1)[:, x.shape[1] : 2 * x.shape[1]]
    if layout == "one row expanded":
        return x[:1].expand_as(x)
    if layout == "one column expanded":
        return x[:, :1].expand_as(x)
    return x


def arguments_for(sizes):
    knots = (uneven_knots if sizes.uneven else even_knots)(sizes.inputs, sizes.grid, sizes.degree)
    generator = torch.Generator().manual_seed(sizes.seed + 1)

    def normal(*shape):
        return torch.randn(*shape, dtype=F64, generator=generator)

    x = in_layout(inputs_at(sizes, knots), sizes.layout)
    coef = normal(sizes.inputs, knots.shape[1] - sizes.degree - 1, sizes.outputs)
    base, g = normal(sizes.inputs, sizes.outputs), normal(sizes.rows, sizes.outputs)
    if "expanded" in sizes.layout:
        base, g = base[:1].expand_as(base), g[:, :1].expand_as(g)
        coef = coef[..., :1].expand_as(coef)
    if sizes.layout == "transposed":
        coef, base, g = coef.mT.contiguous().mT, base.mT.contiguous().mT, g.mT.contiguous().mT
    return x, coef, base, g, knots


def value_and_gradients(x, coef, base, g, knots, degree, linear):
    leaves = [t.detach().requires_grad_() for t in (x, coef, base)]
    y = kernels.edges(*leaves, knots, degree, linear)
    return [y.detach(), *torch.autograd.grad(y, leaves, g)]


def sums_of_reference(x, coef, base, g, knots, degree, linear):
    """The same by dense sums of the literal basis, residual branch by torch."""
    z = x.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(silu(z).sum(), z)
    s = silu(x)
    return [
        reference.evaluate(x, coef, knots, None, degree, 0, linear) + s @ base,
        reference.pull(x, coef, g, knots, degree, 1, linear) + slope * (g @ base.mT),
        reference.scatter(x, g, knots, None, degree, 0, linear),
        s.mT @ g,
    ]


def term_sizes(x, coef, base, g, knots, degree, linear):
    """The sums of the absolute values of all terms, per input for the coefficients: what rounding is relative to."""
    x = torch.nan_to_num(x)
    basis, slopes = (reference._basis(x, knots, None, degree, order, linear).abs() for order in (0, 1))
    s, coef, base, g = silu(x).abs(), coef.abs(), base.abs(), g.abs()
    return [
        torch.einsum("bis,iso->bo", basis, coef) + s @ base,
        torch.einsum("bis,iso,bo->bi", slopes, coef, g) + 1.1 * (g @ base.mT),
        torch.einsum("bis,bo->iso", basis, g).amax((1, 2), keepdim=True).expand_as(coef),
        s.mT @ g,
    ]


NAMES = ("y", "dx", "dcoef", "dbase")


def assert_within(actual, expected, sizes, accuracy):
    """Relative to the sizes of the terms; NaN where NaN is expected."""
    for name, a, e, size in zip(NAMES, actual, expected, sizes, strict=True):
        assert a.shape == e.shape, name
        if a.numel():
            assert torch.equal(a.isnan(), e.isnan()), f"{name}: NaN elsewhere"
            excess = ((a - e).abs() / (accuracy * size.clamp(min=1e-300))).nan_to_num(0)
            excess[a == e] = 0
            assert excess.max() <= 1, f"{name}: off by {excess.max().item() * accuracy:.3g} of its terms"


def without_nan_sums(results, x):
    """Coefficient gradients of an input with a NaN: the reference spoils all of them, the kernels those of a cell."""
    y, dx, dcoef, dbase = results
    spoilt = x.isnan().any(0)
    dcoef, dbase = dcoef.clone(), dbase.clone()
    assert dcoef[spoilt].isnan().flatten(1).any(1).all(), "a NaN input left no trace in its gradient"
    dcoef[spoilt], dbase[spoilt] = 0, 0
    return [y, dx, dcoef, dbase]


def check_against_reference(sizes):
    x, coef, base, g, knots = arguments_for(sizes)
    options = (knots, sizes.degree, sizes.linear)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with_threads = [value_and_gradients(x, coef, base, g, *options)]
        torch.set_num_threads(1)
        with_threads.append(value_and_gradients(x, coef, base, g, *options))
        expected = without_nan_sums(sums_of_reference(x, coef, base, g, *options), x)
        scale = term_sizes(x, coef, base, g, *options)
    finally:
        torch.set_num_threads(before)
    for results in with_threads:
        assert_within(without_nan_sums(results, x), expected, scale, 1e-12)
    two, one = (without_nan_sums(results, x) for results in with_threads)
    assert_within(two, one, scale, 1e-14)  # the order of sums at most


@st.composite
def some_sizes(draw):
    """Sizes whose dense basis stays below 150 000 numbers."""
    grid = draw(st.sampled_from([1, 2, 5, 40, 300]))
    inputs = draw(st.sampled_from([1, 2, 3, 9, 17]))
    most = 150_000 // ((grid + 3) * inputs)
    rows = draw(st.sampled_from([n for n in (0, 1, 2, 5, 33, 255, 256, 257, 513, 1025, 3000) if n <= most]))
    return Sizes(
        rows=rows,
        inputs=inputs,
        outputs=draw(st.sampled_from([1, 2, 7, 8, 9, 17, 65])),
        grid=grid,
        degree=draw(st.sampled_from([1, 3])),
        uneven=draw(st.booleans()),
        linear=draw(st.booleans()),
        where=draw(st.sampled_from(WHERE)),
        layout=draw(st.sampled_from(LAYOUTS)),
        seed=draw(st.integers(0, 1000)),
    )


@given(sizes=some_sizes())
@example(Sizes(0, 3, 5, 5, 3, False, True, "inside", "contiguous"))
@example(Sizes(1, 1, 1, 1, 1, False, True, "on knots", "contiguous"))
@example(Sizes(3, 1, 1, 300, 3, True, False, "on knots", "contiguous"))
@example(Sizes(3000, 1, 65, 5, 3, False, True, "one cell", "contiguous"))
@example(Sizes(3000, 2, 9, 5, 3, True, True, "only outside", "every second"))
@example(Sizes(1025, 17, 8, 5, 1, False, False, "beside knots", "transposed"))
def test_values_and_gradients_for_any_sizes_layout_and_number_of_threads(sizes):
    check_against_reference(sizes)


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("where", WHERE)
def test_every_kind_of_hurtful_input_with_work_for_two_threads(where, linear):
    for degree, uneven in ((1, False), (1, True), (3, False), (3, True)):
        check_against_reference(Sizes(1025, 9, 8, 5, degree, uneven, linear, where, "contiguous"))
