"""Two hundred ways to type one question never change what it asks."""

from __future__ import annotations

import random

import pytest

from whyray.dialogue import explain_parse, understand
from whyray.domain import Pack
from whyray.knowledge import load_packs

COUNT = 200
POLITE = {
    "zh": ["", "请问", "请问一下，", "麻烦您，", "医生您好，", "老师，", "想问下，", "请", "劳驾，", "帮我看看，"],
    "en": ["", "please ", "Could you tell me: ", "Excuse me, ", "Dr, ", "hi, ", "sorry, ", "Kindly, ", "well, ", "so "],
}
ENDS = {
    "zh": ["", "？", "?", "。", "？？", " ", "，谢谢"],
    "en": ["", "?", " ?", "??", ", please", " please?", ", thanks"],
}
TRADITIONAL = str.maketrans(
    "为么肿积气脏诊断据对这个结节实变请问缘离远边", "為麼腫積氣臟診斷據對這個結節實變請問緣離遠邊"
)
# [phrasings, spellings that are wrong, intent, target]
QUESTIONS = [
    (
        "zh",
        ["为什么判断为肺水肿", "肺水肿，为什么", "肺水肿的依据是什么", "凭什么说是肺水肿", "怎么看出肺水肿的"],
        [("肺水肿", "肺水种"), ("肺水肿", "肺水中"), ("依据", "依剧"), ("为什么", "为神么")],
        ("WHY", "pulmonary_edema"),
    ),
    (
        "zh",
        ["为什么不是肺炎", "肺炎为什么被排除", "排除肺炎的依据", "为何不考虑肺炎", "不支持肺炎的证据有哪些"],
        [("肺炎", "费炎"), ("排除", "排出"), ("依据", "衣据")],
        ("WHY_NOT", "pneumonia"),
    ),
    (
        "zh",
        ["病灶离肺门多远", "病灶到肺门的距离是多少", "病灶和肺门相距多少厘米"],
        [("距离", "距里"), ("多远", "多院")],
        ("MEASURE", None),
    ),
    (
        "en",
        [
            "why is it pneumothorax",
            "what is the evidence for pneumothorax",
            "pneumothorax, why",
            "what supports pneumothorax",
        ],
        [
            ("pneumothorax", "pnuemothorax"),
            ("pneumothorax", "pneumothrax"),
            ("evidence", "evidense"),
            ("supports", "suports"),
        ],
        ("WHY", "pneumothorax"),
    ),
    (
        "en",
        [
            "is the margin of the nodule smooth",
            "describe the margin of the nodule",
            "how does the margin of the nodule look",
        ],
        [("margin", "margn"), ("describe", "descirbe"), ("nodule", "nodul")],
        ("DESCRIBE", "nodule"),
    ),
]


@pytest.fixture(scope="module")
def chest() -> Pack:
    return next(p for p in load_packs() if p.id == "chest")


def full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def reworded(lang: str, phrasings: list[str], errors: list[tuple[str, str]], rng: random.Random) -> str:
    text = rng.choice(phrasings)
    if rng.random() < 0.4:
        right, wrong = rng.choice(errors)
        text = text.replace(right, wrong, 1)
    text = rng.choice(POLITE[lang]) + text + rng.choice(ENDS[lang])
    change = rng.randrange(4)
    if lang == "zh":
        if change == 0:
            text = text.translate(TRADITIONAL)
        elif change == 1:
            place = rng.randrange(len(text) + 1)
            text = f"{text[:place]} {text[place:]}"
    elif change == 0:
        text = text.upper()
    elif change == 1:
        text = text.replace(" ", "  ")
    return full_width(text) if rng.random() < 0.2 else text


@pytest.mark.parametrize("question", QUESTIONS, ids=[q[1][0] for q in QUESTIONS])
def test_a_rewording_asks_the_same(chest: Pack, question: tuple[str, list[str], list[tuple[str, str]], object]) -> None:
    lang, phrasings, errors, asked = question
    rng = random.Random(f"{phrasings[0]}")
    texts: set[str] = set()
    while len(texts) < COUNT:
        texts.add(reworded(lang, phrasings, errors, rng))
    wrong = []
    for text in sorted(texts):
        query = understand(text, chest)
        if (query.intent, query.target) != asked or query.parts:
            wrong.append((text, query.intent, query.target, explain_parse(text, chest).rule))
    assert wrong == []
