"""ConvNeXt blocks against residual blocks."""

from typing import Any

import landscape
from landscape.experiments.experiment import experiment
from landscape.experiments.lab import Lab, percent, rougher
from landscape.models import Architecture


@experiment(
    claim="A depthwise convolution needs 1/channels of the parameters and multiplications of a "
    "full one; networks of ConvNeXt blocks (7×7 depthwise, 1×1 to four times the channels and "
    "back, one LayerNorm, GELU, nothing after the addition) reach the accuracy of residual ones, "
    "and need their skip connections as much.",
    source="Liu et al. 2022",
)
def convnext(lab: Lab) -> None:
    """Count parameters and multiplications, then compare networks with and without skips."""
    _counts(lab)
    _networks(lab)


def parameters(channels: int, size: int, groups: int) -> int:
    """Return the number of weights of a convolution without bias.

    Args:
        channels: Channels of input and output.
        size: Height and width of the filters.
        groups: Groups of channels; as many as channels for a depthwise convolution.
    """
    return channels * (channels // groups) * size**2


def _counts(lab: Lab) -> None:
    """Compare the formula with the layers of a published network."""
    found = Architecture("convnext-tiny", num_classes=1000).build()
    layers = {
        name: module
        for name, module in found.named_modules()
        if name.endswith(("dwconv", "pwconv1", "pwconv2"))
    }
    rows = []
    for stage, channels in enumerate((96, 192, 384, 768)):
        depthwise = layers[f"stages.{stage}.0.dwconv"].get_parameter("weight").numel()
        rows.append(depthwise == parameters(channels, 7, channels))
        rows.append(parameters(channels, 7, 1) == channels * depthwise)
    total = sum(p.numel() for p in found.parameters())
    lab.state(
        "A depthwise 7×7 convolution has 49 weights for each channel, 1/channels of a full one; "
        "multiplications are weights × pixels in both",
        all(rows),
        f"convnext-tiny: {parameters(768, 7, 768):,} weights with 768 channels, a full one "
        f"{parameters(768, 7, 1):,}; {total:,} parameters in all",
    )


def _networks(lab: Lab) -> None:
    residual, ours = lab.choose(("resnet20", "convnext20"), ("resnet56", "convnext56"))
    recipe: dict[str, Any] = {"optimizer": "adamw", "learning_rate": 4e-3, "weight_decay": 0.05}
    trained = {
        residual: [lab.train(residual, seed) for seed in lab.seeds],
        ours: [lab.train(ours, seed, **recipe) for seed in lab.seeds],
        f"{ours}, no skip": [
            lab.train(ours, seed, options={"skip": False}, **recipe) for seed in lab.seeds
        ],
    }
    test = {
        name: [each.history["test_accuracy"][-1] for each in group]
        for name, group in trained.items()
    }
    sizes = {
        name: sum(p.numel() for p in group[0].model().parameters())
        for name, group in trained.items()
    }
    lab.state(
        f"{ours} has the test accuracy of {residual}, within the spread",
        max(test[ours]) >= min(test[residual]),
        f"{percent(test[ours])} with {sizes[ours]:,} parameters against "
        f"{percent(test[residual])} with {sizes[residual]:,}",
    )
    lab.state(
        "Without its skip connections the accuracy is lower, beyond the spread",
        max(test[f"{ours}, no skip"]) < min(test[ours]),
        percent(test[f"{ours}, no skip"]),
    )
    if lab.scale == "small":
        lab.remark = (
            "20 layers on digits are trained without skip connections as well, and the recipe of "
            "ConvNeXt is one for large networks and long trainings."
        )
    surfaces = {name: lab.scan_all(name, group) for name, group in trained.items()}
    more, less, text = rougher(surfaces[f"{ours}, no skip"], surfaces[ours])
    lab.state("and the surface is rougher, beyond the spread", bool(more) and not less, text)
    lab.save(landscape.plot(*(each[0] for each in surfaces.values())), "convnext")
