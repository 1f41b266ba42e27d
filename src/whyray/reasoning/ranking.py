"""The order in which conclusions are read: an impression, and beside it what is seen."""

from __future__ import annotations

from dataclasses import dataclass

from whyray.domain import DiagnosisDefinition, Finding, Pack

RAISED = 2.0  # from this multiple of its prior on, the film has raised a probability


@dataclass(frozen=True, eq=False, slots=True)
class Ranking:
    """Conclusions of one film, each list in the order to read it.

    Attributes
    ----------
    impression
        Diseases and the normal study.
    seen
        Descriptive conclusions; they stand beside the disease that explains them and do not compete with it.
    """

    impression: tuple[Finding, ...]
    seen: tuple[Finding, ...]

    @property
    def spoken(self) -> tuple[Finding, ...]:
        """Both lists, the impression first."""
        return (*self.impression, *self.seen)


def rank(findings: tuple[Finding, ...], pack: Pack) -> Ranking:
    """Findings in the order to read them.

    In each list supported diseases come first, then the normal study when that is supported, then what the film has
    made at least `RAISED` times as probable, then the rest; each by probability, equal ones in the order given.

    Raises
    ------
    ValueError
        When a finding is not of this pack.
    KeyError
        When the pack states no prior for one of them.
    """
    told = [(finding, _definition(finding, pack)) for finding in findings]
    told.sort(key=lambda pair: (_level(pair[0], pair[1], pack), -pair[0].probability))
    return Ranking(
        tuple(finding for finding, definition in told if not definition.descriptive),
        tuple(finding for finding, definition in told if definition.descriptive),
    )


def _definition(finding: Finding, pack: Pack) -> DiagnosisDefinition:
    found = pack.diagnosis(finding.id)
    if found is None:
        raise ValueError(f"finding {finding.id} is not in pack {pack.id}")
    return found


def _level(finding: Finding, definition: DiagnosisDefinition, pack: Pack) -> int:
    if finding.verdict == "supported":
        return 1 if definition.normal else 0
    return 2 if not definition.normal and finding.probability >= RAISED * pack.prior(definition) else 3
