"""The option ``--set KEY=VALUE``: options of a network."""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import click

from landscape.models import Architecture

DETERMINED = ("in_channels", "num_classes", "image_size")
"""Options that the data determine."""


def parse(
    net: Architecture, settings: Iterable[str], excluded: Collection[str] = ()
) -> dict[str, Any]:
    """Return options of a network from texts of the form ``KEY=VALUE``.

    Args:
        net: The network; the values have the types of its defaults.
        settings: The texts; of two with one key, the second counts.
        excluded: Options that cannot be set.

    Raises:
        click.UsageError: The network has no such option, or the value has another type.
        ValueError: The name of the network is unknown.

    Example:
        >>> parse(Architecture("resnet20"), ["norm=layer", "drop_path=0.1"])
        {'norm': 'layer', 'drop_path': 0.1}
    """
    known = {key: value for key, value in net.defaults.items() if key not in excluded}
    options: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        try:
            if not equals or key not in known:
                raise ValueError(f"expected an option of {net.name}, got {setting!r}")
            options[key] = _value(text, known[key])
        except ValueError as error:
            raise click.UsageError(
                f"--set: {error}; options and defaults: {', '.join(texts(known)) or 'none'}"
            ) from error
    return options


def texts(options: Mapping[str, Any]) -> list[str]:
    """Return options as texts of the form ``KEY=VALUE``.

    Args:
        options: Values by name.

    Example:
        >>> texts({"norm": "layer", "preactivation": True})
        ['norm=layer', 'preactivation=true']
    """
    return [
        f"{key}={str(value).lower() if isinstance(value, bool | None) else value}"
        for key, value in options.items()
    ]


def chosen(net: Architecture) -> dict[str, Any]:
    """Return the options that differ from the defaults, but not the shortcut and data's.

    Args:
        net: The network.

    Example:
        >>> chosen(Architecture("resnet20", in_channels=1, shortcut="B", norm="layer"))
        {'norm': 'layer'}
    """
    others = (*DETERMINED, "shortcut")
    return {key: value for key, value in net.changed.items() if key not in others}


def has_shortcut(net: Architecture) -> bool:
    """Return whether the option ``shortcut`` has an effect: not in plain nets.

    Args:
        net: The network.
    """
    return f"shortcut {net.options.get('shortcut')}" in str(net)


def _value(text: str, like: Any) -> Any:
    """Return the value of a text, of the type of another value; a number or None for None."""
    if isinstance(like, str):
        return text
    if isinstance(like, bool):
        if text.lower() not in ("true", "false"):
            raise ValueError(f"expected true or false, got {text!r}")
        return text.lower() == "true"
    if like is None and text.lower() == "none":
        return None
    try:
        number: float = int(text) if isinstance(like, int) else float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        kind = "an integer" if isinstance(like, int) else "a number"
        raise ValueError(f"expected {kind}, got {text!r}")
    return number
