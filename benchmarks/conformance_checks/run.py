"""Put one tool to all checks in the environment that runs this, and print the outcomes as JSON.

PYTHONPATH=benchmarks python -m conformance_checks.run losscape
PYTHONPATH=benchmarks python -m conformance_checks.run ours --check center
"""

import argparse
import contextlib
import json
import platform
import sys
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

import numpy as np
import torch

from conformance_checks import (
    batchnorm,
    caller,
    center,
    centered,
    drawn,
    everywhere,
    filters,
    hessian,
    independence,
    mode,
    nonfinite,
    orientation,
    ragged,
    rescaled,
    seeds,
    unmoved,
    zeros,
)
from conformance_checks.tool import NotOfferedError, Tool

CHECKS: tuple[ModuleType, ...] = (
    center,
    everywhere,
    orientation,
    drawn,
    filters,
    unmoved,
    centered,
    independence,
    rescaled,
    batchnorm,
    mode,
    ragged,
    zeros,
    nonfinite,
    caller,
    seeds,
    hessian,
)


def name_of(check: ModuleType) -> str:
    """Return a check's name: that of its file."""
    return check.__name__.rpartition(".")[2]


def tool_named(module: str) -> Tool:
    """Return the tool of a module of ``conformance_tools``."""
    tool: Tool = import_module(f"conformance_tools.{module}").TOOL
    return tool


def report(check: ModuleType, tool: Tool) -> dict[str, Any]:
    """Return an outcome as JSON; ``expected`` is null where the check does not apply.

    Those of the tool's variants are added where they differ.
    """
    found = _report(check, tool)
    others = {name: _report(check, other) for name, other in tool.variants().items()}
    differing = {name: o for name, o in others.items() if o["measured"] != found["measured"]}
    return {**found, "variants": differing}


def _report(check: ModuleType, tool: Tool) -> dict[str, Any]:
    try:
        return asdict(check.check(tool))
    except NotOfferedError as error:
        return {"measured": "—", "expected": None, "details": str(error)}
    except Exception as error:  # of any kind: it is what the tool does
        lines = str(error).splitlines() or [""]
        return {
            "measured": "error",
            "expected": False,
            "details": f"{type(error).__name__}: {lines[0]}",
        }


def main() -> None:
    """Run the checks; what a tool prints goes to standard error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool")
    parser.add_argument("--check", choices=[name_of(check) for check in CHECKS])
    options = parser.parse_args()
    torch.set_num_threads(1)
    with contextlib.redirect_stdout(sys.stderr):
        tool = tool_named(options.tool)
        outcomes = {
            name_of(check): report(check, tool)
            for check in CHECKS
            if options.check in {None, name_of(check)}
        }
    try:
        release = version(tool.name)
    except PackageNotFoundError:
        release = "a checkout"
    facts = {
        "name": tool.name,
        "version": release,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "calls": dict(tool.calls),
        "remarks": dict(tool.remarks),
        "outcomes": outcomes,
    }
    json.dump(facts, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
