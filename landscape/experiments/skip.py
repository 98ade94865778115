"""Skip connections: cross sections through the loss with and without them."""

from collections.abc import Iterable

import landscape
from landscape.experiments.experiment import experiment
from landscape.experiments.lab import Lab, percent, rougher

_TRAINED = 0.95
"""A network is trained if it has this training accuracy."""


@experiment(
    claim="Cross sections through the loss of deep networks without skip connections are chaotic, "
    "of those with them smooth; without them they become chaotic with depth, with them they do "
    "not; width makes them smoother.",
    source="Li et al. 2018",
)
def skip(lab: Lab) -> None:
    """Scan matched networks along the same random directions, and compare their roughness."""
    depths = lab.choose(("20", "56"), ("20", "56", "110"))
    widths = lab.choose(("20", "20x2"), ("56", "56x2", "56x4", "56x8"))
    sizes = dict.fromkeys((*depths, *widths))  # each once, in order
    scans = _scans(lab, [f"{family}{size}" for family in ("plain", "resnet") for size in sizes])
    shallow, deep, narrow, wide = depths[0], depths[-1], widths[0], widths[-1]
    for first, second in ((f"plain{deep}", f"resnet{deep}"), (f"plain{deep}", f"plain{shallow}")):
        more, less, text = rougher(scans[first], scans[second])
        listed = ", ".join(more) or "none larger"
        lab.state(f"{first} is rougher than {second}", bool(more) and not less, f"{text}: {listed}")
    for first, second in (
        (f"resnet{deep}", f"resnet{shallow}"),
        (f"plain{wide}", f"plain{narrow}"),
        (f"resnet{wide}", f"resnet{narrow}"),
    ):
        more, _, text = rougher(scans[first], scans[second])
        listed = ", ".join(more) or "none larger"
        lab.state(f"{first} is not rougher than {second}", not more, f"{text}: {listed}")
    figure = landscape.plot(*(surfaces[0] for surfaces in scans.values()), names=list(scans))
    lab.save(figure, "skip")


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
