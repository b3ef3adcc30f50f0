"""The settings of a fit: one list for the flags and for the TOML file, flags first."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewise.cli.console import InputError, suggestion


@dataclass(frozen=True)
class Option:
    """A setting that a flag `--name` or a line `name = value` in the TOML file gives.

    Attributes:
        parse: turns the text of the flag, or the value in the file, into the setting; raises `ValueError`.
        help: what `--help` says.
        default: the value when neither gives one; None leaves the choice to the estimator.
        metavar: what `--help` shows for the value.
        many: the flag may be repeated, the file may hold a list.
        switch: the flag takes no value, the file holds true or false.
    """

    parse: Callable[[Any], Any]
    help: str
    default: Any = None
    metavar: str | None = None
    many: bool = False
    switch: bool = False


def _whole(least: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        if isinstance(value, bool) or int(value) != float(value) or int(value) < least:
            raise ValueError(f"must be a whole number >= {least}")
        return int(value)

    return parse


def _real(lowest: float, highest: float, rule: str, *, ends: bool) -> Callable[[Any], float]:
    def parse(value: Any) -> float:
        result = float("nan") if isinstance(value, bool) else float(value)
        if not (lowest <= result <= highest if ends else lowest < result < highest):
            raise ValueError(f"must be {rule}")
        return result

    return parse


def _sizes(value: Any) -> list[int]:
    """`5`, `"5,3"` or `[5, 3]`; 0 means no hidden layer."""
    parts = value if isinstance(value, list) else str(value).split(",")
    try:
        sizes = [_whole(0)(part) for part in parts]
    except ValueError:
        raise ValueError("must be whole numbers separated by commas, such as 5 or 8,4 (0: no hidden layer)") from None
    if 0 in sizes and len(sizes) > 1:
        raise ValueError("may hold 0 (no hidden layer) only alone")
    return [size for size in sizes if size]


def _one_of(*choices: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return parse


def _switch(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return _one_of("auto", "on", "off")(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be text that is not empty")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


NETWORK = {
    "hidden": Option(_sizes, "nodes per hidden layer, e.g. 5 or 8,4; 0 for none (default: 10)", metavar="N[,N...]"),
    "grid": Option(_whole(1), "intervals of every spline", metavar="G"),
    "k": Option(_whole(0), "degree of every spline (3: cubic)", metavar="K"),
    "steps": Option(_whole(1), "most optimizer steps", metavar="N"),
    "opt": Option(_text, "optimizer: auto, lm, lbfgs, ssbroyden, or one of torch.optim such as Adam", metavar="NAME"),
    "restarts": Option(_whole(1), "starts trained together, of which the best goes on; regression only", metavar="N"),
    "lamb": Option(_real(0, 1e300, "a number >= 0", ends=True), "strength of the sparsity penalty", metavar="L"),
    "early-stopping": Option(
        _switch,
        "on, off or auto: hold rows back and keep the best step (default: auto, on for classes)",
        "auto",
        "WHEN",
    ),
    "seed": Option(_whole(0), "seed of the split and of the starting weights (default: 0)", 0, "N"),
    "time-limit": Option(
        _real(0, 1e300, "a number of seconds > 0", ends=False), "stop training after this long", metavar="SECONDS"
    ),
}
SPLIT = {
    "test-size": Option(
        _real(0, 1, "a fraction between 0 and 1", ends=False),
        "part of the rows held out to test (default: 0.2)",
        0.2,
        "F",
    ),
}
DATA = {
    "target": Option(_text, "the column to predict", metavar="COLUMN"),
    "output": Option(_text, "folder to write to; without it nothing is written", metavar="DIR"),
    "task": Option(
        _one_of("auto", "regression", "classification"),
        "auto, regression or classification (default: auto, by the values)",
        "auto",
        "KIND",
    ),
    "ignore": Option(_text, "leave a column out; may be repeated", (), "COLUMN", many=True),
    "categorical": Option(_text, "treat a column of numbers as categories; may be repeated", (), "COLUMN", many=True),
    "drop-missing": Option(_truth, "leave out rows with missing numbers", False, switch=True),
}
FORMULA = {
    "formula": Option(_truth, "look for a formula after training (regression only)", False, switch=True),
    "formula-time": Option(
        _real(0, 1e300, "a number of seconds > 0", ends=False),
        "how long to look for a formula (default: 20)",
        20.0,
        "SECONDS",
    ),
}
FIT = {**DATA, **NETWORK, **SPLIT, **FORMULA}
_SHORT = {"output": "-o"}


def add_options(parser: argparse.ArgumentParser, options: dict[str, Option]) -> None:
    """Give `parser` a flag per option. An absent flag is None, so that the file or the default can speak."""
    for name, option in options.items():
        flags = [*([_SHORT[name]] if name in _SHORT else []), f"--{name}"]
        settings: dict[str, Any] = {"help": option.help, "default": None}
        if option.switch:
            settings["action"] = "store_true"
        else:
            settings.update(metavar=option.metavar, type=_argument(option.parse))
            if option.many:
                settings["action"] = "append"
        parser.add_argument(*flags, **settings)


def settings(args: argparse.Namespace, options: dict[str, Option], config: str | None = None) -> dict[str, Any]:
    """Every option's value: the flag's, else the file's, else the default; names with `_` for `-`.

    Args:
        args: parsed flags.
        options: the options that count.
        config: a TOML file.

    Returns:
        One value per option.

    Raises:
        InputError: the file is missing, is not TOML, or holds an unknown name or a bad value.
    """
    file = read_config(config, options) if config else {}
    values = {}
    for name, option in options.items():
        flag = getattr(args, name.replace("-", "_"))
        values[name.replace("-", "_")] = flag if flag is not None else file.get(name, option.default)
    return values


def read_config(path: str, options: dict[str, Option]) -> dict[str, Any]:
    """Read and check a TOML file of options.

    Args:
        path: the file.
        options: what it may hold; `test_size` is accepted for `test-size`.

    Returns:
        The checked values by option name.

    Raises:
        InputError: the file is missing, is not TOML, or holds an unknown name or a bad value.
    """
    try:
        import tomllib
    except ImportError:  # Python 3.10
        import tomli as tomllib  # pyright: ignore[reportMissingImports]
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file (--config).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file: {error}.") from error
    values = {}
    for key, value in content.items():
        name = key.replace("_", "-")
        if name not in options:
            raise InputError(f"{path}: unknown setting {key!r}. {suggestion(name, options)}")
        option = options[name]
        try:
            values[name] = [option.parse(v) for v in _list(value)] if option.many else option.parse(value)
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}: {key} = {value!r}: {_rule(error, option)}.") from error
    return values


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _rule(error: Exception, option: Option) -> str:
    text = str(error)
    return text if text.startswith(("must", "may")) else f"must be {option.metavar or 'valid'}: {option.help}"


def _argument(parse: Callable[[Any], Any]) -> Callable[[str], Any]:
    """A parser with the error class whose message argparse shows."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            rule = str(error) if str(error).startswith(("must", "may")) else "must be a number"
            raise argparse.ArgumentTypeError(f"{rule}; got {text!r}") from error

    return convert
