"""Kernels under threads, after a fork, and without a place for compiled code."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numba
import pytest
import torch
from numba.core import caching
from torch.testing import assert_close

from edgewise import kernels
from edgewise.kernels.compilation import compiled_for_python
from test_kernels_values import NAMES, arguments, contractions, problem

MANY_ROWS = {"rows": 4000, "inputs": 20, "outputs": 5}  # enough work to be shared
FEW_INPUTS = {"rows": 20_000, "inputs": 1, "outputs": 5}  # threads share the rows backward
MODELS = {"rows": 600, "inputs": 4, "outputs": 5, "models": (6,)}


@pytest.fixture
def set_threads():
    """`torch.set_num_threads`, undone after the test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def outcome(name, sizes, seed=0):
    """Value and gradients of one contraction."""
    p = problem(**sizes, seed=seed)
    *inputs, knots = arguments(p, name)
    inputs = [t.clone().requires_grad_() for t in inputs]
    value = contractions(True)[name](*inputs, knots)
    value.sum().backward()
    return [value.detach(), *(t.grad for t in inputs)]


def assert_same(actual, expected):
    for a, e in zip(actual, expected, strict=True):
        assert_close(a, e, rtol=0, atol=1e-13 * max(1.0, e.abs().max().item()))


@pytest.mark.parametrize("sizes", [MANY_ROWS, FEW_INPUTS, MODELS], ids=["rows", "few inputs", "models"])
@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_threads_does_not_change_results(name, sizes, set_threads):
    set_threads(1)
    expected = outcome(name, sizes)
    for threads in (2, 5):
        set_threads(threads)
        assert_same(outcome(name, sizes), expected)


def test_eight_threads_may_call_at_once(set_threads):
    set_threads(1)
    expected = [outcome("edges", MANY_ROWS, seed) for seed in range(8)]

    def work(seed):
        torch.set_num_threads(2)  # torch keeps this number per thread
        return [outcome("edges", MANY_ROWS, seed) for _ in range(3)]

    set_threads(2)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(8)))
    for repeats, right in zip(found, expected, strict=True):
        for repeat in repeats:
            assert_same(repeat, right)


def run_alone(script, *, timeout=90):
    """Run `script` in a process of its own, so that a deadlock is a failure and not the end of the tests."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], timeout=timeout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["right"], done.stdout


PREPARE = """
import multiprocessing, sys, torch
from edgewise import KANLayer

torch.set_num_threads(2)
layer = KANLayer(20, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
x = torch.rand(4000, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

# Made here: torch's own parallel operations hang in a forked child, and large elementwise ones are parallel.
inputs = [x + n for n in range(6)]
ones = torch.ones(4000, 32, dtype=torch.float64)

def step():
    layer.zero_grad()
    y = layer(x)
    y.backward(ones)
    return [y.detach().numpy(), layer.spline_weight.grad.numpy(), layer.base_weight.grad.numpy()]

def same(actual, expected):
    return all(abs(a - e).max() <= 1e-12 * abs(e).max() for a, e in zip(actual, expected))
"""

FORK = """
def child(queue):
    queue.put(step())

expected = step()
step()
context = multiprocessing.get_context("fork")
for attempt in range(2):  # the parent too must go on working
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,), daemon=True)
    process.start()
    found = queue.get(timeout=20)  # a deadlock ends here
    process.join(20)
    assert process.exitcode == 0
    assert same(found, expected)
    assert same(step(), expected)
print("right")
"""

LOADER = """
class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, n):
        torch.set_num_threads(2)  # a worker has one by default
        with torch.no_grad():
            return n, layer(inputs[n])[:5]

expected = step()
loader = torch.utils.data.DataLoader(Rows(), batch_size=2, num_workers=2, timeout=20, multiprocessing_context="fork")
seen = []
for numbers, values in loader:
    for n, value in zip(numbers.tolist(), values):
        seen.append(n)
        with torch.no_grad():
            assert same([value.numpy()], [layer(inputs[n])[:5].numpy()])
assert sorted(seen) == list(range(6))
print("right")
"""


needs_fork = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")


@needs_fork
def test_forward_and_backward_work_in_a_forked_child():
    run_alone(PREPARE + FORK)


@needs_fork
def test_the_workers_of_a_data_loader_may_evaluate_a_layer():
    run_alone(PREPARE + LOADER)


# ------------------------------------------------------------------------------- no place for the cache


def twice(x):
    return 2 * x


def test_without_a_cache_folder_code_is_compiled_in_memory(monkeypatch):
    monkeypatch.setattr(caching.FunctionCache._impl_class, "_locator_classes", [])
    with pytest.raises(RuntimeError, match="no locator available"):
        numba.njit(cache=True)(twice)
    assert compiled_for_python(twice)(21.0) == 42.0


UNWRITABLE = """
from numba.core import caching
caching.FunctionCache._impl_class._locator_classes = []  # as where neither package nor home can be written
import torch
from edgewise import kernels
x = torch.tensor([[0.25], [0.75]], dtype=torch.float64)
knots = torch.tensor([[-1.0, 0.0, 1.0, 2.0]], dtype=torch.float64)
coef = torch.tensor([[[1.0], [3.0]]], dtype=torch.float64)
y = kernels.evaluate(x, coef, knots, None, 1, 0, True)
assert (y == torch.tensor([[1.5], [2.5]], dtype=torch.float64)).all(), y
print("right")
"""


def test_the_kernels_work_without_a_cache_folder():
    run_alone(UNWRITABLE)


ANNOUNCED = """
import io, sys
class Terminal(io.StringIO):
    isatty = lambda self: True
sys.stderr = Terminal()
from edgewise.kernels.compilation import compiled_entry
for add in (1.0, 2.0):  # two compilations, one line
    compiled_entry(lambda address: None)
text, sys.stderr = sys.stderr.getvalue(), sys.__stderr__
assert text.count("compiling kernels") == 1, text
sys.stderr = io.StringIO()  # nobody watches
from edgewise import terminal
terminal.announce("never seen")
assert not sys.stderr.getvalue()
print("right")
"""


def test_compiling_is_announced_once_and_only_to_someone_who_watches():
    run_alone(ANNOUNCED)


CACHED = """
import torch
from numba.core.event import install_recorder
from edgewise import kernels
x = torch.zeros(1, 1, dtype=torch.float64)
knots = torch.arange(-3.0, 5.0, dtype=torch.float64)[None]
with install_recorder("numba:compile") as recorder:
    kernels.evaluate(x, torch.zeros(1, 4, 1, dtype=torch.float64), knots, None, 3, 0, True)
assert not recorder.buffer, len(recorder.buffer)
print("right")
"""


def test_the_next_process_compiles_nothing():
    kernels.evaluate(*arguments(problem(), "evaluate")[:2], problem().knots, None, 3, 0, True)  # fills the cache
    run_alone(CACHED)
