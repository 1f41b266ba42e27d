"""Over random looks, distances, ticks and changes: well-formed, the same in both languages, nothing seen unproved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialogue import films
from dialogue.lesions import A1, A2, NODULE, PACK, TICKED, context, nodule, observations, relation, reply
from dialogue.test_properties import MALFORMED
from whyray.dialogue.context import Context
from whyray.domain import Attribute, Change, Contact, Correction, Look, Mark, Measurement, SignObservation, Trend

VALUES = {
    "margin": ("smooth", "lobulated", "spiculated", "blurred"),
    "lobulation": ("present", "none"),
    "spicules": ("present", "none"),
    "shape": ("round", "oval", "elongated", "irregular"),
    "size": ("measured",),
    "density": ("faint", "moderate", "dense"),
    "homogeneity": ("uniform", "mixed"),
    "calcification": ("none", "central", "diffuse", "rim", "spotty"),
    "hollow": ("none", "thin", "thick"),
    "bubbles": ("none", "present"),
    "bronchogram": ("none", "present"),
    "tail": ("none", "present"),
    "neighbours": ("named",),
}
REASONS = ("too_small", "too_faint", "low_resolution", "outside_lung", "not_visible", "no_spacing", "unheard_of")
MEASURES = ("notch_count", "notch_depth", "spicule_length", "long_diameter", "short_diameter", "area", "wall", "odd")
SHOWN = ("enlarged_heart", "bat_wing_opacity", "nodular_shadow", "costophrenic_blunting")
INTENTS = ("DESCRIBE", "MEASURE", "CHECKLIST", "COMPARE", "LOCATE", "CORRECT")
NAMES = {s.id: (s.name.zh, s.name.en.lower()) for s in PACK.signs if not s.learned}

measured = st.builds(
    Measurement,
    st.sampled_from(MEASURES),
    st.floats(0.0, 400.0),
    st.sampled_from(["mm", "px", "mm2", "ratio", "count", "furlong"]),
    st.none() | st.floats(0.0, 5.0),
)


@st.composite
def attribute(draw: st.DrawFn, name: str) -> Attribute:
    value = draw(st.none() | st.sampled_from(VALUES[name]))
    hours = draw(st.lists(st.integers(1, 12), max_size=4))
    return Attribute(
        name,
        value,
        tuple(draw(st.lists(measured, max_size=3))),
        tuple(Mark((1.0, 1.0), h) for h in hours),
        neighbours=tuple(draw(st.lists(st.sampled_from(["rib", "right_hilum", "no_such_thing"]), max_size=3))),
        reason=draw(st.sampled_from(REASONS)) if value is None else None,
    )


@st.composite
def contexts(draw: st.DrawFn) -> Context:
    names = draw(st.lists(st.sampled_from(list(VALUES)), unique=True))
    signs = draw(st.lists(st.sampled_from(["spiculated_margin", "lobulated_margin"]), unique=True))
    made = tuple(SignObservation(s, True, 0.9, region=NODULE) for s in signs)
    near = relation(
        draw(st.sampled_from(["right_hilum", "A2", "no_such_thing"])),
        draw(st.sampled_from(["mm", "px"])),
        contact=draw(st.sampled_from(get_args(Contact))),
        overlap=draw(st.floats(0.0, 1.0)),
        connected=draw(st.sampled_from([None, True, False])),
    )
    changes = tuple(
        Change(
            draw(st.sampled_from([*SHOWN, "kerley_b", "cardiothoracic_ratio", "no_such_thing"])),
            trend,
            draw(st.none() | measured),
            draw(st.none() | measured),
            None if trend in ("gone", "undetermined") else NODULE,
            reason=draw(st.sampled_from(["not_aligned", "unheard_of", None])),
        )
        for trend in draw(st.lists(st.sampled_from(get_args(Trend)), max_size=4))
    )
    struck = frozenset(draw(st.lists(st.sampled_from(["nodular_shadow", "spiculated_margin"]), max_size=1)))
    return context(
        looks={"A1": Look(NODULE, tuple(draw(attribute(n)) for n in names), made)} if draw(st.booleans()) else {},
        relations={"A1": (near,)},
        ticked={"nodule": tuple(replace(t, state=draw(st.sampled_from(["unmet", "undetermined"]))) for t in TICKED)},
        rejected=struck,
        changes=draw(st.sampled_from([None, changes])),
        correction=draw(st.sampled_from([None, Correction("nodular_shadow", True, "A1", "")])),
        before=(*films.findings(), nodule(0.3, "possible")),
    )


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    pairs = [(), ("nodule",), ("pulmonary_edema", "pneumonia"), ("pulmonary_edema", "nodule")]
    targets = draw(st.sampled_from(pairs))
    return {
        "intent": draw(st.sampled_from(INTENTS)),
        "given": draw(contexts()),
        "anchors": draw(st.sampled_from([(), ("A1",), ("A1", "A2")])),
        "choices": draw(st.sampled_from([(), ("A1", "A2")])),
        "aspects": tuple(
            draw(st.lists(st.sampled_from([*VALUES, "distance", "connection", "ratio", "x"]), max_size=4))
        ),
        "places": tuple(draw(st.lists(st.sampled_from(["right_hilum", "spine", "right_lower_field"]), max_size=2))),
        "targets": targets,
        "target": targets[0] if targets else None,
        "calibrated": draw(st.booleans()),
    }


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(questions())
def test_answers_are_well_formed_and_say_the_same_in_both_languages(question: dict[str, Any]) -> None:
    zh, en = (reply(lang=lang, **question) for lang in ("zh", "en"))
    for answer in (zh, en):
        for sentence in answer.sentences:
            assert not MALFORMED.search(sentence.text), sentence.text
            assert "no_such_thing" not in sentence.text
            assert "unheard_of" not in sentence.text
            assert question["calibrated"] or " mm" not in sentence.text, sentence.text
        known = {f.id for f in answer.facts} | {e.id for e in answer.items}
        assert all(set(s.evidence) <= known for s in answer.sentences)
        assert [f.id for f in answer.facts] == [f"F{n}" for n in range(1, len(answer.facts) + 1)]
    assert [s.evidence for s in zh.sentences] == [s.evidence for s in en.sentences]
    assert [(f.name, f.text, f.reason) for f in zh.facts] == [(f.name, f.text, f.reason) for f in en.facts]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(questions())
def test_a_fact_names_a_sign_only_with_a_mask_that_shows_it(question: dict[str, Any]) -> None:
    answer = reply(lang="en", **question)
    look = question["given"].looks.get("A1")
    shown = {s.id for s in (*observations().signs, *(look.signs if look else ())) if s.region is not None}
    shown |= {c.id for c in question["given"].changes or () if c.region is not None}
    shown |= {a.sign for a in (A1, A2) if a.sign}
    for fact in answer.facts:
        if fact.sign is not None:
            assert fact.region is not None
            assert fact.sign in shown - question["given"].rejected
    seen = {f.sign for f in answer.facts} | {e.sign for e in answer.items}
    for sentence in answer.sentences:
        if ": seen (" in sentence.text or sentence.text.startswith("Seen in"):
            named = {s for s, (_, en) in NAMES.items() if en in sentence.text.lower()}
            assert named & seen, sentence.text
