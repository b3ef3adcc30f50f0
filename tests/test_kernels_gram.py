"""Gauss-Newton matrices from sparse rows, against dense rows and against sums written out with scipy's splines.

Each degree and dtype is a machine program of its own, compiled in seconds: the default run takes cubic ones only.
"""

import itertools

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from edgewise import kernels
from edgewise.errors import ShapeError
from edgewise.kernels import LayerRows
from oracles import literal_kan
from test_kernels_values import even_knots, uneven_knots

F32, F64 = torch.float32, torch.float64
OTHER_DEGREES = [pytest.param(k, marks=pytest.mark.slow) for k in (0, 1, 2, 4, 5)]
DEGREES = [3, *OTHER_DEGREES]


def make(width, rows=37, grid=5, degree=3, *, models=(), knots=even_knots, with_base=True, dtype=F64, beyond=0.3):
    """`(layers, residual, size)` of a chain of layers; what stands in it need not belong to a network."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*models, *shape, dtype=F64, generator=generator).to(dtype)

    layers, size = [], 0
    for inputs, outputs in itertools.pairwise(width):
        t = knots(inputs, grid, degree)
        lo, hi = t[:, degree], t[:, -degree - 1]
        spread = torch.rand(*models, rows, inputs, dtype=F64, generator=generator) * (1 + 2 * beyond) - beyond
        base_at = size + inputs * (grid + degree) * outputs
        layers.append(
            LayerRows(
                x=(lo + (hi - lo) * spread).to(dtype),
                base=normal(rows, inputs) if with_base else None,
                cotangent=normal(rows, outputs),
                knots=t.to(dtype),
                coef_at=size,
                base_at=base_at,
            )
        )
        size = base_at + (inputs * outputs if with_base else 0)
    return layers, normal(rows), size


def dense(layers, residual, size, degree, linear):
    """The same from dense rows."""
    rows = torch.cat([kernels.jacobian_rows(layers, size, degree, linear), residual[..., None]], dim=-1)
    return rows.mT @ rows


def literal(layers, residual, size, degree, outside):
    """Sums over rows, entries and entries; one model, float64."""
    total = np.zeros((size + 1, size + 1))
    for b in range(len(residual)):
        row = np.zeros(size + 1)
        row[size] = residual[b]
        for layer in layers:
            n_out = layer.cotangent.shape[-1]
            for i in range(layer.x.shape[-1]):
                basis = literal_kan.basis(float(layer.x[b, i]), layer.knots[i].numpy(), degree, 0, outside)
                for o in range(n_out):
                    g = float(layer.cotangent[b, o])
                    for s in range(len(basis)):
                        row[layer.coef_at + (i * len(basis) + s) * n_out + o] = basis[s] * g
                    if layer.base is not None:
                        row[layer.base_at + i * n_out + o] = float(layer.base[b, i]) * g
        total += np.outer(row, row)
    return torch.from_numpy(total)


def assert_same(actual, expected, dtype=F64):
    """Lower triangles, to some hundred roundings of the largest entry: sums of up to some thousand products."""
    scale = float(expected.abs().max()) or 1.0
    tolerance = 300 * torch.finfo(dtype).eps * scale
    assert_close(actual.tril(), expected.tril(), rtol=0, atol=tolerance)


def map_tensors(layers, convert):
    names = ("x", "base", "cotangent", "knots")
    return [
        layer._replace(**{
            name: None if getattr(layer, name) is None else convert(getattr(layer, name)) for name in names
        })
        for layer in layers
    ]


@pytest.mark.parametrize("outside", ["linear", "extend"])
@pytest.mark.parametrize("knots", [even_knots, uneven_knots])
@pytest.mark.parametrize("degree", DEGREES)
def test_sums_written_out(degree, knots, outside):
    layers, residual, size = make([2, 3, 1], rows=11, degree=degree, knots=knots)
    actual = kernels.gram(layers, residual, size, degree, outside == "linear")
    assert_same(actual, literal(layers, residual, size, degree, outside))


@pytest.mark.parametrize("with_base", [True, False])
@pytest.mark.parametrize("knots", [even_knots, uneven_knots])
@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("dtype", [F64, F32], ids=str)
@pytest.mark.parametrize("degree", DEGREES)
def test_dense_rows(degree, dtype, linear, knots, with_base):
    layers, residual, size = make([3, 4, 2, 1], rows=100, degree=degree, knots=knots, with_base=with_base, dtype=dtype)
    expected = dense(map_tensors(layers, lambda t: t.double()), residual.double(), size, degree, linear)
    actual = kernels.gram(layers, residual, size, degree, linear)
    assert actual.dtype == dtype
    assert actual.shape == (size + 1, size + 1)
    # float32: a point beside a knot may be put into the next cell, where the basis is the same to rounding.
    assert_same(actual.double(), expected, dtype)


@pytest.mark.parametrize("outputs", range(1, 8))
@pytest.mark.parametrize("inputs", [1, 2, 5])
def test_widths_that_fill_no_register(inputs, outputs):
    layers, residual, size = make([inputs, outputs, 3], rows=33, grid=3)
    assert_same(kernels.gram(layers, residual, size, 3, True), dense(layers, residual, size, 3, True))


@pytest.mark.parametrize("rows", [1, 31, 32, 33, 64, 65])
def test_blocks_that_are_not_full(rows):
    layers, residual, size = make([2, 3, 1], rows=rows)
    assert_same(kernels.gram(layers, residual, size, 3, True), dense(layers, residual, size, 3, True))


@pytest.mark.parametrize("models", [(), (3,), (1,)])
def test_no_rows_give_zeros(models):
    layers, residual, size = make([2, 3, 1], rows=0, models=models)
    actual = kernels.gram(layers, residual, size, 3, True)
    assert torch.equal(actual.tril(), torch.zeros(*models, size + 1, size + 1, dtype=F64))


def test_no_models_give_nothing():
    layers, residual, size = make([2, 3, 1], models=(0,))
    assert kernels.gram(layers, residual, size, 3, True).shape == (0, size + 1, size + 1)


def test_a_gap_between_layers_stays_zero():
    layers, residual, size = make([2, 3, 1])
    gap, at = 7, layers[1].coef_at
    layers[1] = layers[1]._replace(coef_at=at + gap, base_at=layers[1].base_at + gap)
    actual = kernels.gram(layers, residual, size + 2 * gap, 3, True).tril()
    assert_same(actual, dense(layers, residual, size + 2 * gap, 3, True))
    assert not actual[at : at + gap].any()
    assert not actual[:, at : at + gap].any()


def test_rows_in_one_cell_and_rows_in_other_cells_each_time():
    """Sums stay in registers while neighbours share their cells: both ends of that."""
    layers, residual, size = make([2, 3, 1], rows=64, grid=8, beyond=0.0)
    first = [layer._replace(x=layer.x[:1].expand_as(layer.x)) for layer in layers]
    sorted_rows = [layer._replace(x=layer.x.sort(dim=0).values) for layer in layers]
    for given in (first, sorted_rows, layers):
        assert_same(kernels.gram(given, residual, size, 3, True), dense(given, residual, size, 3, True))


# ------------------------------------------------------------------------------------------------ models


@pytest.mark.parametrize("knots", [even_knots, uneven_knots])
@pytest.mark.parametrize("own_knots", [True, False])
def test_models_are_those_one_by_one(own_knots, knots):
    layers, residual, size = make([2, 4, 1], models=(3,), knots=knots)
    if own_knots:
        moved = torch.arange(3.0, dtype=F64)[:, None, None] * 0.1
        layers = [layer._replace(knots=layer.knots * (1 + moved)) for layer in layers]
    actual = kernels.gram(layers, residual, size, 3, False)
    for m in range(3):
        alone = [
            layer._replace(
                x=layer.x[m], base=layer.base[m], cotangent=layer.cotangent[m],
                knots=layer.knots[m] if own_knots else layer.knots,
            )
            for layer in layers
        ]  # fmt: skip
        assert_same(actual[m], dense(alone, residual[m], size, 3, False))


@pytest.mark.parametrize("what", ["x", "base", "cotangent", "knots"])
def test_one_tensor_for_all_models(what):
    """An expanded model axis, stride zero."""
    layers, residual, size = make([2, 4, 1], models=(3,))
    layers = [layer._replace(knots=layer.knots.expand(3, -1, -1)) for layer in layers]
    layers = [
        layer._replace(**{what: getattr(layer, what)[:1].expand(3, *getattr(layer, what).shape[1:])})
        for layer in layers
    ]
    assert_same(kernels.gram(layers, residual, size, 3, True), dense(layers, residual, size, 3, True))


def test_memory_layouts():
    """Transposed, sliced and expanded inputs, of which nothing is written to."""
    layers, residual, size = make([3, 4, 2], models=(2,))
    expected = kernels.gram(layers, residual, size, 3, True)
    strided = map_tensors(layers, lambda t: torch.stack([t, t.flip(-1)], dim=-1)[..., 0].mT.contiguous().mT)
    assert not any(layer.x.is_contiguous() for layer in strided)
    before = map_tensors(strided, torch.clone)
    again = kernels.gram(strided, torch.stack([residual, residual], dim=-1)[..., 1], size, 3, True)
    assert torch.equal(again.tril(), expected.tril())
    for one, other in zip(strided, before, strict=True):
        for name in ("x", "base", "cotangent", "knots"):
            assert torch.equal(getattr(one, name), getattr(other, name))


def test_result_does_not_depend_on_the_number_of_threads(monkeypatch):
    from edgewise.kernels import gram_cpu

    layers, residual, size = make([2, 5, 1], rows=500)
    used, run = [], gram_cpu.run_on_threads

    def counted(entry, address, data, threads, memory):
        used.append(threads)
        run(entry, address, data, threads, memory)

    monkeypatch.setattr(gram_cpu, "run_on_threads", counted)
    monkeypatch.setattr(gram_cpu, "GRAIN", 1.0)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(kernels.gram(layers, residual, size, 3, True))
    finally:
        torch.set_num_threads(before)
    assert used == [1, 2, 3]
    for other in found[1:]:
        assert_same(other, found[0])


@pytest.mark.parametrize("what", ["x", "base", "cotangent"])
@pytest.mark.parametrize("row", [0, 36])
def test_nan_in_gives_nan_out(what, row):
    layers, residual, size = make([2, 3, 1])
    broken = getattr(layers[0], what).clone()
    broken[row, 1] = float("nan")
    layers[0] = layers[0]._replace(**{what: broken})
    actual = kernels.gram(layers, residual, size, 3, True)
    assert actual[:size, :size].tril().isnan().any(), "the matrix"
    assert actual[size, :size].isnan().any(), "the gradient"
    residual[row] = float("nan")
    assert kernels.gram(layers, residual, size, 3, True)[size, size].isnan()


def test_a_zero_row_adds_nothing():
    layers, residual, size = make([2, 3, 1])
    rows = torch.arange(37) != 5
    silent = [layer._replace(cotangent=layer.cotangent * rows[:, None]) for layer in layers]
    kept = [layer._replace(x=layer.x[rows], base=layer.base[rows], cotangent=layer.cotangent[rows]) for layer in layers]
    actual = kernels.gram(silent, residual * rows, size, 3, True)
    assert_same(actual, kernels.gram(kept, residual[rows], size, 3, True))


# ------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (0, lambda l: {"x": l.x[:, :1]}),
        (0, lambda l: {"x": l.x[1:]}),
        (1, lambda l: {"base": l.base[:, :1]}),
        (0, lambda l: {"cotangent": l.cotangent[1:]}),
        (1, lambda l: {"knots": l.knots[:1]}),
        (0, lambda l: {"knots": l.knots[:, :7]}),
        (0, lambda l: {"knots": l.knots.expand(2, -1, -1)}),
        (1, lambda l: {"x": l.x.float()}),
        (0, lambda l: {"knots": l.knots.float()}),
        (0, lambda l: {"base": l.base.to("meta")}),
        (0, lambda l: {"coef_at": -1}),
        (1, lambda l: {"coef_at": l.coef_at - 1}),
        (1, lambda l: {"base_at": l.coef_at}),
        (1, lambda l: {"base_at": l.base_at + 1}),
    ],
)
def test_what_does_not_fit_is_refused(number, change):
    layers, residual, size = make([2, 3, 1])
    layers[number] = layers[number]._replace(**change(layers[number]))
    with pytest.raises(ShapeError, match=rf"gram: layer {number} does not fit residuals \(37,\) and {size} parameters"):
        kernels.gram(layers, residual, size, 3, True)


def test_too_few_parameters_are_refused():
    layers, residual, size = make([2, 3, 1])
    with pytest.raises(ShapeError, match=f"layer 1 does not fit .* and {size - 1} parameters"):
        kernels.gram(layers, residual, size - 1, 3, True)


@pytest.mark.parametrize("residual", [torch.zeros(2, 2, 37, dtype=F64), torch.zeros((), dtype=F64)])
def test_residuals_of_another_rank_are_refused(residual):
    layers, _, size = make([2, 3, 1])
    with pytest.raises(ShapeError, match=r"`residual` must be \(rows,\) or \(models, rows\)"):
        kernels.gram(layers, residual, size, 3, True)


def test_no_layer_is_refused():
    with pytest.raises(ShapeError, match="at least one layer"):
        kernels.gram([], torch.zeros(3, dtype=F64), 0, 3, True)
