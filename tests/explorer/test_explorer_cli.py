"""`edgewise explore` and `edgewise fit --explore`, as a person in a terminal meets them."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import torch

from edgewise import KAN, MLP, KANClassifier, KANRegressor
from edgewise.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explore")
    t = np.arange(40.0)
    frame = pd.DataFrame({"x1": np.sin(t), "x2": np.cos(3 * t), "city": ["Rome", "Oslo"] * 20})
    frame["y"] = frame["x1"] ** 2
    frame["kind"] = np.digitize(frame["x1"], [-0.5, 0.5])
    frame.to_csv(folder / "t.csv", index=False)
    settings = {"hidden": (2,), "max_iter": 3, "random_state": 0}
    x = frame[["x1", "x2", "city"]]
    KANRegressor(**settings).fit(x, frame["y"]).save(folder / "r.safetensors")
    KANClassifier(**settings).fit(x, frame["kind"]).save(folder / "c.safetensors")
    KAN([2, 1], seed=0).save(folder / "k.safetensors")
    MLP([2, 2, 1], seed=0).save(folder / "mlp.safetensors")
    return folder


@contextmanager
def command(*arguments, **environment):
    """The command in a process of its own, and the address it printed."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SSH_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "edgewise", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**plain, **environment},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def payload_at(url: str) -> dict:
    document = urllib.request.urlopen(url, timeout=20).read().decode()
    return json.loads(document.split('id="edgewise-payload">')[1].split("</script>")[0])


def ends(process) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors


def test_a_model_with_its_data(folder):
    with command("explore", folder / "r.safetensors", "--data", folder / "t.csv", "--no-browser") as process:
        url = process.stdout.readline().strip()
        payload = payload_at(url)
        assert url.startswith("http://127.0.0.1:")
        assert [entry["name"] for entry in payload["inputs"]] == ["x1", "x2", "city=Oslo", "city=Rome"]
        assert payload["sample"]["x"]["shape"] == [40, 4]
        assert payload["sample"]["y"]["shape"] == [40, 1]
        assert payload["source"] == f"KANRegressor.load({str(folder / 'r.safetensors')!r})"
        code, errors = ends(process)
    assert code == 0
    assert "Ctrl-C ends the page." in errors
    assert "Traceback" not in errors
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=5)


def test_changes_of_the_page_are_written_at_the_end(folder, tmp_path):
    output = tmp_path / "edited.safetensors"
    with command("explore", folder / "k.safetensors", "-o", output, "--no-browser", "--json") as process:
        said = ""
        while not said.rstrip().endswith("}"):
            said += process.stdout.readline()
        found = json.loads(said)
        assert found["url"].split("/")[2] == f"127.0.0.1:{found['port']}"
        event = {"key": "edits", "value": [{"op": "prune", "edge": [0, 1, 0]}]}
        request = urllib.request.Request(
            found["url"] + "post",
            json.dumps(event).encode(),
            {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{found['port']}"},
        )
        assert urllib.request.urlopen(request, timeout=10).status == 204
        code, errors = ends(process)
    assert code == 0, errors
    assert KAN.load(output).n_edges == 1
    assert f"The model with 1 change is written to {output}." in errors


def test_changes_that_would_be_lost_are_said(folder, tmp_path):
    with command("explore", folder / "k.safetensors", "--no-browser") as process:
        url = process.stdout.readline().strip()
        origin = url.rsplit("/", 2)[0]
        body = json.dumps({"key": "edits", "value": [{"op": "prune", "edge": [0, 1, 0]}]}).encode()
        headers = {"Content-Type": "application/json", "Origin": origin}
        urllib.request.urlopen(urllib.request.Request(url + "post", body, headers), timeout=10).close()
        code, errors = ends(process)
    assert code == 0
    assert "1 change of the page not written" in errors
    for arguments, message in (
        (["-o", tmp_path / "none" / "k.safetensors"], "cannot be written in. Create it"),  # before anything is served
        (["--data", folder / "t.csv", "--target", "x1"], "--target 'x1' is an input of the model"),
    ):
        with command("explore", folder / "r.safetensors", "--no-browser", *arguments) as process:
            assert message in process.communicate(timeout=60)[1]
            assert process.returncode == 2


def test_over_ssh_it_says_how_to_get_there(folder):
    remote = {"SSH_CONNECTION": "10.0.0.1 5000 10.0.0.2 22", "USER": "ada"}
    with command("explore", folder / "k.safetensors", **remote) as process:
        port = process.stdout.readline().split(":")[2].split("/")[0]
        wanted = f"from your own machine: ssh -L {port}:127.0.0.1:{port} ada@10.0.0.2"
        assert process.stderr.readline().strip() == wanted


def test_a_fit_is_watched(folder, tmp_path):
    arguments = ["fit", folder / "t.csv", "--target", "y", "--hidden", "2", "--steps", "5", "--explore", "--no-browser"]
    with command(*arguments, "--ignore", "kind", "-o", tmp_path / "run", "--quiet") as process:
        url = process.stderr.readline().strip()
        assert payload_at(url)["outputs"][0]["name"] == "y"
        end = time.monotonic() + 60
        while not (tmp_path / "run" / "report.html").exists():
            assert time.monotonic() < end, "the results were never written"
            time.sleep(0.1)
        code, errors = ends(process)
    assert code == 0
    assert errors.strip() == ""


def fails(capsys, *arguments) -> str:
    assert main([str(a) for a in arguments]) in (1, 2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("edgewise: ")
    return captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mlp.safetensors"], "shows a KAN, KANRegressor or KANClassifier; got MLP"),
        (["none.safetensors"], "no such model file"),
        (["k.safetensors", "--data", "none.csv"], "none.csv"),
        (["r.safetensors", "--data", "t.csv", "--target", "z"], "t.csv: there is no column 'z' (--target)."),
        (["k.safetensors", "--data", "other.csv"], "other.csv: the model needs column 'x1'."),
        (["k.safetensors", "--port", "99999"], "port 99999 cannot be used"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_line(folder, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(folder)
    (folder / "other.csv").write_text("a,b\n1,2\n3,4\n")
    assert message in fails(capsys, "explore", *arguments, "--no-browser")


def test_the_target_is_found_or_told(folder):
    from edgewise.cli.explore import _rows
    from edgewise.cli.models import open_model

    table = str(folder / "t.csv")
    assert _rows(open_model(str(folder / "r.safetensors")), table, None)[1].shape == (40,)
    assert _rows(open_model(str(folder / "k.safetensors")), table, None)[1].shape == (40, 1)
    classifier = open_model(str(folder / "c.safetensors"))
    assert _rows(classifier, table, None)[1] is None
    x, y = _rows(classifier, table, "kind")
    assert torch.tensor(y).unique().tolist() == [0, 1, 2]
    assert list(x.columns) == ["x1", "x2", "city"]
