"""Which labels of PadChest's table stand for which sign and diagnosis of a pack.

Signs carry their labels themselves (``padchest`` in the pack); ``padchest_terms.yaml`` adds the labels of things
that show the sign too, names the labels of the diagnoses, and says which studies are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from whyray.domain import ArgumentError, Bilingual, Pack

TERMS = Path(__file__).with_name("padchest_terms.yaml")


@dataclass(frozen=True, slots=True)
class Shown:
    """How the table tells that something is there.

    ``labels``: any of these. Or one of ``placed`` in a sentence-wise place: every place of one of ``places``.
    """

    labels: frozenset[str] = frozenset()
    placed: frozenset[str] = frozenset()
    places: tuple[frozenset[str], ...] = ()

    @property
    def words(self) -> frozenset[str]:
        """All labels that can tell it."""
        return self.labels | self.placed

    def holds(self, labels: frozenset[str], places: Mapping[str, frozenset[str]]) -> bool:
        """Whether a study with these labels, each at its places, shows it."""
        if self.labels & labels:
            return True
        found = (places.get(label, frozenset()) for label in self.placed & labels)
        return any(wanted <= at for at in found for wanted in self.places)


@dataclass(frozen=True, slots=True)
class Terms:
    """What stands for each sign and diagnosis id, and which studies to leave out.

    ``signs`` holds what may be a reason, ``confounders`` the devices and lines of the pack, which may not;
    ``repeats`` names, by diagnosis, signs that imply it by their definition though the labels differ.
    """

    signs: Mapping[str, Shown]
    diagnoses: Mapping[str, frozenset[str]]
    drop_studies: frozenset[str]
    frontal: frozenset[str]
    confounders: Mapping[str, Shown] = field(default_factory=dict)
    repeats: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def identical(self, sign: str, diagnosis: str) -> bool:
        """Whether both share a label, or the sign implies the diagnosis: a ratio would only repeat a definition."""
        if sign in self.repeats.get(diagnosis, ()):
            return True
        shown = self.signs.get(sign) or self.confounders.get(sign)
        return shown is not None and bool(shown.words & self.diagnoses[diagnosis])


def read_terms(pack: Pack, path: Path = TERMS) -> Terms:
    """Labels of `pack` and of the term file; only ids that the pack has.

    Raises
    ------
    ArgumentError
        TERMS_DEVICE: a sign that is no confounder, or a diagnosis, is mapped to the label of a device.
    """
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    shown = {sign.id: _shown(sign.padchest.labels if sign.padchest else (), sign.id, raw) for sign in pack.signs}
    barred = {sign.id for sign in pack.signs if sign.confounder}
    known = {diagnosis.id for diagnosis in pack.diagnoses}
    terms = Terms(
        signs={key: value for key, value in shown.items() if value.words and key not in barred},
        diagnoses={key: frozenset(labels) for key, labels in raw["diagnoses"].items() if key in known},
        drop_studies=frozenset(raw["drop_studies"]),
        frontal=frozenset(raw["frontal"]),
        confounders={key: value for key, value in shown.items() if value.words and key in barred},
        repeats={key: frozenset(signs) for key, signs in raw.get("repeats", {}).items()},
    )
    _refuse_devices(terms, frozenset(raw["devices"]))
    return terms


def _shown(own: tuple[str, ...], sign: str, raw: Mapping[str, Any]) -> Shown:
    placed = raw.get("placed", {}).get(sign, {})
    return Shown(
        labels=frozenset(own) | frozenset(raw["signs"].get(sign, ())),
        placed=frozenset(placed.get("labels", ())),
        places=tuple(frozenset(places) for places in placed.get("places", ())),
    )


def _refuse_devices(terms: Terms, devices: frozenset[str]) -> None:
    words = {key: shown.words for key, shown in terms.signs.items()}
    for key, labels in (words | dict(terms.diagnoses)).items():
        if labels & devices:
            raise ArgumentError(
                "TERMS_DEVICE",
                Bilingual(f"{key} 映射到了器械标签。", f"{key} is mapped to device labels."),
                Bilingual("器械是混杂因素，请删除。", "Devices are confounders: remove them."),
            )
