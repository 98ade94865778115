"""A physics-informed network.

A network u(t) solves the equation of an oscillator, u″ + 16 u = 0 with u(0) = 1 and u′(0) = 0; its
loss is the mean square of both sides' difference at 64 times. At the right its surface, on a
logarithmic scale: at the center the loss is five orders of magnitude lower than nearby, which a
linear scale would hide. A loss that belongs to all points together is evaluated with `full_batch`.
"""

import sys

import torch
from matplotlib import pyplot as plt
from torch import nn

import landscape


class Oscillator(nn.Module):
    """The residual u″ + 16 u, where u(t) = 1 + t² net(t) has the initial values built in."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1)
        )

    def u(self, t):
        """Return the solution."""
        return 1 + t**2 * self.net(t)

    def forward(self, t):
        """Return the residual; scans run without gradients, so they are enabled here."""
        with torch.enable_grad():
            t = t.detach().requires_grad_()
            u = self.u(t)
            (du,) = torch.autograd.grad(u.sum(), t, create_graph=True)
            (ddu,) = torch.autograd.grad(du.sum(), t, create_graph=True)
        return ddu + 16 * u


torch.manual_seed(0)
t = torch.linspace(0, 2, 64, dtype=torch.float64)[:, None]
model = Oscillator().double()
optimizer = torch.optim.LBFGS(model.parameters(), max_iter=400, line_search_fn="strong_wolfe")


def closure():
    """Return the loss and its gradient, for L-BFGS."""
    optimizer.zero_grad()
    loss = model(t).square().mean()
    loss.backward()
    return loss


optimizer.step(closure)
objective = landscape.Objective(model, "mse", (t, torch.zeros_like(t)), dtype=torch.float64)
surface = landscape.scan(objective, grid=41)

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
left.plot(t, torch.cos(4 * t), "k--", label="exact: cos 4t")
left.plot(t, model.u(t).detach(), "C1", alpha=0.8, label="network")
left.set(xlabel="t", ylabel="u", title="Solution")
left.legend()
surface.plot(kind="contour", ax=right, title="Mean squared residual")
figure.savefig((sys.argv[1:] or ["physics_informed.png"])[0])
