"""Film-level scores: calibrated probabilities of the network's heads."""

from __future__ import annotations

from math import exp

from whyray.domain import ModelCard
from whyray.perception.scene import Scene


def log_odds(card: ModelCard, head: str, logit: float) -> float:
    """Calibrated log-odds of a head (Platt scaling of the card)."""
    numbers = card.calibration[head]
    return numbers["scale"] * logit + numbers["shift"]


def film_scores(scene: Scene) -> dict[str, float]:
    """Diagnosis id -> calibrated probability, for the diagnoses with a head."""
    scores = {}
    for diagnosis in scene.pack.diagnoses:
        if diagnosis.head is not None and diagnosis.head in scene.logits:
            z = log_odds(scene.card, diagnosis.head, scene.logits[diagnosis.head])
            scores[diagnosis.id] = 1 / (1 + exp(-z))
    return scores
