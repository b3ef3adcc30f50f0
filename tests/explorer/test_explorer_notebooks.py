"""The widget in a real JupyterLab and a real marimo: shown, in step with Python both ways, training live."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest

MODEL = """
import torch
from edgewise import KAN, create_dataset, explorer
data = create_dataset(lambda x: torch.sin(3 * x[:, [0]]) + x[:, [1]] ** 2, n_var=2, train_num=100, seed=0)
model = KAN([2, 3, 1], seed=0)
shown = model.explore(data)
"""
TRAIN = """
training = explorer.train(model, data, steps=100_000, opt="adam", update_grid=False)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(command, folder, url):
    """A program that serves `url`, with nothing of this user's settings."""
    home = {"HOME": str(folder), "IPYTHONDIR": str(folder / "ipython"), "JUPYTER_CONFIG_DIR": str(folder / "config")}
    log = (folder / "log.txt").open("w")
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, **home}, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(url, timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "log.txt").read_text()[-2000:]
                assert time.monotonic() < end, "it never served"
                time.sleep(0.3)
        yield
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def local(own) -> set[str]:
    """Addresses that are not of this machine."""
    here = ("http://127.0.0.1:", "ws://127.0.0.1:", "http://localhost:", "ws://localhost:", "blob:", "data:", "about:")
    return {url for url in own.requests if not url.startswith(here)}


def remove_an_edge(page, root):
    """By keyboard, as a notebook would steal it: the strongest edge."""
    stage = root.locator(".stage")
    stage.locator("svg, canvas").first.wait_for()
    stage.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Delete")
    root.get_by_text("8 edges, 1 removed").first.wait_for()


@pytest.fixture
def lab(tmp_path, browser):
    pytest.importorskip("jupyterlab", reason="jupyterlab is not installed: pip install -e '.[notebook]'")
    pytest.importorskip("anywidget", reason="anywidget is not installed: pip install -e '.[explorer]'")
    cells = [
        MODEL.strip() + "\nshown",
        "print('python sees', [edit['op'] for edit in shown.edits], shown.model.n_edges)",
        "shown.edits = []",
        TRAIN.strip() + "\ntraining",
        "print('training is', training.status.state, 'after', training.status.step > 0)",
        "training.steer('stop'); print('done:', training.wait(30).steps > 0)",
    ]
    notebook = {
        "cells": [
            {"cell_type": "code", "execution_count": None, "id": f"c{n}", "metadata": {}, "outputs": [], "source": cell}
            for n, cell in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (tmp_path / "n.ipynb").write_text(json.dumps(notebook))
    port = free_port()
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.token=", "--ServerApp.password=", f"--ServerApp.root_dir={tmp_path}",
        "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    with served(command, tmp_path, f"http://127.0.0.1:{port}/api"):
        yield f"http://127.0.0.1:{port}/lab/tree/n.ipynb"


@pytest.mark.slow
def test_jupyterlab(lab, tab):
    own = tab(viewport={"width": 1400, "height": 1000})
    page = own.page
    page.goto(lab)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    cells.first.wait_for(timeout=60_000)
    page.get_by_text("| Idle").wait_for(timeout=60_000)  # what is run before the kernel is there is lost

    def run(n: int):
        cells.nth(n).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        return cells.nth(n)

    root = run(0).locator(".edgewise-explorer")
    root.wait_for(timeout=60_000)
    remove_an_edge(page, root)
    run(1).get_by_text("python sees ['prune'] 8").wait_for(timeout=30_000)
    run(2)
    root.get_by_text(", 9 edges").wait_for(timeout=30_000)

    live = run(3).locator(".edgewise-explorer")
    live.get_by_role("tab", name="Training").click(timeout=30_000)
    live.get_by_role("button", name="Pause").click()
    live.get_by_text("Paused: step").wait_for(timeout=30_000)  # between two steps: the cell prints what is then
    run(4).get_by_text("training is paused after True").wait_for(timeout=30_000)
    live.get_by_role("button", name="Go on").click()
    run(5).get_by_text("done: True").wait_for(timeout=60_000)
    assert not local(own)
    own.complaints = [text for text in own.complaints if "edgewise" in text or "explorer" in text]


MARIMO = f"""
import marimo
app = marimo.App()

@app.cell
def _():
    import marimo as mo
    {MODEL.strip().replace(chr(10), chr(10) + "    ")}
    widget = mo.ui.anywidget(shown)
    widget
    return (widget, mo)

@app.cell
def _(widget, mo):
    mo.md("python sees " + str([edit["op"] for edit in widget.value["edits"]]))
    return

if __name__ == "__main__":
    app.run()
"""


@pytest.mark.slow
def test_marimo(tmp_path, tab):
    pytest.importorskip("marimo", reason="marimo is not installed: pip install -e '.[notebook]'")
    pytest.importorskip("anywidget", reason="anywidget is not installed: pip install -e '.[explorer]'")
    (tmp_path / "app.py").write_text(MARIMO)
    port = free_port()
    command = [sys.executable, "-m", "marimo", "run", "app.py", "--headless", "--no-token", "--host", "127.0.0.1"]
    with served([*command, "--port", str(port)], tmp_path, f"http://127.0.0.1:{port}/health"):
        own = tab(viewport={"width": 1400, "height": 1000})
        own.page.goto(f"http://127.0.0.1:{port}/")
        root = own.page.locator(".edgewise-explorer")
        root.wait_for(timeout=60_000)
        remove_an_edge(own.page, root)
        own.page.get_by_text("python sees ['prune']").wait_for(timeout=30_000)
        assert not local(own)
        own.complaints = [text for text in own.complaints if "edgewise" in text or "explorer" in text]
