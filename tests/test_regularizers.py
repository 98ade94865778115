import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.models.norms import norm
from landscape.models.regularizers import DropPath, MultiplicativeNoise, conv2d

SAMPLES = 20_000


def check_mean(samples: Tensor, expected: Tensor) -> None:
    """Compare the mean of samples with its expected value, to five standard errors."""
    error = samples.std(0) / len(samples) ** 0.5
    assert error.max() > 0
    assert ((samples.mean(0) - expected).abs() <= 5 * error).all()


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_drop_path_drops_whole_images(p: float) -> None:
    """The standard error is at most √(p/(1-p)/20,000), 2 % of the value."""
    x = torch.rand(1, 2, 2, 3, dtype=torch.float64) + 1
    y = DropPath(p)(x.expand(SAMPLES, -1, -1, -1))
    check_mean(y, x[0])
    dropped = (y == 0).flatten(1)
    assert torch.equal(dropped.any(1), dropped.all(1))
    torch.testing.assert_close(y[~dropped.any(1)][0], x[0] / (1 - p))
    assert abs(float(dropped[:, 0].double().mean()) - p) < 5 * (p * (1 - p) / SAMPLES) ** 0.5


@pytest.mark.parametrize("strength", [0.2, 1.0])
def test_multiplicative_noise_is_uniform_around_one(strength: float) -> None:
    """A uniform distribution of width 2s has the variance s²/3; the standard error is 0.4 %."""
    x = torch.rand(1, 6, dtype=torch.float64) + 1
    y = MultiplicativeNoise(strength)(x.expand(SAMPLES, -1))
    check_mean(y, x[0])
    factors = y / x
    assert factors.min() >= 1 - strength
    assert factors.max() <= 1 + strength
    assert factors.min() < 1 - 0.99 * strength
    assert factors.max() > 1 + 0.99 * strength
    torch.testing.assert_close(
        factors.var(), torch.tensor(strength**2 / 3, dtype=torch.float64), rtol=0.03, atol=0
    )
    correlation = torch.corrcoef(factors.T) - torch.eye(6)  # every value has its own noise
    assert correlation.abs().max() < 5 / SAMPLES**0.5


def test_drop_connect_drops_weights() -> None:
    """Over 4,000 batches the standard error is below 2 % of a weight."""
    layer = conv2d(2, 3, 3, drop_connect=0.4).double()
    # At the center pixel, an image that is 1 at one pixel has one of the weights as output.
    images = torch.eye(18, dtype=torch.float64).view(18, 2, 3, 3)
    with torch.no_grad():
        batches = torch.stack([layer(images)[:, :, 1, 1] for _ in range(4000)])
        expected = layer.eval()(images)[:, :, 1, 1]
    torch.testing.assert_close(expected.T.reshape(3, 2, 3, 3), layer.weight)
    check_mean(batches, expected)
    kept = batches != 0
    torch.testing.assert_close(batches[kept], (expected / 0.6).expand_as(batches)[kept])
    assert abs(float(kept.double().mean()) - 0.6) < 5 * (0.4 * 0.6 / kept.numel()) ** 0.5


@pytest.mark.parametrize("module", [DropPath(0.5), MultiplicativeNoise(1.0)])
def test_noise_is_off_in_evaluation(module: nn.Module) -> None:
    x = torch.rand(5, 2, 3, 3)
    assert torch.equal(module.eval()(x), x)
    assert not torch.equal(module.train()(x), x)


def test_no_noise_takes_no_random_numbers() -> None:
    before, x = torch.get_rng_state(), torch.rand(2, 3)
    torch.set_rng_state(before)
    for module in (DropPath(0), MultiplicativeNoise(0)):
        assert module.train()(x) is x
    assert type(conv2d(2, 3, 3)) is nn.Conv2d
    torch.set_rng_state(before)
    assert torch.equal(x, torch.rand(2, 3))


@pytest.mark.parametrize("wrong", [-0.1, 1.0, float("nan")])
def test_wrong_probabilities_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="from 0 to below 1"):
        DropPath(wrong)
    with pytest.raises(ValueError, match="from 0 to below 1"):
        conv2d(1, 1, 3, drop_connect=wrong)
    with pytest.raises(ValueError, match="from 0 to 1"):
        MultiplicativeNoise(wrong * 2)


@pytest.mark.parametrize(
    ("kind", "groups"), [("batch", 0), ("layer", 1), ("group", 3), ("none", 0)]
)
def test_normalizations_are_their_formulas(kind: str, groups: int) -> None:
    x = torch.randn(5, 24, 3, 2, dtype=torch.float64) * 3 + 1
    layer = norm(kind, 24).double().train()  # type: ignore[arg-type]
    expected = x.clone()
    for image in range(5) if groups else []:
        for part in expected[image].chunk(groups):
            part.copy_((part - part.mean()) / (part.var(correction=0) + 1e-5).sqrt())
    for channel in range(24) if kind == "batch" else []:
        part = expected[:, channel]
        part.copy_((part - part.mean()) / (part.var(correction=0) + 1e-5).sqrt())
    torch.testing.assert_close(layer(x), expected)
    assert sum(p.numel() for p in layer.parameters()) == (0 if kind == "none" else 48)


@pytest.mark.parametrize(
    ("channels", "groups"), [(4, 1), (8, 1), (16, 2), (28, 2), (60, 6), (61, 1), (256, 32)]
)
def test_groups_have_eight_channels_or_the_next_number_that_divides(
    channels: int, groups: int
) -> None:
    layer = norm("group", channels)
    assert isinstance(layer, nn.GroupNorm)
    assert layer.num_groups == groups
    assert channels == groups * (channels // groups)
    assert F.relu(layer(torch.randn(2, channels, 2, 2))).isfinite().all()


def test_an_unknown_normalization_is_refused() -> None:
    with pytest.raises(ValueError, match="expected norm batch, layer, group or none, got 'bn'"):
        norm("bn", 8)  # type: ignore[arg-type]
