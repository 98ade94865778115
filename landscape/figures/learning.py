"""Learning curves: loss and accuracy over the epochs of training runs."""

from collections.abc import Callable, Mapping, Sequence

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from landscape.figures.pyplot import displayed_once


def learning_curves(histories: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw loss and accuracy over the epochs of several runs.

    Args:
        histories: By the run's name: lists ``train_loss``, ``test_loss``,
            ``train_accuracy``, ``test_accuracy``, one entry per epoch; the test's may be
            missing.

    Returns:
        The figure.
    """
    figure, (losses, accuracies) = plt.subplots(1, 2, figsize=(9.6, 3.8), layout="constrained")
    percent: Callable[[float], float] = lambda value: 100 * value  # noqa: E731
    for axes, quantity, unit in (
        (losses, "loss", float),
        (accuracies, "accuracy", percent),
    ):
        for number, (name, history) in enumerate(histories.items()):
            for part, style in (("train", "-"), ("test", "--")):
                values = [unit(value) for value in history.get(f"{part}_{quantity}", ())]
                if values:
                    epochs = range(1, len(values) + 1)
                    axes.plot(epochs, values, style, color=f"C{number}", label=f"{name}, {part}")
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
    losses.set_yscale("log")
    losses.set_ylabel("mean loss")
    accuracies.set_ylabel("accuracy (%)")
    accuracies.legend()
    return displayed_once(figure)
