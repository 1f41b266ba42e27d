"""A small chest pack with the real terms and templates: the words under test, the numbers made up."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from whyray.domain import (
    Bilingual,
    DetectorSpec,
    DiagnosisDefinition,
    Match,
    Pack,
    Rule,
    SignDefinition,
    SignWeight,
    StructureDefinition,
    Synonyms,
    Term,
    ZoneDefinition,
)

HERE = Path(__file__).parent
CHEST = HERE.parents[1] / "src" / "whyray" / "packs" / "chest"

DIAGNOSES = {
    "pulmonary_edema": ("肺水肿", "Pulmonary edema"),
    "cardiomegaly": ("心影增大", "Cardiomegaly"),
    "pleural_effusion": ("胸腔积液", "Pleural effusion"),
    "pneumonia": ("肺炎", "Pneumonia"),
    "pneumothorax": ("气胸", "Pneumothorax"),
    "consolidation": ("肺实变", "Consolidation"),
    "atelectasis": ("肺不张", "Atelectasis"),
    "infiltration": ("肺浸润", "Infiltration"),
    "mass": ("肺肿块", "Mass"),
    "nodule": ("肺结节", "Nodule"),
    "emphysema": ("肺气肿", "Emphysema"),
    "pulmonary_fibrosis": ("肺纤维化", "Pulmonary fibrosis"),
    "pleural_thickening": ("胸膜增厚", "Pleural thickening"),
    "hernia": ("膈疝", "Hernia"),
    "no_finding": ("未见异常", "No finding"),
}
SIGNS = {
    "enlarged_heart": (
        "心影增大征",
        "Enlarged heart shadow",
        ("心影增大", "心胸比增大"),
        ("enlarged heart",),
    ),
    "costophrenic_blunting": (
        "肋膈角变钝",
        "Blunted costophrenic angle",
        ("肋膈角消失",),
        ("costophrenic angle is blunted", "blunted angle"),
    ),
    "bat_wing_opacity": ("蝶翼样阴影", "Bat-wing opacity", ("蝶翼征",), ("butterfly opacity",)),
    "hazy_opacity": ("磨玻璃样密度增高影", "Hazy opacity", ("磨玻璃影",), ("ground-glass opacity",)),
    "kerley_b": ("Kerley B 线", "Kerley B lines", ("间隔线",), ("septal lines",)),
    "air_bronchogram": ("空气支气管征", "Air bronchogram", (), ()),
    "pleural_line": ("脏层胸膜线", "Visceral pleural line", (), ("pleural line",)),
}
UNDETECTED = {"kerley_b", "air_bronchogram"}
OWN = 2.0  # ratio from which a sign is one of the diagnosis' own
WEIGHTS = {
    "pulmonary_edema": {
        "bat_wing_opacity": 12.0,
        "enlarged_heart": 3.0,
        "costophrenic_blunting": 2.5,
        "hazy_opacity": 2.0,
        "kerley_b": 20.0,
        "pulmonary_edema_pattern": 4.0,
    },
    "cardiomegaly": {"enlarged_heart": 40.0},
    "pleural_effusion": {"costophrenic_blunting": 15.0, "enlarged_heart": 1.5},
    "pneumonia": {
        "hazy_opacity": 3.0,
        "air_bronchogram": 6.0,
        "bat_wing_opacity": 0.7,
        "pneumonia_pattern": 4.0,
    },
    "pneumothorax": {"pleural_line": 50.0},
}


def _diagnosis(key: str) -> DiagnosisDefinition:
    zh, en = DIAGNOSES[key]
    return DiagnosisDefinition(
        id=key,
        name=Bilingual(zh, en),
        definition=Bilingual(zh, en),
        source="test",
        head=key,
        normal=key == "no_finding",
        weights=tuple(SignWeight(s, lr, 0.7, "counted", "test") for s, lr in WEIGHTS.get(key, {}).items()),
        advice=Bilingual("结合临床与复查片。", "Correlate with the clinical picture."),
    )


def _sign(key: str, zh: str, en: str, more_zh: tuple[str, ...], more_en: tuple[str, ...]) -> SignDefinition:
    return SignDefinition(
        id=key,
        name=Bilingual(zh, en),
        definition=Bilingual(zh, en),
        significance=Bilingual(f"{zh}的意义", f"meaning of {en}"),
        source="test",
        detector=None if key in UNDETECTED else DetectorSpec("kind"),
        synonyms=Synonyms(more_zh, more_en),
        diagnoses=tuple(diagnosis for diagnosis, ratios in WEIGHTS.items() if ratios.get(key, 1.0) > OWN),
    )


def _pattern(key: str) -> SignDefinition:
    zh, en = DIAGNOSES[key]
    return SignDefinition(
        id=f"{key}_pattern",
        name=Bilingual(f"{zh}整体模式", f"{en} pattern"),
        definition=Bilingual(zh, en),
        significance=Bilingual("", ""),
        source="test",
        detector=DetectorSpec("film"),
        learned=True,
    )


def build_pack() -> Pack:
    terms = [t for n in ("terms", "spelling") for t in yaml.safe_load((CHEST / f"{n}.yaml").read_text("utf-8"))]
    templates = yaml.safe_load((CHEST / "templates.yaml").read_text("utf-8"))
    return Pack(
        id="chest",
        version="0.0.1",
        name=Bilingual("胸片", "Chest radiograph"),
        match=Match(("DX",)),
        model="chest",
        structures=(
            StructureDefinition("right_lung", Bilingual("右肺", "right lung"), "right_lung", "right"),
            StructureDefinition("left_lung", Bilingual("左肺", "left lung"), "left_lung", "left"),
            StructureDefinition("heart", Bilingual("心影", "cardiac silhouette"), "heart"),
        ),
        zones=(
            ZoneDefinition("right_lower_field", Bilingual("右下肺野", "right lower zone"), "field", {}, "right"),
            ZoneDefinition("left_lower_field", Bilingual("左下肺野", "left lower zone"), "field", {}, "left"),
        ),
        signs=(
            *(_sign(k, *v) for k, v in SIGNS.items()),
            *(_pattern(k) for k in ("pulmonary_edema", "pneumonia")),
        ),
        diagnoses=tuple(_diagnosis(k) for k in DIAGNOSES),
        rules=(
            Rule(
                "edema_cardiac",
                "pulmonary_edema",
                Bilingual("心源性肺水肿路径", "cardiogenic edema pathway"),
                {"all": ["bat_wing_opacity", "enlarged_heart"]},
                0.5,
                "expert",
                "test",
            ),
        ),
        terms=tuple(Term(t["kind"], t["value"], tuple(t.get("zh", ())), tuple(t.get("en", ()))) for t in terms),
        templates={k: Bilingual(**v) for k, v in templates.items()},
        measures={
            "cardiothoracic_ratio": Bilingual("心胸比", "cardiothoracic ratio"),
            "angle": Bilingual("肋膈角", "costophrenic angle"),
            "width": Bilingual("横径", "width"),
            "symmetry": Bilingual("对称性", "symmetry"),
        },
        settings={},
    )


@pytest.fixture(scope="session")
def pack() -> Pack:
    return build_pack()
