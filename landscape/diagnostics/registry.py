"""All checks, in the order in which findings are listed."""

from collections.abc import Callable
from dataclasses import replace

from landscape.diagnostics import directions, extent, network, place, resolution
from landscape.diagnostics.finding import Finding
from landscape.diagnostics.subject import Subject
from landscape.surface import Surface

Check = Callable[[Subject], Finding | None]

# Of a group only the first finding counts: causes stand before what follows from them.
_GROUPS: tuple[tuple[Check, ...], ...] = (
    (
        network.other_net,
        network.batchnorm_initial,
        network.batchnorm_of_other_data,
        network.recorded,
        network.guessing,
        network.probabilities,
    ),
    (extent.not_finite, extent.constant, extent.too_narrow, resolution.too_few_images),
    (directions.parallel,),
    (directions.zero_filters,),
    (directions.batchnorm_of_other_net,),
    (place.no_center, place.not_lowest, place.sloped),
    (extent.too_wide, resolution.too_coarse),
    (resolution.imprecise,),
    (resolution.seeds_disagree,),
    (resolution.incomplete,),
)
_UNFINISHED = "incomplete"  # stands in captions anyway


def names() -> list[str]:
    """Return the names of all checks.

    Example:
        >>> names()[:3]
        ['other-net', 'batchnorm-initial', 'batchnorm-of-other-data']
    """
    return [_name(function) for group in _GROUPS for function in group]


def check(surface: Surface) -> list[Finding]:
    """Return what is wrong with a surface, or probably is; of several seeds with the median.

    What a file does not hold, as the chance level of losses without classes, is not checked.

    Args:
        surface: The surface.

    Returns:
        The findings, those that are wrong before those that are doubtful.

    Example:
        >>> from landscape import Grid
        >>> flat = Surface.empty(Grid.regular(5), {}, {})
        >>> flat.losses[:], flat.evaluated[:] = 2.0, True
        >>> [(finding.check, finding.text) for finding in check(flat)]
        [('constant', 'the loss is 2 everywhere')]
    """
    subject, found = Subject(surface), []
    for group in _GROUPS:
        for function in group:
            finding = function(subject)
            if finding is not None:
                found.append(replace(finding, check=_name(function)))
                break
    return sorted(found, key=lambda finding: finding.severity != "wrong")


def warnings(surface: Surface) -> list[Finding]:
    """Return the findings but the progress of the scan, which is shown with every picture.

    Args:
        surface: The surface.
    """
    return [finding for finding in check(surface) if finding.check != _UNFINISHED]


def brief(surface: Surface, most: int = 2) -> list[str]:
    """Return the warnings as short texts, to stand under a figure.

    Args:
        surface: The surface.
        most: Number of warnings that are named.
    """
    texts = [finding.text for finding in warnings(surface)]
    more = len(texts) - most
    return texts[:most] + ([f"and {more} more: landscape check FILE"] if more > 0 else [])


def _name(function: Check) -> str:
    return function.__name__.replace("_", "-")
