"""Are the directions what the axes suggest?"""

import math

from landscape.diagnostics.finding import Finding
from landscape.diagnostics.subject import OF_HEIGHT, Subject
from landscape.scale import Scale

# Distances in the picture are wrong by up to sqrt((1 + c) / (1 - c)), the ratio of the axes of
# the ellipse that a circle becomes. Random directions of 40 parameters have |c| < 0.5.
_DISTORTED = 3.0

# Weight decay lets some die: 3 and 11 % in the two published networks of Li et al.
_OF_FILTERS = 0.25


def parallel(subject: Subject) -> Finding | None:
    """δ and η are nearly parallel: the picture is stretched along one diagonal."""
    cosine = subject.number("cosine")
    if cosine is None or subject.is_line:
        return None
    near = max(0.0, 1 - abs(cosine))
    factor = math.inf if near < 1e-12 else math.sqrt((1 + abs(cosine)) / near)
    if factor <= _DISTORTED:
        return None
    return Finding(
        f"δ and η are nearly parallel (cosine {cosine:.3g}): distances are distorted by a factor "
        f"of {factor:.2g}",
        "take other directions, such as random ones with another seed",
    )


def zero_filters(subject: Subject) -> Finding | None:
    """Filters have norm zero, so that filter normalization does not move them."""
    part = subject.number("zero_filters")
    if part is None or part < _OF_FILTERS:
        return None
    return Finding(
        f"{part:.0%} of the filters have norm zero and do not move",
        "pruned or dead filters, or layers that were initialized with zeros: take --normalize "
        "layer to move them, or report them",
        "doubtful",
    )


def batchnorm_of_other_net(subject: Subject) -> Finding | None:
    """A network on the plane has a far higher loss with the statistics of the center's BatchNorm.

    Same parameters, other buffers: what rises on the plane between such networks is not a barrier
    of the loss.
    """
    surface = subject.surface
    if "batchnorm" in surface.settings:
        return None
    marks = [mark for mark in surface.marks if not mark.is_off_plane]
    rises = [subject.rise(mark.loss, mark.plane_loss) for mark in marks]
    worst, mark = max(zip(rises, marks, strict=True), key=lambda pair: pair[0], default=(0.0, None))
    if mark is None or not worst > OF_HEIGHT:
        return None
    return Finding(
        f"BatchNorm statistics of the center do not fit {mark.name}: loss "
        f"{Scale.label(mark.plane_loss)} on the plane, its own is {Scale.label(mark.loss)}",
        "barriers between the networks may be due to the statistics: scan with --batchnorm "
        "recomputed",
    )
