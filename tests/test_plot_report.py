"""The HTML report: well formed, self-contained, escaped, and true to its tables."""

import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt

from edgewise import KAN
from edgewise.errors import ParameterError
from edgewise.plot import Section, figure_svg, html_report, plot_history, plot_network

VOID = {"meta", "br", "img", "link", "input", "hr"}
EVIL = "<script>alert('1')</script> & \"quotes\" $x_{$"


@pytest.fixture(autouse=True)
def _nothing_global():
    settings = dict(mpl.rcParams)
    yield
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == settings


class Page(HTMLParser):
    """Tags in balance, attributes and the text of table cells, as a browser would see them."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.rows, self.words = [], [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if self.open and self.open[-1] in {"td", "th"}:
            self.rows[-1][-1] += data


def pictures():
    model = KAN([2, 2, 1], seed=0, input_names=[EVIL, "b"])
    return plot_network(model, torch.rand(20, 2, generator=torch.Generator().manual_seed(0))), plot_history({
        "train_loss": [2.0, 1.0]
    })


def report():
    network, history = pictures()
    sections = [
        Section("First " + EVIL, text=["one " + EVIL, "two"], table=[{EVIL: EVIL, "n": 1}], best=0),
        Section("Pictures", figure=[network, history], caption="caption " + EVIL, code="run --name '" + EVIL + "'"),
        Section("More", text="three", figure=history),
    ]
    return html_report("Title " + EVIL, sections, subtitle="sub " + EVIL)


def test_well_formed_and_escaped():
    html = report()
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert "script" not in page.tags
    assert page.tags.count("svg") == 3
    assert page.tags.count("section") == 3
    assert page.tags.count("h1") == 1
    words = [word.strip() for word in page.words]
    for text in ("Title " + EVIL, "sub " + EVIL, "First " + EVIL, "one " + EVIL, "two", "caption " + EVIL, "three"):
        assert text in words
    assert f"run --name '{EVIL}'" in words
    assert page.rows == [[EVIL, "n"], [EVIL, "1"]]
    assert ("class", "best") in page.attributes


def test_nothing_is_fetched():
    html = report()
    page = Page(html)
    for name, value in page.attributes:
        assert name not in {"src", "srcset", "action", "data", "poster", "background"}
        assert not name.startswith("on")
        if name in {"href", "xlink:href"}:
            assert value.startswith("#")
    without_namespaces = re.sub(r'xmlns(:\w+)?="[^"]*"', "", html)
    assert "http:" not in without_namespaces
    assert "https:" not in without_namespaces
    assert "@import" not in html
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))
    assert "default-src 'none'" in html  # the browser would refuse anyway
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_ids_are_unique_and_references_resolve():
    page = Page(report())
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids)) > 10
    targets = {value[1:] for name, value in page.attributes if name in {"href", "xlink:href"}}
    targets |= {t for _, value in page.attributes for t in re.findall(r"url\(#([^)]*)\)", value or "")}
    assert targets
    assert targets <= set(ids)


def test_svg_alone_is_xml_with_its_text_as_text():
    network, _ = pictures()
    svg = figure_svg(network, "a & b")
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == "a & b"
    found = {"".join(node.itertext()).strip() for node in root.iter("{http://www.w3.org/2000/svg}text")}
    assert "".join(found) != ""
    assert svg.startswith("<svg")
    assert "<metadata" not in svg
    assert "DOCTYPE" not in svg
    assert svg == figure_svg(network, "a & b")


def rows(table, **kwargs):
    return Page(html_report("t", [Section("s", table=table, **kwargs)])).rows


def test_tables_of_every_kind():
    frame = pd.DataFrame({"mean": [1.5, 20.25], "n": [3, 4]}, index=pd.Index(["a", "b"], name="column"))
    assert rows(frame) == [["column", "mean", "n"], ["a", "1.50", "3"], ["b", "20.25", "4"]]
    assert rows(frame.reset_index(drop=True))[0] == ["mean", "n"]
    assert rows({"steps": 200, "opt": "lbfgs", "lamb": 1e-3}) == [["steps", "200"], ["opt", "lbfgs"], ["lamb", "0.001"]]
    assert rows([]) == []
    assert rows([{"model": "KAN", "RMSE": 1.23456}, {"model": "linear", "RMSE": None}]) == [
        ["model", "RMSE"],
        ["KAN", "1.235"],
        ["linear", "–"],
    ]


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        ([1.234567, 1.5, 4.8], ["1.235", "1.500", "4.800"]),
        ([0.01, 3.2], ["0.010", "3.200"]),
        ([-0.5, 0.25], ["−0.5000", "0.2500"]),
        ([1e-9, 2.0], ["1e−09", "2"]),  # a common number of places would show zero
        ([12345.678, 1.5], ["12 346", "1.5"]),
        ([1234567, -2], ["1 234 567", "−2"]),
        ([math.nan, math.inf, 1.0], ["–", "inf", "1.000"]),
        ([np.float32(0.5), np.int64(7), torch.tensor(2.5)], ["0.500", "7", "2.500"]),
        ([True, np.bool_(False), None], ["True", "False", "–"]),
        ([0.0, 0.0], ["0", "0"]),
        (["12", "x"], ["12", "x"]),
    ],
)
def test_numbers_in_a_column(column, shown):
    table = [{"name": "r", "value": value} for value in column]
    expected = [text.replace(" ", "\N{THIN SPACE}") for text in shown]
    assert [row[1] for row in rows(table)[1:]] == expected


def test_an_empty_report():
    page = Page(html_report("t", []))
    assert "section" not in page.tags


def test_bad_tables():
    for table in ("text", [1, 2], [{"a": 1}, {"b": 2}], 3):
        with pytest.raises(ParameterError, match="Section 's': `table` must be a pandas frame, a mapping, or a list"):
            rows(table)
    for best in (-1, 2):
        with pytest.raises(ParameterError, match=f"`best` must be a row of the table, 0 to 1; got {best}"):
            rows([{"a": 1}, {"a": 2}], best=best)
