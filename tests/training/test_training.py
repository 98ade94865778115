from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from landscape import checkpoints, datasets
from landscape.checkpoints import Checkpoint
from landscape.datasets.dataset import Dataset
from landscape.errors import CheckpointError, DataError
from landscape.models import Architecture
from landscape.training.augmentation import augment
from landscape.training.recipe import Optimizer, Recipe
from landscape.training.trainer import train
from tests.reporters import StopAt

NET = Architecture("resnet8", in_channels=1)
RECIPE = Recipe(epochs=4, images_per_batch=32, schedule="cosine")


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return datasets.load("digits").first(200)


def same(a: Checkpoint, b: Checkpoint) -> bool:
    return a.history == b.history and all(torch.equal(a.state[k], b.state[k]) for k in a.state)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("augmented", [False, True])
def test_an_interrupted_run_ends_with_the_same_bits(
    digits: Dataset, tmp_path: Path, optimizer: Optimizer, augmented: bool
) -> None:
    rate = 0.1 if optimizer == "sgd" else 1e-3
    recipe = replace(RECIPE, optimizer=optimizer, learning_rate=rate, augment=augmented)
    whole = train(NET, digits, digits.first(50), recipe, tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        train(NET, digits, digits.first(50), recipe, tmp_path / "b", progress=StopAt(17))
    part = checkpoints.load(tmp_path / "b" / "last.pt")
    assert part.epoch == 2
    assert part.resume
    resumed = train(NET, digits, digits.first(50), recipe, tmp_path / "b")
    assert same(whole, resumed)
    assert same(whole, checkpoints.load(tmp_path / "b" / "last.pt"))
    assert not checkpoints.load(tmp_path / "b" / "last.pt").resume


@pytest.mark.slow
def test_the_noise_of_a_training_is_reproducible(digits: Dataset, tmp_path: Path) -> None:
    net = NET.replaced(dropout=0.2, drop_path=0.2, drop_connect=0.1, noise=0.5)
    recipe = replace(RECIPE, epochs=2)
    whole = train(net, digits, None, recipe, tmp_path / "a")
    torch.manual_seed(99)
    state = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        train(net, digits, None, recipe, tmp_path / "b", progress=StopAt(9))
    assert checkpoints.load(tmp_path / "b" / "last.pt").epoch == 1
    assert same(whole, train(net, digits, None, recipe, tmp_path / "b"))
    assert torch.equal(state, torch.get_rng_state())
    other = train(net, digits, None, replace(recipe, seed=1), tmp_path / "c")
    assert not same(whole, other)
    quiet = train(NET, digits, None, recipe, tmp_path / "d")
    assert whole.history["train_loss"] != quiet.history["train_loss"]


@pytest.mark.slow
def test_a_net_learns(tmp_path: Path) -> None:
    whole = datasets.load("digits")
    recipe = Recipe(epochs=6, images_per_batch=64)
    last = train(NET, whole, datasets.load("digits", "test"), recipe, tmp_path)
    assert last.history["test_accuracy"][-1] > 0.9
    assert last.history["train_loss"][-1] < 0.3 < last.history["train_loss"][0]
    assert {len(values) for values in last.history.values()} == {6}


@pytest.mark.slow
@pytest.mark.parametrize(("threads", "seed"), [(1, 0), (2, 1)])
def test_the_default_recipe_trains_deep_residual_nets_and_not_plain_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, seed: int
) -> None:
    """At reduced size; results/README.md has the whole table."""
    monkeypatch.setattr("landscape.training.run.fastest_num_threads", lambda _: threads)
    recipe = Recipe(epochs=10, images_per_batch=64, seed=seed)
    part, test_set = datasets.load("digits").first(512), datasets.load("digits", "test")
    accuracy = {
        family: train(
            Architecture(f"{family}56", in_channels=1), part, test_set, recipe, tmp_path / family
        ).history["test_accuracy"][-1]
        for family in ("resnet", "plain")
    }
    assert accuracy["resnet"] > 0.85
    assert accuracy["plain"] < 0.5


def test_warm_up_takes_a_fifth_of_the_epochs() -> None:
    assert [Recipe(epochs=epochs).warmup_epochs for epochs in (1, 2, 5, 30)] == [0, 0, 1, 6]
    assert Recipe(epochs=30, warmup_epochs=0).warmup_epochs == 0


def test_checkpoints_are_where_they_are_looked_for(digits: Dataset, tmp_path: Path) -> None:
    train(NET, digits, None, RECIPE, tmp_path, save_every=2)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["epoch-002.pt", "epoch-004.pt", "initial.pt", "last.pt"]
    initial = checkpoints.load(tmp_path / "initial.pt")
    torch.manual_seed(RECIPE.seed)
    for name, tensor in NET.build().state_dict().items():
        assert torch.equal(initial.state[name], tensor)
    last = checkpoints.load(tmp_path / "last.pt")
    assert (last.net, last.data, last.epoch) == (NET, "digits", 4)
    assert last.recipe["schedule"] == "cosine"
    assert last.preprocessing == digits.preprocessing


def test_plain_and_residual_nets_start_from_the_same_weights(
    digits: Dataset, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, epochs=1)
    states = []
    for name in ("plain8", "resnet8"):
        train(NET.replaced(name), digits, None, recipe, tmp_path / name)
        states.append(checkpoints.load(tmp_path / name / "initial.pt").state)
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name])


def test_the_seed_matters_and_the_global_random_stream_does_not(
    digits: Dataset, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, epochs=1)
    first = train(NET, digits, None, recipe, tmp_path / "a")
    torch.manual_seed(99)
    state = torch.get_rng_state()
    assert same(first, train(NET, digits, None, recipe, tmp_path / "b"))
    assert torch.equal(state, torch.get_rng_state())
    assert not same(first, train(NET, digits, None, replace(recipe, seed=1), tmp_path / "c"))


def test_a_finished_run_is_not_repeated_and_another_is_refused(
    digits: Dataset, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, epochs=1)
    train(NET, digits, None, recipe, tmp_path)
    before = (tmp_path / "last.pt").read_bytes()
    train(NET, digits, None, recipe, tmp_path)
    assert (tmp_path / "last.pt").read_bytes() == before
    other = replace(recipe, learning_rate=0.05)
    with pytest.raises(CheckpointError, match="learning_rate: file 0.1, requested 0.05"):
        train(NET, digits, None, other, tmp_path)
    with pytest.raises(CheckpointError, match="net: file .*resnet8.*, requested .*plain8"):
        train(NET.replaced("plain8"), digits, None, recipe, tmp_path)
    assert (tmp_path / "last.pt").read_bytes() == before
    train(NET, digits, None, other, tmp_path, overwrite=True)
    assert checkpoints.load(tmp_path / "last.pt").recipe["learning_rate"] == 0.05


def test_the_checkpoints_of_others_are_not_deleted(digits: Dataset, tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(2)}, tmp_path / "epoch-mine.pt")
    recipe = replace(RECIPE, epochs=1)
    with pytest.raises(CheckpointError, match="epoch-mine"):
        train(NET, digits, None, recipe, tmp_path)
    assert (tmp_path / "epoch-mine.pt").exists()
    assert not (tmp_path / "initial.pt").exists()
    train(NET, digits, None, recipe, tmp_path, overwrite=True)
    assert not (tmp_path / "epoch-mine.pt").exists()


def test_an_unknown_net_is_refused(digits: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no network is named .vgg"):
        train(Architecture("vgg"), digits, None, Recipe(), tmp_path)


def test_schedules() -> None:
    step = Recipe(epochs=300, schedule="step", warmup_epochs=0)
    assert [step.rate_at(e) for e in (0, 149.9, 150.1, 226, 276)] == pytest.approx(
        [0.1, 0.1, 0.01, 0.001, 0.0001]
    )
    cosine = Recipe(epochs=10, schedule="cosine", warmup_epochs=2)
    assert cosine.rate_at(1) == pytest.approx(0.05 * (1 + np.cos(np.pi / 10)) / 2)
    assert cosine.rate_at(5) == pytest.approx(0.05)
    assert cosine.rate_at(10) == pytest.approx(0)
    assert Recipe(epochs=10, schedule="constant").rate_at(9.9) == 0.1


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"images_per_batch": 0},
        {"warmup_epochs": -1},
        {"seed": -1},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"label_smoothing": 1.0},
        {"weight_decay": -1.0},
        {"optimizer": "sdg"},
        {"schedule": "cosin"},
        {"precision": "fp16"},
    ],
)
def test_wrong_recipes_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Recipe(**wrong)  # type: ignore[arg-type]


def test_label_smoothing_raises_the_lowest_loss(digits: Dataset, tmp_path: Path) -> None:
    plain = train(NET, digits, None, RECIPE, tmp_path / "a")
    smooth = train(NET, digits, None, replace(RECIPE, label_smoothing=0.5), tmp_path / "b")
    assert smooth.history["train_loss"][-1] > plain.history["train_loss"][-1] + 0.3


def test_augmentation_is_a_crop_of_the_padded_image_half_of_them_mirrored() -> None:
    images = torch.arange(1.0, 1 + 2 * 16 * 16).view(1, 2, 16, 16).expand(400, -1, -1, -1)
    fill = torch.tensor([-7.0, -9.0]).view(1, 2, 1, 1)
    result = augment(images, fill, torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(images[0] - fill[0], (2, 2, 2, 2)) + fill[0]
    crops = {
        (dy, dx, flip): (c := padded[:, dy : dy + 16, dx : dx + 16], c.flip(2))[flip]
        for dy in range(5)
        for dx in range(5)
        for flip in (0, 1)
    }
    seen = [next(k for k, crop in crops.items() if torch.equal(crop, image)) for image in result]
    assert len(set(seen)) == 50
    assert 150 < sum(flip for _, _, flip in seen) < 250


def test_data_that_are_no_images_are_refused(tmp_path: Path) -> None:
    vectors = Dataset("mine", "all", torch.zeros(4, 7), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(DataError, match=r"images of shape \(n, channels, height, width\)"):
        train(NET, vectors, None, RECIPE, tmp_path)
    upright = Dataset("mine", "all", torch.zeros(4, 32, 32, 3), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(DataError, match=r"not \(4, 32, 32, 3\)"):
        train(NET, upright, None, RECIPE, tmp_path)
    few = replace(upright, x=torch.zeros(4, 1, 8, 8), y=torch.tensor([0, 1, 2, 77]))
    with pytest.raises(DataError, match="label 77, the net has 10 outputs"):
        train(NET, few, None, RECIPE, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_on_other_images_is_another_run(digits: Dataset, tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=1)
    train(NET, digits, None, recipe, tmp_path)
    with pytest.raises(CheckpointError, match="data_sha256"):
        train(NET, replace(digits, x=digits.x.flip(3)), None, recipe, tmp_path)


def test_mixed_precision_trains_nearly_the_same(digits: Dataset, tmp_path: Path) -> None:
    recipe = replace(RECIPE, learning_rate=0.01)
    full = train(NET, digits, None, recipe, tmp_path / "a")
    mixed = train(NET, digits, None, replace(recipe, precision="bfloat16"), tmp_path / "b")
    assert not same(full, mixed)
    np.testing.assert_allclose(mixed.history["train_loss"], full.history["train_loss"], rtol=0.05)
