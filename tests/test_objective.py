import copy
import math
import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape.checks import is_same_loss
from landscape.errors import DataError
from landscape.evaluation import reference_plan
from landscape.evaluation.plan import single_point
from landscape.evaluation.strategy import BatchedStrategy
from landscape.evaluation.values import summary
from landscape.losses import Loss
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.values import Values

Data = tuple[Tensor, Tensor]
CPU = torch.device("cpu")


def values(model: nn.Module, loss: Loss, data: Data, **options: object) -> Values:
    arguments = {"device": CPU, "dtype": torch.float64, **options}
    objective = Objective(model, loss, data, **arguments)  # type: ignore[arg-type]
    plane = single_point(objective.center)
    return next(reference_plan(objective, plane).on(objective)([(0.0, 0.0)]))


def test_values_are_those_of_plain_torch(conv_net: nn.Module, images: Data) -> None:
    x, y = images
    result = values(conv_net, F.cross_entropy, images, images_per_batch=5)
    outputs = conv_net.double().eval()(x.double()).detach()
    losses = F.cross_entropy(outputs, y, reduction="none").numpy()
    assert result.loss == pytest.approx(losses.mean(), rel=1e-12)
    assert result.standard_error == pytest.approx(losses.std(ddof=1) / math.sqrt(23), rel=1e-12)
    assert result.accuracy == pytest.approx(float((outputs.argmax(1) == y).double().mean()))


@pytest.mark.parametrize("num", [1, 2, 7, 22, 23, 24, 1000])
def test_batches_do_not_matter_also_a_ragged_last(mlp: nn.Module, vectors: Data, num: int) -> None:
    def mean(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets)

    whole = values(mlp, mean, vectors, images_per_batch=23)
    parts = values(mlp, mean, vectors, images_per_batch=num)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-12)
    assert parts.accuracy == pytest.approx(whole.accuracy)


@pytest.mark.parametrize(
    "loss",
    [
        F.cross_entropy,
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(reduction="none"),
        nn.CrossEntropyLoss(label_smoothing=0.0),
        lambda o, t: F.cross_entropy(o, t, reduction="none"),
        lambda o, t: F.cross_entropy(o, t),
    ],
)
def test_every_form_of_a_loss_is_the_same_mean(mlp: nn.Module, vectors: Data, loss: Loss) -> None:
    result, expected = values(mlp, loss, vectors), values(mlp, F.cross_entropy, vectors)
    assert result.loss == pytest.approx(expected.loss, rel=1e-12)


def test_the_standard_error_is_unknown_where_only_means_are_given(
    mlp: nn.Module, vectors: Data
) -> None:
    assert math.isnan(values(mlp, lambda o, t: F.cross_entropy(o, t), vectors).standard_error)


def test_values_per_example_may_have_further_dimensions(vectors: Data) -> None:
    model = nn.Linear(7, 4)
    data = vectors[0], torch.randn(23, 4)
    result = values(model, F.mse_loss, data)
    expected = ((model.double()(data[0].double()) - data[1].double()) ** 2).mean().item()
    assert result.loss == pytest.approx(expected, rel=1e-12)
    assert math.isnan(result.accuracy)


def broadcast(outputs: Tensor, targets: Tensor) -> Tensor:
    return ((outputs[:, :1] - targets) ** 2).mean()


@pytest.mark.parametrize(
    "loss",
    [
        lambda o, t: F.cross_entropy(o, t).sqrt(),
        lambda o, t: F.cross_entropy(o, t, weight=torch.tensor([1.0, 5.0, 0.1]).to(o)),
        lambda o, t: o.var(),
        broadcast,
    ],
)
@pytest.mark.parametrize("labels", [[0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 2, 1]])
def test_a_loss_that_is_no_mean_is_refused(mlp: nn.Module, loss: Loss, labels: list[int]) -> None:
    """Also where the first few examples do not show it."""
    with pytest.raises(ValueError, match="not a mean over examples"):
        values(mlp, loss, (torch.randn(6, 7), torch.tensor(labels)))


@pytest.mark.parametrize(
    "loss",
    [
        lambda o, t: F.cross_entropy(o, t, weight=torch.tensor([1.0, 5.0, 0.1]).to(o)),
        lambda o, t: F.nll_loss(o, t, ignore_index=2),
        lambda o, t: F.cross_entropy(o, t, reduction="none") / o.max(),
    ],
)
def test_it_is_refused_as_well_where_the_data_are_sorted(mlp: nn.Module, loss: Loss) -> None:
    """And where the first batch is all of one class."""
    labels = torch.tensor([0, 1, 2]).repeat_interleave(50)
    with pytest.raises(ValueError, match="not a mean over examples"):
        values(mlp, loss, (torch.randn(150, 7), labels), images_per_batch=20)


def test_it_is_refused_as_well_where_all_losses_are_equal(vectors: Data) -> None:
    """As near an untrained model, where a weighted mean has the value of a plain one."""
    model = nn.Linear(7, 3)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    with pytest.raises(ValueError, match="not a mean over examples"):
        values(
            model,
            lambda o, t: F.cross_entropy(o, t, weight=torch.tensor([1.0, 5.0, 0.1]).to(o)),
            vectors,
        )


class Sum(nn.Module):
    """Has an attribute that its forward does not read."""

    reduction = "mean"

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets, reduction="sum")


WEIGHT = torch.tensor([1.0, 5.0, 0.1], dtype=torch.float64)


@pytest.mark.parametrize("sorted_", [False, True])
@pytest.mark.parametrize("size", [1, 20, 150])
@pytest.mark.parametrize(
    ("loss", "whole"),
    [
        (nn.CrossEntropyLoss(weight=WEIGHT.float()), partial(F.cross_entropy, weight=WEIGHT)),
        (partial(F.cross_entropy, weight=WEIGHT.float()), partial(F.cross_entropy, weight=WEIGHT)),
        (
            nn.CrossEntropyLoss(weight=WEIGHT.float(), label_smoothing=0.1),
            partial(F.cross_entropy, weight=WEIGHT, label_smoothing=0.1),
        ),
        (nn.CrossEntropyLoss(ignore_index=1), partial(F.cross_entropy, ignore_index=1)),
        (partial(F.nll_loss, ignore_index=2), partial(F.nll_loss, ignore_index=2)),
        (nn.CrossEntropyLoss(reduction="sum"), F.cross_entropy),
        (lambda o, t: F.cross_entropy(o, t, reduction="sum"), F.cross_entropy),
        (Sum(), F.cross_entropy),
        (
            lambda o, t: (F.cross_entropy(o, t, reduction="none"), WEIGHT[t]),
            partial(F.cross_entropy, weight=WEIGHT),
        ),
        (
            lambda o, t: (F.cross_entropy(o, t, weight=WEIGHT.to(o)), WEIGHT[t].sum()),
            partial(F.cross_entropy, weight=WEIGHT),
        ),
    ],
)
def test_a_weighted_mean_is_that_of_plain_torch(
    mlp: nn.Module, loss: Loss, whole: Loss, size: int, sorted_: bool
) -> None:
    labels = torch.tensor([0, 1, 2]).repeat(50)
    x, y = torch.randn(150, 7), labels.sort()[0] if sorted_ else labels
    result = values(mlp, loss, (x, y), images_per_batch=size)
    expected = whole(mlp.double().eval()(x.double()), y)
    assert result.loss == pytest.approx(float(expected.detach()), rel=1e-10)


def test_the_standard_error_of_a_weighted_mean_is_that_of_the_bootstrap(mlp: nn.Module) -> None:
    """The delta method, against resampled examples."""
    x, y = torch.randn(400, 7), torch.randint(3, (400,))
    result = values(mlp, nn.CrossEntropyLoss(weight=WEIGHT.float()), (x, y))
    losses = F.cross_entropy(mlp.double().eval()(x.double()), y, reduction="none").detach()
    some = torch.randint(400, (2000, 400), generator=torch.manual_seed(0))
    weights = WEIGHT[y]
    means = (losses * weights)[some].sum(1) / weights[some].sum(1)
    assert result.standard_error == pytest.approx(float(means.std()), rel=0.06)


def test_labels_that_torch_ignores_are_left_out_of_loss_and_accuracy(mlp: nn.Module) -> None:
    labels = torch.randint(3, (150,))
    labels[70:110] = -100
    x = torch.randn(150, 7)
    result = values(mlp, F.cross_entropy, (x, labels), images_per_batch=5)
    outputs = mlp.double().eval()(x.double()).detach()
    assert result.loss == pytest.approx(float(F.cross_entropy(outputs, labels)), rel=1e-12)
    counted = labels >= 0
    accuracy = (outputs.argmax(1) == labels)[counted].double().mean()
    assert result.accuracy == pytest.approx(float(accuracy))


def test_tokens_are_counted_in_every_order_of_classes() -> None:
    """Labels of every token, padded: loss and accuracy are those of plain torch."""
    model, x = nn.Linear(6, 5), torch.randn(12, 9, 6)
    labels = torch.randint(5, (12, 9))
    labels[3:, 5:] = -100
    outputs = model.double()(x.double()).detach()
    expected = F.cross_entropy(outputs.flatten(0, 1), labels.flatten())
    for loss in ("cross_entropy", F.cross_entropy, nn.CrossEntropyLoss()):
        result = values(model, loss, (x, labels), images_per_batch=5)  # type: ignore[arg-type]
        assert result.loss == pytest.approx(float(expected), rel=1e-12)
        right = (outputs.argmax(-1) == labels)[labels >= 0].double().mean()
        assert result.accuracy == pytest.approx(float(right))


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize("reduction", ["batchmean", "mean", "sum"])
def test_divergences_have_the_mean_that_torch_gives(reduction: str) -> None:
    model, x = nn.Sequential(nn.Linear(7, 4), nn.LogSoftmax(1)), torch.randn(30, 7)
    y = torch.randn(30, 4).softmax(1)
    result = values(model, nn.KLDivLoss(reduction=reduction), (x, y), images_per_batch=7)
    outputs = model.double()(x.double())
    expected = F.kl_div(outputs, y.double(), reduction=reduction) / (
        30 if reduction == "sum" else 1
    )
    assert result.loss == pytest.approx(float(expected.detach()), rel=1e-10)


def test_a_net_that_has_learned_all_is_not_refused(vectors: Data) -> None:
    """Its losses are rounding."""
    model = nn.Linear(7, 3)
    with torch.no_grad():
        model.weight.mul_(1e-4)
        model.bias.copy_(torch.tensor([300.0, 0, 0]))
    for loss in (F.cross_entropy, nn.CrossEntropyLoss(label_smoothing=1e-7)):
        values(model, loss, (vectors[0], vectors[1] * 0), dtype=torch.float32)


class Neighborly(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        outputs = super().forward(x)
        return outputs / outputs.abs().max()


def test_comparing_every_example_with_every_other_is_refused(vectors: Data) -> None:
    """Outputs (n, 1) against targets (n,): torch only warns."""
    with (
        pytest.warns(UserWarning, match="target size"),
        pytest.raises(DataError, match="every example with every other"),
    ):
        values(nn.Linear(7, 1), F.mse_loss, (vectors[0], torch.randn(23)))


def test_one_output_has_no_accuracy(vectors: Data) -> None:
    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(outputs.squeeze(1), targets.double())

    assert math.isnan(values(nn.Linear(7, 1), loss, (vectors[0], vectors[1] % 2)).accuracy)


def test_nan_outputs_are_not_correct(vectors: Data) -> None:
    model = nn.Linear(7, 3)
    with torch.no_grad():
        model.bias.fill_(torch.nan)
    assert values(model, F.cross_entropy, (vectors[0], vectors[1] * 0)).accuracy == 0


def test_an_output_that_depends_on_its_neighbors_is_refused(images: Data) -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 3, 6), nn.BatchNorm2d(3, track_running_stats=False), nn.Flatten()
    )
    with pytest.raises(ValueError, match="1 is a BatchNorm without running statistics"):
        values(model, F.cross_entropy, images)


def test_an_output_that_depends_on_its_batch_is_refused(vectors: Data) -> None:
    with pytest.raises(ValueError, match="depends on the rest of the batch"):
        values(Neighborly(7, 3), F.cross_entropy, vectors)


def test_the_first_look_at_a_net_takes_the_available_memory(
    mlp: nn.Module, vectors: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_five(model: nn.Module, x: Tensor, call: Any = nn.Sequential.forward) -> Tensor:
        if len(x) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return call(model, x)  # type: ignore[no-any-return]

    expected = values(mlp, F.cross_entropy, vectors)[:3]
    monkeypatch.setattr(nn.Sequential, "forward", of_five)
    found = values(mlp, F.cross_entropy, vectors, images_per_batch=5)[:3]
    assert found == pytest.approx(expected)
    of_one = nn.Sequential(nn.Linear(7, 3), nn.Flatten())
    monkeypatch.setattr(nn.Flatten, "forward", lambda *_: torch.empty(10**18))
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        values(of_one, F.cross_entropy, vectors)


def test_the_data_are_left_as_they_were(mlp: nn.Module, vectors: Data) -> None:
    before = vectors[0].clone()
    with pytest.raises(ValueError, match="changes its inputs"):
        values(
            nn.Sequential(nn.ReLU(inplace=True), mlp), F.cross_entropy, vectors, dtype=torch.float32
        )
    assert torch.equal(vectors[0], before)


def test_complex_buffers_stay_complex(vectors: Data) -> None:
    class Rotated(nn.Linear):
        def __init__(self) -> None:
            super().__init__(7, 3)
            self.register_buffer("turn", torch.tensor(1j))

        def forward(self, x: Tensor) -> Tensor:
            return -(super().forward(x) * self.turn * self.turn).real  # type: ignore[operator]

    model = Rotated()
    expected = F.cross_entropy(model(vectors[0]), vectors[1]).item()
    assert values(model, F.cross_entropy, vectors).loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own compiler
def test_wrapped_models_are_unwrapped(mlp: nn.Module, vectors: Data) -> None:
    expected = values(mlp, F.cross_entropy, vectors)
    wrapped = nn.DataParallel(mlp)
    compiled: Any = torch.compile(mlp)
    assert values(wrapped, F.cross_entropy, vectors) == expected
    assert values(compiled, F.cross_entropy, vectors) == expected


def test_accuracy_of_sequences_in_both_layouts() -> None:
    """Classes second, as torch has them, or last, as language models do."""

    class Fixed(nn.Module):
        def __init__(self, outputs: Tensor) -> None:
            super().__init__()
            self.outputs = nn.Parameter(outputs)

        def forward(self, x: Tensor) -> Tensor:
            return self.outputs[x.squeeze(1).long()]

    targets = torch.randint(5, (4, 3))
    outputs = F.one_hot(targets, 5).float()
    targets[0, 0] = (targets[0, 0] + 1) % 5  # 11 of 12 are right
    data = torch.arange(4.0).unsqueeze(1), targets
    last = values(Fixed(outputs), lambda o, t: F.cross_entropy(o.flatten(0, 1), t.flatten()), data)
    second = values(Fixed(outputs.transpose(1, 2).contiguous()), F.cross_entropy, data)
    assert last.accuracy == pytest.approx(11 / 12)
    assert second.accuracy == pytest.approx(11 / 12)


def test_the_model_is_left_exactly_as_it_was(conv_net: nn.Module, images: Data) -> None:
    conv_net.train()
    conv_net.head.requires_grad_(False)
    before = copy.deepcopy(conv_net.state_dict())
    random_state = torch.get_rng_state()
    objective = Objective(conv_net, F.cross_entropy, images, device=CPU, dtype=torch.float64)
    plane = Plane(objective.center, objective.center, objective.center)
    list(reference_plan(objective, plane).on(objective)([(1.0, 1.0)]))
    assert conv_net.training
    assert conv_net.bn.training  # type: ignore[union-attr]
    assert [p.requires_grad for p in conv_net.parameters()] == [True, True, True, False, False]
    assert all(p.dtype == torch.float32 for p in conv_net.parameters())
    for name, tensor in conv_net.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert torch.equal(random_state, torch.get_rng_state())


def test_training_on_does_not_change_the_objective(mlp: nn.Module, vectors: Data) -> None:
    objective = Objective(mlp, F.cross_entropy, vectors, device=CPU)
    center = {name: tensor.clone() for name, tensor in objective.center.items()}
    with torch.no_grad():
        for parameter in mlp.parameters():
            parameter.add_(1)
    for name, tensor in objective.center.items():
        assert torch.equal(tensor, center[name])


def test_labels_without_an_output_are_refused(mlp: nn.Module) -> None:
    for label in (-1, 3):
        data = torch.randn(2, 7), torch.tensor([0, label])
        with pytest.raises(DataError, match=r"labels must be 0 … 2 for a net with 3 outputs"):
            values(mlp, F.cross_entropy, data)


def test_data_that_do_not_fit_are_refused(mlp: nn.Module, vectors: Data) -> None:
    x, y = vectors
    with pytest.raises(DataError, match=r"does not take inputs of shape \(23, 3\)"):
        values(mlp, F.cross_entropy, (x[:, :3], y))
    with pytest.raises(DataError, match="shapes \\(23, 7\\) and \\(5,\\)"):
        values(mlp, F.cross_entropy, (x, y[:5]))
    with pytest.raises(DataError, match="the loss does not take"):
        values(mlp, F.cross_entropy, (x, torch.zeros(23, 9)))
    with pytest.raises(ValueError, match="images_per_batch must be 1 or more"):
        values(mlp, F.cross_entropy, vectors, images_per_batch=0)


def test_a_loss_of_torch_takes_one_tensor(vectors: Data) -> None:
    class Pair(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return (x, x)  # type: ignore[return-value]

    with pytest.raises(DataError, match="takes a tensor of outputs"):
        values(Pair(7, 3), F.cross_entropy, vectors)


def test_shape_of_the_loss_is_checked(mlp: nn.Module, vectors: Data) -> None:
    with pytest.raises(ValueError, match="one value per example"):
        values(mlp, lambda o, t: o.sum(0)[:2], vectors)


def test_the_same_point_twice_has_one_loss() -> None:
    for pair in ((1.0, 1.0 + 1e-6), (math.nan, math.nan), (math.inf, math.inf), (1e-9, 2e-9)):
        assert is_same_loss(*pair)
    for pair in ((1.0, 1.01), (1.0, math.nan), (math.inf, 1.0)):
        assert not is_same_loss(*pair)


def test_values_of_one_example_and_of_infinite_losses() -> None:
    def values(losses: Tensor) -> list[Values]:
        correct = torch.ones_like(losses, dtype=torch.bool)
        return [Values(*row) for row in summary(losses, correct, per_example=True).tolist()]

    (one,) = values(torch.tensor([[2.0]], dtype=torch.float64))
    assert one[:2] == (2.0, 1.0)
    assert math.isnan(one.standard_error)
    many = values(torch.tensor([[1.0, math.inf], [0.0, math.nan], [1.0, 3.0]], dtype=torch.float64))
    assert many[0].loss == math.inf
    assert math.isnan(many[1].loss)
    assert many[2][:3] == pytest.approx((2.0, 1.0, 1.0))


def test_what_cannot_be_copied_is_no_model(mlp: nn.Module, vectors: Data) -> None:
    script = torch.jit.script(mlp)
    with pytest.raises(ValueError, match="plain nn.Module, not a RecursiveScriptModule"):
        values(script, F.cross_entropy, vectors)
    mlp.lock = threading.Lock()  # type: ignore[assignment]
    with pytest.raises(ValueError, match="cannot be copied: cannot pickle"):
        values(mlp, F.cross_entropy, vectors)


@pytest.mark.parametrize("mode", ["r", "c"])
def test_an_array_mapped_to_a_file_is_not_copied(tmp_path: Path, mode: Any) -> None:
    written = np.memmap(tmp_path / "x", dtype=np.float32, mode="w+", shape=(40, 5))
    written[:] = np.random.default_rng(0).normal(size=(40, 5))
    written.flush()
    x = np.memmap(tmp_path / "x", dtype=np.float32, mode=mode, shape=(40, 5))
    objective = Objective(nn.Linear(5, 3), data=(x, np.arange(40) % 3), device="cpu")
    assert isinstance(objective.inputs, Tensor)
    assert objective.inputs.data_ptr() == x.ctypes.data
    strategy = reference_plan(objective, Plane.random(objective.center)).on(objective)
    assert isinstance(strategy, BatchedStrategy)
    assert strategy._batches[0].inputs.data_ptr() == x.ctypes.data
