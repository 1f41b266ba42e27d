"""A film with a nodule in the right lung that was looked at closely: hand-made values for the answers of a dialogue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dialogue import films
from dialogue.conftest import build_pack
from whyray.dialogue import Answer, compose
from whyray.dialogue.context import Context
from whyray.domain import (
    Anchor,
    Attribute,
    Bilingual,
    ChecklistRow,
    DetectorSpec,
    Differential,
    DifferentialRow,
    Finding,
    Line,
    Look,
    Mark,
    Measurement,
    Observations,
    Pack,
    Query,
    Relation,
    SignDefinition,
    SignObservation,
    Structure,
    StructureDefinition,
    Ticked,
)

NODULE, OTHER = films.region(8, 10, 6), films.region(44, 40, 6)
SIGNS = {
    "nodular_shadow": ("结节影", "Nodular shadow", DetectorSpec("mapped")),
    "spiculated_margin": ("毛刺征", "Spiculated margin", DetectorSpec("closer", {"aspect": "spicules"})),
    "lobulated_margin": ("分叶征", "Lobulated margin", DetectorSpec("closer", {"aspect": "lobulation"})),
    "satellite_lesion": ("卫星灶", "Satellite lesion", None),
}
CHECKLIST = (
    ("spiculated_margin", "边缘毛刺", "spicules at the margin"),
    ("lobulated_margin", "边缘分叶", "lobulated outline"),
    ("costophrenic_blunting", "伴胸腔积液", "with an effusion"),
    ("satellite_lesion", "周围卫星灶", "satellites around it"),
)


def _sign(key: str) -> SignDefinition:
    zh, en, detector = SIGNS[key]
    means = Bilingual(f"{zh}提示恶性可能。", f"{en} suggests cancer.")
    return SignDefinition(key, Bilingual(zh, en), Bilingual(zh, en), means, "Fleischner 2008", detector)


def build() -> Pack:
    pack = build_pack()
    rows = tuple(ChecklistRow(f"row_{sign}", Bilingual(zh, en), sign, "Textbook") for sign, zh, en in CHECKLIST)
    between = Differential(
        "edema_or_pneumonia",
        Bilingual("水肿与肺炎", "edema or pneumonia"),
        ("pulmonary_edema", "pneumonia"),
        (
            DifferentialRow("bat_wing_opacity", "pulmonary_edema", Bilingual("对称分布", "symmetric"), "Book A"),
            DifferentialRow("enlarged_heart", "pulmonary_edema", Bilingual("心源性", "cardiac"), "Book B"),
            DifferentialRow("hazy_opacity", "pneumonia", Bilingual("单侧", "one-sided"), "Book C"),
            DifferentialRow("air_bronchogram", "pneumonia", Bilingual("实变", "consolidation"), "Book D"),
        ),
        Bilingual("利尿后复查。", "Repeat the film after diuretics."),
    )
    return replace(
        pack,
        signs=(*pack.signs, *map(_sign, SIGNS)),
        diagnoses=tuple(replace(d, checklist=rows) if d.id == "nodule" else d for d in pack.diagnoses),
        structures=(
            *pack.structures,
            StructureDefinition("right_hilum", Bilingual("右肺门", "right hilum"), "right_hilum", "right"),
            StructureDefinition("spine", Bilingual("脊柱", "spine"), "spine"),
        ),
        differentials=(between,),
    )


PACK = build()


def observations(**change: Any) -> Observations:
    plain = films.observations()
    heart = SignObservation(
        "enlarged_heart",
        True,
        0.2,
        measurements=(Measurement("cardiothoracic_ratio", 0.46, "ratio", 0.02), Measurement("width", 131.0, "mm")),
    )
    seen = SignObservation("bat_wing_opacity", True, 0.9, region=films.region(20, 20, 20), zones=("right_lower_field",))
    nodule = SignObservation("nodular_shadow", True, 0.93, region=NODULE, zones=("right_lower_field",))
    closer = tuple(
        SignObservation(s, False, 0.0, reason="needs_closer_look") for s in ("spiculated_margin", "lobulated_margin")
    )
    kept = tuple(s for s in plain.signs if s.id not in ("enlarged_heart", "bat_wing_opacity"))
    hilum = Structure("right_hilum", films.region(20, 20, 6), 0.9)
    zones = {"right_lower_field": films.region(4, 4, 24), "left_lower_field": films.region(36, 32, 24)}
    values: dict[str, Any] = {
        "signs": (*kept, heart, seen, nodule, *closer),
        "structures": (hilum, Structure("spine", None, 0.0)),
        "zones": zones,
    }
    return replace(plain, **(values | change))


A1 = Anchor("A1", Bilingual("结节影（右下肺野）", "Nodular shadow (right lower zone)"), NODULE, sign="nodular_shadow")
A2 = Anchor("A2", Bilingual("框选区域", "Drawn region"), OTHER)


def attributes(unit: str = "mm") -> tuple[Attribute, ...]:
    scale = 1.0 if unit == "mm" else 7.0
    line = (Line((8, 13), (14, 13)),)
    return (
        Attribute("margin", "spiculated"),
        Attribute(
            "lobulation",
            "present",
            (Measurement("notch_count", 2, "count"), Measurement("notch_depth", 1.4 * scale, unit)),
            (Mark((10, 10), 2), Mark((13, 12), 5)),
        ),
        Attribute(
            "spicules",
            "present",
            (Measurement("spicule_count", 3, "count"), Measurement("spicule_length", 4.2 * scale, unit)),
            (Mark((8, 8), 11), Mark((9, 8), 1), Mark((14, 14), 4)),
        ),
        Attribute("shape", "oval", (Measurement("roundness", 0.81, "ratio"),)),
        Attribute(
            "size",
            "measured",
            (
                Measurement("long_diameter", 21.34 * scale, unit, lines=line),
                Measurement("short_diameter", 18.4 * scale, unit, lines=line),
                Measurement("area", 305.0 * scale * scale, f"{unit}2"),
            ),
        ),
        Attribute("density", "moderate", (Measurement("contrast", 0.21, "ratio"),)),
        Attribute("calcification", "none"),
        Attribute("hollow", "none"),
        Attribute("bubbles", None, reason="too_small"),
        Attribute("neighbours", "named", neighbours=("rib", "right_hilum")),
    )


def look(unit: str = "mm") -> Look:
    signs = (
        SignObservation("spiculated_margin", True, 0.9, region=NODULE),
        SignObservation("lobulated_margin", True, 0.9, region=NODULE),
    )
    return Look(NODULE, attributes(unit), signs)


def relation(to: str = "right_hilum", unit: str = "mm", **change: Any) -> Relation:
    scale = 1.0 if unit == "mm" else 4.0
    across = None if unit == "mm" else Measurement("across", 0.21, "ratio")
    line = (Line((14, 13), (20, 22)),)
    plain = Relation(
        to,
        Measurement("edge", 42.04 * scale, unit, 1.5, line),
        Measurement("centre", 55.3 * scale, unit, 1.5, line),
        across,
        "apart",
        0.0,
        False,
    )
    return replace(plain, **change)


TICKED = (
    Ticked("row_spiculated_margin", "met", ("spiculated_margin",)),
    Ticked("row_lobulated_margin", "undetermined", (), ("lobulated_margin",)),
    Ticked("row_costophrenic_blunting", "unmet", ("costophrenic_blunting",)),
    Ticked("row_satellite_lesion", "undetermined", (), ("satellite_lesion",)),
)


def context(**change: Any) -> Context:
    values: dict[str, Any] = {
        "anchors": (A1, A2),
        "looks": {"A1": look()},
        "relations": {"A1": (relation(),)},
        "ticked": {"nodule": TICKED},
    }
    return Context(**(values | change))


def nodule(probability: float = 0.62, verdict: str = "supported") -> Finding:
    item = films.evidence("E20", "nodular_shadow", "for", 2.0, 1.0, region=NODULE, zones=("right_lower_field",))
    return Finding("nodule", probability, -2.0, "low", verdict, (item,))  # type: ignore[arg-type]


def reply(intent: str, lang: str = "zh", *, given: Context | None = None, **more: Any) -> Answer:
    """Answer a query made of `intent` and the fields in `more`; `calibrated`, `findings`, `observed` are options."""
    options = {k: more.pop(k) for k in ("calibrated", "findings", "observed", "pack") if k in more}
    query = Query(more.pop("text", ""), lang, intent, **more)  # type: ignore[arg-type]
    return compose(
        query,
        options.get("findings", (*films.findings(), nodule())),
        options.get("observed", observations()),
        options.get("pack", PACK),
        simulated=False,
        calibrated=options.get("calibrated", True),
        context=context() if given is None else given,
    )
