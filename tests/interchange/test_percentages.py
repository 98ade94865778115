import numpy as np
import pytest

from landscape.interchange.percentages import to_fractions, to_percentages


@pytest.mark.parametrize("images", [7, 512, 1797, 50_000])
def test_counts_keep_their_value(images: int) -> None:
    correct = np.arange(images + 1)
    fractions, percentages = correct / images, 100 * correct / images
    np.testing.assert_array_equal(to_fractions(percentages), fractions)
    np.testing.assert_array_equal(to_percentages(fractions), percentages)


def test_percentages_in_single_precision_are_found_again() -> None:
    correct = np.arange(50_001)
    single = (np.float32(100) * correct.astype(np.float32) / np.float32(50_000)).astype(np.float64)
    np.testing.assert_array_equal(to_percentages(to_fractions(single)), single)


def test_other_numbers_are_rounded_once() -> None:
    values = np.random.default_rng(0).random(1000)
    np.testing.assert_array_equal(to_fractions(values), values / 100)
    assert np.isnan(to_fractions(np.array([np.nan, np.inf]))).all()
