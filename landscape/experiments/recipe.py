"""The modern training recipe, part by part."""

from typing import Any

from matplotlib import pyplot as plt

import landscape
from landscape.experiments.experiment import experiment
from landscape.experiments.lab import Lab, percent, rougher

_PLAIN: dict[str, Any] = {"schedule": "step", "warmup_epochs": 0, "augment": False}
_PARTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cosine schedule": ({}, {"schedule": "cosine"}),
    "AdamW": ({}, {"optimizer": "adamw", "learning_rate": 3e-3, "weight_decay": 0.05}),
    "label smoothing": ({}, {"label_smoothing": 0.1}),
    "stochastic depth": ({"drop_path": 0.1}, {}),
    "augmentation": ({}, {"augment": True}),
}


@experiment(
    claim="The modern recipe (cosine schedule, AdamW, label smoothing, stochastic depth, "
    "augmentation) generalizes better than SGD with steps; each part helps.",
    source="Liu et al. 2022; Wightman et al. 2021",
)
def recipe(lab: Lab) -> None:
    """Train with plain SGD, with each part added to it, and with all parts."""
    net = lab.choose("resnet20", "resnet56")
    trained = {}
    for name, (options, changes) in {
        "SGD with steps": ({}, {}),
        **_PARTS,
        "all parts": _together(),
    }.items():
        settings = {**_PLAIN, **changes}
        trained[name] = [lab.train(net, seed, options=options, **settings) for seed in lab.seeds]
    test = {
        name: [each.history["test_accuracy"][-1] for each in nets] for name, nets in trained.items()
    }
    base = test["SGD with steps"]
    for name, accuracies in test.items():
        if name == "SGD with steps":
            continue
        lab.state(
            f"Test accuracy is higher with {name}: the mean, and no seed below the worst of SGD",
            sum(accuracies) > sum(base) and min(accuracies) >= min(base),
            f"{percent(accuracies)} against {percent(base)}",
        )
    if lab.scale == "small":
        lab.remark = (
            "Plain SGD has all but three of 360 test images right, which leaves nothing to gain; a "
            "mirrored or shifted digit of 8×8 pixels may be another or none, and 15 epochs are too "
            "few for a recipe of hundreds."
        )
    surfaces = {name: lab.scan_all(name, trained[name]) for name in ("SGD with steps", "all parts")}
    more, less, text = rougher(surfaces["all parts"], surfaces["SGD with steps"])
    lab.state("The surface is not rougher with all parts", not more or bool(less), text)
    if lab.scale == "small":
        lab.remark = (
            "On digits, flips turn some classes into other shapes, and half an hour of CIFAR-10 is "
            "what the recipe is made for: the full scale is the fairer test."
        )
    _draw(lab, test)
    lab.save(landscape.plot(*(each[0] for each in surfaces.values())), "recipe-surfaces")


def _together() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options and the recipe of all parts."""
    options: dict[str, Any] = {}
    changes: dict[str, Any] = {}
    for each, other in _PARTS.values():
        options |= each
        changes |= other
    return options, changes


def _draw(lab: Lab, test: dict[str, list[float]]) -> None:
    figure, axes = plt.subplots(figsize=(7.2, 3.2), layout="constrained")
    for row, accuracies in enumerate(test.values()):
        axes.plot([100 * each for each in accuracies], [row] * len(accuracies), "o", color="C0")
    axes.set_yticks(range(len(test)), list(test))
    axes.invert_yaxis()
    axes.set(xlabel="test accuracy (%)", title="Accuracy of each seed, by what the recipe adds")
    axes.grid(alpha=0.3)
    lab.save(figure, "recipe")
