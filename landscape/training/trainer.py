"""Train our networks on images: reproducible from the seed, resumable."""

from pathlib import Path

import torch

from landscape import checkpoints
from landscape.checkpoints import Checkpoint
from landscape.datasets.dataset import Dataset
from landscape.datasets.preprocessing import Preprocessing
from landscape.devices import choose_device
from landscape.locks import writing_checkpoints
from landscape.models import Architecture
from landscape.notebook import default_progress
from landscape.progress import Progress
from landscape.threads import num_threads
from landscape.training.recipe import Recipe
from landscape.training.run import TrainingRun


def train(
    net: Architecture,
    training_set: Dataset,
    test_set: Dataset | None,
    recipe: Recipe,
    folder: str | Path,
    *,
    preprocessing: Preprocessing | None = None,
    device: str | torch.device = "cpu",
    save_every: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Checkpoint:
    """Train a network, or resume an interrupted run of the same recipe.

    Writes ``initial.pt`` before the first epoch, ``last.pt`` after every epoch, and
    ``epoch-K.pt`` as asked. On one machine, an interrupted and resumed run ends with the
    same bits as one that was not interrupted (on a GPU as far as its kernels allow).

    Args:
        net: Name and options of the network.
        training_set: Images and labels.
        test_set: Data to evaluate after every epoch, or None.
        recipe: Hyperparameters.
        folder: Folder of the checkpoints.
        preprocessing: Normalization of the images; by default that of the data set.
        device: Device as torch names it.
        save_every: Keep a checkpoint every so many epochs.
        overwrite: Replace an existing run.
        progress: Receives progress; by default a bar in a notebook, else nothing.

    Returns:
        The content of ``last.pt``.

    Raises:
        CheckpointError: The folder holds a run of another net, recipe or data, or another
            process is training in it.
        DataError: The images do not fit the net.
        OSError: The checkpoints cannot be written.
    """
    run = TrainingRun(net, recipe, training_set, test_set, preprocessing, choose_device(device))
    where = Path(folder)
    with writing_checkpoints(where / "last.pt"):
        return _trained(run, where, save_every, overwrite, progress or default_progress())


def _trained(
    run: TrainingRun, folder: Path, save_every: int | None, overwrite: bool, progress: Progress
) -> Checkpoint:
    """Return the last checkpoint of a run in a locked folder, see :func:`train`."""
    net, recipe, last = run.net, run.recipe, folder / "last.pt"
    if last.exists() and not overwrite:
        found = checkpoints.load(last)
        run.check_same(found, last)
        if not found.resume:
            progress.note(f"{net.name}: {last} is already trained")
            return found
        run.restore(found)
    else:
        later = list(folder.glob("epoch-*.pt"))
        for old in [] if overwrite else later:  # of this run's first epoch, or not ours to delete
            run.check_same(checkpoints.load(old), old)
        run.snapshot().save(folder / "initial.pt")  # first: it may be impossible
        for old in (last, *later):
            old.unlink(missing_ok=True)
    progress.start(net.name, recipe.epochs * run.steps_per_epoch, run.epoch * run.steps_per_epoch)
    try:
        with num_threads(run.threads or run.fastest_num_threads()) as run.threads:
            while run.epoch < recipe.epochs:
                for step, loss in enumerate(run.steps(), 1):
                    done = run.epoch * run.steps_per_epoch + step
                    if step < run.steps_per_epoch and step % 5 == 0:
                        progress.update(done, f"loss {float(loss):.3g}, {run.summary()}")
                run.finish_epoch()
                if save_every and run.epoch % save_every == 0:
                    run.snapshot().save(folder / f"epoch-{run.epoch:03d}.pt")
                run.snapshot(resumable=run.epoch < recipe.epochs).save(last)
                progress.update(run.epoch * run.steps_per_epoch, run.summary())
    finally:
        progress.stop()
    return run.snapshot()
