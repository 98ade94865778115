import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape.grid import Grid

sizes = st.integers(1, 40)


def test_arrays_have_alpha_first() -> None:
    grid = Grid.regular((3, 2), (-1, 1), (10, 20))
    assert grid.shape == (3, 2)
    values = np.array([[grid.point(2 * i + j) for j in range(2)] for i in range(3)])
    assert values[2, 0].tolist() == [1, 10]
    assert values[0, 1].tolist() == [-1, 20]


@pytest.mark.parametrize("num", [3, 5, 7, 25, 51, 101, 251])
def test_the_middle_of_a_symmetric_range_is_exactly_the_center(num: int) -> None:
    grid = Grid.regular(num, (-0.7, 0.7))
    assert grid.alphas[num // 2] == 0
    assert grid.alphas[0] == -0.7
    assert grid.alphas[-1] == 0.7
    np.testing.assert_allclose(grid.alphas, np.linspace(-0.7, 0.7, num), atol=1e-15)


def test_a_range_may_touch_or_miss_zero() -> None:
    assert Grid.regular(3, (0, 1)).alphas.tolist() == [0, 0.5, 1]
    assert Grid.regular(2, (-2, 0), (3, 4)).betas.tolist() == [3, 4]


def test_one_point_lies_in_the_middle() -> None:
    assert Grid.regular((5, 1)).betas.tolist() == [0]


@given(sizes, sizes)
def test_order_visits_every_point_once_the_middle_first(n: int, m: int) -> None:
    grid = Grid.regular((n, m))
    order = grid.order()
    assert sorted(order.tolist()) == list(range(n * m))
    assert order[0] == (n // 2) * m + m // 2


@given(sizes, sizes, st.integers(0, 6))
def test_order_is_coarse_to_fine(n: int, m: int, level: int) -> None:
    """After (2^k + 1)² points no gap along an axis is wider than 1/2^k of it."""
    pieces = 2**level
    first = Grid.regular((n, m)).order()[: min(n, pieces + 1) * min(m, pieces + 1) + 1]
    for size, seen in ((n, np.unique(first // m)), (m, np.unique(first % m))):
        assert seen[0] == 0
        assert seen[-1] == size - 1
        assert np.diff(seen).max(initial=0) <= -(-(size - 1) // pieces)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"points": 0}, "points must be 1 or more"),
        ({"alpha": (1, -1)}, "must rise"),
        ({"beta": (1, 1)}, "must rise"),
        ({"alpha": (0, float("inf"))}, "must rise"),
    ],
)
def test_bad_ranges_are_refused(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Grid.regular(**arguments)  # type: ignore[arg-type]


def test_axes_must_rise_and_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="strictly increasing"):
        Grid(np.array([0.0, 0.0]), np.array([0.0]))
    grid = Grid(np.array([0.0, 0.1, 1.0]), np.array([0.0]))
    with pytest.raises(ValueError, match="read-only"):
        grid.alphas[0] = 5


def test_equality_is_of_the_coordinates() -> None:
    assert Grid.regular(5) == Grid.regular((5, 5), beta=(-1, 1))
    assert Grid.regular(5) != Grid.regular(5, (-1, 2))
    assert len({Grid.regular(5), Grid.regular(5)}) == 1
