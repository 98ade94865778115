"""The caller's model is the same after a scan."""

import torch
from torch import nn

from conformance_checks.problems import Problem, conv_net, state_of
from conformance_checks.tool import Outcome, Tool

TITLE = "The caller's model after the scan: what has changed"
EXPECTED = "nothing: weights and buffers bit for bit, `requires_grad`, training or evaluation mode"


def check(tool: Tool) -> Outcome:
    """Scan a model with a frozen layer, in evaluation mode and in training mode."""
    found: list[str] = []
    for training in (False, True):
        problem = conv_net()
        problem.model.train(training)
        problem.model.get_submodule("conv1").requires_grad_(False)
        found += [each for each in _differences(tool, problem) if each not in found]
    return Outcome(", ".join(found) or "nothing", not found)


def _differences(tool: Tool, problem: Problem) -> list[str]:
    model = problem.model
    before, flags, modes = state_of(model), _flags(model), _modes(model)
    tool.random(problem, 3, seed=0)
    after = state_of(model)
    names = {name for name, _ in model.named_parameters()}
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    mode = "training" if any(modes.values()) else "evaluation"
    texts = {
        "weights": bool(moved & names),
        f"buffers (given in {mode} mode)": bool(moved - names),
        "requires_grad": _flags(model) != flags,
        f"mode (given in {mode} mode)": _modes(model) != modes,
    }
    return [text for text, differs in texts.items() if differs]


def _flags(model: nn.Module) -> dict[str, bool]:
    return {name: parameter.requires_grad for name, parameter in model.named_parameters()}


def _modes(model: nn.Module) -> dict[str, bool]:
    return {name: module.training for name, module in model.named_modules()}
