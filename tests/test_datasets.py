"""Synthetic samples and the shipped tables."""

import gzip
import math
from importlib.resources import files

import numpy as np
import pytest
import torch

from edgewise.datasets import TABLES, create_dataset, load_adult, load_airfoil, load_table
from edgewise.errors import DomainError, ParameterError, ShapeError


def product(x):
    return x[:, 0] * x[:, 1]


class TestCreateDataset:
    @pytest.mark.parametrize("f", [product, lambda x: x[:, [0]] * x[:, [1]], lambda x: np.prod(x.numpy(), axis=1)])
    def test_one_column_of_labels_whatever_the_form_of_f(self, f):
        data = create_dataset(f, train_num=7, test_num=3, dtype=torch.float64)
        assert data["train_label"].shape == (7, 1)
        assert data["test_label"].shape == (3, 1)
        for part in ("train", "test"):
            x, y = data[f"{part}_input"], data[f"{part}_label"]
            torch.testing.assert_close(y[:, 0], x[:, 0] * x[:, 1], rtol=0, atol=0)

    def test_several_outputs_stay_columns(self):
        data = create_dataset(lambda x: torch.stack([x[:, 0], -x[:, 0], x[:, 1]], dim=1), train_num=5, test_num=0)
        assert data["train_label"].shape == (5, 3)
        assert data["test_label"].shape == (0, 3)

    def test_as_many_outputs_as_rows_are_no_outer_sum(self):
        assert create_dataset(lambda x: x, train_num=2, test_num=0)["train_label"].shape == (2, 2)

    def test_ranges_per_variable(self):
        data = create_dataset(product, ranges=[[0, 1], [5, 9]], train_num=500)
        lo, hi = data["train_input"].min(dim=0).values, data["train_input"].max(dim=0).values
        assert torch.all(lo >= torch.tensor([0.0, 5.0]))
        assert torch.all(hi <= torch.tensor([1.0, 9.0]))
        assert torch.all(hi - lo > 0.9 * torch.tensor([1.0, 4.0]))

    def test_two_variables_share_one_pair(self):
        data = create_dataset(product, ranges=(3, 4), train_num=50)
        assert bool(((data["train_input"] >= 3) & (data["train_input"] <= 4)).all())

    def test_a_seed_means_the_same_points_in_every_dtype(self):
        exact = create_dataset(product, seed=3, dtype=torch.float64)["train_input"]
        single = create_dataset(product, seed=3, dtype=torch.float32)["train_input"]
        assert single.dtype == torch.float32
        torch.testing.assert_close(exact.float(), single, rtol=0, atol=0)
        assert not torch.equal(exact, create_dataset(product, seed=4, dtype=torch.float64)["train_input"])

    def test_a_generator_replaces_the_seed(self):
        drawn = [create_dataset(product, generator=torch.Generator().manual_seed(3))["train_input"] for _ in range(2)]
        assert torch.equal(*drawn)
        assert torch.equal(drawn[0], create_dataset(product, seed=3)["train_input"])

    def test_the_global_random_state_is_left_alone(self):
        before = torch.get_rng_state()
        create_dataset(product, noise=0.1)
        assert torch.equal(before, torch.get_rng_state())

    def test_noise_moves_training_labels_only(self):
        clean = create_dataset(product, train_num=20_000, dtype=torch.float64)
        noisy = create_dataset(product, train_num=20_000, dtype=torch.float64, noise=0.5)
        for same in ("train_input", "test_input", "test_label"):
            assert torch.equal(clean[same], noisy[same])
        errors = noisy["train_label"] - clean["train_label"]
        # 20,000 draws: the sample deviation is within 4 of its own standard errors, 0.5 / sqrt(40,000).
        assert errors.std().item() == pytest.approx(0.5, abs=0.01)

    def test_labels_do_not_alias_the_inputs(self):
        data = create_dataset(lambda x: x, n_var=1, train_num=4)
        data["train_label"].zero_()
        assert bool((data["train_input"] != 0).all())

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"n_var": 0}, "`n_var` must be an int >= 1; got 0"),
            ({"train_num": 0}, "`train_num` must be an int >= 1; got 0"),
            ({"train_num": 1.5}, "`train_num` must be an int >= 1; got 1.5"),
            ({"test_num": -1}, "`test_num` must be an int >= 0; got -1"),
            ({"ranges": (1, 1)}, "finite ends with lo < hi"),
            ({"ranges": (0, math.inf)}, "finite ends with lo < hi"),
            ({"ranges": [(0, 1)] * 3}, r"2 pairs, one per variable; got shape \(3, 2\)"),
            ({"ranges": "unit"}, "`ranges` must be one pair"),
            ({"noise": -0.1}, "`noise` must be a finite standard deviation >= 0; got -0.1"),
            ({"noise": math.nan}, "`noise` must be"),
            ({"seed": None}, "`seed` must be an int"),
            ({"generator": 3}, r"`generator` must be a torch.Generator, as .*; got 3. A number is a `seed`"),
            ({"generator": np.random.default_rng(0)}, r"`generator` must be a torch.Generator, as .*; got Generator"),
            ({"generator": torch.Generator(), "seed": 3}, "give `seed` or `generator`, not both; got seed=3"),
            ({"dtype": torch.int64}, "`dtype` must be a floating dtype"),
            ({"f": 3}, "`f` must be callable"),
        ],
    )
    def test_a_bad_argument_is_named(self, arguments, message):
        with pytest.raises(ParameterError, match=message):
            create_dataset(**{"f": product, **arguments})

    @pytest.mark.parametrize(
        "f",
        [lambda x: x[:, 0] + x[:, [1]], lambda x: x.sum(), lambda x: x[:3, 0], lambda x: None, lambda x: "text"],
        ids=["broadcast", "scalar", "few rows", "nothing", "text"],
    )
    def test_labels_that_are_not_one_row_each_are_refused(self, f):
        with pytest.raises(ShapeError, match="`f` must return"):
            create_dataset(f, train_num=10)

    def test_a_pole_is_located(self):
        with pytest.raises(DomainError, match=r"`f` is not finite at \d+ of 100 samples \(first at x = "):
            create_dataset(lambda x: torch.log(x[:, 0]), train_num=100)
        with pytest.raises(DomainError, match=r"\. Narrow `ranges` to where `f` is defined\.$"):
            create_dataset(lambda x: torch.log(x[:, 0]), train_num=100, dtype=torch.float64)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
    def test_what_overflows_is_refused(self, dtype):
        largest = torch.finfo(dtype).max
        with pytest.raises(DomainError, match=r"`noise` must leave labels that are finite in .*; got \d"):
            create_dataset(product, dtype=dtype, noise=largest)
        with pytest.raises(DomainError, match=r"`ranges` must have ends and widths that are finite in .*; got \("):
            create_dataset(lambda x: torch.tanh(x[:, 0]), dtype=dtype, ranges=(-1.7e308, 1.7e308))


class TestTables:
    @pytest.mark.parametrize("name", TABLES)
    def test_every_table_says_what_it_is(self, name):
        table = load_table(name)
        assert list(table.units) == list(table.frame.columns)
        assert table.task in {"regression", "classification"}
        assert "CC BY 4.0" in table.licence
        assert "doi.org" in table.source
        assert table.target not in table.feature_names
        assert list(table.x.columns) == table.feature_names
        assert table.y.name == table.target
        assert table.y.notna().all()
        folder = files("edgewise.datasets") / "tables"
        text = (folder / f"{name}.SOURCE.txt").read_text()
        assert "CC BY 4.0" in text
        assert table.source.split()[-1] in text
        assert len((folder / f"{name}.csv.gz").read_bytes()) < 80_000

    def test_airfoil_is_the_original_table(self):
        table = load_airfoil()
        assert table.frame.shape == (1503, 6)
        # First and last line of the original file.
        assert table.frame.iloc[0].tolist() == [800, 0.0, 0.3048, 71.3, 0.00266337, 126.201]
        assert table.frame.iloc[-1].tolist() == [6300, 15.6, 0.1016, 39.6, 0.0528487, 104.204]

    def test_adult_keeps_the_share_of_each_class(self):
        table = load_adult()
        assert len(table.frame) == 5000
        assert (table.y == ">50K").mean() == pytest.approx(11687 / 48842, abs=1e-4)
        assert table.frame["workclass"].isna().any()
        assert table.x.select_dtypes("number").shape[1] == 6

    def test_tables_are_not_shared_between_calls(self):
        frame = load_airfoil().frame
        frame.iloc[0, 0] = -1
        assert load_airfoil().frame.iloc[0, 0] == 800

    def test_repr_fits_a_line(self):
        assert repr(load_adult()) == "Table('adult', 5000 rows, 14 features -> 'class', classification)"

    def test_an_unknown_table_lists_the_known_ones(self):
        with pytest.raises(ParameterError, match="must be one of adult, airfoil; got 'iris'"):
            load_table("iris")

    def test_shipped_files_do_not_depend_on_the_clock(self):
        for name in TABLES:  # a gzip header with a time would change at every rebuild
            raw = (files("edgewise.datasets") / "tables" / f"{name}.csv.gz").read_bytes()
            assert gzip.decompress(raw).endswith(b"\n")
