"""Networks and data of the checks, and their losses from the definition in float64."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

Loss = Callable[[Tensor, Tensor], Tensor]
State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Problem:
    """A trained network, the mean loss of a batch, and data.

    Attributes:
        model: The network, which is handed to a tool as it stands.
        loss: From outputs and targets of a batch to their mean loss.
        x: Inputs.
        y: Targets.
        size: Examples in a batch; by default all.
    """

    model: nn.Module
    loss: Loss
    x: Tensor
    y: Tensor
    size: int = 0

    @property
    def loader(self) -> "DataLoader[tuple[Tensor, ...]]":
        """The data in batches, in order; the last may be smaller."""
        return DataLoader(TensorDataset(self.x, self.y), batch_size=self.size or len(self.x))

    def in_batches(self, size: int) -> "Problem":
        """Return the same problem with other batches."""
        return replace(self, size=size)


class ConvNet(nn.Module):
    """Two convolutions with BatchNorm, dropout and a linear layer: 10,160 weights in 58 filters.

    Norms of filters differ by a factor of five and more, biases and BatchNorm's parameters are
    not zero, and its statistics not those of the data, as those of a trained net.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(16, eps=1e-12)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(32, eps=1e-12)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(512, 10)
        with torch.no_grad():
            for layer in (self.conv1, self.conv2, self.head):
                norms = torch.empty(len(layer.weight)).uniform_(-0.8, 0.8).exp()
                layer.weight.mul_(norms.reshape(-1, *[1] * (layer.weight.dim() - 1)))
            for norm in (self.bn1, self.bn2):
                norm.weight.uniform_(0.5, 1.5)
                norm.bias.normal_(0, 0.2)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores, shape (examples, 10)."""
        x = F.max_pool2d(self.bn1(self.conv1(x)).relu(), 2)
        x = F.avg_pool2d(self.bn2(self.conv2(x)).relu(), 1)
        out: Tensor = self.head(self.drop(x.flatten(1)))
        return out


def conv_net() -> Problem:
    """Return a convolutional net in evaluation mode, with cross-entropy of 50 random images."""
    torch.manual_seed(1)
    model, x, y = ConvNet(), torch.randn(50, 3, 8, 8), torch.randint(10, (50,))
    with torch.no_grad():
        model.train()(torch.randn(64, 3, 8, 8))  # statistics between the initial and the data's
    return Problem(model.eval(), F.cross_entropy, x, y)


def small_net() -> Problem:
    """Return a smooth net of 75 parameters on 40 examples, whose last one weighs much."""
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3))
    x, y = torch.randn(40, 8), torch.randint(3, (40,))
    x[-1] *= 4
    return Problem(model.eval(), F.cross_entropy, x, y)


class TwoWeights(nn.Module):
    """A net whose outputs are its two weights, (0.6, 0.8), whatever the input."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[0.6, 0.8]]))

    def forward(self, x: Tensor) -> Tensor:
        """Return the weights for each example, shape (examples, 2)."""
        return self.weight.expand(len(x), 2)


AXES: tuple[State, State] = (
    {"weight": torch.tensor([[1.0, 0.0]])},
    {"weight": torch.tensor([[0.0, 1.0]])},
)
"""Directions of TwoWeights: along its first and along its second weight."""


def of_displacement(height: Callable[[Tensor, Tensor], Tensor]) -> Problem:
    """Return the problem whose loss is a function of the displacement of TwoWeights."""

    def loss(outputs: Tensor, _: Tensor) -> Tensor:
        return height(outputs[:, 0] - 0.6, outputs[:, 1] - 0.8).mean()

    return Problem(TwoWeights().eval(), loss, torch.zeros(4, 1), torch.zeros(4, dtype=torch.long))


def mean_loss(problem: Problem, state: State | None = None) -> float:
    """Return the mean loss of all data in evaluation mode, in float64.

    Args:
        problem: The problem.
        state: Parameters and buffers; by default the model's.
    """
    model = copy.deepcopy(problem.model).double().eval()
    if state is not None:
        model.load_state_dict({name: tensor.double() for name, tensor in state.items()})
    with torch.no_grad():
        return float(problem.loss(model(problem.x.double()), problem.y))


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the parameters and buffers."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def hessian(problem: Problem) -> Tensor:
    """Return the Hessian of the mean loss of all data in float64, one second derivative each."""
    model = copy.deepcopy(problem.model).double().eval()
    parameters = list(model.parameters())
    loss = problem.loss(model(problem.x.double()), problem.y)
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    rows = []
    for entry in torch.cat([gradient.flatten() for gradient in gradients]):
        row = torch.autograd.grad(entry, parameters, retain_graph=True)
        rows.append(torch.cat([part.flatten() for part in row]))
    return torch.stack(rows)
