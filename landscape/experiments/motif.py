"""Two forms of a residual block: nothing after the addition, or a ReLU."""

import torch
from torch import nn

import landscape
from landscape.experiments.experiment import experiment
from landscape.experiments.lab import Lab, percent, rougher, spread

_FORMS = {"post-activation": False, "pre-activation": True}


@experiment(
    claim="With all weights zero a block with nothing after the addition is exactly the identity; "
    "one with a ReLU after it passes positive values and zeroes negative ones. Deep networks train "
    "at least as well with the first.",
    source="He et al. 2016, Identity Mappings in Deep Residual Networks",
)
def motif(lab: Lab) -> None:
    """Compare both blocks with zero weights, then networks of them."""
    x = torch.randn(64, 16, 8, 8, dtype=torch.float64, generator=torch.manual_seed(0))
    with torch.no_grad():
        pre, post = (block_of_zeros(preactivation)(x) for preactivation in (True, False))
    lab.state(
        "A pre-activation block of zeros is the identity (float64, to the bit)",
        torch.equal(pre, x),
        f"largest difference {float((pre - x).abs().max()):.1g} over {x.numel():,} values",
    )
    lab.state(
        "A post-activation block of zeros is max(x, 0) (float64, to the bit)",
        torch.equal(post, x.clamp(min=0)),
        f"largest difference {float((post - x.clamp(min=0)).abs().max()):.1g}; "
        f"{float((post == 0).double().mean()):.1%} of the values are zeroed",
    )
    _networks(lab, lab.choose("resnet56", "resnet110"))


def block_of_zeros(preactivation: bool) -> nn.Module:
    """Return the first block of a network, with all weights and biases zero, in float64.

    Args:
        preactivation: Whether nothing comes after the addition.
    """
    net = landscape.models.create("resnet8", preactivation=preactivation).double().eval()
    block: nn.Module = net.get_submodule("layer1.0")
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    return block


def _networks(lab: Lab, net: str) -> None:
    """Train networks of both forms and scan one of each."""
    losses: dict[str, list[float]] = {}
    accuracies: dict[str, list[float]] = {}
    surfaces = []
    for form, preactivation in _FORMS.items():
        options = {"preactivation": preactivation}
        nets = [lab.train(net, seed, options=options) for seed in lab.seeds]
        losses[form] = [each.history["train_loss"][-1] for each in nets]
        accuracies[form] = [each.history["test_accuracy"][-1] for each in nets]
        surfaces.append(lab.scan_all(f"{net}, {form}", nets))
    lab.state(
        "The training loss is not higher with pre-activation blocks, beyond the spread",
        min(losses["pre-activation"]) <= max(losses["post-activation"]),
        "; ".join(f"{form} {spread(values)}" for form, values in losses.items()),
    )
    lab.state(
        "The test accuracy is not lower with pre-activation blocks, beyond the spread",
        max(accuracies["pre-activation"]) >= min(accuracies["post-activation"]),
        "; ".join(f"{form} {percent(values)}" for form, values in accuracies.items()),
    )
    if lab.scale == "small":
        lab.remark = (
            "On digits both fit all training images, so that the loss only says how confident they "
            "are; the advantage that is claimed is one of networks of 110 layers and more."
        )
    more, less, text = rougher(surfaces[1], surfaces[0])
    lab.state("The surface is not rougher with pre-activation blocks", not more or bool(less), text)
    lab.save(landscape.plot(*(each[0] for each in surfaces)), "motif")
