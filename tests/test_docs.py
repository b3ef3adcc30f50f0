"""The pages are true: their code runs, their commands are the ones CI runs, their links lead somewhere."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [
    *sorted(ROOT.glob("README*.md")),
    ROOT / "CHANGELOG.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
README = (ROOT / "README.md").read_text(encoding="utf-8")
README_ZH = (ROOT / "README.zh.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def page_id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


WITH_CODE = [p for p in PAGES if p.parent != ROOT and blocks(p.read_text(encoding="utf-8"), "python")]


@pytest.mark.parametrize("page", WITH_CODE, ids=page_id)  # the README's lines have a test of their own
def test_python_blocks_run(page, tmp_path, monkeypatch, capsys):
    """All blocks of a page, in order, in one namespace, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    code = "\n".join(blocks(page.read_text(encoding="utf-8"), "python"))
    exec(compile(code, page.name, "exec"), {"__name__": "__main__"})


def test_the_ten_lines_of_the_readme_do_what_they_say(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(README, "python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    namespace = {"__name__": "__main__"}
    exec(compile(code, "README.md", "exec"), namespace)
    # The bar for this very function and network: median 5e-3, worst 2e-2 over seeds.
    assert namespace["result"]["test_rmse"][-1] < 2e-2
    printed = capsys.readouterr().out
    assert re.search(r"^test RMSE \d\.\de-0[3-9]; ", printed)
    assert "y = exp(x2**2 + sin(pi*x1))" in printed
    assert {p.name for p in tmp_path.iterdir()} == {"network.svg"}


def test_the_readme_opens_with_the_two_commands():
    main, tests, *rest = blocks(README, "bash")
    assert not rest, "CI runs the first two bash blocks; put other commands into text blocks"
    assert README.index("```bash") < 600
    for command in (main, tests):
        assert command.count("\n") == 1, "one command, one line"
        assert "python3 -m venv .venv" in command
        assert command.index("torch==2.13.0") < command.index(" -e "), "torch first, so that no resolver chooses it"
        assert command.count("-c constraints.txt") == 2
    assert main.rstrip().endswith("edgewise demo -o demo")
    assert tests.rstrip().endswith("python -m pytest -q -n 2 --dist worksteal")


def test_the_chinese_readme_does_not_drift():
    """The same blocks and headings in the same order, the same links, code and figures; each leads to the other."""

    def both(pattern: str) -> list[list[str]]:
        return [re.findall(pattern, text, flags=re.MULTILINE | re.DOTALL) for text in (README, README_ZH)]

    english, chinese = both(r"^```\w+\n.*?^```|^#+(?= )")
    assert chinese == english
    for pattern in (r"\]\((?!README)([^)]+)\)", r"`([^`\n]+)`", r"\d+(?:\.\d+)?(?:e-\d+)?"):
        english, chinese = map(sorted, both(pattern))  # the order of words differs
        assert chinese == english
    assert "](README.zh.md)" in README[:100]
    assert "](README.md)" in README_ZH[:100]


def test_ci_runs_the_readmes_commands():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    function = re.search(r"^command_number\(\) .*$", script, flags=re.MULTILINE)[0]
    for number, block in enumerate(blocks(README, "bash"), start=1):
        run = subprocess.run(
            ["bash", "-c", f"{function}; command_number {number}"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert run.stdout == block
        assert f'(eval "$(command_number {number})")' in script
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)


def test_torch_is_pinned_to_the_version_the_commands_name():
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert "torch==2.13.0" in pins
    for line in pins:
        assert re.fullmatch(r"#.*|[\w.-]+==[\w.+!]+(; python_version [<>=]+ \"3\.\d+\")?", line), line


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_command_lines_on_the_pages_are_understood():
    """Every `edgewise ...` line parses: the commands and options exist."""
    from edgewise.cli.entry import build_parser

    lines = [line for b in blocks(README, "text") + blocks(README, "bash") for line in re.split(r"\n|&&", b)]
    commands = [line.split("#")[0].split()[1:] for line in lines if line.strip().startswith("edgewise ")]
    assert len(commands) >= 4
    for command in commands:
        assert build_parser().parse_args(command).run
