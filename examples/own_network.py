"""Your own network, before and after training.

Any module, any data and any training: `Objective` takes the trained module and the examples,
`scan` evaluates the mean loss on a plane through its weights. Here a small convolutional network
learns handwritten digits for 60 steps of Adam on 500 images. Both surfaces have the directions of
the same seed.
"""

import sys

import torch
from torch import nn

import landscape

digits = landscape.datasets.load("digits")
x, y = digits.preprocessing(digits.x[:500]), digits.y[:500]

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(128, 10),
)  # fmt: skip
before = landscape.scan(landscape.Objective(model, "cross_entropy", (x, y)), grid=21)

optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(60):
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
after = landscape.scan(landscape.Objective(model, "cross_entropy", (x, y)), grid=21)

figure = landscape.plot(before, after, names=["before training", "after 60 steps"], title="")
figure.savefig((sys.argv[1:] or ["own_network.png"])[0])
