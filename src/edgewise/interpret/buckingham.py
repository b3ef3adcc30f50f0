"""Laws whose units are right whatever their form: dimensionless groups, and a factor with the unit of the output.

Every law between quantities can be written `y = prefactor(x) F(groups(x))`, with products of powers as prefactor and
groups (Buckingham 1914, On physically similar systems). There are many such products; which ones decides how simple `F`
is. Here they are the shortest: solutions in as few inputs as possible, with small exponents (the circuits of the matrix
of exponents; those that contain the output are the prefactors). Inputs of one unit are compared with one of them.
"""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.interpret.data import as_numbers, check_finite
from edgewise.interpret.units import Unit, UnitLike, parse_unit

if TYPE_CHECKING:
    import sympy

Vector = tuple[Fraction, ...]


@dataclass(frozen=True)
class Dimensionless:
    """One way to write a law so that its units are right: `y = prefactor(x) F(groups(x))`.

    Values of `x` are in the units that were declared; numbers that convert between them (km and m) are taken care of.

    Attributes:
        names: of the inputs.
        units: of the inputs.
        output_unit: of the output.
        prefactor: exponent of every input in the prefactor.
        groups: for every group the exponents of the inputs; inputs without a unit are groups themselves.
    """

    names: tuple[str, ...]
    units: tuple[Unit, ...]
    output_unit: Unit
    prefactor: Vector
    groups: tuple[Vector, ...]

    @property
    def group_names(self) -> list[str]:
        """The groups as text, such as `v**2/(g*h)`."""
        return [_text(self.names, group) for group in self.groups]

    @property
    def prefactor_name(self) -> str:
        """The prefactor as text, `1` where there is none."""
        return _text(self.names, self.prefactor)

    @property
    def unused(self) -> list[str]:
        """Inputs that cannot be in any law with these units: nothing cancels their dimension."""
        return [name for name, *powers in zip(self.names, self.prefactor, *self.groups, strict=True) if not any(powers)]

    def __str__(self) -> str:
        """`y = prefactor * F(groups)`."""
        unused = self.unused
        note = f" ({', '.join(unused)} cannot appear)" if unused else ""
        law = f"F({', '.join(self.group_names)})" if self.groups else "constant"
        return f"y = {self.prefactor_name} * {law}{note}".replace("= 1 * ", "= ")

    def transform(self, x: Any) -> np.ndarray:
        """The groups' values.

        Args:
            x: `(N, inputs)` rows, in the declared units.

        Returns:
            `(N, groups)` numbers without units, float64.

        Raises:
            ShapeError: `x` has another shape.
            DomainError: an entry is not finite, zero in a denominator, or not positive under a root.
        """
        rows = _rows(x, self.names)
        columns = [self._product(rows, group) for group in self.groups]
        return np.stack(columns, axis=1) if columns else np.empty((len(rows), 0))

    def prefactor_of(self, x: Any) -> np.ndarray:
        """The prefactor's values.

        Args:
            x: `(N, inputs)` rows, in the declared units.

        Returns:
            `(N,)` numbers in the output's unit; zero where a factor is.

        Raises:
            ShapeError: `x` has another shape.
            DomainError: an entry is not finite, zero in a denominator, or not positive under a root.
        """
        return self._product(_rows(x, self.names), self.prefactor, self.output_unit)

    def ratio(self, x: Any, y: Any) -> np.ndarray:
        """What `F` must be: the output over the prefactor.

        Args:
            x: `(N, inputs)` rows, in the declared units.
            y: `(N,)` or `(N, 1)` outputs, in the declared unit.

        Returns:
            `(N,)` numbers without units.

        Raises:
            ShapeError: `x` or `y` has another shape.
            DomainError: as for `prefactor_of`, or the prefactor is zero at a row, or nearly and the ratio too large.
        """
        rows = _rows(x, self.names)
        below = self._product(rows, self.prefactor, self.output_unit)
        above = as_numbers(y, "y").numpy().reshape(-1)
        if above.shape != below.shape:
            raise ShapeError(f"`y` must be ({len(below)},), one number per row of `x`; got {np.shape(y)}.")
        if not below.all():
            row = int(np.argmin(below != 0))
            column = next(i for i, power in enumerate(self.prefactor) if power and rows[row, i] == 0)
            raise DomainError(
                f"the prefactor {self.prefactor_name} is zero at row {row}, where {self.names[column]} = 0: the output "
                f"over it has no value. Drop these rows; `dimensionless(..., x=x)` leaves out such forms where there "
                f"are others."
            )
        with np.errstate(over="ignore"):
            found = above / below
        if not np.isfinite(found).all():
            raise DomainError(
                f"the output over {self.prefactor_name} is beyond the range of floats at row "
                f"{int(np.isfinite(found).argmin())}. Give the columns in units nearer to their size."
            )
        return found

    def with_roots(self) -> Dimensionless:
        """The same law with the square root of every group for the group: `x/sqrt(D*t)` for `x**2/(D*t)`."""
        return replace(self, groups=tuple(tuple(power / 2 for power in group) for group in self.groups))

    def expression(
        self, function: Any, group_symbols: Sequence[sympy.Symbol], input_symbols: Sequence[sympy.Symbol]
    ) -> sympy.Expr:
        """The law in the inputs.

        Args:
            function: `F` as a sympy expression of the groups.
            group_symbols: one for every group.
            input_symbols: one for every input.

        Returns:
            `prefactor F(groups)`, of values in the declared units.

        Raises:
            ParameterError: another number of symbols.
        """
        import sympy

        if len(group_symbols) != len(self.groups) or len(input_symbols) != len(self.names):
            raise ParameterError(
                f"`group_symbols` must be {len(self.groups)} and `input_symbols` {len(self.names)}, as many as there "
                f"are groups and inputs; got {len(group_symbols)} and {len(input_symbols)}."
            )
        groups = [self._symbolic(group, input_symbols) for group in self.groups]
        replaced = sympy.sympify(function).xreplace(dict(zip(group_symbols, groups, strict=True)))
        return self._symbolic(self.prefactor, input_symbols, self.output_unit) * replaced

    def _unit(self, powers: Vector, over: Unit = Unit()) -> Unit:  # noqa: B008 a constant
        """What is left of the units: a number."""
        return math.prod((unit**p for unit, p in zip(self.units, powers, strict=True)), start=Unit()) / over

    def _product(self, rows: np.ndarray, powers: Vector, over: Unit = Unit()) -> np.ndarray:  # noqa: B008
        """Mantissas and exponents apart: what cancels may be beyond the range of floats on the way."""
        self._check_domain(rows, powers)
        found, twos = np.full(len(rows), self._unit(powers, over).scale), np.zeros(len(rows))
        for column, power in zip(rows.T, powers, strict=True):
            if power:
                mantissa, two = np.frexp(column)
                found = found * mantissa ** (float(power) if power.denominator > 1 else int(power))
                twos += two * float(power)
        whole = np.floor(twos)
        with np.errstate(over="ignore", under="ignore"):
            found = np.ldexp(found * np.exp2(twos - whole), whole.astype(int))
        lost = ~np.isfinite(found) | ((found == 0) & (rows[:, [p > 0 for p in powers]] != 0).all(axis=1))
        if lost.any():
            raise DomainError(
                f"{_text(self.names, powers)} is beyond the range of floats at row {int(lost.argmax())}. Give the "
                f"columns in units nearer to their size."
            )
        return found

    def _check_domain(self, rows: np.ndarray, powers: Vector) -> None:
        for column, power in enumerate(powers):
            bad = _undefined(rows[:, column], power)
            if bad.any():
                row = int(bad.argmax())
                rule = "be positive: a root is taken of it" if power.denominator > 1 else "not be zero: it divides"
                raise DomainError(
                    f"column {self.names[column]!r} must {rule} in {_text(self.names, powers)}; got "
                    f"{rows[row, column]:g} at row {row} ({int(bad.sum())} rows are like this). Drop them; "
                    f"`dimensionless(..., x=x)` leaves out such forms where there are others."
                )

    def _symbolic(self, powers: Vector, symbols: Sequence[Any], over: Unit = Unit()) -> Any:  # noqa: B008
        import sympy

        def exact(fraction: Fraction) -> Any:
            return sympy.Rational(fraction.numerator, fraction.denominator)

        number = [sympy.Integer(prime) ** exact(p) for prime, p in self._unit(powers, over).factors]
        whole = [s ** exact(p) for s, p in zip(symbols, powers, strict=True) if p.denominator == 1]
        # One root over all of them reads better than a root of each, and is the same where they are positive.
        root = math.lcm(*(p.denominator for p in powers))
        inside = [s ** exact(p * root) for s, p in zip(symbols, powers, strict=True) if p.denominator > 1]
        return sympy.Mul(*number, *whole, sympy.Mul(*inside) ** sympy.Rational(1, root))


def dimensionless(
    names: Sequence[str],
    units: Mapping[str, UnitLike] | Sequence[UnitLike],
    output_unit: UnitLike,
    x: Any = None,
    *,
    top: int = 6,
) -> list[Dimensionless]:
    """Ways to write a law with the right units, the simplest first.

    Args:
        names: of the inputs.
        units: of the inputs, by name or in their order; as `parse_unit` reads them.
        output_unit: of the output.
        x: `(N, inputs)` data; forms that are not defined on them are left out, and denominators that come near zero
            come later.
        top: how many at most.

    Returns:
        At least one. They differ in the prefactor and in the groups, and so in what `F` is.

    Raises:
        ParameterError: units that cannot be read, a missing one, or contradictory ones: no product of powers of the
            inputs has the output's unit.
        ShapeError: `x` has another shape.
        DomainError: `x` is not finite, or no form is defined on it.

    >>> print(dimensionless(["m1", "m2", "r"], ["kg", "kg", "m"], "kg m^2")[0])
    y = m2*r**2 * F(m1/m2)
    """
    names = tuple(names)
    if len(set(names)) != len(names):
        raise ParameterError(f"`names` must all be different; got {list(names)}.")
    if not isinstance(top, int) or top < 1:
        raise ParameterError(f"`top` must be an int >= 1; got {top!r}.")
    inputs, output = _units_of(names, units), _read(output_unit, "`output_unit`")
    rows = None if x is None else _rows(x, names)
    search = _Forms(names, inputs, output, rows)
    forms = sorted(search.forms(), key=search.cost)
    defined = [form for form in forms if not search.undefined(form)]
    if rows is not None and not defined:
        forms[0].transform(rows)  # says where
        forms[0].ratio(rows, np.zeros(len(rows)))
    return _different(defined, search.cost, top)


def _different(forms: list[Dimensionless], cost: Callable[[Dimensionless], float], top: int) -> list[Dimensionless]:
    """The simplest, and then those that are simple and unlike the ones before: only they are worth a second search."""
    waiting = {form: cost(form) for form in forms}
    chosen: list[Dimensionless] = []
    while waiting and len(chosen) < top:
        best = min(waiting, key=lambda form: waiting[form])
        chosen.append(best)
        del waiting[best]
        for form in waiting:
            waiting[form] += 1.5 * (form.prefactor == best.prefactor) + 0.5 * (form.groups == best.groups)
    return chosen


# ------------------------------------------------------------------------------------------- forms

_CLEAR = 1e-3
"""A column whose smallest entry, over its median, lies below this comes near zero."""


_MULTIPLIED = (parse_unit("kg").powers, parse_unit("C").powers)
"""Masses and charges act by their products; lengths, speeds and frequencies are compared with one of them."""


class _Forms:
    """All forms worth a look, and how simple each is.

    Args:
        names: of the inputs.
        units: of the inputs.
        output: unit.
        rows: `(N, inputs)` data or None.
    """

    def __init__(self, names: tuple[str, ...], units: tuple[Unit, ...], output: Unit, rows: np.ndarray | None) -> None:
        self.names, self.units, self.output, self.rows = names, units, output, rows
        self.risk = [0] * len(names) if rows is None else [_risk(column) for column in rows.T]
        self.bases = sorted({base for unit in (*units, output) for base in unit.exponents})
        classes: dict[Any, list[int]] = {}
        for i, unit in enumerate(units):
            classes.setdefault(unit.powers, []).append(i)
        self.plain = classes.pop((), [])  # angles, numbers
        self.classes = list(classes.values())
        self.columns = [self._column(units[members[0]]) for members in self.classes]
        target = self._column(output)
        self.circuits = _with_sums(list(_circuits(self.columns)))
        self.solutions = list(_solutions(self.columns, target, self.circuits))
        if not self.solutions:
            _contradictory(names, units, output, self.bases, self.columns, target)

    def _column(self, unit: Unit) -> Vector:
        return tuple(unit.exponents.get(base, Fraction(0)) for base in self.bases)

    def forms(self) -> list[Dimensionless]:
        """Different ones, in no order."""
        found: dict[Any, Dimensionless] = {}
        for references in self._references():
            groups = self._groups(references)
            for prefactor in self._prefactors(references):
                found.setdefault((prefactor, groups), Dimensionless(
                    self.names, self.units, self.output, prefactor, groups
                ))  # fmt: skip
        return list(found.values())

    def undefined(self, form: Dimensionless) -> bool:
        """Whether the form, or the output over its prefactor, has no value at a row."""
        if self.rows is None:
            return False
        inverse = tuple(-power for power in form.prefactor)
        return any(
            _undefined(column, power).any()
            for powers in (form.prefactor, inverse, *form.groups)
            for column, power in zip(self.rows.T, powers, strict=True)
        )

    def cost(self, form: Dimensionless) -> float:
        """Small exponents, few inputs, whole powers, safe denominators; ratios compared with what the prefactor has."""
        return self._cost(form.prefactor, both=True) + sum(map(self._cost, form.groups)) - 0.1 * self._fit(form)

    def _cost(self, powers: Vector, both: bool = False) -> float:
        """Of one product; a prefactor divides the output, so that its numerators are denominators too."""
        size = sum(abs(float(p)) for p in powers) + sum(2 for p in powers if p.denominator > 1)
        size += 0.01 * sum(1 for p in powers if p < 0)
        return size + sum(risk for p, risk in zip(powers, self.risk, strict=True) if p < 0 or (both and p > 0))

    def _fit(self, form: Dimensionless) -> int:
        """Classes whose prefactor is what others are compared with, or the product of two masses or charges."""
        below = {i for group in form.groups for i, p in enumerate(group) if p < 0}
        fit = 0
        for members in self.classes:
            used = [i for i in members if form.prefactor[i]]
            if len(members) > 1 and used:
                shared = used == members and self.units[members[0]].powers in _MULTIPLIED
                fit += 2 if shared else int(below.issuperset(used))
        return fit

    def _references(self) -> Iterator[list[int]]:
        """For every class the input that the others are compared with: the last that is safe; then others in turn."""
        ranked = [sorted(members, key=lambda i: (self.risk[i], -i)) for members in self.classes]
        first = [members[0] for members in ranked]
        yield first
        for place, members in enumerate(ranked):
            for other in members[1:3]:
                yield [*first[:place], other, *first[place + 1 :]]

    def _groups(self, references: list[int]) -> tuple[Vector, ...]:
        """Inputs without units, ratios within the classes, and the shortest products across them."""
        unit = [_spread({i: Fraction(1)}, len(self.names)) for i in self.plain]
        ratios = [
            _spread({i: Fraction(1), reference: Fraction(-1)}, len(self.names))
            for members, reference in zip(self.classes, references, strict=True)
            for i in members
            if i != reference
        ]
        across = [
            self._upright(_spread(dict(zip(references, circuit, strict=True)), len(self.names)))
            for circuit in self.circuits
        ]
        across.sort(key=self._cost)
        chosen = _independent(across)
        return tuple(sorted((*unit, *ratios, *chosen), key=lambda v: [i for i, p in enumerate(v) if p > 0]))

    def _upright(self, powers: Vector) -> Vector:
        """The product or its inverse: the safer; with fewer denominators; with the first input above."""
        first = next(p for p in powers if p)
        inverse = tuple(-p for p in powers)
        a, b = self._cost(powers), self._cost(inverse)
        return powers if (a, first < 0) < (b, first > 0) else inverse

    def _prefactors(self, references: list[int]) -> Iterator[Vector]:
        """Every solution, its powers on the reference of each class, on another input of it, or shared."""
        for solution in self.solutions:
            choices = [
                list(self._shares(power, members, reference))
                for power, members, reference in zip(solution, self.classes, references, strict=True)
            ]
            for shares in itertools.islice(itertools.product(*choices), 32):
                together = {i: p for share in shares for i, p in share.items()}
                yield _spread(together, len(self.names))

    def _shares(self, power: Fraction, members: list[int], reference: int) -> Iterator[dict[int, Fraction]]:
        if not power:
            yield {}
            return
        if len(members) > 1 and power % len(members) == 0:
            yield dict.fromkeys(members, power / len(members))
        yield {reference: power}
        for other in [i for i in members if i != reference][:3]:
            yield {other: power}


def _risk(column: np.ndarray) -> int:
    """Of dividing by a column: none; it comes near zero; it is zero somewhere."""
    size = np.abs(column)
    if not size.all():
        return 20
    crosses = bool((column > 0).any() and (column < 0).any())
    return 3 if crosses or size.min() < _CLEAR * np.median(size) else 0


def _spread(powers: Mapping[int, Fraction], length: int) -> Vector:
    return tuple(powers.get(i, Fraction(0)) for i in range(length))


# --------------------------------------------------------------------------------- exact linear algebra

_MOST = 3000
"""Subsets of the units that are looked at; the shortest come first."""


def _reduced(columns: Sequence[Vector]) -> tuple[list[list[Fraction]], list[int]]:
    """Reduced row echelon form of the matrix with these columns, and the columns of its pivots."""
    rows = [list(row) for row in zip(*columns, strict=True)]
    pivots: list[int] = []
    for column in range(len(columns)):
        top = len(pivots)
        place = next((r for r in range(top, len(rows)) if rows[r][column]), None)
        if place is None:
            continue
        rows[top], rows[place] = rows[place], rows[top]
        rows[top] = [entry / rows[top][column] for entry in rows[top]]
        for r, row in enumerate(rows):
            if r != top and row[column]:
                rows[r] = [a - row[column] * b for a, b in zip(row, rows[top], strict=True)]
        pivots.append(column)
    return rows, pivots


def _null_vectors(columns: Sequence[Vector]) -> Iterator[Vector]:
    """A basis of what the columns are dependent by: for every column that is no pivot one vector, where it is one."""
    rows, pivots = _reduced(columns)
    for free in range(len(columns)):
        if free not in pivots:
            powers = {free: Fraction(1), **{pivot: -rows[r][free] for r, pivot in enumerate(pivots)}}
            yield _spread(powers, len(columns))


def _circuits(columns: Sequence[Vector], through: int | None = None) -> Iterator[Vector]:
    """Dependences of as few columns as possible (one of them `through`), in whole numbers, the fewest columns first."""
    seen: set[Vector] = set()
    for vector in _null_vectors(columns):  # these are circuits, and span all others: no limit can cut them off
        seen.add(_primitive(vector))
    rank = len(columns) - len(seen)
    others = [i for i in range(len(columns)) if i != through]
    own = () if through is None else (through,)
    subsets = itertools.chain.from_iterable(
        itertools.combinations(others, size) for size in range(1, min(rank + 1, len(others)) + 1)
    )
    for subset in itertools.islice(subsets, _MOST if seen else 0):
        chosen = sorted((*own, *subset))
        vectors = list(_null_vectors([columns[i] for i in chosen]))
        if len(vectors) == 1 and all(vectors[0]):
            seen.add(_primitive(_spread(dict(zip(chosen, vectors[0], strict=True)), len(columns))))
    for vector in sorted(seen, key=lambda v: (len(v) - v.count(Fraction(0)), v)):
        if through is None or vector[through]:
            yield vector


def _primitive(vector: Vector) -> Vector:
    """The same direction in the smallest whole numbers, the first positive."""
    scale = Fraction(math.lcm(*(v.denominator for v in vector)), 1)
    common = math.gcd(*(int(v * scale) for v in vector))
    first = next(v for v in vector if v)
    return tuple(v * scale / common * (1 if first > 0 else -1) for v in vector)


def _with_sums(circuits: list[Vector]) -> list[Vector]:
    """With sums and differences of two that are no longer than they: a circuit may need larger exponents."""
    found = dict.fromkeys(circuits)
    for a, b in itertools.combinations(circuits[:30], 2):
        for sign in (1, -1):
            vector = tuple(p + sign * q for p, q in zip(a, b, strict=True))
            if any(vector) and _size(short := _primitive(vector)) <= max(_size(a), _size(b)):
                found.setdefault(short)
    return list(found)


def _size(vector: Iterable[Fraction]) -> Fraction:
    return sum(map(abs, vector), Fraction(0))


def _solutions(columns: Sequence[Vector], target: Vector, circuits: Sequence[Vector]) -> Iterator[Vector]:
    """Powers of the columns that make the target: the shortest, and those one short group away from them."""
    if not any(target):
        yield (Fraction(0),) * len(columns)
        return
    last = len(columns)
    basic = [tuple(-v / vector[last] for v in vector[:last]) for vector in _circuits([*columns, target], through=last)]
    found = dict.fromkeys(basic)
    for solution, circuit in itertools.product(basic[:8], circuits[:20]):
        for times in (1, -1, Fraction(1, 2), Fraction(-1, 2)):
            moved = tuple(p + times * q for p, q in zip(solution, circuit, strict=True))
            if all(p.denominator == 1 for p in moved) and _size(moved) <= _size(solution) + 2:
                found.setdefault(moved)
    yield from sorted(found, key=_size)[:24]


def _independent(vectors: Sequence[Vector]) -> list[Vector]:
    """The first ones that no earlier ones make: with the shortest first, no basis of them is shorter."""
    if not vectors:
        return []
    _, pivots = _reduced(vectors)
    return [vectors[i] for i in pivots]


# ------------------------------------------------------------------------------------------- the door


def _units_of(names: tuple[str, ...], units: Mapping[str, UnitLike] | Sequence[UnitLike]) -> tuple[Unit, ...]:
    if isinstance(units, Mapping):
        missing, foreign = [n for n in names if n not in units], [n for n in units if n not in names]
        if foreign:
            near = difflib.get_close_matches(str(foreign[0]), names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" They are {', '.join(names)}."
            raise ParameterError(f"`units` names {foreign[0]!r}, which is no input.{hint}")
        if missing:
            raise ParameterError(f"`units` lacks {', '.join(missing)}. An input without a unit has '1'.")
        units = [units[name] for name in names]
    if isinstance(units, str) or len(units) != len(names):
        got = repr(units) if isinstance(units, str) else f"{len(units)} of them"
        raise ParameterError(f"`units` must be {len(names)} units, one per input, or a mapping by name; got {got}.")
    return tuple(_read(unit, f"the unit of {name!r}") for name, unit in zip(names, units, strict=True))


def _read(unit: UnitLike, what: str) -> Unit:
    try:
        return parse_unit(unit)
    except ParameterError as error:
        raise ParameterError(f"{what}: {error}") from None


def _contradictory(
    names: Sequence[str], units: Sequence[Unit], output: Unit, bases: list[str], columns: list[Vector], target: Vector
) -> NoReturn:
    """Say what the output has that no product of the inputs can have."""
    missing = [base for base, p in output.powers if not any(base in unit.exponents for unit in units)]
    if missing:
        why = f"no input has {' or '.join(missing)}"
    else:
        rows = [tuple(column[b] for column in columns) for b in range(len(bases))]
        held = next(v for v in _circuits(rows) if sum(p * t for p, t in zip(v, target, strict=True)))
        sides = " + ".join(f"{p} {b}" if p != 1 else b for p, b in zip(held, bases, strict=True) if p)
        has = sum(p * t for p, t in zip(held, target, strict=True))
        why = f"in every product of them the exponents obey {sides} = 0".replace("+ -1 ", "- ").replace("+ -", "- ")
        why += f", and the output has {has}"
    listed = ", ".join(f"{name} [{unit}]" for name, unit in zip(names, units, strict=True))
    raise ParameterError(
        f"contradictory units: the output's unit {output} cannot be made from the inputs {listed}: {why}. Correct a "
        f"unit, or add the missing input; a constant of nature (c, G, k) is an input too."
    )


def _rows(x: Any, names: Sequence[str]) -> np.ndarray:
    """`(N, inputs)` finite float64."""
    rows = as_numbers(x, "x")
    if rows.ndim != 2 or rows.shape[1] != len(names):
        raise ShapeError(
            f"`x` must be (rows, {len(names)}), a column for each of {', '.join(names)}; got {tuple(rows.shape)}."
        )
    check_finite(rows, names)
    return rows.numpy()


def _undefined(column: np.ndarray, power: Fraction) -> np.ndarray:
    """Where a power of a column has no value."""
    if power.denominator > 1:
        return column <= 0
    return column == 0 if power < 0 else np.zeros(len(column), dtype=bool)


def _text(names: Sequence[str], powers: Vector) -> str:
    """A product of powers in Python's notation, one root over all that stand under one."""
    root = math.lcm(*(p.denominator for p in powers))
    above = [_factor(name, p) for name, p in zip(names, powers, strict=True) if p > 0 and p.denominator == 1]
    below = [_factor(name, -p) for name, p in zip(names, powers, strict=True) if p < 0 and p.denominator == 1]
    if root > 1:
        inside = _text(names, tuple(p * root if p.denominator > 1 else Fraction(0) for p in powers))
        above.append(f"sqrt({inside})" if root == 2 else f"({inside})**(1/{root})")
    under = f"/({'*'.join(below)})" if len(below) > 1 else "".join("/" + name for name in below)
    return ("*".join(above) or "1") + under


def _factor(name: str, power: Fraction) -> str:
    return name if power == 1 else f"{name}**{power}"
