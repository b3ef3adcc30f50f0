"""The lessons: the command that shows them, and what happens when a reader touches the figures."""

import json
import re
import unicodedata
import urllib.request
from pathlib import Path

import pytest

from edgewise.cli import lesson, main
from edgewise.errors import ParameterError
from edgewise.explorer.lessons import LESSONS, lessons_page, write_lessons

ROOT = Path(__file__).parents[2]
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]


def test_the_page_in_the_docs_is_the_one_that_ships():
    path = ROOT / "docs" / "lessons" / "index.html"
    assert path.read_text(encoding="utf-8") == lessons_page(), f"edgewise lesson -o {path.relative_to(ROOT)}"


def test_an_unknown_lesson_is_refused():
    with pytest.raises(ParameterError, match="no lesson 'kan'; known are spline, training, grid, naming"):
        lessons_page("kan")


def test_the_command_writes_a_file(tmp_path, capsys):
    assert main(["lesson", "grid", "-o", str(tmp_path / "grid.html")]) == 0
    assert (tmp_path / "grid.html").read_text(encoding="utf-8") == lessons_page("grid")
    assert "open it in a browser" in capsys.readouterr().out


def test_the_command_serves_the_page(monkeypatch, capsys):
    served = []

    def look(console) -> None:
        url = json.loads(capsys.readouterr().out)["url"]
        with urllib.request.urlopen(url, timeout=10) as answer:
            served.append(answer.read().decode("utf-8"))

    monkeypatch.setattr(lesson, "wait", look)
    assert main(["lesson", "naming", "--no-browser", "--json", "--quiet"]) == 0
    assert served == [lessons_page("naming")]


# ------------------------------------------------------------------------------------------ in a browser


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("lessons") / "lessons.html"
    write_lessons(path)
    return path


def opened(own, path, name):
    own.page.goto(f"{path.as_uri()}#{name}")
    own.page.locator("h1").wait_for()
    return own.page


def readings(page) -> list[str]:
    return page.locator(".reading").all_inner_texts()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1000), ("dark", 320)])
@pytest.mark.parametrize("name", LESSONS)
def test_axe_finds_nothing(tab, path, name, scheme, width):
    if not AXE.is_file():
        pytest.skip("axe-core is not there: npm ci in frontend/")
    own = tab(color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True)
    page = opened(own, path, name)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("tags => axe.run(document, {runOnly: tags}).then(r => r.violations)", TAGS)
    assert [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert {url.split("#")[0] for url in own.requests if not url.startswith("data:")} == {path.as_uri()}


def test_a_weight_moves_by_keyboard_and_by_hand(tab, path):
    page = opened(tab(), path, "spline")
    figure = page.locator("figure").nth(1)
    weight = figure.get_by_label("w3")
    weight.focus()
    page.keyboard.press("ArrowRight")
    assert readings(page)[1] == "w3 = 1.25 moves the curve from -1.00 to 0.60 and nowhere else."
    box = figure.locator("svg").first.bounding_box()
    peg = figure.locator("circle").nth(5).bounding_box()
    x, y = peg["x"] + peg["width"] / 2, peg["y"] + peg["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, box["y"] + 30)
    page.mouse.up()
    value = float(figure.get_by_label("w5").input_value())
    assert value > 1
    assert readings(page)[1].startswith(f"w5 = {value:.2f}")


def test_the_hills_always_add_up_to_one(tab, path):
    page = opened(tab(), path, "spline")
    place = page.get_by_role("slider", name="x", exact=True)
    for value in ("-1", "-0.6", "0.13", "0.99"):
        place.fill(value)
        assert readings(page)[2].endswith("= 1.000")


def test_training_follows_the_curve(tab, path):
    page = opened(tab(), path, "training")
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_role("button", name="Train again").wait_for(timeout=60_000)
    error = float(re.search(r"error ([\d.e−]+) on the points", readings(page)[0])[1].replace("−", "-"))
    assert error < 1e-5
    page.locator(".stage").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert re.match(r"The edge .* → .*: what it adds", readings(page)[1])


def test_refining_keeps_the_curve_and_the_error(tab, path):
    page = opened(tab(), path, "grid")
    intervals = page.get_by_label("intervals").first
    intervals.fill("12")
    assert readings(page)[0] == "12 intervals, 15 weights. Exactly the same curve."
    intervals.fill("5")
    assert "closest curve" in readings(page)[0]
    before = re.search(r"error ([\d.]+) on the points", readings(page)[1])[1]
    page.get_by_role("button", name="Refine now").click()
    assert readings(page)[1].startswith("6 intervals")
    assert re.search(r"error ([\d.]+) on the points", readings(page)[1])[1] == before


def test_five_steps_lead_to_the_formula(tab, path):
    page = opened(tab(), path, "naming")
    steps = {"1 Train": "faded", "2 Prune": "3 of 15", "3 Name": "Every edge", "4 Tune": "All numbers"}
    for name, said in steps.items():
        page.get_by_role("button", name=name).click()
        page.locator(".reading", has_text=said).wait_for(timeout=60_000)
    written = unicodedata.normalize("NFKC", page.locator(".formula-lines").inner_text())  # italic letters to plain ones
    assert re.sub(r"[\s\u2061]", "", written).startswith("f=1.57esin(3.14x")


def test_links_lead_from_lesson_to_lesson(tab, path):
    page = opened(tab(), path, "spline")
    page.get_by_role("link", name="Next: A KAN learns a curve").click()
    page.get_by_role("heading", level=1, name="A KAN learns a curve").wait_for()
    assert page.title() == "A KAN learns a curve · edgewise"
    assert page.evaluate("document.activeElement.tagName") == "ARTICLE"
    assert page.locator("nav a[aria-current=page]").inner_text() == "2 A KAN learns a curve"
