import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landscape.directions import random_direction
from landscape.errors import ParameterMismatchError
from landscape.plane import Plane

CENTER = {"w": torch.arange(12.0, dtype=torch.float64).view(3, 4), "b": torch.ones(3).double()}


def test_at_is_the_center_plus_both_directions() -> None:
    plane = Plane(
        CENTER, {"w": CENTER["w"] * 2, "b": CENTER["b"]}, {"w": -CENTER["w"], "b": CENTER["b"] * 0}
    )
    point = plane.at(0.5, 3.0)
    torch.testing.assert_close(point["w"], CENTER["w"] * (1 + 1 - 3))
    torch.testing.assert_close(point["b"], CENTER["b"] * 1.5)
    assert torch.equal(plane.at(0, 0)["w"], CENTER["w"])


@given(st.floats(-3, 3), st.floats(-3, 3), st.integers(0, 10))
def test_project_inverts_at(alpha: float, beta: float, seed: int) -> None:
    plane = Plane.random(CENTER, seed)
    assert plane.project(plane.at(alpha, beta)) == pytest.approx((alpha, beta), abs=1e-12)


def test_project_is_orthogonal_also_for_directions_that_are_not() -> None:
    delta = {"w": torch.eye(2).double()}
    eta = {"w": torch.tensor([[1.0, 0.0], [0.0, 0.0]]).double()}
    plane = Plane({"w": torch.zeros(2, 2).double()}, delta, eta)
    off = {"w": torch.tensor([[5.0, 99.0], [-99.0, 2.0]]).double()}  # 99: out of the plane
    assert plane.project(off) == pytest.approx((2.0, 3.0))


def test_parallel_directions_have_no_coordinates() -> None:
    direction = random_direction(CENTER, 0, 0)
    plane = Plane(CENTER, direction, {name: -2 * d for name, d in direction.items()})
    with pytest.raises(ValueError, match="linearly dependent"):
        plane.project(CENTER)


def test_random_needs_a_seed_and_something_to_move() -> None:
    with pytest.raises(ValueError, match="seed must be 0 or more"):
        Plane.random(CENTER, -1)
    with pytest.raises(ValueError, match="no parameter has two or more dimensions"):
        Plane.random({"b": torch.ones(3)}, 0)


def test_directions_must_match_the_center() -> None:
    with pytest.raises(ParameterMismatchError, match="direction eta"):
        Plane(CENTER, CENTER, {"w": CENTER["w"]})
