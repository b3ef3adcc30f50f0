"""Flags, the TOML file, and which of the two wins."""

import argparse

import pytest

from edgewise.cli.console import InputError, aligned, plain
from edgewise.cli.fit import command_line
from edgewise.cli.options import FIT, add_options, settings


def parse(*flags: str, config: str | None = None) -> dict:
    parser = argparse.ArgumentParser()
    add_options(parser, FIT)
    return settings(parser.parse_args(flags), FIT, config)


@pytest.fixture
def toml(tmp_path):
    def write(text: str) -> str:
        (tmp_path / "run.toml").write_text(text)
        return str(tmp_path / "run.toml")

    return write


def test_defaults():
    values = parse()
    assert (values["seed"], values["test_size"], values["hidden"], values["ignore"]) == (0, 0.2, None, ())


def test_flags():
    values = parse("--hidden", "8,4", "--time-limit", "2.5", "--ignore", "a", "--ignore", "b", "-o", "out")
    assert values["hidden"] == [8, 4]
    assert values["time_limit"] == 2.5
    assert values["ignore"] == ["a", "b"]
    assert values["output"] == "out"
    assert parse("--hidden", "0")["hidden"] == []
    assert (parse("--restarts", "4")["restarts"], parse()["restarts"]) == (4, None)


def test_the_file_speaks_where_no_flag_does(toml):
    path = toml(
        'target = "p"\nhidden = [8, 4]\nseed = 3\ntest-size = 0.5\nignore = "a"\n'
        "drop_missing = true\nearly-stopping = false\n"
    )
    values = parse("--seed", "7", config=path)
    assert (values["target"], values["hidden"], values["seed"], values["test_size"]) == ("p", [8, 4], 7, 0.5)
    assert values["drop_missing"] is True
    assert values["early_stopping"] == "off"
    assert values["ignore"] == ["a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepz = 3", r"unknown setting 'stepz'\. Did you mean 'steps'"),
        ("[fit]\nsteps = 3", "unknown setting 'fit'"),
        ("steps = 0", r"steps = 0: must be a whole number >= 1"),
        ("steps = 2.5", "must be a whole number"),
        ("steps = true", "must be a whole number"),
        ('steps = "many"', "steps = 'many': must be"),
        ("test-size = 1", "must be a fraction between 0 and 1"),
        ("lamb = nan", "must be a number >= 0"),
        ('hidden = ["a"]', "must be whole numbers separated by commas"),
        ("hidden = [3, 0]", "may hold 0"),
        ('task = "rank"', "must be one of auto, regression, classification"),
        ("drop-missing = 1", "must be true or false"),
        ("target = 3", "must be text"),
        ("steps = ", "not a TOML file"),
    ],
)
def test_bad_files(toml, text, message):
    with pytest.raises(InputError, match=message):
        parse(config=toml(text))


def test_no_file(tmp_path):
    with pytest.raises(InputError, match=r"no such file \(--config\)"):
        parse(config=str(tmp_path / "no.toml"))


@pytest.mark.parametrize(
    "flags",
    [["--steps", "0"], ["--lamb", "-1"], ["--hidden", "x"], ["--seed", "1.5"], ["--restarts", "0"]],
)
def test_bad_flags(flags, capsys):
    with pytest.raises(SystemExit):
        parse(*flags)
    assert f"argument {flags[0]}: must be" in capsys.readouterr().err


def test_the_command_line_repeats_the_settings():
    flags = [
        "--target",
        "my price",
        "--hidden",
        "8,4",
        "--lamb",
        "0.1",
        "--drop-missing",
        "--ignore",
        "a",
        "--ignore",
        "b",
    ]
    line = command_line(["edgewise", "fit", "my table.csv"], parse(*flags, "-o", "out"), FIT)
    import shlex

    words = shlex.split(line)
    assert words[:3] == ["edgewise", "fit", "my table.csv"]
    assert parse(*words[3:]) == {**parse(*flags), "output": None}


def test_plain_json():
    import numpy as np

    data = {"a": np.float64(1.5), "b": [np.int64(2), float("nan")], "c": (True, None), "d": np.inf, 3: np.str_("x")}
    assert plain(data) == {"a": 1.5, "b": [2, None], "c": [True, None], "d": None, "3": "x"}


def test_aligned():
    assert aligned([["", "R2"], ["kan", "0.9"]]) == "        R2\n  kan  0.9"
