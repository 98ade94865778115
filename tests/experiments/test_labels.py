"""The exact statements of the experiment ``labels``."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from scipy.special import log_softmax

from landscape.experiments.labels import smoothed, smoothed_exactly


@pytest.mark.parametrize("classes", [3, 10])
@pytest.mark.parametrize(
    ("target", "factor"),
    [(smoothed, lambda k: 1), (smoothed_exactly, lambda k: k / (k - 1))],
)
def test_torch_smooths_labels_the_same(target, factor, classes: int) -> None:  # type: ignore[no-untyped-def]
    logits = torch.randn(20, classes, dtype=torch.float64, generator=torch.manual_seed(0))
    y = torch.arange(20) % classes
    ours = F.cross_entropy(logits, target(y, 0.2, classes))
    theirs = F.cross_entropy(logits, y, label_smoothing=0.2 * factor(classes))
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=0)
    assert not torch.isclose(ours, F.cross_entropy(logits, y, label_smoothing=0.21))


@pytest.mark.parametrize(
    ("target", "gap"),
    [
        (smoothed, math.log((1 - 0.1 + 0.1 / 10) / (0.1 / 10))),
        (smoothed_exactly, math.log(0.9 * 9 / 0.1)),
    ],
)
def test_the_smallest_cross_entropy_is_at_the_gap_of_the_formula(target, gap: float) -> None:  # type: ignore[no-untyped-def]
    q = target(torch.tensor([4]), 0.1, 10)[0].numpy()
    found = minimize(lambda logits: -(q @ log_softmax(logits)), np.zeros(10), tol=1e-9).x
    np.testing.assert_allclose(found[4] - np.delete(found, 4), gap, rtol=1e-4)
