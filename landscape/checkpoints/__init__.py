"""Trained networks on disk: our checkpoints, and state_dicts of other programs."""

from landscape.checkpoints.checkpoint import Checkpoint
from landscape.checkpoints.files import sha256
from landscape.checkpoints.reading import load
from landscape.checkpoints.runs import CheckpointSequence, Run

__all__ = ["Checkpoint", "CheckpointSequence", "Run", "load", "sha256"]
