"""The examples run, in their small setting: no warning, no file nobody asked for, and at the end the right number."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))
NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
LAST_LINE = re.compile(rf"\S.*: ({NUMBER}) \(should be (above|below) ({NUMBER})\)")


def run(example: Path, folder: Path, *arguments: str) -> str:
    """What it prints, run in an empty folder with warnings as errors."""
    command = [sys.executable, "-W", "error", str(example), "--quick", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_there_are_examples():
    assert {"hello_kan", "notes_workflow", "numpy_from_scratch", "scalar_engine"} <= {path.stem for path in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_ends_with_the_right_number_and_leaves_nothing(example, tmp_path):
    last = run(example, tmp_path).splitlines()[-1]
    found = LAST_LINE.fullmatch(last)
    assert found, f"the last line must read like `test RMSE: 1e-5 (should be below 1e-4)`; it is `{last}`"
    number, side, bound = float(found[1]), found[2], float(found[3])
    assert number < bound if side == "below" else number > bound, last
    assert not list(tmp_path.iterdir()), "files that nobody asked for"


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_pictures_go_where_save_says_and_nowhere_else(example, tmp_path):
    run(example, tmp_path, "--save", "some/pictures")
    assert [path.name for path in tmp_path.iterdir()] == ["some"]
    pictures = list((tmp_path / "some" / "pictures").iterdir())
    assert pictures
    assert all(path.stat().st_size > 100 for path in pictures)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_cells_prose_and_a_line_in_the_list(example):
    text = example.read_text(encoding="utf-8")
    assert text.startswith('"""')
    assert text.count("\n# %%") >= 3
    rows = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    assert len([row for row in rows if f"[{example.name}]({example.name})" in row]) == 1
