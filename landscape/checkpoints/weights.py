"""The weights in a checkpoint: where in its content they are, and under which names."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from landscape.errors import CheckpointError

State = Mapping[str, Tensor]
"""Parameters and buffers by name."""

_USUAL = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "params",
    "weights",
)
_AVERAGED = ("ema_state_dict", "model_ema", "state_dict_ema", "ema", "ema_model", "params_ema")
_ORDER = {key: place for place, key in enumerate((*_USUAL, *_AVERAGED))}

_OF_WEIGHTS = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64)

_MARKERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
_WRAPPERS = ("module.", "model.")


def find(content: Mapping[Any, Any], key: str | None = None) -> Mapping[Any, Any]:
    """Return the state_dict in the content of a checkpoint.

    Args:
        content: A state_dict, or nested dictionaries that hold some.
        key: Key of the state_dict, ``a.b`` of a nested one; or a common prefix of names in it.
            By default the only one, or that of the usual keys.

    Returns:
        The state_dict; without one, what comes nearest to it.

    Raises:
        CheckpointError: Several have no usual key, or none has the one that is given.
    """
    every = dict(_state_dicts(content))
    if key is not None:
        return every[key] if key in every else _below(content, key, every)
    if not every:
        return next((content[k] for k in _USUAL if isinstance(content.get(k), Mapping)), content)
    ranked = sorted(every, key=_rank)
    if len(ranked) > 1 and _rank(ranked[0]) == _rank(ranked[1]):
        raise CheckpointError(f"holds several networks ({', '.join(every)}): give key='NAME'")
    return every[ranked[0]]


def without_wrappers(state: State) -> State:
    """Return a state without the names of ``torch.compile``, ``DataParallel`` and Lightning.

    Args:
        state: The state.
    """
    state = _unmarked(state)
    while prefix := next((p for p in _WRAPPERS if _all_begin(state, p)), None):
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def _all_begin(state: State, prefix: str) -> bool:
    return bool(state) and all(name.startswith(prefix) for name in state)


def of_adapter(state: State) -> State:
    """Return the state of an adapter of PEFT under the names that its modules have in a model.

    Args:
        state: The state in its file, which leaves out the adapter's own name, ``default``.
    """
    return {re.sub(r"\.(lora_[AB])\.", r".\1.default.", name): t for name, t in state.items()}


def fitted(state: State, model: State) -> State:
    """Return a state under the names of a model.

    One prefix that all names of the model have in the state is removed, with everything that has
    not this prefix; or one is added that the state's names lack.

    Args:
        state: The state.
        model: Parameters and buffers of the model, by all names of tied ones.

    Returns:
        The state itself where no prefix explains the names.

    Raises:
        CheckpointError: The names fit under several prefixes.
    """
    for own in (state, _unmarked(state)):
        if own.keys() <= model.keys() and not missing(own, model):
            return own
    own = _unmarked(state)
    anchor = _anchor(model)
    found = {}
    for prefix in {n.removesuffix(anchor) for n in own if n.endswith("." + anchor)}:
        inner = {n.removeprefix(prefix): t for n, t in own.items() if n.startswith(prefix)}
        if inner.keys() <= model.keys() and not missing(inner, model):
            found[prefix] = inner
    if len(found) > 1:
        names = ", ".join(sorted(prefix.rstrip(".") for prefix in found))
        raise CheckpointError(f"the checkpoint holds several networks ({names}): give key='NAME'")
    if found:
        return next(iter(found.values()))
    first = next(iter(own), "")
    for prefix in {n.removesuffix(first) for n in model if n.endswith("." + first)}:
        outer = {prefix + name: tensor for name, tensor in own.items()}
        if outer.keys() <= model.keys() and not missing(outer, model):
            return outer
    return state if state.keys() & model.keys() else own


def missing(state: State, model: State) -> list[str]:
    """Return the names of a model's tensors that a state must hold and does not.

    Counters of BatchNorm need not be there, which checkpoints from before torch 0.4.1 lack and
    nothing uses; nor a second name of a tied tensor.

    Args:
        state: The state.
        model: Parameters and buffers of the model, by all names of tied ones.
    """
    there = {_place(model[name]) for name in state if name in model}
    return [
        name
        for name, tensor in model.items()
        if name not in state
        and not name.endswith("num_batches_tracked")
        and (tensor.numel() == 0 or _place(tensor) not in there)
    ]


def _anchor(model: State) -> str:
    """Return a name that every state of a model holds, if it has one."""
    required = missing({}, model)
    shared = Counter(_place(model[name]) for name in required)
    alone = (name for name in required if shared[_place(model[name])] == 1)
    return next(alone, next(iter(required), ""))


def _place(tensor: Tensor) -> tuple[object, ...]:
    return tensor.data_ptr(), tensor.shape, tensor.stride()


def _unmarked(state: State) -> State:
    """Return a state without what ``torch.compile`` and FSDP put into names."""

    def bare(name: str) -> str:
        for marker in _MARKERS:
            name = name.replace(marker, "")
        return name

    return {bare(name): tensor for name, tensor in state.items()}


def _state_dicts(content: Mapping[Any, Any]) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Yield the innermost dictionaries with tensors by their keys; not those of optimizers."""
    entered: set[int] = set()  # dictionaries may hold each other, or one many times
    waiting = [("", content)]
    while waiting:
        path, found = waiting.pop()
        values = found.values()
        if any(isinstance(value, Mapping) for value in values):
            if id(found) in entered:
                continue
            entered.add(id(found))
        elif any(isinstance(t, Tensor) and t.dtype in _OF_WEIGHTS for t in values):
            yield path, found
        waiting += [
            (f"{path}.{key}" if path else key, value)
            for key, value in reversed(list(found.items()))
            if isinstance(key, str) and isinstance(value, Mapping) and "optim" not in key.lower()
        ]


def _rank(path: str) -> int:
    return max(_ORDER.get(key, len(_ORDER)) for key in path.split("."))


def _below(content: Mapping[Any, Any], key: str, every: Mapping[str, State]) -> State:
    """Return the tensors whose names have a prefix.

    Raises:
        CheckpointError: No name has it.
    """
    for state in every.values():
        prefix = f"{key.rstrip('.')}."
        inner = {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
        if inner:
            return inner
    keys = [name for name in every if name] or sorted(map(str, content))[:8]
    raise CheckpointError(f"holds no weights under {key!r}: keys are {', '.join(keys)}")
