"""The networks that can be created by name: one family is one file and one registration."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Builder = TypeVar("Builder", bound=Callable[..., nn.Module])

_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Family:
    """Networks whose names have one form.

    Attributes:
        form: Form of the names: ``resnet{depth}[x{width}]``; fields are positive integers.
        build: Builds a network from the fields and the options.
        examples: Names that :func:`list` lists.
        infer: Returns the architectures that a state_dict fits, the most likely first.
        describe: Returns what distinguishes networks of one name, for messages.
    """

    form: str
    build: Callable[..., nn.Module]
    examples: tuple[str, ...]
    infer: "Callable[[Mapping[str, Tensor]], list[Architecture]]"
    describe: Callable[[Mapping[str, Any]], str]

    def fields(self, name: str) -> Mapping[str, int] | None:
        """Return the fields of a name, or None if it has another form."""
        optional = re.sub(r"\[(.*?)\]", r"(?:\1)?", self.form)
        pattern = _FIELD.sub(r"(?P<\1>[1-9][0-9]{0,3})", optional)
        match = re.fullmatch(pattern, name)
        if match is None:
            return None
        return {key: int(value) for key, value in match.groupdict().items() if value is not None}

    def __repr__(self) -> str:
        return f"Family({self.form!r})"

    @property
    def defaults(self) -> Mapping[str, Any]:
        """The options of the builder, with their defaults."""
        parameters = inspect.signature(self.build).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


_FAMILIES: list[Family] = []


def register(
    form: str,
    *,
    examples: tuple[str, ...],
    infer: "Callable[[Mapping[str, Tensor]], list[Architecture]]",
    describe: Callable[[Mapping[str, Any]], str] = lambda _: "",
) -> Callable[[Builder], Builder]:
    """Register a builder for names of one form.

    Args:
        form: Form of the names, as ``resnet{depth}[x{width}]``.
        examples: Names to list.
        infer: Returns the architectures that a state_dict fits.
        describe: Returns what distinguishes networks of one name.

    Returns:
        A decorator.
    """

    def add(builder: Builder) -> Builder:
        _FAMILIES.append(Family(form, builder, examples, infer, describe))
        return builder

    return add


class Architecture:
    """Name and options of a network: what is needed to create it again. Plain data.

    Args:
        name: ``resnet56``, ``plain56``, ``resnet56x4``, ….
        **options: Options of the family, as ``in_channels``; others have their defaults.

    Attributes:
        name: The name.
        options: All options by name.

    Example:
        >>> Architecture("resnet20", in_channels=1).options["num_classes"]
        10
    """

    def __init__(self, name: str, **options: Any) -> None:
        self.name = name
        family = _family(name)
        self.options: Mapping[str, Any] = {**(family.defaults if family else {}), **options}

    def check(self) -> None:
        """Check name and options.

        Raises:
            ValueError: The name or an option is unknown, or a value is invalid.
        """
        family = self._family()
        for key, value in self.options.items():
            if key not in family.defaults:
                options = ", ".join(family.defaults)
                raise ValueError(f"{self.name} has no option {key!r}; expected {options}")
            if isinstance(family.defaults[key], bool) and not isinstance(value, bool):
                raise ValueError(f"expected {key} True or False, got {value!r}")
        family.describe(self.options)
        try:
            self._on_meta_device()
        except (RuntimeError, TypeError) as error:  # torch's own, for a value of the wrong type
            raise ValueError(
                f"{self.name} cannot be built with {dict(self.options)}: {error}"
            ) from error

    def _on_meta_device(self) -> nn.Module:
        """Return the network without memory for its weights, and without random numbers."""
        with torch.device("meta"):
            return self._family().build(**self.fields, **self.options)

    def build(self) -> nn.Module:
        """Return the network with new weights from torch's global random stream.

        Raises:
            ValueError: The name or an option is unknown, or a value is invalid.
        """
        self.check()
        return self._family().build(**self.fields, **self.options)

    @property
    def fields(self) -> Mapping[str, int]:
        """The numbers in the name, such as depth and width.

        Raises:
            ValueError: The name is unknown.
        """
        return self._family().fields(self.name) or {}

    @property
    def defaults(self) -> Mapping[str, Any]:
        """The options of the family, with their defaults.

        Raises:
            ValueError: The name is unknown.
        """
        return self._family().defaults

    @property
    def changed(self) -> Mapping[str, Any]:
        """The options that differ from the defaults of the family.

        Example:
            >>> Architecture("resnet20", norm="layer").changed
            {'norm': 'layer'}
        """
        defaults = self.defaults
        return {key: each for key, each in self.options.items() if each != defaults.get(key)}

    @property
    def num_parameters(self) -> int:
        """Number of parameters.

        Example:
            >>> Architecture("resnet20").num_parameters
            269722
        """
        return sum(parameter.numel() for parameter in self._on_meta_device().parameters())

    @property
    def in_channels(self) -> int:
        """Channels of the images."""
        return int(self.options["in_channels"])

    @property
    def num_classes(self) -> int:
        """Number of outputs."""
        return int(self.options["num_classes"])

    @property
    def alternatives(self) -> "tuple[Architecture, ...]":
        """The other architectures whose parameters have the same names and shapes."""
        state = self._on_meta_device().state_dict()
        return tuple(each for each in infer(state) if str(each) != str(self))

    def replaced(self, name: str | None = None, **options: Any) -> "Architecture":
        """Return the architecture with another name or other options."""
        return Architecture(name or self.name, **{**self.options, **options})

    def fitted(self, **options: Any) -> "Architecture":
        """Return the architecture with those of some options that its family has.

        Example:
            >>> Architecture("resnet20").fitted(in_channels=1, image_size=8).changed
            {'in_channels': 1}
        """
        return self.replaced(**{key: options[key] for key in self.options if key in options})

    def _family(self) -> Family:
        family = _family(self.name)
        if family is None:
            raise ValueError(f"no network is named {self.name!r}; expected {forms()}")
        return family

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Architecture)
            and self.name == other.name
            and self.options == other.options
        )

    def __hash__(self) -> int:
        return hash((self.name, tuple(sorted(self.options.items()))))

    def __str__(self) -> str:
        """Return the name, with what distinguishes networks of one name."""
        return self.name + self._family().describe(self.options)

    def __repr__(self) -> str:
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"Architecture({self.name!r}{options})"


def create(name: str, **options: Any) -> nn.Module:
    """Return a network with new weights from torch's global random stream.

    Args:
        name: One of :func:`list`, or another of their form.
        **options: Options of the family.

    Raises:
        ValueError: The name or an option is unknown, or a value is invalid.

    Example:
        >>> sum(p.numel() for p in create("resnet20").parameters())
        269722
    """
    return Architecture(name, **options).build()


def names() -> list[str]:
    """Return names of networks, of every family and its usual sizes.

    Example:
        >>> "resnet56" in names()
        True
    """
    return [example for family in _FAMILIES for example in family.examples]


def forms() -> str:
    """Return the forms of all names, for messages."""
    return ", ".join(family.form for family in _FAMILIES)


def infer(state_dict: Mapping[str, Tensor]) -> list[Architecture]:
    """Return the architectures whose parameters have the names and shapes of a state_dict.

    Args:
        state_dict: Weights by name.

    Returns:
        The architectures, the most likely first; several where the weights do not determine
        the architecture.

    Example:
        >>> [str(each) for each in infer(create("resnet20", shortcut="B").state_dict())]
        ['resnet20, shortcut B']
    """
    found: list[Architecture] = []
    for family in _FAMILIES:
        found += [each for each in family.infer(state_dict) if each not in found]
    return found


def _family(name: str) -> Family | None:
    return next((family for family in _FAMILIES if family.fields(name) is not None), None)
