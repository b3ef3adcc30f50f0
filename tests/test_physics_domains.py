"""Domains: points lie where they should, with normals that point outwards, in the number asked for."""

import pytest
import torch
from torch.testing import assert_close

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.physics import Box, Disk, LShape, Points, TimeSpace, by_residual
from edgewise.physics.spread import METHODS

AREAS = {
    "interval": (Box(-1, 2), 1.0),
    "square": (Box((-1, 0), (1, 3)), 1.0),
    "brick": (Box((0, 0, 0), (1, 2, 3)), 1.0),
    "disc": (Disk((1.0, -1.0), 2.0), torch.pi / 4),
    "L": (LShape(), 0.75),
    "time": (TimeSpace((0, 2), Disk()), torch.pi / 4),
}


@pytest.mark.parametrize("name", AREAS)
@pytest.mark.parametrize("method", METHODS)
def test_points_fill_the_domain(name, method):
    """Inside, about as many as asked for, with the mean and the share of the box that the shape has."""
    domain, share = AREAS[name]
    x = domain.interior(600, method, seed=3)
    assert x.shape[1] == domain.dim
    assert x.dtype == torch.float64
    assert bool(domain.contains(x).all())
    assert len(x) == 600 if method in ("sobol", "random") else 600 <= len(x) < 900
    lo, hi = domain.bounds.unbind(1)
    assert bool(((x >= lo) & (x <= hi)).all())
    spread = (hi - lo) / len(x) ** (0.5 if method == "random" else 1 / domain.dim)
    if name != "L":  # symmetric shapes; random points within four standard deviations, others within two cells
        assert bool(((x.mean(0) - (lo + hi) / 2).abs() < 2 * spread).all())
    box = Box(lo.tolist(), hi.tolist()).interior(4000, "sobol", 1)
    assert float(domain.contains(box).double().mean()) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("name", AREAS)
@pytest.mark.parametrize("method", METHODS)
def test_boundaries_have_outward_unit_normals(name, method):
    """A small step along the normal leaves the domain, one against it stays."""
    domain, _ = AREAS[name]
    x, normal = domain.boundary(300, method, seed=2)
    assert x.shape == normal.shape
    assert_close(normal.norm(dim=1), torch.ones(len(x), dtype=torch.float64))
    assert not bool(domain.contains(x + 1e-6 * normal).any())
    assert bool(domain.contains(x - 1e-6 * normal).all())
    if domain.dim > 1:
        assert 200 < len(x) <= 400
    bubble = domain.bubble(x)
    if bubble is not None:
        assert_close(bubble, torch.zeros_like(bubble), rtol=0, atol=1e-12)
        inside = domain.interior(100, "sobol")
        assert bool((domain.bubble(inside) > 0).all())
        assert float(domain.bubble(inside).amax()) <= 1.0


def test_sides_get_points_by_their_length():
    x, normal = Box((0, 0), (3, 1)).boundary(80)
    assert len(x) == 80
    assert int((normal[:, 1] != 0).sum()) == 60
    x, normal = LShape((0, 0), (2, 2)).boundary(80)
    assert [int((normal[:, 0] > 0).sum()), int((normal[:, 0] < 0).sum())] == [20, 20]


def test_time_is_the_first_column():
    domain = TimeSpace((1, 3), Box(-1, 1))
    assert domain.names == ("t", "x")
    assert (domain.time, domain.space) == (0, (1,))
    assert bool((domain.initial(50)[:, 0] == 1).all())
    x, normal = domain.boundary(40)
    assert bool((x[:, 1].abs() == 1).all())
    assert bool((normal[:, 0] == 0).all())
    assert x[:, 0].unique().shape == (20,)


def test_draws_are_repeatable_and_private(global_random_state_untouched):
    for domain in (Disk(), TimeSpace((0, 1), LShape())):
        for method in ("sobol", "random"):
            one, two, other = (domain.interior(50, method, seed) for seed in (1, 1, 2))
            assert torch.equal(one, two)
            assert not torch.equal(one, other)


def test_a_box_takes_a_number_for_each_coordinate():
    x = Box((0, 0), (1, 1)).interior((4, 2))
    assert x.shape == (8, 2)
    assert_close(x[:, 1].unique(), torch.tensor([0.25, 0.75], dtype=torch.float64))


def test_clouds_of_points():
    cloud = torch.rand(30, 3, generator=torch.Generator())
    domain = Points(cloud, boundary=cloud[:4], normal=torch.eye(4, 3))
    assert len(domain.interior(100)) == 30
    some = domain.interior(10, seed=1)
    assert bool((some[:, None] == cloud.double()).all(-1).any(-1).all())
    assert domain.boundary(2).normal.shape == (2, 3)
    assert bool(Points(cloud, boundary=cloud[:4]).boundary(9).normal.isnan().all())
    assert domain.bubble(cloud) is None


def test_residuals_draw_points_to_where_they_are_large():
    domain = Box((0, 0), (1, 1))
    x = domain.interior(400, "grid")
    new = by_residual(domain, x, lambda x: torch.where(x[:, 0] > 0.8, -5.0, 0.0), seed=1)
    assert new.shape == x.shape
    assert bool(domain.contains(new).all())
    share = float((new[:, 0] > 0.8).double().mean())  # 80 of 400 stay; of 200 new ones 6/10 to be expected
    assert 0.4 < share < 0.6
    assert torch.equal(by_residual(domain, x, lambda x: x[:, 0], fraction=0.0), x)


def test_bad_domains_say_what_is_wrong():
    with pytest.raises(ParameterError, match=r"`lo` must lie below `hi`"):
        Box((0, 1), (1, 1))
    with pytest.raises(ParameterError, match=r"`radius` must be a positive number; got -1"):
        Disk(radius=-1)
    with pytest.raises(ParameterError, match=r"`center` must be a point \(x, y\)"):
        Disk((0, 0, 0))
    with pytest.raises(ParameterError, match=r"`time` must be \(begin, end\) with begin < end; got \(1, 0\)"):
        TimeSpace((1, 0), Box(0, 1))
    with pytest.raises(ParameterError, match=r"`space` must have coordinates in space only"):
        TimeSpace((0, 1), TimeSpace((0, 1), Box(0, 1)))
    with pytest.raises(ParameterError, match=r"`names` must be 2 different names"):
        Box((0, 0), (1, 1), names=("x", "x"))
    with pytest.raises(ParameterError, match=r"of the plane"):
        LShape((0,), (1,))
    with pytest.raises(ParameterError, match=r"`n` \(number of points\) must be an int >= 1; got 0"):
        Box(0, 1).interior(0)
    with pytest.raises(ParameterError, match=r"`method` must be one of .*; got 'halton'"):
        Disk().boundary(5, "halton")
    with pytest.raises(ShapeError, match=r"`x` must be \(points, coordinates\)"):
        Points(torch.zeros(3))
    with pytest.raises(ShapeError, match=r"`boundary` must be \(points, 2\)"):
        Points(torch.zeros(3, 2), boundary=torch.zeros(3, 1))
    with pytest.raises(ShapeError, match=r"one row for every point of `boundary`"):
        Points(torch.zeros(3, 2), normal=torch.zeros(3, 2))
    with pytest.raises(DomainError, match=r"this cloud of points has none. Give it: `Points\(x, boundary=...\)`"):
        Points(torch.zeros(3, 2)).boundary(5)
