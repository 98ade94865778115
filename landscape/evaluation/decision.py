"""A plan as plain data: for another process, another surface, or a scan that is resumed."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from landscape.evaluation.plan import Plan, reference_plan
from landscape.evaluation.precision import DTYPES, Precision
from landscape.evaluation.rewrites import REWRITES
from landscape.evaluation.rewrites.network import RECOMPUTED, UNMODIFIED
from landscape.objective import Objective
from landscape.plane import Plane


@dataclass(frozen=True)
class Decision:
    """What autotuning has decided.

    Attributes:
        network: Name of the rewrite.
        precision: Precision of the forward pass.
        images_per_batch: Images in one forward pass.
        points_per_batch: Points in one forward pass.
        compiled: Whether ``torch.compile`` fuses it.
        cuda_graph: Whether one step is captured as a CUDA graph.
        corrected: Number of random images that the reference computes as well.
    """

    network: str
    precision: Precision
    images_per_batch: int
    points_per_batch: int
    compiled: bool
    cuda_graph: bool
    corrected: int = 0

    @classmethod
    def from_plan(cls, plan: Plan) -> "Decision":
        """Return the data of a plan.

        Args:
            plan: The plan.
        """
        return cls(
            plan.network.name,
            plan.precision,
            plan.images_per_batch,
            plan.points_per_batch,
            plan.compiled,
            plan.cuda_graph,
            plan.corrected,
        )

    @classmethod
    def from_facts(cls, facts: object) -> "Decision | None":
        """Return a decision from what :meth:`facts` has returned; None if it is none.

        Args:
            facts: Of a file that may be damaged, or of another version.
        """
        expected = {name: type(value) for name, value in asdict(_EXAMPLE).items()}
        if not isinstance(facts, dict) or {k: type(v) for k, v in facts.items()} != expected:
            return None
        decision = cls(**facts)
        is_known = decision.network in (*REWRITES, RECOMPUTED) and decision.precision in DTYPES
        is_known = is_known and min(decision.images_per_batch, decision.points_per_batch) > 0
        is_known = is_known and max(decision.points_per_batch, decision.images_per_batch) <= _MOST
        is_known = is_known and 0 <= decision.corrected <= _MOST
        return decision if is_known else None

    @property
    def facts(self) -> dict[str, object]:
        """The fields by name, as JSON takes them."""
        return asdict(self)

    def plan(self, objective: Objective, plane: Plane) -> Plan | None:
        """Return the plan for an objective and a plane; None if they do not allow the rewrite.

        Args:
            objective: The objective.
            plane: The plane.
        """
        reference = reference_plan(objective, plane)
        if self == Decision.from_plan(reference):
            return reference
        if self.network not in REWRITES:
            return None
        network = REWRITES[self.network](objective, plane, DTYPES[self.precision])
        if network is None:
            return None
        return Plan(
            network,
            self.precision,
            self.images_per_batch,
            self.points_per_batch,
            self.compiled,
            self.cuda_graph,
            self.corrected,
            reference,
        )


_MOST = 2**24  # points or images at a time: a file must not ask for any amount of memory

_EXAMPLE = Decision(UNMODIFIED, "float32", 1, 1, False, False)


def decisions_from(text: object) -> dict[str, Decision]:
    """Return decisions by name from a text of :func:`decisions_to`; none if it is another text.

    Args:
        text: Of a file that may be damaged, or of another version.
    """
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        found = {}
    if not isinstance(found, dict):
        return {}
    read = {name: Decision.from_facts(facts) for name, facts in found.items()}
    return {name: decision for name, decision in read.items() if decision is not None}


def decisions_to(decisions: Mapping[str, Decision]) -> str:
    """Return decisions by name as a text (JSON).

    Args:
        decisions: The decisions.
    """
    return json.dumps({name: decision.facts for name, decision in decisions.items()})
