"""Skip connections: cross sections through the loss with and without them."""

from collections.abc import Iterable

import landscape
from landscape.experiments.experiment import experiment
from landscape.experiments.lab import Lab, percent, rougher

_TRAINED = 0.95
"""A network is trained if it has this training accuracy."""

_HIGHEST = 100.0
"""Losses above are clipped in the figure."""


@experiment(
    claim="Cross sections through the loss of deep networks without skip connections are chaotic, "
    "of those with them smooth. Without them the loss becomes chaotic with depth, and smoother "
    "with width; with them it does not become chaotic.",
    source="Li et al. 2018",
)
def skip(lab: Lab) -> None:
    """Scan matched networks along the same random directions, and compare their roughness."""
    depths = lab.choose((20, 56), (20, 56, 110))
    widths = lab.choose((2,), (2, 4, 8))  # of 56 layers
    plain = [*(f"plain{depth}" for depth in depths), *(f"plain56x{width}" for width in widths)]
    residual = [f"resnet{depth}" for depth in depths]
    scans = _scans(lab, plain + residual)
    for first, second in (
        (f"plain{depths[-1]}", f"resnet{depths[-1]}"),
        (f"plain{depths[-1]}", f"plain{depths[0]}"),
        ("plain56", f"plain56x{widths[-1]}"),
    ):
        more, less, text = rougher(scans[first], scans[second])
        listed = ", ".join(more) or "none larger"
        lab.state(f"{first} is rougher than {second}", bool(more) and not less, f"{text}: {listed}")
    more, _, text = rougher(scans[residual[-1]], scans[residual[0]])
    listed = ", ".join(more) or "none larger"
    lab.state(f"{residual[-1]} is not rougher than {residual[0]}", not more, f"{text}: {listed}")
    drawn = [surfaces[0] for surfaces in scans.values()]
    lab.save(landscape.plot(*drawn, names=list(scans), maximum=_HIGHEST), "skip")


def _scans(lab: Lab, names: Iterable[str]) -> dict[str, list[landscape.Surface]]:
    """Return the surfaces of every network, one for each training."""
    scans = {}
    untrained = []
    for name in names:
        nets = [lab.train(name, seed) for seed in lab.seeds]
        accuracies = [net.history["train_accuracy"][-1] for net in nets]
        if min(accuracies) < _TRAINED:
            untrained.append(f"{name} (training accuracy {percent(accuracies)})")
        scans[name] = lab.scan_all(name, nets)
    if untrained:
        lab.remark = f"Not trained to a minimum, so not scanned around one: {', '.join(untrained)}."
    return scans
