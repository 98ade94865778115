"""Is it the trained network, on its data? Checks of the values at the center."""

import math

from landscape.captions import percent
from landscape.diagnostics.finding import Finding
from landscape.diagnostics.subject import OF_HEIGHT, Subject
from landscape.scale import Scale

_SIGMAS = 2.0

# A contradiction with a record is to be beyond doubt: the chance of four standard errors is 1 in
# 30,000. A recorded accuracy may be the best of several epochs, of averaged weights or of other
# crops of the images, which differ by a few points.
_BEYOND_DOUBT, _OTHER_RECORD = 4.0, 0.05

# Of the accuracy, between two sets of BatchNorm statistics. Those of residual and plain networks
# after 40 steps of training and more differed by 6 % at most.
_OTHER_STATISTICS = 0.1

# Of the loss: a recorded one may be that of other crops, or of averaged weights.
_OTHER_LOSS = 0.5

# From so many classes on, a loss of probabilities taken for logits is far from that of a trained
# network: five classes have 0.9 at least.
_MANY_CLASSES, _GOOD_ACCURACY = 5, 0.9


def other_net(subject: Subject) -> Finding | None:
    """Another network with equal parameters fits the weights clearly better."""
    options = subject.surface.provenance.get("better_net")
    accuracy = subject.number("better_accuracy")
    if options is None or accuracy is None:
        return None
    return Finding(
        f"another net fits the weights: accuracy {percent(accuracy)} with {options}",
        "scan again with these options, replacing the file",
    )


def batchnorm_initial(subject: Subject) -> Finding | None:
    """BatchNorm has its initial statistics, mean 0 and variance 1: it never saw data."""
    layers, initial = (subject.number(f"batchnorm_{key}") for key in ("layers", "initial"))
    if not layers or not initial:
        return None
    return Finding(
        f"BatchNorm never saw data: {initial:.0f} of {layers:.0f} layers have mean 0, variance 1",
        "load the buffers with the weights (model.state_dict() holds both), or recompute the "
        "statistics (--batchnorm recomputed)",
    )


def batchnorm_of_other_data(subject: Subject) -> Finding | None:
    """BatchNorm's statistics do not fit: those of the data give a far better network."""
    stored, again = (
        (subject.number(f"{which}_accuracy"), subject.number(f"{which}_loss"))
        for which in ("stored_statistics", "data_statistics")
    )
    images = subject.number("statistics_images")
    if stored[1] is None or again[1] is None or not images:
        return None
    if stored[0] is not None and again[0] is not None:
        gain = again[0] - stored[0]
        # On the same images: a gain of k images by chance has a standard error of √k or less.
        is_worse = gain > max(_OTHER_STATISTICS, _BEYOND_DOUBT**2 / images)
        values = f"accuracy {percent(stored[0])}", percent(again[0])
    else:
        is_worse = subject.rise(again[1], stored[1]) > OF_HEIGHT
        values = f"loss {Scale.label(stored[1])}", Scale.label(again[1])
    if not is_worse:
        return None
    return Finding(
        f"BatchNorm statistics do not fit the data: {values[0]} with those of the "
        f"checkpoint, {values[1]} with those of the data",
        "check preprocessing and weights; after averaging weights update the statistics "
        "(torch.optim.swa_utils.update_bn), or scan with --batchnorm recomputed",
    )


def recorded(subject: Subject) -> Finding | None:
    """The center is clearly worse than what the checkpoint recorded on data it did not see.

    Accuracies on training images are usually higher, and no fault.
    """
    middle = subject.middle
    accuracy, loss = middle.center_accuracy, middle.center_loss
    before, loss_before = subject.number("recorded_accuracy"), subject.number("recorded_loss")
    if accuracy is not None and before is not None and 0 < before <= 1:
        spread = max(a * (1 - a) for a in (accuracy, before))
        error = math.sqrt(spread / subject.images)
        if before - accuracy > _OTHER_RECORD + _BEYOND_DOUBT * error:
            return _contradicted(f"accuracy {percent(accuracy)}", percent(before))
    if loss is not None and loss_before is not None and middle.is_cross_entropy:
        place = middle.center or (0, 0)
        error = float(middle.standard_errors[place])
        margin = _OTHER_LOSS * abs(loss_before) + _BEYOND_DOUBT * error  # nan: unknown
        if loss - loss_before > margin:
            return _contradicted(f"loss {Scale.label(loss)}", Scale.label(loss_before))
    return None


def _contradicted(now: str, before: str) -> Finding:
    return Finding(
        f"{now} at the center, the checkpoint recorded {before}",
        "check that data, labels, preprocessing and head are those of its training",
    )


def guessing(subject: Subject) -> Finding | None:
    """The center is no better than answers that do not depend on the input.

    The accuracy of such an answer is at most the frequency of the most frequent label; its
    cross entropy is compared with that of equal probabilities, ln(classes).
    """
    middle = subject.middle
    loss, accuracy = middle.center_loss, middle.center_accuracy
    chance, classes = subject.number("guess_accuracy"), subject.number("classes")
    found, guessed = [], []
    by_loss = by_accuracy = False
    if loss is not None and classes is not None and classes > 1 and middle.is_cross_entropy:
        by_loss = not loss < math.log(classes)
    if accuracy is not None and chance is not None and chance < 1:
        by_accuracy = accuracy <= at_most(chance, subject.images)
    if by_loss and loss is not None and classes is not None:
        found.append(f"loss {Scale.label(loss)}")
        guessed.append(f"{math.log(classes):.3g}")
    if by_accuracy and accuracy is not None and chance is not None:
        found.append(f"accuracy {percent(accuracy)}")
        guessed.append(percent(chance))
    if not found:
        return None
    remedy = (
        "check net, weights and preprocessing, and that the labels belong to the "
        f"{subject.unit.name}"
    )
    if not by_accuracy:
        remedy += " (a few confident errors also make a large loss)"
    return Finding(
        f"{', '.join(found)} at the center: no better than guessing ({', '.join(guessed)})",
        remedy,
        "wrong" if by_accuracy or accuracy is None else "doubtful",
    )


def at_most(chance: float, images: int) -> float:
    """Return the accuracy that guessing reaches on some images, up to two standard errors.

    Args:
        chance: Its accuracy on all images.
        images: Number of images.
    """
    return chance + _SIGMAS * math.sqrt(chance * (1 - chance) / images)


def probabilities(subject: Subject) -> Finding | None:
    r"""Cross entropy seems to be given probabilities instead of logits.

    With all logits between 0 and 1, the loss of C classes lies between ln(1 + (C - 1) / e) and
    ln(e + C - 1) at every point of every plane, however good the network is.
    """
    middle, classes = subject.middle, subject.number("classes")
    loss, accuracy = middle.center_loss, middle.center_accuracy
    if loss is None or accuracy is None or classes is None or not middle.is_cross_entropy:
        return None
    if classes < _MANY_CLASSES or accuracy < _GOOD_ACCURACY or not subject.known.any():
        return None
    low, high = math.log(1 + (classes - 1) / math.e), math.log(math.e + classes - 1)
    losses = subject.losses[subject.known]
    if not (losses.min() >= low and losses.max() <= high):
        return None
    return Finding(
        f"accuracy {percent(accuracy)}, but every loss is between {low:.3g} and {high:.3g}, as of "
        "probabilities",
        "cross entropy takes logits: remove the softmax at the end of the model",
    )
