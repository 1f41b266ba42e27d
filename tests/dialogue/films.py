"""Hand-built readings: a film with edema, a film without, and the small pieces they are made of."""

from __future__ import annotations

import numpy as np

from whyray.domain import (
    Bilingual,
    Counterfactual,
    Evidence,
    Finding,
    Measurement,
    Notice,
    Observations,
    Quality,
    Region,
    SignObservation,
)


def region(x: int = 10, y: int = 10, size: int = 8) -> Region:
    mask = np.zeros((64, 64), dtype=np.bool_)
    mask[y : y + size, x : x + size] = True
    found = Region.from_mask(mask)
    assert found is not None
    return found


def evidence(id_: str, sign: str, polarity: str, log_lr: float, share: float, **more: object) -> Evidence:
    located = polarity != "absent"
    values: dict[str, object] = {
        "score": 0.9 if located else 0.08,
        "rule": None,
        "location": Bilingual("双肺门周围", "both perihilar zones") if located else Bilingual("", ""),
        "zones": (),
        "significance": Bilingual("肺泡水肿的典型分布。", "Typical distribution of alveolar edema."),
        "source": "Fleischner Society glossary 2008",
        "region": region() if located else None,
    }
    values.update(more)
    return Evidence(id=id_, sign=sign, polarity=polarity, log_lr=log_lr, share=share, **values)  # type: ignore[arg-type]


def edema() -> Finding:
    return Finding(
        "pulmonary_edema",
        0.34,
        -3.0,
        "low",
        "supported",
        (
            evidence(
                "E1",
                "bat_wing_opacity",
                "for",
                2.1,
                0.42,
                score=0.91,
                rule="edema_cardiac",
                measurements=(Measurement("symmetry", 0.864, "ratio"),),
                counterfactual=Counterfactual(0.22, True),
            ),
            evidence(
                "E2",
                "enlarged_heart",
                "for",
                0.9,
                0.18,
                score=0.88,
                location=Bilingual("心影", "cardiac silhouette"),
                significance=Bilingual("提示心源性可能", "Suggests a cardiac cause"),
                source="PadChest",
                measurements=(
                    Measurement("cardiothoracic_ratio", 0.583, "ratio", 0.021),
                    Measurement("width", 171.26, "mm"),
                ),
                counterfactual=Counterfactual(0.01, False),
            ),
            evidence("E3", "pulmonary_edema_pattern", "for", 0.6, 0.12, score=0.71, location=Bilingual("", "")),
            evidence(
                "E4",
                "hazy_opacity",
                "against",
                -0.4,
                0.08,
                location=Bilingual("右下肺野", "right lower zone"),
                zones=("right_lower_field",),
                significance=Bilingual("单侧分布，不典型", "One-sided, not typical"),
                source="expert opinion",
            ),
            evidence("E5", "costophrenic_blunting", "absent", -1.0, 0.2),
        ),
        ("edema_cardiac",),
    )


def pneumonia() -> Finding:
    return Finding(
        "pneumonia",
        0.04,
        -2.0,
        "low",
        "not_supported",
        (
            evidence("E6", "hazy_opacity", "for", 0.3, 0.2, location=Bilingual("右下肺野", "right lower zone")),
            evidence("E7", "bat_wing_opacity", "against", -0.8, 0.5, source="expert opinion"),
            evidence("E8", "pneumonia_pattern", "absent", -0.4, 0.3, score=0.05),
        ),
    )


def effusion() -> Finding:
    return Finding(
        "pleural_effusion",
        0.22,
        -2.0,
        "low",
        "possible",
        (evidence("E9", "costophrenic_blunting", "absent", -0.5, 1.0),),
    )


def normal(verdict: str = "not_supported") -> Finding:
    return Finding("no_finding", 0.12, -2.0, "low", verdict, ())  # type: ignore[arg-type]


def findings() -> tuple[Finding, ...]:
    return edema(), pneumonia(), effusion(), normal()


def observations(*, usable: bool = True, reasons: tuple[Notice, ...] = ()) -> Observations:
    ran = ("bat_wing_opacity", "enlarged_heart", "hazy_opacity", "costophrenic_blunting")
    return Observations(
        image_sha256="0" * 64,
        model_id="m",
        structures=(),
        zones={},
        signs=(
            *(SignObservation(s, True, 0.5) for s in ran),
            SignObservation("kerley_b", False, 0.0, reason="no_detector"),
            SignObservation("air_bronchogram", False, 0.0, reason="no_detector"),
            SignObservation("pleural_line", False, 0.0, reason="structure_not_visible"),
        ),
        film_scores={},
        quality=Quality(usable, 0.9 if usable else 0.1, reasons),
    )


CHILD = Notice("NOT_ADULT_FRONTAL", Bilingual("可能为儿童胸片。", "This may be a child's film."))
