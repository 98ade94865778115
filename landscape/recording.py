"""Record the path of a training: the checkpoints that a plane through it needs."""

import os
import time
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from landscape.checkpoints import Checkpoint
from landscape.devices import wait
from landscape.errors import CheckpointError
from landscape.modules import unwrapped


class Recorder:
    """Write checkpoints of a model while it is trained, for ``--plane pca FOLDER``.

    ``initial.pt`` is written at once, ``step-000100.pt`` and so on after every ``every`` optimizer
    steps, and the last step at the end; without the optimizer's state. Where that would take more
    than ``share`` of the training time, checkpoints between the first and the last are left out,
    with one warning. Of several processes only the first writes. Weights that are split over
    processes (FSDP) are not supported.

    Args:
        model: The model that is trained.
        folder: Where the checkpoints are written.
        every: Optimizer steps between two checkpoints.
        trainable: Record only the parameters that require gradients, as those of an adapter, and
            the buffers; a plane takes the others from the model at its center.
        dtype: Floating-point type in the files; ``torch.bfloat16`` halves them. By default that of
            the model.
        share: Largest fraction of the training time that recording may take; infinite for no limit.
        resume: Add to the checkpoints of the folder: a training that was interrupted.

    Attributes:
        folder: Where the checkpoints are written.
        steps: Number of optimizer steps so far.
        seconds: Time that recording took.
        skipped: Number of checkpoints that were left out.

    Raises:
        CheckpointError: The folder holds checkpoints, and ``resume`` is not given.
        ValueError: ``every`` or ``share`` is too small.

    Example:
        >>> import tempfile, torch, landscape
        >>> model = torch.nn.Linear(4, 3)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> folder = tempfile.mkdtemp()
        >>> with landscape.Recorder(model, folder, every=10, share=float("inf")) as recorder:
        ...     for _ in range(25):
        ...         model(torch.randn(8, 4)).square().mean().backward()
        ...         optimizer.step()
        ...         recorder.step()
        >>> sorted(path.name for path in recorder.folder.iterdir())[::3]
        ['initial.pt', 'step-000025.pt']
    """

    def __init__(
        self,
        model: nn.Module,
        folder: str | Path,
        every: int = 100,
        *,
        trainable: bool = False,
        dtype: torch.dtype | None = None,
        share: float = 0.02,
        resume: bool = False,
    ) -> None:
        if every < 1 or share <= 0:
            raise ValueError(f"every must be 1 or more and share above 0, got {every} and {share}")
        self.folder, self.steps, self.seconds, self.skipped = Path(folder), 0, 0.0, 0
        self._model, self._every, self._share = model, every, share
        self._trainable, self._dtype = trainable, dtype
        self._is_writer = _rank() == 0
        self._cost = 0.0  # of the last checkpoint
        self._began = time.perf_counter()
        found = [int(each.stem[5:]) for each in self.folder.glob("step-*.pt")]
        if found and resume:
            self.steps = max(found)
        elif self._is_writer and (found or (self.folder / "initial.pt").exists()):
            raise CheckpointError(
                f"{self.folder} holds checkpoints: give another folder, or resume=True",
                path=self.folder,
            )
        self._recorded = self.steps
        if not self.steps:
            self._write("initial.pt")

    def step(self, number: int | None = None) -> None:
        """Count an optimizer step, and record the model if it is due.

        Args:
            number: Number of optimizer steps so far; by default one more than before.
        """
        before, self.steps = self.steps, self.steps + 1 if number is None else number
        if self.steps // self._every <= before // self._every or not self._is_writer:
            return
        training = time.perf_counter() - self._began - self.seconds
        if self.seconds + self._cost <= self._share * training:
            self._record()
            return
        if not self.skipped:
            warnings.warn(
                f"recording every {self._every} steps takes more than {self._share:.1%} of the "
                f"training time ({self._cost:.2g} s for a checkpoint): some are left out",
                stacklevel=2,
            )
        self.skipped += 1

    def close(self) -> None:
        """Record the last step, if it is not recorded."""
        if self.steps > self._recorded:
            self._record()

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def for_trainer(self) -> Any:
        """Return a callback for the ``Trainer`` of transformers."""
        from transformers import TrainerCallback

        recorder = self

        class Callback(TrainerCallback):  # type: ignore[misc]
            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                recorder.step(state.global_step)

            def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                recorder.close()

        return Callback()

    def for_lightning(self) -> Any:
        """Return a callback for the ``Trainer`` of Lightning."""
        from lightning.pytorch import Callback as Base

        recorder = self

        class Callback(Base):  # type: ignore[misc]
            def on_train_batch_end(self, trainer: Any, *_: Any, **__: Any) -> None:
                recorder.step(trainer.global_step)

            def on_train_end(self, trainer: Any, pl_module: Any) -> None:
                recorder.close()

        return Callback()

    def _record(self) -> None:
        self._recorded = self.steps
        self._write(f"step-{self.steps:06}.pt")

    def _write(self, name: str) -> None:
        if not self._is_writer:
            return
        own = unwrapped(self._model)
        for device in {parameter.device for parameter in own.parameters()}:
            wait(device)  # what the training still computes is not recording
        began = time.perf_counter()
        Checkpoint(self._state(own), is_partial=self._trainable).save(self.folder / name)
        self._cost = time.perf_counter() - began
        self.seconds += self._cost

    def _state(self, model: nn.Module) -> dict[str, Tensor]:
        """Return the tensors that are recorded; of tied ones one name."""
        parameters = dict(model.named_parameters())
        every = {name for name, _ in model.named_parameters(remove_duplicate=False)}
        if self._trainable:
            parameters = {name: p for name, p in parameters.items() if p.requires_grad}
        left_out = every - parameters.keys()
        return {
            name: tensor.detach().to("cpu", self._dtype if tensor.is_floating_point() else None)
            for name, tensor in model.state_dict().items()
            if isinstance(tensor, Tensor) and name not in left_out
        }


def _rank() -> int:
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank()
    return int(os.environ.get("RANK", "0"))  # of torchrun, before the processes know each other
