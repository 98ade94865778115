"""Choose the fastest plan that agrees with the reference: timed and checked on this machine."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import torch
from torch.nn.modules.conv import _ConvNd

from landscape.devices import computes_in, is_gpu
from landscape.errors import LandscapeError
from landscape.evaluation.decision import Decision
from landscape.evaluation.plan import Plan, even_batch_size
from landscape.evaluation.precision import DTYPES, Precision
from landscape.evaluation.rehearsal import rehearsed
from landscape.evaluation.rewrites import CHANNELS_FIRST, CHANNELS_LAST, HALF, REWRITES
from landscape.evaluation.rewrites.batchnorm_folding import NAMES
from landscape.evaluation.rewrites.cached_modules import CACHED
from landscape.evaluation.rewrites.fastest_convolution import has_triton
from landscape.evaluation.rewrites.first_layers import shared
from landscape.evaluation.rewrites.network import Network, unmodified
from landscape.evaluation.rewrites.onednn import ONEDNN
from landscape.evaluation.streamed_plane import is_streamed
from landscape.evaluation.trials import DEVIATION_ALLOWED, Trials
from landscape.evaluation.tuned import Tuned
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.values import Point

# Bytes of activations that suit the device: on a CPU they stay in the cache.
_BYTES_PER_BATCH = {"cpu": 20_000_000, "cuda": 400_000_000}

# Bytes of activations in a batch of a large network, as a part of those of its weights.
_ACTIVATIONS = 0.25

# If one point takes longer than this, it uses the whole device alone.
_SECONDS_OF_A_LARGE_POINT = 0.05

# Launching kernels is a noticeable part of a step that takes no longer than this.
_SECONDS_WORTH_A_GRAPH = 0.02

# Low precision is corrected by this share of the images, and by this number at least; a scan of so
# many points is worth the trial.
_CORRECTED, _CORRECTED_IMAGES, _POINTS_WORTH_A_CORRECTION = 0.05, 100, 1000

# A scan of this time is worth compiling the kernels in Triton, which takes some 20 seconds.
_SECONDS_WORTH_TRITON = 60

# A scan of this time is worth a trial of torch.compile, which takes up to half a minute.
_SECONDS_WORTH_COMPILING = 600


def autotune(
    objective: Objective,
    plane: Plane,
    probes: Sequence[Point],
    num_points: int,
    *,
    precision: Precision,
    images_per_batch: int | None = None,
    is_auto: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> Tuned:
    """Return the fastest plan whose losses agree with the reference plan's.

    Every candidate is run at the probes on a part of the data. A candidate that raises, or
    whose losses deviate by more than rounding, is rejected. The trials take a few percent of
    the time that the reference plan would need for all points.

    Args:
        objective: The objective; of type float64 for that precision, else float32.
        plane: The plane.
        probes: Points where losses are compared, the center first.
        num_points: Number of points to be evaluated.
        precision: Precision of the forward pass. ``auto`` takes the fastest that deviates from
            float32 by at most
            :data:`landscape.evaluation.trials.DEVIATION_ALLOWED`.
        images_per_batch: The only batch size to try, if given.
        is_auto: Whether the precision was chosen by ``auto`` for another part of the same scan:
            the reference is taken where it deviates by more.
        note: Receives a message for every plan rejected for its values.

    Raises:
        LandscapeError: Two evaluations at the center differ, or no plan agrees with the
            reference in the precision.
    """
    if precision in ("float32", "float64"):
        probes = probes[:3]  # enough to recognize a wrong plan; a deviation needs more
    limited = is_auto or precision == "auto"
    trials = Trials(objective, plane, probes, precision, num_points, note, limited)
    candidates = _candidates(objective, plane, trials, images_per_batch)
    for number, plan in enumerate(candidates, 1):
        # On fewer images than a batch holds, a plan does not reach its speed.
        if number > 2 and trials.part.num_images < plan.images_per_batch < objective.num_images:
            continue
        trials.run(plan)
        if trials.measured and number >= 2 and trials.exhausted:
            break
    _try_layout(objective, plane, trials)
    _try_triton(objective, plane, trials)
    best = trials.best
    if best is not None and is_gpu(objective.device):
        seconds = trials.measured[best].seconds * objective.num_images
        if seconds * best.points_per_batch < _SECONDS_WORTH_A_GRAPH:
            trials.run(replace(best, cuda_graph=True))
    if (best := trials.best) is not None and best.network.compiles:
        left = trials.measured[best].seconds * objective.num_images * num_points
        if left > _SECONDS_WORTH_COMPILING:
            trials.run(replace(best, compiled=True))
    _try_correction(objective, trials)
    best = trials.best
    if best is None and is_auto:
        note(f"{precision} deviates by more than {DEVIATION_ALLOWED:.0%} here: it is not used")
        return Tuned(trials.reference, trials.reference_seconds, 0.0, None, tuple(trials.log))
    if best is None:
        raise LandscapeError(
            f"No evaluation plan agrees with the reference in {precision}; use float32 or auto."
        )
    trial = trials.measured[best]
    seconds = trial.seconds * objective.num_images
    if best is not trials.reference:
        best = replace(best, reference=trials.reference)
    return Tuned(best, seconds, trial.deviation, trial.strategy, tuple(trials.log))


def _try_layout(objective: Objective, plane: Plane, trials: Trials) -> None:
    """Try the best precision in the other layout, if the trials have taken little time.

    Tensor cores take channels last; kernels of float32 are often faster with channels first.
    """
    best = trials.best
    if best is None or best.points_per_batch > 1 or is_streamed(plane) or trials.exhausted:
        return
    layout = CHANNELS_LAST if best.dtype in HALF else CHANNELS_FIRST
    network = REWRITES[layout](objective, plane, best.dtype)
    if network is not None:
        trials.run(replace(best, network=network))


def _try_correction(objective: Objective, trials: Trials) -> None:
    """Try the fastest plan of low precision with a correction, if it deviates without.

    The trial takes all images at every probe, which only a long scan is worth.
    """
    is_worth_it = trials.is_auto and trials.num_points >= _POINTS_WORTH_A_CORRECTION
    if not is_worth_it or not objective.can_subsample or objective.metrics:
        return
    inexact = {
        plan: trial.seconds
        for plan, trial in trials.measured.items()
        if plan.dtype in HALF and plan.points_per_batch == 1 and not plan.takes_all_data
    }
    if not inexact:
        return
    plan, best = min(inexact, key=inexact.__getitem__), trials.best
    num = max(_CORRECTED_IMAGES, math.ceil(_CORRECTED * objective.num_images))
    share = num / objective.num_images
    reference = trials.reference_seconds / objective.num_images
    seconds = inexact[plan] * (1 + share) + reference * share
    if best is None or (plan is not best and seconds < trials.measured[best].seconds):
        trials.run(replace(plan, corrected=num, reference=trials.reference))


def _try_triton(objective: Objective, plane: Plane, trials: Trials) -> None:
    """Try the best plan with kernels in Triton, if compiling them is worth the time."""
    best = trials.best
    if best is None or best.points_per_batch > 1 or is_streamed(plane):
        return
    is_half = best.precision in ("float16", "bfloat16")
    left = trials.measured[best].seconds * objective.num_images * trials.num_points
    if not is_half or left < _SECONDS_WORTH_TRITON or not has_triton(objective.device):
        return
    network = REWRITES[NAMES["triton"]](objective, plane, DTYPES[best.precision])
    if network is None:
        return
    plan = replace(best, network=network)
    if reason := rehearsed(Decision.from_plan(plan), objective.device):
        trials.log.append(f"not used ({reason}): {plan}")
    else:
        trials.run(plan)


def _candidates(
    objective: Objective, plane: Plane, trials: Trials, images_per_batch: int | None
) -> Iterable[Plan]:
    """Yield the plans that are worth a trial, the most promising first."""
    if objective.batchnorm == "recomputed":  # batches determine the values; a part has others
        return
    reference = trials.reference
    num, device = objective.num_images, objective.device.type
    if not objective.data.can_split:
        images_per_batch = objective.images_per_batch
    guess = _BYTES_PER_BATCH[device] / trials.activations
    precisions: list[Precision] = [trials.precision]
    if trials.precision == "auto":
        order: list[Precision] = ["float16", "bfloat16", "tf32", "float32"]
        precisions = [kind for kind in order if computes_in(kind, objective.device)]
    if is_streamed(plane):
        yield from _streamed(objective, plane, trials, precisions, images_per_batch)
        return
    networks = {kind: _networks(objective, plane, reference, DTYPES[kind]) for kind in precisions}
    small: list[Plan] = []
    is_small = trials.reference_seconds < _SECONDS_OF_A_LARGE_POINT
    # Several points in one convolution are groups of it, which GPUs compute slowly.
    is_small = is_small and not (is_gpu(objective.device) and _has_convolutions(objective))
    if is_small and reference.precision in precisions:
        size = images_per_batch or min(num, 2048)
        first = shared(objective, plane) if size == num else None
        most = 2 ** math.ceil(math.log2(max(trials.num_points, 2)))
        for network in (first, reference.network):
            if network is not None:
                one = Plan(network, reference.precision, size).bytes(trials.activations)
                points = 2 ** round(math.log2(max(2.0, _BYTES_PER_BATCH[device] / one)))
                numbers = {min(n, most) for n in (points, 4 * points)}
                small += [Plan(network, reference.precision, size, n) for n in sorted(numbers)]
    yield from small[:1]
    seen = set()
    for factor in (1, 4, 0.25):
        for kind, rewritten in networks.items():
            fitting = factor * guess * 4 * 8 / torch.finfo(DTYPES[kind]).bits
            size = images_per_batch or even_batch_size(num, fitting)
            if (kind, size) not in seen:
                yield from (Plan(network, kind, size) for network in rewritten)
            seen.add((kind, size))
    yield from small[1:]


def _has_convolutions(objective: Objective) -> bool:
    return any(isinstance(module, _ConvNd) for module in objective.model.modules())


def _streamed(
    objective: Objective,
    plane: Plane,
    trials: Trials,
    precisions: Sequence[Precision],
    images_per_batch: int | None,
) -> Iterable[Plan]:
    """Yield the plans for weights that are formed again for every batch.

    Batches are large, so that forming the weights takes a small part of the time.
    """
    reference = trials.reference
    weights = sum(t.numel() * t.element_size() for t in plane.center.values())
    wanted = max(_BYTES_PER_BATCH[objective.device.type], _ACTIVATIONS * weights)
    for kind in precisions:
        bits = torch.finfo(DTYPES[kind]).bits
        fitting = wanted / trials.activations * 32 / bits
        size = images_per_batch or even_batch_size(objective.num_images, fitting)
        if kind == reference.precision and size != reference.images_per_batch:
            yield replace(reference, images_per_batch=size)
        elif kind != reference.precision:
            yield Plan(unmodified(objective, plane, DTYPES[kind]), kind, size)


def _networks(
    objective: Objective, plane: Plane, reference: Plan, dtype: torch.dtype
) -> list[Network]:
    """Return the rewrites of the model for one type, in every form that may be the fastest."""
    own = reference.network if dtype == objective.dtype else unmodified(objective, plane, dtype)
    names = [CACHED, NAMES["plain"], NAMES["cudnn"]]
    found = {name: REWRITES[name](objective, plane, dtype) for name in names}
    if found[NAMES["plain"]] is None:
        found[ONEDNN] = REWRITES[ONEDNN](objective, plane, dtype)
    rewritten = [network for network in found.values() if network is not None]
    # A network that is cached may end, and leave no plan of its precision.
    return [*rewritten, own] if objective.selects else rewritten or [own]
