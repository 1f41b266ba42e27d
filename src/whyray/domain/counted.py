"""What was counted in a table of labelled studies: the file ``counted.yaml`` of a pack."""

from __future__ import annotations

from dataclasses import dataclass, field

from whyray.domain.diagnosis import Ratios

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class CountedTable:
    """Which table was counted, when, by which command, and how much of it.

    ``studies`` and ``patients`` are those that count at all, ``train_patients`` (with ``train_studies``) those
    that the ratios and reliabilities come from; ``labels`` says whose labels are used.
    """

    __pydantic_config__ = _STRICT
    name: str
    file: str
    sha256: str
    counted: str
    command: str
    labels: str
    studies: int
    physician_studies: int
    patients: int
    train_studies: int
    train_patients: int


@dataclass(frozen=True, slots=True)
class CountedWeight:
    """Counted ratios of one sign for one diagnosis.

    ``sign_only`` studies carry the sign without the diagnosis; the rest is as in `SignWeight`.
    """

    __pydantic_config__ = _STRICT
    sign: str
    lr_present: float
    lr_absent: float
    ci_present: tuple[float, float]
    ci_absent: tuple[float, float]
    n: int
    both: int
    sign_only: int
    reliability: float = 1.0
    physician: Ratios | None = None


@dataclass(frozen=True, slots=True)
class CountedDiagnosis:
    """How often a diagnosis is, and the numbers fitted beside its reliabilities.

    Attributes
    ----------
    studies
        Train studies that carry it.
    prior
        Their share of the train studies.
    base
        Log-odds from which the terms start when every countable sign was looked for.
    common
        The reliability around which those of the signs were fitted; that of hand-written weights and pathways.
    """

    __pydantic_config__ = _STRICT
    studies: int
    prior: float
    base: float
    common: float = 1.0


@dataclass(frozen=True, slots=True)
class CountedPlaces:
    """Where a sign is reported: `located` train studies name a place; share of them by zone group."""

    __pydantic_config__ = _STRICT
    located: int
    shares: dict[str, float]


@dataclass(frozen=True, slots=True)
class Counted:
    """The whole file; ``weights`` and ``diagnoses`` go by diagnosis id, ``places`` by sign id.

    ``common`` is the median reliability, for diagnoses that the table does not tell.
    """

    __pydantic_config__ = _STRICT
    table: CountedTable
    common: float = 1.0
    diagnoses: dict[str, CountedDiagnosis] = field(default_factory=dict)
    weights: dict[str, tuple[CountedWeight, ...]] = field(default_factory=dict)
    places: dict[str, CountedPlaces] = field(default_factory=dict)

    def reliability(self, diagnosis: str) -> float:
        """Reliability of the hand-written weights and pathways of a diagnosis."""
        facts = self.diagnoses.get(diagnosis)
        return self.common if facts is None else facts.common
