"""Physical units: exact rational powers of base units, times a number that is exact too.

A unit is a product of powers. The number before it (a millimetre is 0.001 m) is one as well, of primes, so that
products, quotients and roots of units never round, and equality is equality.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn, TypeAlias

from edgewise.errors import ParameterError

Powers: TypeAlias = tuple[tuple[str, Fraction], ...]
UnitLike: TypeAlias = "Unit | str | Mapping[str, Fraction | float]"


@dataclass(frozen=True)
class Unit:
    """A physical unit.

    Attributes:
        powers: exponents of the base units that occur, base units in the order of their names.
        factors: exponents of the primes whose product is `scale`, exact where a float is not.

    >>> newton = parse_unit("N")
    >>> newton == parse_unit("kg m/s^2"), str(newton * parse_unit("m")), str(parse_unit("m^2") ** Fraction(1, 4))
    (True, 'kg m^2/s^2', 'm^(1/2)')
    """

    powers: Powers = ()
    factors: tuple[tuple[int, Fraction], ...] = ()

    @property
    def exponents(self) -> dict[str, Fraction]:
        """Base unit to exponent."""
        return dict(self.powers)

    @property
    def scale(self) -> float:
        """What one of this unit is in base units: 0.001 for a millimetre."""
        if all(p.denominator == 1 for _, p in self.factors):
            return float(math.prod((Fraction(prime) ** int(p) for prime, p in self.factors), start=Fraction(1)))
        return math.prod(float(prime) ** float(p) for prime, p in self.factors)

    @property
    def dimensionless(self) -> bool:
        """Whether it is a plain number; it may still have a `scale`."""
        return not self.powers

    def same_dimension(self, other: Unit) -> bool:
        """Whether the two differ by a number at most."""
        return self.powers == other.powers

    def __mul__(self, other: Unit) -> Unit:
        return Unit(_product(self.powers, other.powers), _product(self.factors, other.factors))

    def __truediv__(self, other: Unit) -> Unit:
        return self * other**-1

    def __pow__(self, exponent: Fraction | int) -> Unit:
        exponent = Fraction(exponent)
        return Unit(_product(self.powers, (), exponent), _product(self.factors, (), exponent))

    def __str__(self) -> str:
        """As `parse_unit` reads it: `kg m^2/s^2`; `1` for none; a number first where there is one."""
        above = [_power(name, p) for name, p in self.powers if p > 0]
        below = [_power(name, -p) for name, p in self.powers if p < 0]
        over = f"/({' '.join(below)})" if len(below) > 1 else "".join("/" + name for name in below)
        number = [] if not self.factors else [_number(self.scale)]
        return (" ".join(number + above) or "1") + over


def _product(a: Iterable[tuple], b: Iterable[tuple], power: Fraction | int = 1) -> tuple:
    """Powers of `a b`, to some power: sorted, without zeros."""
    total: dict = {}
    for key, exponent in (*a, *b):
        total[key] = total.get(key, Fraction(0)) + exponent * power
    return tuple(sorted((key, exponent) for key, exponent in total.items() if exponent))


def _power(name: str, exponent: Fraction) -> str:
    if exponent == 1:
        return name
    return f"{name}^{exponent}" if exponent.denominator == 1 else f"{name}^({exponent})"


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and value < 1e6 else f"{value:.12g}"


# ---------------------------------------------------------------------------------------------- names

_BASES = ("m", "kg", "s", "A", "K", "mol", "cd")
_DERIVED = {
    "g": "0.001 kg",
    "t": "1000 kg",
    "L": "0.001 m^3",
    "N": "kg m/s^2",
    "J": "N m",
    "W": "J/s",
    "Pa": "N/m^2",
    "bar": "100000 Pa",
    "Hz": "1/s",
    "C": "A s",
    "V": "W/A",
    "Ohm": "V/A",
    "S": "A/V",
    "F": "C/V",
    "Wb": "V s",
    "T": "Wb/m^2",
    "H": "Wb/A",
    "eV": "1.602176634e-19 J",
    "min": "60 s",
    "h": "3600 s",
    "d": "86400 s",
    "rad": "1",
    "sr": "1",
}
_WORDS = {
    "meter": "m", "metre": "m", "kilogram": "kg", "gram": "g", "second": "s", "minute": "min", "hour": "h", "day": "d",
    "ampere": "A", "kelvin": "K", "mole": "mol", "candela": "cd", "newton": "N", "joule": "J", "watt": "W",
    "pascal": "Pa", "hertz": "Hz", "coulomb": "C", "volt": "V", "farad": "F", "weber": "Wb", "tesla": "T",
    "henry": "H", "radian": "rad", "dimensionless": "rad",
}  # fmt: skip
_SPELLINGS = {"ohm": "Ohm", "\N{GREEK CAPITAL LETTER OMEGA}": "Ohm", "\N{OHM SIGN}": "Ohm", "l": "L"}
_PREFIXES = {
    "f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "c": -2, "d": -1, "h": 2, "k": 3, "M": 6, "G": 9,
    "T": 12,
}  # fmt: skip
# Not t, min, h, d: `ft` is a foot, not a femtotonne.
_PREFIXED = {*_BASES, *_DERIVED, *_SPELLINGS} - {"kg", "t", "min", "h", "d", "sr"}
_NO_UNITS = {
    **dict.fromkeys(("degree", "degrees", "deg", "°"), "multiply the column by pi/180 and declare 'rad'"),
    **dict.fromkeys(("degC", "°C", "Celsius", "celsius"), "it has an offset; add 273.15 and declare 'K'"),
    **dict.fromkeys(("degF", "°F"), "it has an offset; convert the column to 'K'"),
    **dict.fromkeys(("dB", "pH"), "it is a logarithm; undo it (10**column), or declare '1'"),
    "%": "divide the column by 100 and declare '1'",
}


def _named(name: str, bases: Sequence[str], text: str) -> Unit:
    """The unit of a name, a user's base first."""
    if name in bases:
        return Unit(((name, Fraction(1)),))
    name = _SPELLINGS.get(name, _WORDS.get(name, name))
    if name in _BASES:
        return Unit(((name, Fraction(1)),))
    if name in _DERIVED:
        return parse_unit(_DERIVED[name])
    if name in _NO_UNITS:
        raise ParameterError(f"{name!r} in unit {text!r} cannot be a factor of a formula: {_NO_UNITS[name]}.")
    for prefix, power in _PREFIXES.items():
        rest = name.removeprefix(prefix)
        if rest != name and rest in _PREFIXED:
            return _pure(Fraction(10) ** power) * _named(rest, (), text)
    return _refuse_name(name, bases, text)


def _refuse_name(name: str, bases: Sequence[str], text: str) -> NoReturn:
    known = [*bases, *_BASES, *_DERIVED]
    near = [k for k in known if k.lower() == name.lower()]
    near += [f"{name[:cut]} {name[cut:]}" for cut in range(1, len(name)) if {name[:cut], name[cut:]} <= {*known}]
    longer = [k for k in (*known, *_WORDS) if len(k) > 1]  # one letter resembles everything
    near += [k for k in difflib.get_close_matches(name, longer, n=3) if k not in near]
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else f" Known are {', '.join(known)}."
    raise ParameterError(
        f"unknown unit {name!r} in {text!r}.{hint} A base unit of your own is declared as a mapping: {{{name!r}: 1}}."
    )


_LARGEST = 10**12


def _pure(value: Fraction) -> Unit:
    """A positive number, as a unit."""
    powers: dict[int, Fraction] = {}
    for whole, sign in ((value.numerator, 1), (value.denominator, -1)):
        prime = 2
        while prime * prime <= whole and prime * prime <= _LARGEST:
            while whole % prime == 0:
                whole //= prime
                powers[prime] = powers.get(prime, Fraction(0)) + sign
            prime += 1
        if whole > _LARGEST:
            raise ParameterError(f"a number in a unit may have no prime factor above {_LARGEST:g}; got {value}.")
        if whole > 1:
            powers[whole] = powers.get(whole, Fraction(0)) + sign
    return Unit((), _product(powers.items(), ()))


# ------------------------------------------------------------------------------------------- reading


def parse_unit(unit: UnitLike, bases: Sequence[str] = ()) -> Unit:
    """Read a unit.

    Args:
        unit: `"kg*m^2/s^2"`, `"m s^-1"`, `"m/s**2"`, `"kg m-3"`, `"J/(mol K)"`, `"m^(1/2)"`, `"1000 m"`, `""` or `"1"`
            for none; or exponents by name, as `{"m": 1, "s": -2}`, in which unknown names are base units of your own.
            SI's units, with prefixes from f to T (`"km"` is 1000 m).
        bases: names of base units of your own in a text, such as `"USD"`.

    Returns:
        The unit, exactly.

    Raises:
        ParameterError: an unknown name; a text that is no unit, or that people read in two ways (`"J/mol K"`).

    >>> str(parse_unit("mm/s")), str(parse_unit({"USD": 1, "kg": -1})), parse_unit("mW") == parse_unit("g m^2/s^3")
    ('0.001 m/s', 'USD/kg', True)
    """
    if isinstance(unit, Unit):
        return unit
    if isinstance(unit, Mapping):
        found = _from_mapping(unit)
    elif isinstance(unit, str):
        found = _Reader(unit, bases).read()
    else:
        raise ParameterError(f"a unit must be a text such as 'm/s', or a mapping such as {{'m': 1}}; got {unit!r}.")
    if abs(sum(float(p) * math.log10(prime) for prime, p in found.factors)) > 200:
        raise ParameterError(f"the number in unit {unit!r} is beyond 1e200; choose one nearer to the data.")
    return found


def _from_mapping(exponents: Mapping[str, Fraction | float]) -> Unit:
    found = Unit()
    for name, exponent in exponents.items():
        if not isinstance(name, str) or not re.fullmatch(r"[^\W\d]\w*", name):
            raise ParameterError(f"a unit's name must be a word; got {name!r} in {dict(exponents)}.")
        own = () if _known(name) else (name,)
        found *= _named(name, own, name) ** as_fraction(exponent, f"the exponent of {name!r}")
    return found


def _known(name: str) -> bool:
    if name in {*_BASES, *_DERIVED, *_SPELLINGS, *_WORDS, *_NO_UNITS}:
        return True
    return any(name.startswith(prefix) and name.removeprefix(prefix) in _PREFIXED for prefix in _PREFIXES)


def as_fraction(value: object, what: str) -> Fraction:
    """An exponent as an exact, simple fraction; 0.3333333333 is a third.

    Args:
        value: a number.
        what: it is, for the message.

    Returns:
        The fraction.

    Raises:
        ParameterError: beyond 100, or no fraction with a denominator up to 12 is near.
    """
    try:
        found = Fraction(value).limit_denominator(12)  # pyright: ignore[reportArgumentType, reportCallIssue]
        if abs(found - Fraction(value)) <= 1e-9 and abs(found) <= 100:  # pyright: ignore[reportArgumentType, reportCallIssue]
            return found
    except (TypeError, ValueError, OverflowError):
        pass
    raise ParameterError(f"{what} must be an integer up to 100 or a simple fraction such as 1/2; got {value}.")


_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d_]+(?:_[^\W\d_]+)*|[°%][^\W\d_]*)"
    r"|(?P<power>\*\*|\^)|(?P<sign>[-+])|(?P<other>[*/()]))"
)


class _Reader:
    """A text, token by token.

    Args:
        text: of the unit.
        bases: the user's own.
    """

    def __init__(self, text: str, bases: Sequence[str]) -> None:
        self.text, self.bases = text, bases
        plain = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+", lambda m: f"^({m[0].translate(_RAISED)})", text)
        plain = re.sub("[·⋅×]", "*", plain).rstrip()
        self.tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(plain):
            found = _TOKEN.match(plain, place)
            if found is None:
                self.refuse(f"{plain[place:].strip()[0]!r} has no meaning in it")
            self.tokens.append((found.lastgroup or "", found[found.lastgroup or 0]))
            place = found.end()

    def refuse(self, why: str) -> NoReturn:
        raise ParameterError(f"unit {self.text!r} cannot be read: {why}. Write it as 'kg m^2/s^2', or '1' for none.")

    @property
    def next(self) -> tuple[str, str]:
        return self.tokens[0] if self.tokens else ("end", "")

    def take(self) -> str:
        return self.tokens.pop(0)[1]

    def read(self) -> Unit:
        found = Unit() if not self.tokens else self.product()
        if self.tokens:
            self.refuse(f"{self.next[1]!r} is out of place")
        return found

    def product(self) -> Unit:
        """Factors; a number may only come first, and a quotient is not followed by a product."""
        found = self.number() if self.next[0] == "number" else self.factor()
        divided = False
        while self.next[0] in ("name", "number") or self.next[1] in ("*", "/", "("):
            sign = self.take() if self.next[1] in ("*", "/") else " "
            if divided and sign != "/":
                self.refuse("what is below the line? Write a/(b c) or a c/b")
            divided = sign == "/"
            found = found / self.factor() if divided else found * self.factor()
        return found

    def number(self) -> Unit:
        return _pure(self.fraction(1e-60, 1e60)) ** self.exponent()

    def fraction(self, least: float, most: float) -> Fraction:
        text = self.take()
        if not least <= float(text) <= most:
            self.refuse(f"the number {text} is not between {least:g} and {most:g}")
        return Fraction(text)

    def factor(self) -> Unit:
        kind, text = self.next
        if kind == "name":
            return _named(self.take(), self.bases, self.text) ** self.exponent()
        if text == "(":
            self.take()
            inner = self.product()
            self.close()
            return inner ** self.exponent()
        if kind == "number":
            self.refuse(f"the number {text} does not come first; a fraction in an exponent needs parentheses, m^(1/2)")
        return self.refuse("a unit is missing at its end" if kind == "end" else f"a unit is missing before {text!r}")

    def close(self) -> None:
        if self.next[1] != ")":
            self.refuse("a parenthesis is not closed")
        self.take()

    def exponent(self) -> Fraction:
        """After `^` or `**`, or a whole number right behind the name, as in `m-3`."""
        if self.next[0] == "power":
            self.take()
            if self.next[1] == "(":
                self.take()
                found = self.signed()
                if self.next[1] == "/":
                    self.take()
                    below = self.signed()
                    if not below:
                        self.refuse("an exponent is divided by zero")
                    found /= below
                self.close()
                return found
            return self.signed()
        return self.signed() if self.next[0] == "sign" else Fraction(1)

    def signed(self) -> Fraction:
        sign = -1 if self.next[0] == "sign" and self.take() == "-" else 1
        if self.next[0] != "number":
            self.refuse("an exponent is missing")
        return as_fraction(sign * self.fraction(0, 100), f"an exponent in unit {self.text!r}")
