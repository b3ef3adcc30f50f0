"""One call of the command: how many seeds, how much shortened, and the journal everything goes through."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks import harness
from benchmarks.accuracy import report, shapes, training
from benchmarks.accuracy.journal import Journal
from benchmarks.accuracy.training import Job, Protocol, Record


class UnknownName(ValueError):
    """`--only` names something that the row does not have."""


@dataclass
class Session:
    """Options of the command line; None leaves a row's own choice.

    Attributes:
        journal: where measurements go.
        quick: two seeds, few problems, short trainings, no pykan: to try the command, not to quote.
        seeds: number of seeds.
        steps: steps per grid.
        restarts: starts per seed.
        pykan_seeds: how many of the seeds pykan runs as well.
        only: names of the problems to run.
        data: folder with tables that are too large to ship; None does without.
        figure: file for the row's picture, if it has one; None for none.
    """

    journal: Journal = field(default_factory=Journal)
    quick: bool = False
    seeds: int | None = None
    steps: int | None = None
    restarts: int | None = None
    pykan_seeds: int | None = None
    only: tuple[str, ...] = ()
    data: str | None = None
    figure: str | None = None

    def seed_range(self, default: int = 10) -> range:
        return range(self.seeds or (2 if self.quick else default))

    def named(self, known: Sequence[str], quick: int | None = None) -> list[str]:
        """Which of a row's parts to run, in their own order: those of `only`, or all.

        Args:
            known: names of all; they may contain commas, as `only` does between names.
            quick: how many of them a trial runs where it names none; all when absent.

        Returns:
            The names.

        Raises:
            UnknownName: `only` holds another one.
        """
        if not self.only:
            return list(known)[: quick if self.quick else None]
        left, chosen = f",{','.join(self.only)},", set()
        for name in sorted(known, key=len, reverse=True):
            if f",{name}," in left:
                left = left.replace(f",{name},", ",")
                chosen.add(name)
        if left.strip(","):
            raise UnknownName(f"--only must name some of {', '.join(known)}; got {left.strip(',')}.")
        return [name for name in known if name in chosen]

    def pykan_range(self, default: int) -> range:
        """The seeds that pykan runs: none where it is not installed, nor in a trial that does not ask for it."""
        if not default:  # the row has pykan elsewhere, or never
            return range(0)
        unasked = 0 if self.quick else default
        wanted = unasked if self.pykan_seeds is None else self.pykan_seeds
        if wanted and importlib.util.find_spec("kan") is None:
            harness.log("skipped: pykan (not installed)")
            return range(0)
        return range(min(wanted, len(self.seed_range())))

    def adapt(self, protocol: Protocol) -> Protocol:
        """The row's protocol under this session's options."""
        if self.quick:
            grids, restarts = protocol.grids[:2], min(2, protocol.restarts)
            protocol = replace(protocol, grids=grids, steps=10, restarts=restarts, train_num=300, test_num=300)
        changes = {"steps": self.steps, "restarts": self.restarts}
        return replace(protocol, **{name: value for name, value in changes.items() if value is not None})

    def train(self, jobs: Sequence[Job]) -> list[Record]:
        """The records of some trainings, from the journal or made now."""

        def train_one(job: Job) -> Record:
            what = f"{job.row} {job.problem} {job.model} {shapes.as_text(job.width)} seed {job.seed}"
            return self.measure(what, job.key(), lambda: training.run(job))

        return [train_one(job) for job in jobs]

    def measure(self, what: str, key: dict[str, Any], call: Callable[[], Record]) -> Record:
        """Any other measurement, through the journal, with a line of progress."""
        record, fresh = self.journal.record(key, call, note={"environment": harness.environment()})
        outcome = f"test RMSE {report.error(training.error_of(record))}" if "test_rmse" in record else "done"
        outcome += f" in {record['seconds']:.1f} s" if "seconds" in record else ""
        harness.log(f"{what}: {outcome}{'' if fresh else ' (known)'}")
        return record

    def rivals(self, row: str, problem: str, width: tuple[int, ...], protocol: Protocol, pykan: int) -> Rivals:
        """A KAN, an MLP of its size and pykan on one problem, all seeds."""

        def train(model: str, model_width: tuple[int, ...], seeds: range) -> list[Record]:
            return self.train([Job(row, problem, model, model_width, seed, protocol) for seed in seeds])

        mlp_width = training.mlp_width(width, protocol.grids[-1], protocol.k)
        return Rivals(
            width,
            mlp_width,
            kan=train(training.KAN, width, self.seed_range()),
            mlp=train(training.MLP, mlp_width, self.seed_range()),
            pykan=train(training.PYKAN, width, self.pykan_range(pykan)),
        )


@dataclass
class Rivals:
    """Records per seed of the three models on one problem."""

    width: tuple[int, ...]
    mlp_width: tuple[int, ...]
    kan: list[Record]
    mlp: list[Record]
    pykan: list[Record]

    @staticmethod
    def errors(records: Sequence[Record]) -> list[float]:
        return [training.error_of(record) for record in records]
