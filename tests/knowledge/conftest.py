from __future__ import annotations

from pathlib import Path

import pytest
import yaml

FILES = {
    "pack.yaml": """
id: small
version: 1.0.0
name: {zh: 小包, en: small}
match: {modalities: [DX]}
model: small
settings: {evidence_threshold: 0.75}
""",
    "anatomy.yaml": """
structures:
  - {id: lung_r, name: {zh: 右肺, en: right lung}, channel: r, side: right}
  - {id: lung_l, name: {zh: 左肺, en: left lung}, channel: l, side: left}
  - {id: bone, name: {zh: 骨, en: bone}}
zones:
  - {id: top, name: {zh: 上野, en: top}, kind: box, params: {lung: lung_r, v: [0, 0.5]}}
""",
    "measures.yaml": "width: {zh: 宽度, en: width}\n",
    "templates.yaml": "joiner: {zh: '、', en: ', '}\n",
    "terms.yaml": "- {kind: intent, value: WHY, zh: [为什么], en: [why]}\n",
    "signs/all.yaml": """
- id: white
  name: {zh: 白影, en: white}
  definition: {zh: 白, en: white area}
  significance: {zh: 意义, en: it matters}
  source: made up
  detector: {kind: seen, params: {lungs: [lung_r, lung_l], zones: [top], measure: width}}
  zones: [top]
  synonyms: {zh: [白斑], en: [white patch]}
  diagnoses: [ill]
  codes: {umls: C0034063, snomed: "60046008", dicom: "112071"}
- id: black
  name: {zh: 黑影, en: black}
  definition: {zh: 黑, en: black area}
  significance: {zh: 意义。, en: It matters.}
  on_view: {AP: {zh: 前后位不然。, en: Not on AP films.}}
  source: made up
  detector: {kind: seen, params: {}}
- id: unseen
  name: {zh: 隐影, en: unseen}
  definition: {zh: 隐, en: not seen}
  significance: {zh: 意义, en: it matters}
  source: made up
  detector: null
- id: tube
  name: {zh: 管, en: tube}
  definition: {zh: 管, en: a tube}
  significance: {zh: 意义, en: somebody put it there}
  source: made up
  morphology: {kind: device, shape: tubular, density: metallic}
  codes: {composed: "DCM:112063+SCT:59441001", mesh: "Lung, Hyperlucent"}
  confounder: true
  detector: null
- id: pattern
  name: {zh: 模式, en: pattern}
  definition: {zh: 模式, en: a map}
  significance: {zh: 不是征象, en: no sign}
  source: made up
  detector: {kind: seen, params: {head: Ill}}
  learned: true
""",
    "diagnoses/ill.yaml": """
- id: ill
  name: {zh: 病, en: ill}
  definition: {zh: 病, en: illness}
  source: made up
  head: Ill
  advice: {zh: 建议, en: look again}
  synonyms: {zh: [患病], en: [sick]}
  core_signs: [white, black]
  variants:
    - {id: white_top, name: {zh: 上白, en: white at the top}, of: white, when: {overlaps: {sign: white, zone: top}}}
  checklist:
    - {id: check_white, name: {zh: 白, en: white}, when: {any: [white, unseen]}, source: book,
       instead: {sign: black, note: {zh: 是黑影, en: it is black}}}
    - {id: check_clear, name: {zh: 无黑, en: not black}, when: {absent: black}, source: book}
  weights:
    - {sign: white, lr_present: 3.0, lr_absent: 0.5, basis: counted, source: table, n: 100,
       ci_present: [2.0, 4.0], ci_absent: [0.4, 0.6]}
    - {sign: black, lr_present: 2.0, lr_absent: 0.9, basis: expert, source: opinion}
    - {sign: unseen, lr_present: 2.0, lr_absent: 0.9, basis: expert, source: opinion}
""",
    "rules/all.yaml": """
- id: both
  diagnosis: ill
  name: {zh: 两者, en: both}
  when: {all: [white, {absent: black}, {measure: {sign: white, id: width, ">=": 3}}]}
  weight: 0.3
  basis: expert
  source: opinion
""",
    "differentials/all.yaml": """
- id: ill_or_unseen
  name: {zh: 病与隐影, en: ill or unseen}
  between: [ill, unseen]
  rows:
    - {sign: white, favours: ill, note: {zh: 白, en: white}, source: book}
    - {sign: black, favours: unseen, note: {zh: 黑, en: black}, source: book}
  decide: {zh: 再看, en: look again}
""",
    "places.yaml": """
locations:
  - {label: loc top, name: {zh: 上, en: top}, zones: [top]}
groups:
  - {id: upper, name: {zh: 上部, en: upper part}, zones: [top]}
""",
}


class SmallPack:
    """A tiny valid pack on disk whose files a test may break."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new, 1))

    def edit(self, name, change) -> None:
        document = yaml.safe_load((self.folder / name).read_text(encoding="utf-8"))
        change(document)
        self.write(name, yaml.safe_dump(document, allow_unicode=True))


@pytest.fixture
def small(tmp_path):
    return SmallPack(tmp_path / "small")
