"""Options and types that several verbs share."""

import functools
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource

from landscape.environment import DATA_DIR_VARIABLE

F = TypeVar("F", bound=Callable[..., Any])


class Converted(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.5 on
    """A text that a function converts; its ``ValueError`` is a usage error.

    Args:
        name: What stands for the value in the help.
        convert: From text to value.
    """

    def __init__(self, name: str, convert: Callable[[str], Any]) -> None:
        self.name = name
        self._convert = convert

    def get_metavar(  # noqa: D102
        self,
        param: click.Parameter,
        ctx: click.Context | None = None,
    ) -> str:
        return self.name  # click's own would be in capitals

    def convert(  # noqa: D102
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._convert(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _points(text: str) -> tuple[int, int] | None:
    if text == "auto":
        return None
    match = re.fullmatch("([0-9]+)(?:x([0-9]+))?", text)
    pair = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if min(pair) < 1:
        raise ValueError(
            f"expected auto, or N or NxM points with N and M of 1 or more, got {text!r}"
        )
    return pair


def _interval(text: str) -> tuple[float, float]:
    try:
        start, stop = map(float, text.split(":"))
    except ValueError:
        start = stop = 0.0
    if not (start < stop and abs(start) < float("inf") and abs(stop) < float("inf")):
        raise ValueError(f"expected START:STOP with START below STOP, as -1:1, got {text!r}")
    return start, stop


def _count_or_all(text: str) -> int | None:
    if text == "all":
        return None
    if not re.fullmatch("[0-9]+", text) or int(text) < 1:
        raise ValueError(f"expected a number of 1 or more, or 'all', got {text!r}")
    return int(text)


def _fraction(text: str) -> float:
    number = text.removesuffix("%")
    try:
        value = float(number) / (100 if number != text else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:  # nor nan
        raise ValueError(f"expected a fraction in [0, 1), such as 1% or 0.01, got {text!r}")
    return value


def _fraction_or_auto(text: str) -> Any:
    return text if text == "auto" else _fraction(text)


def _levels(text: str) -> list[float]:
    try:
        if ":" in text:
            start, stop, step = map(float, text.split(":"))
            count = int((stop - start) / step + 1.001)
            levels = [start + k * step for k in range(min(count, 1001))]
        else:
            levels = [float(part) for part in text.split(",")]
    except (ValueError, ZeroDivisionError, OverflowError):
        levels = []
    if not 1 <= len(levels) <= 1000 or levels != sorted(set(levels)) or levels[-1] == math.inf:
        raise ValueError(
            f"expected rising losses, at most 1000, as 0.1,1,10 or START:STOP:STEP, got {text!r}"
        )
    return levels


def _maximum(text: str) -> float:
    try:
        value = math.inf if text == "none" else float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise ValueError(f"expected a loss or none, got {text!r}")
    return value


def _size(text: str) -> tuple[float, float]:
    match = re.fullmatch(r"([0-9.]+)x([0-9.]+)", text)
    try:
        width, height = map(float, match.groups()) if match else (0.0, 0.0)
    except ValueError:
        width = height = 0.0
    if not 0.5 <= min(width, height) <= max(width, height) <= 100:
        raise ValueError(f"expected WIDTHxHEIGHT in inches, each 0.5 to 100, got {text!r}")
    return width, height


def _preprocessing(text: str) -> Any:
    from landscape.datasets.preprocessing import Preprocessing

    return Preprocessing.parse(text)


def _device(text: str) -> Any:
    from landscape.devices import choose_device

    return choose_device(text)


def _devices(text: str) -> Any:
    from landscape.devices import choose_devices

    return choose_devices(text)


POINTS = Converted("N|NxM|auto", _points)
INTERVAL = Converted("START:STOP", _interval)
COUNT_OR_ALL = Converted("N|all", _count_or_all)
FRACTION = Converted("FRACTION", _fraction)
FRACTION_OR_AUTO = Converted("FRACTION|auto", _fraction_or_auto)
MAXIMUM = Converted("LOSS|none", _maximum)
SIZE = Converted("WxH", _size)
LEVELS = Converted("LOSSES", _levels)
PREPROCESSING = Converted("NAME|MEANS/STDS", _preprocessing)
DEVICE = Converted("auto|cpu|cuda|cuda:N", _device)
DEVICES = Converted("auto|cpu|cuda|cuda:N,...", _devices)
PATH = click.Path(path_type=Path)


def given(option: str) -> bool:
    """Return whether an option stands on the command line."""
    return click.get_current_context().get_parameter_source(option) == ParameterSource.COMMANDLINE


def data_options(function: F) -> F:
    """Add ``--data-dir`` and ``--preprocess``."""
    function = click.option(
        "--preprocess",
        "preprocessing",
        type=PREPROCESSING,
        help="Mean and standard deviation per channel: paper (Li et al., CIFAR-10), imagenet, "
        "none, "
        "or numbers on the scale 0 to 1 as 0.5,0.5,0.5/0.2,0.2,0.2.  [default: recorded in the "
        "checkpoint, else standard for the data set]",
    )(function)
    return click.option(
        "--data-dir",
        type=PATH,
        envvar=DATA_DIR_VARIABLE,
        show_envvar=True,
        help="Folder with the data set's official files; without it they are downloaded once.",
    )(function)


def device_option(function: F) -> F:
    """Add ``--device``."""
    return click.option(
        "--device",
        type=DEVICE,
        default="auto",
        show_default=True,
        help="Device; auto is a GPU if available.",
    )(function)


def scale_options(function: F) -> F:
    """Add ``--scale`` and ``--max``."""
    function = click.option(
        "--max",
        "maximum",
        type=MAXIMUM,
        help="Clip losses above this value. By default a linear scale is clipped if at most 10 % "
        "of "
        "the points of each surface would take more than three quarters of the axis; none disables "
        "clipping.",
    )(function)
    return click.option(
        "--scale",
        type=click.Choice(["auto", "linear", "log"]),
        default="auto",
        show_default=True,
        help="Loss axis: linear, log, or auto (log if the losses span more than two decades).",
    )(function)


def grouped(
    parameter: str, make: Callable[..., Any], names: Sequence[str], options: Sequence[Any]
) -> Callable[[F], F]:
    """Return a decorator that adds options and passes one object made of their values.

    Args:
        parameter: Name under which the command receives the object.
        make: Makes it of the values, by their names.
        names: Names of the values.
        options: Decorators that add the options.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def with_object(**values: Any) -> Any:
            own = {name: values.pop(name) for name in names}
            return function(**{parameter: make(**own)}, **values)

        wrapped: Any = with_object
        for option in reversed(options):
            wrapped = option(wrapped)
        return cast("F", wrapped)

    return decorate
