"""What every test shares: strict defaults, and proof that nothing is written behind the caller's back."""

import os
import random

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests side by side: their threads would wait for each other

import numpy as np
import pytest
import torch
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")

# The first call of a torch operator can take a second; no example database, so that nothing lands in the tree.
settings.register_profile("edgewise", deadline=None, database=None, derandomize=True)
settings.register_profile("nightly", deadline=None, database=None, derandomize=False, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "edgewise"))


@pytest.fixture(scope="session", autouse=True)
def _working_directory_stays_empty(tmp_path_factory):
    """Run every test in an empty directory and fail the session if anything was left there."""
    home, empty = os.getcwd(), tmp_path_factory.mktemp("working-directory")
    os.chdir(empty)
    yield
    os.chdir(home)
    assert not list(empty.iterdir()), "something wrote into the working directory without being asked"


@pytest.fixture
def global_random_state_untouched():
    """Fail the test if it drew from, or seeded, a global generator."""

    def states():
        return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()

    kept = torch.get_rng_state(), np.random.get_state(), random.getstate()
    # A state nobody would seed by accident: without it, seeding with what was the seed before goes unseen.
    torch.manual_seed(918273645)
    np.random.seed(918273645)
    random.seed(918273645)
    before = states()
    yield
    after = states()
    torch.set_rng_state(kept[0])
    np.random.set_state(kept[1])
    random.setstate(kept[2])
    assert after == before, "a global random generator was drawn from or seeded"


@pytest.fixture
def generator() -> torch.Generator:
    """A private source of randomness with a fixed seed."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run a command in an empty folder; gives exit code, stdout, stderr."""
    from edgewise.cli import main

    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call
