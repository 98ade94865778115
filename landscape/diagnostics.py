"""Signs in a surface that it is not the picture its user wants, each with a remedy."""

import math
from dataclasses import dataclass

import numpy as np

from landscape.captions import percent
from landscape.scale import Scale
from landscape.surface import Surface

_SIGMAS = 2.0
_CLEARLY = 0.05  # of the loss at the center


@dataclass(frozen=True)
class Finding:
    """One sign, as texts.

    Attributes:
        text: What was found; short enough to stand under a figure.
        remedy: What to do.
    """

    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text}: {self.remedy}"


def warnings(surface: Surface) -> list[Finding]:
    """Return what is wrong with a surface, or probably is; of several seeds with the median.

    What is not known, as the chance level of losses without classes, is not checked. Where the
    center lies is checked for planes around a net alone (random directions, eigenvectors): a
    plane through several nets, along their paths or of a curve shows what lies between them.
    """
    return [*(_other_net(surface) or _guessing(surface)), *_place(surface)]


def _other_net(surface: Surface) -> list[Finding]:
    options, accuracy = surface.provenance.get("better_net"), _number(surface, "better_accuracy")
    if options is None or accuracy is None:
        return []
    return [
        Finding(
            f"another net fits the weights: accuracy {percent(accuracy)} with {options}",
            "scan again with these options, replacing the file",
        )
    ]


def _guessing(surface: Surface) -> list[Finding]:
    """Compare the center with answers that do not depend on the input.

    The accuracy of such an answer is at most the frequency of the most frequent label; its
    cross entropy is compared with that of equal probabilities, ln(classes).

    Returns:
        What is wrong, if anything.
    """
    middle = surface.median
    loss, accuracy = middle.center_loss, middle.center_accuracy
    chance, classes = _number(surface, "guess_accuracy"), _number(surface, "classes")
    by_loss = by_accuracy = False
    if accuracy is not None and chance is not None and chance < 1:
        images = max(each.center_images or 1 for each in surface.seeds)
        by_accuracy = accuracy <= chance + _SIGMAS * math.sqrt(chance * (1 - chance) / images)
    if loss is not None and classes is not None and classes > 1 and surface.is_cross_entropy:
        by_loss = not loss < math.log(classes)
    found, guessed = [], []
    if by_loss and loss is not None and classes is not None:
        found.append(f"loss {Scale.label(loss)}")
        guessed.append(f"{math.log(classes):.3g}")
    if by_accuracy and accuracy is not None and chance is not None:
        found.append(f"accuracy {percent(accuracy)}")
        guessed.append(percent(chance))
    if not found:
        return []
    remedy = "check net, weights and preprocessing, and that the labels belong to the images"
    if not by_accuracy:
        remedy += " (a few confident errors also make a large loss)"
    return [
        Finding(
            f"{', '.join(found)} at the center: no better than guessing ({', '.join(guessed)})",
            remedy,
        )
    ]


def _place(surface: Surface) -> list[Finding]:
    """Return what is wrong with the place of the center on a plane around a net, if anything."""
    settings = surface.settings
    plane = settings.get("plane")
    is_around_a_net = plane == "top eigenvectors" or (plane is None and "seed" in settings)
    if not is_around_a_net:
        return []
    if not surface.grid.holds(0, 0):
        return [
            Finding(
                "the range does not contain the center (0, 0)",
                "take ranges that contain 0, such as -1:1",
            )
        ]
    if surface.center is None:
        return [
            Finding(
                "the center (0, 0) lies between points of the grid",
                "take an odd number of points and a range symmetric about 0",
            )
        ]
    return _lower(surface.median)


def _lower(surface: Surface) -> list[Finding]:
    """Return the point clearly lower than the center and not next to it, if any.

    Clearly is by more than two standard errors of the difference, as if both were of
    different images, and by 5 % of the loss at the center.
    """
    center = surface.center
    known = surface.final & np.isfinite(surface.losses)
    if center is None or not surface.final[center] or not known.any():
        return []
    losses = np.where(known, surface.losses, np.inf)
    i, j = (int(index) for index in np.unravel_index(np.argmin(losses), losses.shape))
    if max(abs(i - center[0]), abs(j - center[1])) <= 1:
        return []
    loss, lowest = float(losses[center]), float(losses[i, j])
    errors = np.nan_to_num([surface.standard_errors[place] for place in (center, (i, j))])
    margin = max(_SIGMAS * float(np.hypot(*errors)), _CLEARLY * abs(loss))
    if math.isfinite(loss) and loss - lowest <= margin:
        return []
    alpha, beta = surface.grid.alphas[i], surface.grid.betas[j]
    place = f"α = {alpha:.3g}" if surface.is_line else f"({alpha:.3g}, {beta:.3g})"
    return [
        Finding(
            f"the center is not the lowest point: loss {Scale.label(lowest)} at {place}",
            "check that the weights are those of a trained net, and that data and preprocessing "
            "are those of its training",
        )
    ]


def _number(surface: Surface, key: str) -> float | None:
    value = surface.provenance.get(key)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
