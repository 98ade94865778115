"""Models, data and losses of every kind, against a fresh float64 copy at each point."""

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

import landscape
from landscape import Objective
from landscape.behavior import fast_path
from landscape.errors import DataError
from tests import huggingface
from tests.huggingface import library

pytestmark = [  # of the libraries
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

GRID = landscape.Grid.regular((3, 2), (-1.0, 1.0), (-0.5, 0.25))

Names = Callable[[str], str]
Change = Callable[[nn.Module, str, Tensor], None]


def add(model: nn.Module, name: str, step: Tensor) -> None:
    """Move a parameter of the given model."""
    model.get_parameter(name).add_(step)


def expected(
    objective: Objective,
    model: nn.Module,
    loss: Callable[[nn.Module], Tensor],
    change: Change = add,
    prepare: Callable[[nn.Module], nn.Module] = copy.deepcopy,
) -> tuple[landscape.Plane, NDArray[np.float64]]:
    """The plane, and the losses of a deep copy with moved parameters, point by point."""
    plane = landscape.Plane.random(objective.center, seed=3)
    losses = np.empty(GRID.shape)
    for i, alpha in enumerate(GRID.alphas):
        for j, beta in enumerate(GRID.betas):
            other = prepare(model).double().eval()
            with torch.no_grad(), fast_path(False):
                for name in objective.center:
                    delta, eta = (
                        direction[name].double() for direction in (plane.delta, plane.eta)
                    )
                    change(other, name, float(alpha) * delta + float(beta) * eta)
            with fast_path(False):
                losses[i, j] = float(loss(other).detach())
    return plane, losses


def check(
    model: nn.Module,
    loss: Any,
    data: Any,
    oracle: Callable[[nn.Module], Tensor],
    *,
    change: Change = add,
    prepare: Callable[[nn.Module], nn.Module] = copy.deepcopy,
    rtol: float = 1e-6,
    **options: Any,
) -> landscape.Surface:
    """Compare a scan with the oracle; it has to depend on the parameters."""
    objective = Objective(model, loss, data, device="cpu", **options)
    plane, losses = expected(objective, model, oracle, change, prepare)
    surface = landscape.scan(objective, plane, GRID)
    np.testing.assert_allclose(surface.losses, losses, rtol=rtol)
    assert np.ptp(losses) > 1e-3 * np.abs(losses).max()
    return surface


def doubled(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {key: doubled(value) for key, value in tree.items()}
    if isinstance(tree, tuple):
        return tuple(map(doubled, tree))
    return tree.double() if tree.is_floating_point() else tree


def test_regression_on_a_loader(mlp: nn.Module) -> None:
    x, y = torch.randn(50, 7), torch.randn(50, 3)
    loader = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True)
    check(mlp, "mse", loader, lambda net: F.mse_loss(net(x.double()), y.double()))


@pytest.fixture
def gpt() -> nn.Module:
    transformers = library()
    config = transformers.GPT2Config(
        vocab_size=40, n_positions=12, n_embd=16, n_layer=2, n_head=2, use_cache=False
    )
    model: nn.Module = transformers.GPT2LMHeadModel(config)
    return model


def texts(num: int = 9, length: int = 12) -> dict[str, Tensor]:
    """Token sequences of different lengths, padded at their end."""
    lengths = torch.randint(3, length + 1, (num,))
    mask = (torch.arange(length) < lengths[:, None]).long()
    ids = torch.randint(1, 40, (num, length)) * mask
    return {"input_ids": ids, "attention_mask": mask, "labels": ids.where(mask == 1, -100)}


def next_token(outputs: Any, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Values of all tokens, and their weights."""
    labels = batch["labels"][:, 1:]
    logits = outputs.logits[:, :-1].transpose(1, 2)
    return F.cross_entropy(logits, labels, reduction="none"), labels != -100


def own_loss(outputs: Any, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The model's mean over the tokens of a batch, and their number."""
    return outputs.loss, (batch["labels"][:, 1:] != -100).sum()


def of_all_tokens(net: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    logits = net(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten())


@pytest.mark.parametrize("loss", [next_token, own_loss])
@pytest.mark.parametrize("size", [4, None])
def test_a_causal_language_model_with_padding(gpt: nn.Module, loss: Any, size: int | None) -> None:
    """Embeddings are tied: one tensor moves in both places."""
    batch = texts()
    assert gpt.lm_head.weight is gpt.transformer.wte.weight  # type: ignore[union-attr]
    surface = check(gpt, loss, batch, lambda net: of_all_tokens(net, batch), images_per_batch=size)
    assert np.isfinite(surface.standard_errors).all() == (loss is next_token)


def test_labels_of_a_causal_language_model_are_those_of_the_next_token(gpt: nn.Module) -> None:
    batch = texts()
    ids = {key: batch[key] for key in ("input_ids", "attention_mask")}
    advice = r"predicts the next token: give loss=landscape\.hf\.causal_lm_loss"
    for data in (batch, (ids, batch["labels"]), (ids, {"labels": batch["labels"]})):
        with pytest.raises(ValueError, match=advice):
            Objective(gpt, "cross_entropy", data, device="cpu")


def test_labels_that_are_shifted_already_are_accepted(gpt: nn.Module) -> None:
    ids = torch.randint(1, 40, (9, 12))
    inputs, labels = ids[:, :-1], ids[:, 1:]

    def oracle(net: nn.Module) -> Tensor:
        return F.cross_entropy(net(inputs).logits.transpose(1, 2), labels)

    check(gpt, "cross_entropy", (inputs, labels), oracle)


def test_a_mean_over_the_tokens_of_a_batch_needs_its_weight(gpt: nn.Module) -> None:
    with pytest.raises(ValueError, match="not a mean over examples"):
        Objective(gpt, lambda outputs, batch: outputs.loss, texts(), device="cpu")


def test_a_masked_language_model_with_batches_of_dictionaries() -> None:
    """Sequences of each batch have their own length, so that batches are not regrouped."""
    model = huggingface.bert(vocabulary=40, length=16)
    batches = [texts(num, length) for num, length in ((5, 12), (3, 8), (4, 10))]
    for batch in batches:
        batch["labels"][torch.rand(batch["labels"].shape) < 0.7] = -100

    def oracle(net: nn.Module) -> Tensor:
        logits = [net(b["input_ids"], attention_mask=b["attention_mask"]).logits for b in batches]
        labels = torch.cat([b["labels"].flatten() for b in batches])
        return F.cross_entropy(torch.cat([each.flatten(0, 1) for each in logits]), labels)

    surface = check(model, "cross_entropy", batches, oracle)
    assert np.isfinite(surface.accuracies).all()


def test_an_image_classifier_of_transformers() -> None:
    model = huggingface.vit(labels=4)
    batch = {"pixel_values": torch.randn(10, 1, 8, 8), "labels": torch.randint(4, (10,))}

    def oracle(net: nn.Module) -> Tensor:
        return F.cross_entropy(net(batch["pixel_values"].double()).logits, batch["labels"])

    surface = check(model, nn.CrossEntropyLoss(), batch, oracle)
    assert np.isfinite(surface.accuracies).all()


def test_a_net_of_timm() -> None:
    timm = library("timm")
    model = timm.create_model("test_resnet", num_classes=5)
    x, y = torch.randn(6, 3, 32, 32), torch.randint(5, (6,))
    check(model, "cross_entropy", (x, y), lambda net: F.cross_entropy(net(x.double()), y))


class UNet(nn.Module):
    """One step down and up again, with a skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.inner = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.last = nn.Conv2d(16, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        high = torch.relu(self.norm(self.first(x)))
        low = self.up(torch.relu(self.inner(high)))
        out: Tensor = self.last(torch.cat([high, low], 1))
        return out


@pytest.mark.parametrize("size", [2, 7])
def test_segmentation_with_ignored_pixels(size: int) -> None:
    x, y = torch.randn(7, 3, 8, 8), torch.randint(4, (7, 8, 8))
    y[:, 5:] = 255
    y[3:, :4] = 255
    surface = check(
        UNet(),
        nn.CrossEntropyLoss(ignore_index=255),
        (x, y),
        lambda net: F.cross_entropy(net(x.double()), y, ignore_index=255),
        images_per_batch=size,
    )
    assert np.isfinite(surface.standard_errors).all()


class Tagger(nn.Module):
    """Labels every element of padded sequences."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTM(5, 8, batch_first=True, bidirectional=True)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(
            self.cell(packed)[0], batch_first=True, total_length=x.shape[1]
        )
        out: Tensor = self.head(states)
        return out


def test_a_recurrent_net_on_padded_sequences() -> None:
    lengths = torch.randint(2, 10, (11,))
    x, y = torch.randn(11, 9, 5), torch.randint(4, (11, 9))
    y[torch.arange(9) >= lengths[:, None]] = -100

    def oracle(net: nn.Module) -> Tensor:
        return F.cross_entropy(net(x.double(), lengths).flatten(0, 1), y.flatten())

    surface = check(Tagger(), "cross_entropy", ((x, lengths), y), oracle, images_per_batch=4)
    assert np.isfinite(surface.accuracies).all()


def test_ctc() -> None:
    model = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 5))
    x = torch.randn(8, 15, 6)
    targets = {
        "labels": torch.randint(1, 5, (8, 4)),
        "frames": torch.randint(10, 16, (8,)),
        "lengths": torch.randint(2, 5, (8,)),
    }

    def ctc(outputs: Tensor, y: Mapping[str, Tensor], reduction: str = "none") -> Tensor:
        logits = outputs.log_softmax(-1).transpose(0, 1)
        return F.ctc_loss(logits, y["labels"], y["frames"], y["lengths"], reduction=reduction)

    def oracle(net: nn.Module) -> Tensor:
        return ctc(net(x.double()), targets, "mean")

    def per_symbol(outputs: Tensor, y: Mapping[str, Tensor]) -> Tensor:
        return ctc(outputs, y) / y["lengths"]

    check(model, per_symbol, (x, targets), oracle)
    check(model, lambda o, y: ctc(o, y, "mean"), (x, targets), oracle, images_per_batch=3)


class GraphNet(nn.Module):
    def __init__(self, num: int) -> None:
        super().__init__()
        edges = ((torch.rand(num, num) < 4 / num) | torch.eye(num).bool()).float()
        self.edges: Tensor
        self.register_buffer("edges", edges / edges.sum(1, keepdim=True))
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.edges @ self.last(torch.relu(self.edges @ self.first(x)))
        return out


@pytest.mark.parametrize("num", [40, 300])
def test_a_graph_in_one_batch(num: int) -> None:
    x, y = torch.randn(num, 6), torch.randint(3, (num,))
    net = GraphNet(num)

    def oracle(net: nn.Module) -> Tensor:
        return F.cross_entropy(net(x.double()), y)

    surface = check(net, "cross_entropy", (x, y), oracle, full_batch=True)
    assert np.isnan(surface.standard_errors).all()
    check(net, "cross_entropy", (x, y), oracle, images_per_batch=num)
    check(net, "cross_entropy", [(x, y), (x, y)], oracle)
    with pytest.raises(DataError, match=r"not fewer: .* pass full_batch=True"):
        Objective(net, "cross_entropy", (x, y), device="cpu")


def test_a_graph_as_an_input() -> None:
    """Nodes and edges have different numbers; labels of some nodes count."""

    class Messages(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.own, self.other = nn.Linear(6, 3), nn.Linear(6, 3)

        def forward(self, x: Tensor, edges: Tensor) -> Tensor:
            arriving = torch.zeros_like(x).index_add(0, edges[1], x[edges[0]])
            out: Tensor = self.own(x) + self.other(arriving)
            return out

    x, edges, y = torch.randn(30, 6), torch.randint(30, (2, 80)), torch.randint(3, (30,))
    train = torch.rand(30) < 0.5

    def masked(outputs: Tensor, targets: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        labels, counts = targets
        return F.cross_entropy(outputs, labels, reduction="none"), counts

    def oracle(net: nn.Module) -> Tensor:
        return F.cross_entropy(net(x.double(), edges)[train], y[train])

    check(Messages(), masked, ((x, edges), (y, train)), oracle, full_batch=True)


def smooth() -> nn.Module:
    return nn.Sequential(
        nn.Linear(1, 12), nn.Tanh(), nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 1)
    )


class ByAutograd(nn.Module):
    """u'' + π² sin(πx), the residual of a differential equation, at collocation points."""

    def __init__(self) -> None:
        super().__init__()
        self.u = smooth()

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            u = x * (1 - x) * self.u(x)
            (first,) = torch.autograd.grad(u.sum(), x, create_graph=True)
            (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
            residual: Tensor = second + torch.pi**2 * torch.sin(torch.pi * x)
            return residual


class ByFunc(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.u = smooth()

    def forward(self, x: Tensor) -> Tensor:
        def u(z: Tensor) -> Tensor:
            value: Tensor = (z * (1 - z) * self.u(z[None])[0])[0]
            return value

        second = torch.vmap(torch.func.jacfwd(torch.func.jacrev(u)))(x)[:, 0]
        residual: Tensor = second + torch.pi**2 * torch.sin(torch.pi * x)
        return residual


@pytest.mark.parametrize("kind", [ByAutograd, ByFunc])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_derivatives_by_the_inputs(
    kind: type[nn.Module], dtype: torch.dtype, capfd: pytest.CaptureFixture[str]
) -> None:
    """In the loss of physics-informed nets; float32 itself limits what they are worth there."""
    x = torch.rand(40, 1)

    def oracle(net: nn.Module) -> Tensor:
        residual: Tensor = net(x.double())
        return residual.pow(2).mean()

    rtol = 1e-9 if dtype == torch.float64 else 1e-5
    surface = check(kind(), "mse", (x, torch.zeros(40, 1)), oracle, rtol=rtol, dtype=dtype)
    assert np.isfinite(surface.standard_errors).all()
    assert capfd.readouterr().err == ""


def test_a_physics_loss_of_several_terms() -> None:
    """Residuals and boundary values have different numbers: one batch, any number as its loss."""

    class Both(ByAutograd):
        def forward(self, inner: Tensor, border: Tensor) -> Any:  # type: ignore[override]
            return {"residual": super().forward(inner), "border": self.u(border)}

    inner, border = torch.rand(30, 1), torch.tensor([[0.0], [1.0]])

    def loss(outputs: Mapping[str, Tensor], y: Tensor) -> Tensor:
        return outputs["residual"].pow(2).mean() + 10 * (outputs["border"] - y).pow(2).sum()

    y = torch.tensor([[0.0], [0.5]])

    def oracle(net: nn.Module) -> Tensor:
        return loss(net(inner.double(), border.double()), y.double())

    data = (inner, border), y
    check(Both(), loss, data, oracle, full_batch=True, dtype=torch.float64, rtol=1e-9)


def test_a_model_that_differentiates_without_gradients_is_named(mlp: nn.Module) -> None:
    class Naive(ByAutograd):
        def forward(self, x: Tensor) -> Tensor:
            x = x.detach().requires_grad_()
            (first,) = torch.autograd.grad(self.u(x).sum(), x)
            return first

    with pytest.raises(DataError, match="enable_grad"):
        Objective(Naive(), "mse", (torch.rand(9, 1), torch.zeros(9, 1)), device="cpu")


def test_the_weights_of_an_adapter_alone() -> None:
    peft = library("peft")
    base = nn.Sequential(nn.Linear(6, 10), nn.Tanh(), nn.Linear(10, 3))
    config = peft.LoraConfig(r=2, target_modules=["0", "2"], init_lora_weights=False)
    model = peft.get_peft_model(base, config)
    x, y = torch.randn(20, 6), torch.randint(3, (20,))
    still = {n: p.clone() for n, p in model.named_parameters() if not p.requires_grad}

    def move(net: nn.Module, name: str, step: Tensor) -> None:
        assert bool(step.any()) == ("lora_" in name) or name.endswith("bias")
        add(net, name, step)

    def oracle(net: nn.Module) -> Tensor:
        assert all(net.get_parameter(n).equal(p.double()) for n, p in still.items())
        return F.cross_entropy(net(x.double()), y)

    check(model, "cross_entropy", (x, y), oracle, only="trainable", change=move)


@pytest.mark.parametrize("size", [7, None])
def test_class_weights(mlp: nn.Module, size: int | None) -> None:
    weight = torch.tensor([1.0, 5.0, 0.2])
    x, y = torch.randn(30, 7), torch.randint(3, (30,)).sort()[0]
    check(
        mlp,
        nn.CrossEntropyLoss(weight=weight),
        (x, y),
        lambda net: F.cross_entropy(net(x.double()), y, weight=weight.double()),
        images_per_batch=size,
    )


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.label, self.depth = nn.Linear(7, 9), nn.Linear(9, 3), nn.Linear(9, 2)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = torch.tanh(self.body(x))
        return {"label": self.label(hidden), "depth": self.depth(hidden)}


@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_several_tasks(reduction: str) -> None:
    x = torch.randn(20, 7)
    y = {"label": torch.randint(3, (20,)), "depth": torch.randn(20, 2)}

    def losses(outputs: Mapping[str, Tensor], y: Mapping[str, Tensor]) -> dict[str, Tensor]:
        depth = F.mse_loss(outputs["depth"], y["depth"], reduction=reduction)
        return {
            "label": F.cross_entropy(outputs["label"], y["label"], reduction=reduction),
            "depth": 0.5 * (depth.mean(1) if reduction == "none" else depth),
        }

    def oracle(net: nn.Module) -> Tensor:
        outputs = net(x.double())
        label = F.cross_entropy(outputs["label"], y["label"])
        return label + 0.5 * F.mse_loss(outputs["depth"], y["depth"].double())

    check(TwoHeads(), losses, (x, y), oracle, images_per_batch=6)


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image, self.facts = nn.Conv2d(1, 4, 3), nn.Linear(5, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, image: Tensor, facts: Tensor) -> Tensor:
        out: Tensor = self.head(torch.tanh(self.image(image).mean((2, 3)) + self.facts(facts)))
        return out


class OneDictionary(TwoInputs):
    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:  # type: ignore[override]
        return super().forward(batch["image"], batch["facts"])


@pytest.mark.parametrize("form", ["tuple", "dictionary", "loader"])
def test_two_inputs(form: str) -> None:
    image, facts, y = torch.randn(15, 1, 6, 6), torch.randn(15, 5), torch.randint(3, (15,))
    named = {"image": image, "facts": facts, "labels": y}
    data: Any = named
    if form == "tuple":
        data = (image, facts), y
    elif form == "loader":
        examples: Any = [{key: value[k] for key, value in named.items()} for k in range(15)]
        data = DataLoader(examples, batch_size=4)

    def oracle(net: nn.Module) -> Tensor:
        return F.cross_entropy(TwoInputs.forward(net, image.double(), facts.double()), y)  # type: ignore[arg-type]

    check(TwoInputs(), "cross_entropy", data, oracle)
    if form == "dictionary":
        check(OneDictionary(), "cross_entropy", data, oracle)


def normalized(how: Callable[..., nn.Module]) -> nn.Module:
    return nn.Sequential(how(nn.Conv1d(2, 6, 3)), nn.ReLU(), nn.Flatten(), nn.Linear(42, 3))


PADDED = torch.randn(12, 2, 9, generator=torch.manual_seed(1)), torch.arange(12) % 3


def of_padded(net: nn.Module) -> Tensor:
    return F.cross_entropy(net(PADDED[0].double()), PADDED[1])


def masked(module: nn.Module) -> nn.Module:
    return prune.l1_unstructured(module, "weight", amount=0.4)  # type: ignore[no-untyped-call,no-any-return]


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize(
    "how",
    [
        parametrizations.weight_norm,
        weight_norm,
        parametrizations.spectral_norm,
        spectral_norm,
        masked,
    ],
)
def test_weights_that_are_computed_from_others(how: Callable[..., Any], trained: bool) -> None:
    """By a parametrization or by hooks: the effective weight moves, as that of a plain net."""
    model: Any = normalized(how)
    if trained:  # the weight of hooks has a graph then
        F.cross_entropy(model(PADDED[0]), PADDED[1]).backward()  # type: ignore[no-untyped-call]
    evaluated = model.double().eval()
    evaluated(PADDED[0].double())
    effective = evaluated[0].weight.detach().clone()
    model.float()

    def plain(_: nn.Module) -> nn.Module:
        net = normalized(lambda module: module)
        net.load_state_dict(
            {
                "0.weight": effective,
                **{key: model.state_dict()[key] for key in ("0.bias", "3.weight", "3.bias")},
            }
        )
        return net

    check(model, "cross_entropy", PADDED, of_padded, prepare=plain)
    again = Objective(model, data=PADDED, device="cpu").loadable()
    assert again.state_dict().keys() == model.state_dict().keys()
    torch.testing.assert_close(again.eval()(PADDED[0]), model(PADDED[0]))


def test_underlying_weights() -> None:
    """Of weight normalization only the directions turn, not the lengths."""
    model = normalized(parametrizations.weight_norm)
    lengths = "0.parametrizations.weight.original0"

    def move(net: nn.Module, name: str, step: Tensor) -> None:
        assert name != lengths or not step.any()
        add(net, name, step)

    check(model, "cross_entropy", PADDED, of_padded, parametrized="underlying", change=move)
    hooked = normalized(weight_norm)
    with pytest.raises(ValueError, match="computed by a hook"):
        Objective(hooked, data=PADDED, device="cpu", parametrized="underlying")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_of_half_precision(mlp: nn.Module, dtype: torch.dtype) -> None:
    x, y = torch.randn(20, 7), torch.randint(3, (20,))
    check(mlp.to(dtype), "cross_entropy", (x, y), lambda net: F.cross_entropy(net(x.double()), y))


class Spectral(nn.Module):
    """A layer of a Fourier neural operator."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 3, 4, dtype=torch.complex64) / 3)
        self.head = nn.Conv1d(3, 2, 1)
        self.offset = nn.Parameter(torch.tensor(0.1))  # an odd number of numbers before it

    def forward(self, x: Tensor) -> Tensor:
        weight: Tensor = self.weight
        if not weight.is_complex():  # `double` of the oracle
            weight = torch.view_as_complex(weight)
        modes = torch.einsum("bik,iok->bok", torch.fft.rfft(x)[..., :4], weight)
        out: Tensor = self.head(torch.tanh(torch.fft.irfft(modes, n=x.shape[-1])))
        return out + self.offset


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_complex_parameters(dtype: torch.dtype) -> None:
    """A filter is moved as its real and imaginary parts together."""
    x, y = torch.randn(9, 3, 10), torch.randn(9, 2, 10)

    def as_real(net: Any) -> nn.Module:
        other: Any = copy.deepcopy(net)
        other.weight = nn.Parameter(torch.view_as_real(net.weight.detach()).clone())
        return other  # type: ignore[no-any-return]

    def move(net: nn.Module, name: str, step: Tensor) -> None:
        add(net, "weight" if "original" in name else name, step)

    def oracle(net: nn.Module) -> Tensor:
        return F.mse_loss(net(x.double()), y.double())

    rtol = 1e-9 if dtype == torch.float64 else 1e-6
    model = Spectral()
    check(model, "mse", (x, y), oracle, prepare=as_real, change=move, dtype=dtype, rtol=rtol)
    plane = landscape.Plane.random(Objective(model, "mse", (x, y), device="cpu").center)
    step = next(t for name, t in plane.delta.items() if "original" in name)
    torch.testing.assert_close(step.flatten(1).norm(dim=1), model.weight.flatten(1).norm(dim=1))


def test_complex_inputs() -> None:
    class Power(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = super().forward((x * x.conj()).real)
            return out

    x, y = torch.randn(20, 7, dtype=torch.complex64), torch.randint(3, (20,))

    def oracle(net: nn.Module) -> Tensor:
        return F.cross_entropy(net(x.to(torch.complex128)), y)

    for dtype in (torch.float32, torch.float64):
        check(Power(7, 3), "cross_entropy", (x, y), oracle, dtype=dtype)


class Scaled(nn.Module):
    """A learned temperature, as of CLIP."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.logit_scale = nn.Linear(7, 3), nn.Parameter(torch.tensor(1.3))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.logit_scale.exp() * self.head(x)
        return out


def test_a_parameter_without_dimensions() -> None:
    x, y = torch.randn(20, 7), torch.randint(3, (20,))
    check(Scaled(), "cross_entropy", (x, y), lambda net: F.cross_entropy(net(x.double()), y))


def test_complex_targets() -> None:
    class Wave(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = torch.fft.fft(super().forward(x))
            return out

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).abs().square().mean(1)

    x, y = torch.randn(20, 7), torch.randn(20, 3, dtype=torch.complex64)

    def oracle(net: nn.Module) -> Tensor:
        return loss(net(x.double()), y.to(torch.complex128)).mean()

    check(Wave(7, 3), loss, (x, y), oracle)


def test_complex_vectors_do_not_move_in_random_directions() -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(7, 3)
            self.shift = nn.Parameter(torch.randn(3, dtype=torch.complex64))

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.linear(x) + self.shift.abs()
            return out

    data = (torch.randn(9, 7), torch.randint(3, (9,)))
    objective = Objective(Shifted(), data=data, device="cpu")
    plane = landscape.Plane.random(objective.center)
    assert plane.moved == {"linear.weight"}


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(weight=torch.ones(3)),
        partial(F.cross_entropy, weight=torch.ones(3)),
        nn.CrossEntropyLoss(weight=torch.ones(3), reduction="none"),
    ],
)
def test_tensors_of_a_loss_move_to_a_device_with_it(loss: Any) -> None:
    data = (torch.randn(9, 7), torch.randint(3, (9,)))
    objective = Objective(nn.Linear(7, 3), loss, data, device="cpu", metrics={"other": loss})
    moved = objective.to(torch.device("meta"))
    for each in (moved.loss, *moved.metrics.values()):
        call: Any = each.call
        while hasattr(call, "call"):
            call = call.call
        weight = call.weight if isinstance(call, nn.Module) else call.keywords["weight"]
        assert weight.is_meta


def test_a_metric_that_trains_the_model_changes_no_other_point() -> None:
    model = nn.Sequential(nn.Linear(7, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))
    data = (torch.randn(9, 7), torch.randint(3, (9,)))

    def training_loss(model: nn.Module) -> Tensor:
        return F.cross_entropy(model.train()(data[0]), data[1])

    objective = Objective(model, data=data, device="cpu", metrics={"training": training_loss})
    before = {name: tensor.clone() for name, tensor in objective.model.named_buffers()}
    landscape.scan(objective, grid=3)
    for name, tensor in objective.model.named_buffers():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
    assert not any(module.training for module in objective.model.modules())


def test_a_plane_that_moves_what_only_leaves_out_is_refused() -> None:
    model, other = (nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 3)) for _ in range(2))
    data = (torch.randn(9, 7), torch.randint(3, (9,)))
    objective = Objective(model, data=data, device="cpu", only="1.*")
    line = landscape.planes.towards(objective, other)
    with pytest.raises(ValueError, match=r"the plane moves 0.bias, 0.weight, which only= leaves"):
        landscape.scan(objective, line, 3)
    other[0].load_state_dict(model[0].state_dict())
    surface = landscape.scan(objective, landscape.planes.towards(objective, other), 3)
    assert surface.is_complete


def test_a_loader_with_its_own_random_numbers_is_read_the_same_every_time() -> None:
    generator = torch.Generator().manual_seed(5)
    dataset = TensorDataset(torch.randn(20, 7), torch.arange(20) % 3)
    sampler = WeightedRandomSampler([1.0] * 20, 15, generator=generator)
    loader: Any = DataLoader(dataset, batch_size=4, sampler=sampler)
    before = generator.get_state()
    first, second = (Objective(nn.Linear(7, 3), data=loader, device="cpu") for _ in range(2))
    assert first.settings["data_sha256"] == second.settings["data_sha256"]
    assert torch.equal(generator.get_state(), before)
