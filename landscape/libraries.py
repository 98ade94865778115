"""Models of other libraries by name: ``hf:PATH_OR_NAME`` of transformers, ``timm:NAME``."""

import functools
import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from torch import nn

from landscape.brief import brief
from landscape.errors import CheckpointError, LandscapeError, first_line, root_cause

Predicts = Literal["causal", "masked", "image"]
"""What a model predicts: the next token, masked tokens, or the class of an image."""

_PREFIXES = ("hf:", "timm:")
_PREDICTS: dict[str, tuple[str, Predicts]] = {
    "ForCausalLM": ("AutoModelForCausalLM", "causal"),
    "LMHeadModel": ("AutoModelForCausalLM", "causal"),
    "ForMaskedLM": ("AutoModelForMaskedLM", "masked"),
    "ForImageClassification": ("AutoModelForImageClassification", "image"),
}


@dataclass(frozen=True, eq=False)
class LibraryModel:
    """A model of another library, with its weights.

    Attributes:
        model: The model.
        predicts: The next token, masked tokens, or the class of an image.
        source: Folder or name that it was loaded from; of an adapter, that of its base model.
        only: What is moved, see :class:`landscape.Objective`; None for all parameters.
    """

    model: nn.Module
    predicts: Predicts
    source: str
    only: str | None = None

    __repr__ = brief

    @property
    def name(self) -> str:
        """Name of the architecture, of an adapter that of its base model."""
        config = getattr(self.model, "config", None)
        return str((getattr(config, "architectures", None) or [type(self.model).__name__])[0])

    @property
    def longest(self) -> int | None:
        """Number of tokens that a language model takes at most, if it is limited."""
        config = getattr(self.model, "config", None)
        return getattr(config, "max_position_embeddings", None)

    def tokenizer(self) -> Any:
        """Return the tokenizer of a language model.

        Raises:
            CheckpointError: It has none.
        """
        try:
            return transformers().AutoTokenizer.from_pretrained(self.source)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"hf:{self.source}: no tokenizer: {first_line(error)}") from error


def is_reference(text: str | Path) -> bool:
    """Return whether a text names a model of another library.

    Args:
        text: The text.
    """
    return str(text).startswith(_PREFIXES)


def location(reference: str | Path) -> Path:
    """Return the folder that a reference names, which exists only for local models.

    Args:
        reference: A reference, or a path, which is returned.
    """
    return Path(str(reference).partition(":")[2] if is_reference(reference) else reference)


def load(reference: str, *, with_weights: bool = True) -> LibraryModel:
    """Return a model of another library.

    Args:
        reference: ``hf:PATH_OR_NAME``: a language model or image classifier of transformers, or an
            adapter of PEFT with its base model; or ``timm:NAME``.
        with_weights: Whether a model of timm has its trained weights.

    Raises:
        CheckpointError: It cannot be loaded, or is of another type.
        LandscapeError: The library is not installed.
    """
    library, _, name = reference.partition(":")
    if library == "timm":
        return _of_timm(name, with_weights)
    is_adapter = Path(name, "adapter_config.json").is_file()
    return _adapter(Path(name)) if is_adapter else _of_transformers(name)


def transformers() -> Any:
    """Return transformers, which does not report what it loads.

    Language models do not need torchvision: one that cannot be imported, as one that was built for
    another version of torch, is hidden from transformers, which would fail with it.

    Raises:
        LandscapeError: It is not installed, or cannot be imported.
    """
    if _is_importable("torchvision"):
        library = _library("transformers", "transformers safetensors")
    else:
        with _hidden("torchvision"):
            library = _library("transformers", "transformers safetensors")
            library.utils.is_torchvision_available()  # which is asked once
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    return library


def _library(name: str, packages: str) -> Any:
    """Return an optional library.

    Raises:
        LandscapeError: It is not installed, or cannot be imported.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise LandscapeError(f"{name} cannot be imported: {_reason(error)}") from error
        raise LandscapeError(f"expected {name}, not installed: pip install {packages}") from error
    except Exception as error:  # of the libraries that it imports
        raise LandscapeError(f"{name} cannot be imported: {_reason(error)}") from error


@functools.cache
def _is_importable(name: str) -> bool:
    """Return whether a library can be imported, or is not installed."""
    try:
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name)
    except Exception:  # of a library in C++ any
        return False
    return True


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Hide a library that cannot be imported from others that would."""
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


def _reason(error: Exception) -> str:
    """Return why something cannot be loaded; of a failed import what failed at first."""
    root = root_cause(error) if isinstance(error, ImportError) else error
    is_missing = isinstance(root, ModuleNotFoundError)
    reason = first_line(error) if root is error else f"{type(root).__name__}: {first_line(root)}"
    if "torchvision" in reason and not is_missing:
        reason += " (torchvision does not fit torch: reinstall or remove it)"
    return reason


def _of_timm(name: str, with_weights: bool) -> LibraryModel:
    timm = _library("timm", "timm")
    try:
        return LibraryModel(timm.create_model(name, pretrained=with_weights), "image", name)
    except Exception as error:  # unknown names, and weights that cannot be fetched
        raise CheckpointError(f"timm:{name}: {_reason(error)}") from error


def _of_transformers(name: str) -> LibraryModel:
    library = transformers()
    is_folder = Path(name).is_dir()
    if name.startswith((".", "/", "~")) and not is_folder:
        raise CheckpointError(f"hf:{name}: no such folder")
    try:
        config = library.AutoConfig.from_pretrained(name, trust_remote_code=False)
        architecture = (config.architectures or [type(config).__name__])[0]
        found = next((v for ending, v in _PREDICTS.items() if architecture.endswith(ending)), None)
        if found is None:
            raise CheckpointError(
                f"hf:{name} is a {architecture}: expected a causal or masked language model or an "
                "image classifier; give others to landscape.Objective"
            )
        auto = getattr(library, found[0])
        model = auto.from_pretrained(name, config=config, trust_remote_code=False)
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        place = "" if is_folder else f"no folder {name} exists here, and as a name on the Hub: "
        raise CheckpointError(f"hf:{name}: {place}{_reason(error)}") from error
    model.config.use_cache = False  # its keys and values would be outputs
    return LibraryModel(model, found[1], name)


def _adapter(folder: Path) -> LibraryModel:
    transformers()  # before peft imports it
    peft = _library("peft", "peft")
    base = str(peft.PeftConfig.from_pretrained(str(folder)).base_model_name_or_path)
    inside = folder / base
    try:
        loaded = _of_transformers(
            str(inside) if inside.is_dir() and not Path(base).is_dir() else base
        )
    except CheckpointError as error:
        raise CheckpointError(
            f"hf:{folder} is an adapter, and its base model (base_model_name_or_path in "
            f"adapter_config.json) cannot be loaded: {error}"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # between versions of the two libraries
            model = peft.PeftModel.from_pretrained(loaded.model, str(folder), is_trainable=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"hf:{folder}: {first_line(error)}") from error
    return replace(loaded, model=model, only="trainable")
