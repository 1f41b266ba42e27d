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
  - {id: lung_l, name: {zh: 左肺, en: left lung}, side: left}
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
  codes: {umls: C0034063, snomed: "60046008", dicom: "112071"}
- id: black
  name: {zh: 黑影, en: black}
  definition: {zh: 黑, en: black area}
  significance: {zh: 意义, en: it matters}
  source: made up
  detector: {kind: seen, params: {}}
- id: unseen
  name: {zh: 隐影, en: unseen}
  definition: {zh: 隐, en: not seen}
  significance: {zh: 意义, en: it matters}
  source: made up
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
