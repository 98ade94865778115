"""Checkpoints as points of an objective's parameter space."""

from pathlib import Path

from torch import nn

from landscape import checkpoints
from landscape.errors import CheckpointError, ParameterMismatchError
from landscape.modules import unwrapped
from landscape.objective import Objective
from landscape.parameters import Parameters, fingerprint, single

Source = str | Path | Parameters | nn.Module
"""A checkpoint: its path, a state_dict, or a module."""


_OF_PEFT = "base_model.model."


def load_state(
    objective: Objective, source: Source, key: str | None = None, *, name: str = ""
) -> Parameters:
    """Return the parameters and buffers of a checkpoint, on the CPU.

    Args:
        objective: The objective whose model has the checkpoint's architecture.
        source: The checkpoint; a mapping may lack buffers.
        key: Which of several networks in a file.
        name: What to call a mapping or module in messages.

    Raises:
        CheckpointError: It cannot be read, does not fit the model, or contains nan or inf.
        ParameterMismatchError: A mapping or a module has a parameter that the model lacks, or
            either the checkpoint or the model is an adapter of PEFT.
    """
    if isinstance(source, nn.Module):
        model = unwrapped(source)
        source = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    if not isinstance(source, str | Path):
        return _of_mapping(objective, source, name)
    path = Path(source)
    checkpoint = checkpoints.load(path, key)
    if checkpoint.is_partial:
        _check_adapters(objective, checkpoint.state, str(path))
    model = objective.loadable()
    checkpoint.load_into(model, objective.name)
    model = objective.moved_form(model)
    check_finite(dict(model.named_parameters()), str(path))
    parameters = dict(model.named_parameters())
    everything = {**parameters, **dict(model.named_buffers())}
    return {name: single(tensor) for name, tensor in everything.items()}


def _of_mapping(objective: Objective, state: Parameters, name: str) -> Parameters:
    """Return the tensors of a state_dict under the names of the model's own parameters.

    Raises:
        CheckpointError: A parameter contains nan or inf.
        ParameterMismatchError: The model has no parameter of such a name.
    """
    what = f"the checkpoint {name}".rstrip()
    buffers = {name for name, _ in objective.model.named_buffers()}
    unexpected = [n for n in state if n not in objective.model.state_dict() and n not in buffers]
    if unexpected:
        _check_adapters(objective, state, what)
        raise ParameterMismatchError(
            f"{what} has parameters that the network does not have: {unexpected[0]}, …"
        )
    check_finite({name: state[name] for name in objective.parameters if name in state}, what)
    own = {*objective.center, *buffers}  # tied names only once
    return {name: single(tensor).cpu() for name, tensor in state.items() if name in own}


def _check_adapters(objective: Objective, state: Parameters, what: str) -> None:
    """Check that a checkpoint and the model are both adapters of PEFT, or none of them is.

    Raises:
        ParameterMismatchError: One of them is.
    """
    models = any(name.startswith(_OF_PEFT) for name in objective.parameters)
    if any(name.startswith(_OF_PEFT) for name in state) != models:
        center = "the network at the center"
        one, other = (center, what) if models else (what, center)
        raise ParameterMismatchError(
            f"{one} is an adapter of PEFT, {other} is not: merge it into its base model first "
            "(model.merge_and_unload().save_pretrained(FOLDER))"
        )


def point_of(objective: Objective, state: Parameters) -> Parameters:
    """Return the part of a state that a plane moves, as the objective's center has it.

    Args:
        objective: The objective.
        state: Parameters and buffers.
    """
    return {name: state[name] for name in objective.center if name in state}


def check_finite(parameters: Parameters, what: str) -> None:
    """Check that all parameters are finite.

    Args:
        parameters: The parameters.
        what: Path or name of their checkpoint, for the message.

    Raises:
        CheckpointError: One is not.
    """
    for name, parameter in parameters.items():
        if not parameter.isfinite().all():
            raise CheckpointError(
                f"{what}: parameter {name} contains NaN or inf (did the training diverge?)",
                key=name,
            )


def short_hash(source: Source) -> str:
    """Return 12 digits of the SHA-256 of a checkpoint.

    Args:
        source: The checkpoint; of a file its bytes, else its tensors.
    """
    if isinstance(source, str | Path):
        return checkpoints.sha256(Path(source))[:12]
    state = source.state_dict() if isinstance(source, nn.Module) else source
    return fingerprint(state)[:12]


def hash_of(objective: Objective) -> str:
    """Return 12 digits of the SHA-256 of the checkpoint at the center, if it is known.

    Args:
        objective: The objective; without a checkpoint, of its weights.
    """
    recorded = objective.provenance.get("checkpoint_sha256")
    return str(recorded or objective.settings["weights_sha256"])[:12]
