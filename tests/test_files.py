"""Model files: exact round trips, all or nothing, and a clear word on every file that is not one."""

import errno
import json
import os
import pickle
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from edgewise import KAN, MLP
from edgewise.errors import FormatError, ParameterError
from edgewise.models import files

F64 = torch.float64


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small_kan(**options) -> KAN:
    return KAN([2, [2, 1], 1], grid=4, k=3, seed=1, dtype=options.pop("dtype", F64), **options)


def rows(dtype=F64, n: int = 50) -> torch.Tensor:
    return torch.rand(n, 2, generator=generator(), dtype=dtype) * 2.4 - 1.2  # some outside the grid


@pytest.fixture
def kan_file(tmp_path: Path) -> Path:
    path = tmp_path / "kan.safetensors"
    files.save(small_kan(), path)
    return path


def rewrite(path: Path, *, tensors=lambda t: t, header=lambda h: h, raw: dict | None = None) -> None:
    """Edit a file through safetensors' own NumPy reader: an independent writer of the same format."""
    data = path.read_bytes()
    contents = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    new = raw if raw is not None else {"edgewise": json.dumps(header(json.loads(contents["__metadata__"]["edgewise"])))}
    path.write_bytes(safetensors.numpy.save(tensors(safetensors.numpy.load(data)), metadata=new))


class TestRoundTrip:
    @pytest.mark.parametrize("dtype", [torch.float32, F64])
    def test_a_kan_predicts_bit_for_bit_the_same(self, tmp_path, dtype):
        model = small_kan(dtype=dtype, sp_trainable=True, outside="extend", base_fun="tanh", input_names=["a", "β"])
        files.save(model, tmp_path / "m")
        loaded = files.load(tmp_path / "m")
        assert torch.equal(loaded(rows(dtype)), model(rows(dtype)))
        assert loaded.config() == model.config()
        assert loaded.input_names == ["a", "β"]
        assert {p.dtype for p in loaded.parameters()} == {dtype}

    def test_masks_grids_and_frozen_parameters_are_kept(self, tmp_path):
        model = KAN([2, 3, 1], grid=[3, 7], k=2, seed=0, dtype=F64)
        model.layers[0].set_mask(torch.tensor([[1.0, 0, 1], [0, 1, 1]]))
        model.layers[1].spline_weight.requires_grad_(False)
        with torch.no_grad():
            model.layers[0].knots.mul_(1.7).add_(torch.tensor([[0.1], [0.2]], dtype=F64))
        model.save(tmp_path / "m")
        loaded = KAN.load(tmp_path / "m")
        assert torch.equal(loaded(rows()), model(rows()))
        assert torch.equal(loaded.layers[0].mask, model.layers[0].mask)
        assert [p.requires_grad for p in loaded.parameters()] == [p.requires_grad for p in model.parameters()]
        assert not loaded.layers[1].spline_weight.requires_grad
        assert loaded.grid == [3, 7]

    def test_an_mlp(self, tmp_path):
        model = MLP([2, 4, 1], act="tanh", seed=0, dtype=F64)
        model.save(tmp_path / "m")
        assert torch.equal(MLP.load(tmp_path / "m")(rows()), model(rows()))

    def test_a_loaded_model_can_be_trained(self, kan_file):
        model = files.load(kan_file)
        model(rows()).square().sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in model.parameters())

    def test_views_shared_storage_and_strides(self, tmp_path):
        base = torch.arange(12.0, dtype=F64).reshape(3, 4)
        tensors = {
            "all": base,
            "turned": base.mT,
            "column": base[:, 1],
            "wide": base[:1].expand(5, 4),
            "none": base[:0],
        }
        files.write_file(tmp_path / "t", tensors, {"kind": "checkpoint", "step": 3})
        read, header = files.read_file(tmp_path / "t")
        assert header["step"] == 3
        assert read.keys() == tensors.keys()
        assert all(torch.equal(read[name], tensors[name]) for name in tensors)
        read["all"].zero_()
        assert base.sum() == 66

    def test_nothing_random_and_the_same_bytes_each_time(self, tmp_path, kan_file):
        state = torch.get_rng_state()
        model = files.load(kan_file)
        files.save(model, tmp_path / "again")
        assert torch.equal(torch.get_rng_state(), state)
        assert (tmp_path / "again").read_bytes() == kan_file.read_bytes()

    def test_any_safetensors_reader_opens_it(self, kan_file):
        tensors = safetensors.numpy.load_file(kan_file)
        np.testing.assert_array_equal(tensors["layers.0.knots"], small_kan().layers[0].knots.numpy())


class TestAllOrNothing:
    @pytest.mark.parametrize("step", ["write", "fsync", "replace"])
    def test_a_full_disk_leaves_the_old_file(self, kan_file, monkeypatch, step):
        before = kan_file.read_bytes()

        def full(*args, **kwargs):
            raise OSError(errno.ENOSPC, "No space left on device")

        if step == "write":
            real = open

            class Full:
                def __init__(self, *args):
                    self.file = real(*args)

                def __enter__(self):
                    return self

                def __exit__(self, *args):
                    self.file.close()

                write = full

            monkeypatch.setattr("builtins.open", Full)
        else:
            monkeypatch.setattr(os, step, full)
        with pytest.raises(OSError, match=r"No space left on device; nothing was written.*Free some space"):
            files.save(MLP([2, 1], seed=0), kan_file)
        monkeypatch.undo()
        assert kan_file.read_bytes() == before
        assert os.listdir(kan_file.parent) == [kan_file.name]

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs resource limits")
    def test_a_real_limit_on_the_file_size(self, tmp_path):
        code = (
            "import resource, signal, sys\n"
            "from edgewise.models.files import write_atomic\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "write_atomic(sys.argv[1], b'old')\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
            "try: write_atomic(sys.argv[1], b'new' * 1000)\n"
            "except OSError as error: sys.stdout.write(str(error))\n"
        )
        target = tmp_path / "m"
        done = subprocess.run([sys.executable, "-c", code, target], capture_output=True, text=True, check=True)
        assert "nothing was written" in done.stdout
        assert target.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["m"]

    def test_ctrl_c_while_writing_leaves_no_temporary_file(self, kan_file, monkeypatch):
        before = kan_file.read_bytes()
        monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            files.save(small_kan(), kan_file)
        assert kan_file.read_bytes() == before
        assert os.listdir(kan_file.parent) == [kan_file.name]

    def test_a_missing_folder_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"folder does not exist.*Create it first"):
            files.save(small_kan(), tmp_path / "none" / "m")

    def test_links_are_followed_and_permissions_kept(self, tmp_path):
        real, link = tmp_path / "real", tmp_path / "link"
        real.write_bytes(b"old")
        real.chmod(0o640)
        link.symlink_to(real)
        files.write_atomic(link, b"new")
        assert link.is_symlink()
        assert real.read_bytes() == b"new"
        assert stat.S_IMODE(real.stat().st_mode) == 0o640

    def test_a_new_file_follows_the_umask(self, tmp_path):
        (tmp_path / "plain").write_bytes(b"")
        files.write_atomic(tmp_path / "ours", b"")
        assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


class TestWrongFiles:
    @pytest.mark.parametrize("keep", [0, 5, 8, 200, -1])
    def test_truncated(self, kan_file, keep):
        kan_file.write_bytes(kan_file.read_bytes()[:keep])
        with pytest.raises(FormatError, match=r"is empty|truncated|neither safetensors nor"):
            files.load(kan_file)

    def test_extra_bytes(self, kan_file):
        kan_file.write_bytes(kan_file.read_bytes() + b"more")
        with pytest.raises(FormatError, match="truncated or damaged"):
            files.load(kan_file)

    def test_every_single_flipped_header_byte_gives_a_model_or_a_format_error(self, kan_file):
        data = kan_file.read_bytes()
        size = 8 + int.from_bytes(data[:8], "little")
        for place in range(0, size, 7):
            broken = bytearray(data)
            broken[place] ^= 0x15
            kan_file.write_bytes(broken)
            try:
                files.load(kan_file)
            except FormatError:
                continue

    def test_foreign_safetensors(self, tmp_path):
        (tmp_path / "m").write_bytes(safetensors.numpy.save({"w": np.ones(2)}))
        with pytest.raises(FormatError, match="another program"):
            files.load(tmp_path / "m")

    def test_a_pickle_is_named_and_not_run(self, tmp_path):
        class Bomb:
            def __reduce__(self):
                return (Path.touch, (tmp_path / "ran",))

        (tmp_path / "m").write_bytes(pickle.dumps(Bomb()))
        with pytest.raises(FormatError, match=r"pickle or zip file.*never read"):
            files.load(tmp_path / "m")
        torch.save(Bomb(), tmp_path / "m")
        assert zipfile.is_zipfile(tmp_path / "m")
        with pytest.raises(FormatError, match=r"pickle or zip file.*never read"):
            files.load(tmp_path / "m")
        assert not (tmp_path / "ran").exists()

    def test_page_data_of_the_explorer(self, tmp_path):
        (tmp_path / "m").write_text('{"format":"edgewise-explorer","version":1,"edgewise":"0.1.0"}')
        with pytest.raises(FormatError, match="is the explorer's page data, not a model: use Copy as Python"):
            files.load(tmp_path / "m")

    def test_text(self, tmp_path):
        (tmp_path / "m").write_text("a,b\n1,2\n" * 99)
        with pytest.raises(FormatError, match="neither safetensors nor written by edgewise"):
            files.load(tmp_path / "m")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"version": 2}, "newer edgewise: file version 2, this one reads up to 1.*pip install -U"),
            ({"version": "1"}, "damaged edgewise header"),
            ({"version": 0}, "damaged edgewise header"),
            ({"format": "other"}, "damaged edgewise header"),
            ({"kind": "KANRegressor"}, r"holds a KANRegressor, not a bare network.*edgewise.KANRegressor.load"),
            ({"kind": ["KAN"]}, "damaged edgewise header"),
            ({"config": {"width": [2]}}, "configuration in the header is not valid.*at least two layers"),
            ({"config": {"width": [2, 1], "colour": 1}}, "configuration in the header is not valid"),
            ({"config": None}, "configuration in the header is not valid"),
            ({"frozen": ["layers.9.knots"]}, "'frozen' in the header must list parameter names"),
            ({"frozen": 3}, "'frozen' in the header must list parameter names"),
        ],
    )
    def test_edited_header(self, kan_file, change, message):
        rewrite(kan_file, header=lambda h: {**h, **change})
        with pytest.raises(FormatError, match=message):
            files.load(kan_file)

    @pytest.mark.parametrize("text", ["{", "[]", "{}", "null", "3"])
    def test_header_that_is_not_an_object(self, kan_file, text):
        rewrite(kan_file, raw={"edgewise": text})
        with pytest.raises(FormatError, match="damaged edgewise header"):
            files.load(kan_file)

    def test_a_config_far_larger_than_the_file_takes_no_memory(self, kan_file):
        rewrite(kan_file, header=lambda h: {**h, "config": {**h["config"], "width": [2, 10**7, 10**6, 1], "grid": 5}})
        with pytest.raises(FormatError):
            files.load(kan_file)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda t: {n: v for n, v in t.items() if n != "layers.0.knots"}, r"missing \['layers.0.knots'\]"),
            (lambda t: {**t, "layers.7.knots": np.ones(3)}, r"unknown \['layers.7.knots'\]"),
            (
                lambda t: {**t, "layers.0.knots": np.ones((1, 11))},
                r"'layers.0.knots' must be floating with shape \(2, 11\)",
            ),
            (lambda t: {**t, "layers.0.base_weight": np.ones((2, 4), int)}, "'layers.0.base_weight' must be floating"),
            (lambda t: {**t, "layers.0.edge_mask": np.ones((4, 2))}, r"'layers.0.edge_mask' must be .* \(2, 4\)"),
            (
                lambda t: {**t, "layers.0.knots": t["layers.0.knots"] * np.nan},
                "'layers.0.knots' must be finite and strictly",
            ),
            (
                lambda t: {**t, "layers.1.knots": t["layers.1.knots"] * 0},
                "'layers.1.knots' must be finite and strictly",
            ),
            (lambda t: {**t, "layers.1.knots": t["layers.1.knots"][:, ::-1].copy()}, "finite and strictly increasing"),
        ],
    )
    def test_edited_tensors(self, kan_file, change, message):
        rewrite(kan_file, tensors=change)
        with pytest.raises(FormatError, match=message):
            files.load(kan_file)

    def test_the_wrong_class(self, kan_file, tmp_path):
        with pytest.raises(FormatError, match=r"holds a KAN, not an MLP\. Use `KAN\.load`\."):
            MLP.load(kan_file)
        MLP([2, 1], seed=0).save(tmp_path / "mlp")
        with pytest.raises(FormatError, match=r"holds an MLP, not a KAN\. Use `MLP\.load`\."):
            KAN.load(tmp_path / "mlp")


class TestWrongArguments:
    def test_other_modules(self, tmp_path):
        with pytest.raises(ParameterError, match="only KAN and MLP can be saved here; got Linear"):
            files.save(torch.nn.Linear(2, 1), tmp_path / "m")

    @pytest.mark.parametrize("header", [{}, {"kind": "x", "version": 3}, {"kind": "x", "f": object()}])
    def test_headers(self, tmp_path, header):
        with pytest.raises(ParameterError, match="header"):
            files.write_file(tmp_path / "m", {}, header)
        assert not list(tmp_path.iterdir())
