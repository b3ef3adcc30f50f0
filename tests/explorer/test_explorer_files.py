"""Pages and pictures that Python writes with no browser."""

import base64
import hashlib
import html
import json
import re
import xml.etree.ElementTree as ET

import pytest
import torch

from edgewise import KAN, MLP
from edgewise.errors import ParameterError
from edgewise.explorer import payload_of, to_html, to_png, to_svg
from edgewise.explorer.data import importances
from edgewise.explorer.html import frame, page, static
from edgewise.interpret import edge_scores

HOSTILE = "</script></style><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def model() -> KAN:
    return KAN([4, 5, 1], seed=0, input_names=["a", HOSTILE, "c & d", '"'], output_names=["<y>"])


@pytest.fixture(scope="module")
def document(model, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("page") / "m.html"
    to_html(model, path, title=HOSTILE)
    return path.read_text(encoding="utf-8")


def test_the_page_holds_the_payload(document, model):
    (data,) = re.findall(r'<script type="application/json" id="edgewise-payload">(.*?)</script>', document, re.S)
    assert json.loads(data) == payload_of(model, title=HOSTILE)


def test_the_policy_admits_the_script_of_the_page_and_nothing_else(document):
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="(.*?)">', document)
    scripts = re.findall(r"<script>(.*?)</script>", document, re.S)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode("utf-8")).digest()).decode()
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert document.index("Content-Security-Policy") < document.index("<style>")


def test_names_are_never_markup(document):
    assert document.count("<script") == 2
    assert "<img" not in re.sub(r"<script>.*?</script>", "", document, flags=re.S)
    assert f"<title>{html.escape(HOSTILE)}</title>" in document


def test_the_page_names_no_other_place(document):
    """Of addresses there are only the names of XML languages."""
    assert set(re.findall(r"https?://[\w./-]+", document)) <= {
        "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml", "http://www.w3.org/1998/Math/MathML",
    }  # fmt: skip
    markup = re.sub(r"<script.*?</script>|<title>.*?</title>", "", document, flags=re.S)
    assert not re.search(r"@import|url\(|<link|\bsrc=|\bhref=", markup)


def test_sizes(document):
    assert len(document.encode()) <= 200_000
    assert len(static("widget.js").encode()) + len(static("styles.css").encode()) <= 150_000


def test_a_served_page_may_talk_to_its_server_only(model):
    assert "connect-src 'self'; " in page(payload_of(model), "m", "server")
    assert "connect-src" not in page(payload_of(model), "m")


def test_a_frame_holds_the_page_and_locks_it_in(document):
    (attribute,) = re.findall(r'srcdoc="(.*?)"', frame(document), re.S)
    assert html.unescape(attribute) == document
    assert 'sandbox="allow-scripts allow-downloads"' in frame(document)


def test_pictures(model, tmp_path):
    to_svg(model, tmp_path / "a.svg")
    to_svg(model, tmp_path / "b.svg")
    to_png(model, tmp_path / "a.png", dpi=50)
    ET.parse(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes(), "the same picture is the same file"
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ParameterError, match="`dpi` must be a number > 0; got -1"):
        to_png(model, tmp_path / "c.png", dpi=-1)


def test_nothing_is_written_on_bad_input(model, tmp_path):
    path = tmp_path / "m.html"
    path.write_text("before")
    with pytest.raises(ParameterError, match="got MLP"):
        to_html(MLP([1, 2, 1], seed=0), path)
    with pytest.raises(ValueError, match=r"must be a .rows, 4. tensor"):
        to_html(model, path, torch.zeros(3, 9))
    assert path.read_text() == "before"
    with pytest.raises(OSError, match="folder does not exist"):
        to_html(model, tmp_path / "no" / "m.html")


def test_pictures_draw_importance_through_to_the_outputs(tmp_path):
    """An edge into a dead end is not drawn as strong: the picture of a network with one is another."""
    model = KAN([2, 2, 1], seed=0)
    model.layers[1].set_mask(torch.tensor([[1.0], [0.0]]))
    pictures = []
    for scores in ({}, {"scores": edge_scores(model, torch.rand(50, 2))}):
        to_svg(model, tmp_path / "m.svg", torch.rand(50, 2, generator=torch.Generator().manual_seed(0)), **scores)
        pictures.append((tmp_path / "m.svg").read_text(encoding="utf-8"))
    assert pictures[0] != pictures[1]
    scores = importances(model, torch.rand(50, 2))
    assert not bool(scores[0][:, 1].any())
    assert scores[0].max() == 1
