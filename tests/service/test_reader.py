"""The whole path with the shipped model: demo films, real films, controls."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from math import log
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import whyray
from whyray.domain import ArgumentError, Bilingual, Finding, Region
from whyray.explain import eraser, random_region
from whyray.knowledge import load_packs
from whyray.service import Reader, Settings, report_document, schema, turn_document
from whyray.service.reader import least_drop
from whyray.service.reading import donors
from whyray.store import verify

SHIPPED = Path(whyray.__file__).parent
EDEMA, TWIN = SHIPPED / "demo" / "edema.dcm", SHIPPED / "demo" / "healthy_twin.dcm"
WHY_EDEMA = {"zh": "为什么判断为肺水肿？", "en": "Why edema?"}


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(Settings(cached_readings=64))


@pytest.fixture(scope="module")
def edema_id(reader: Reader) -> str:
    return next(d.id for d in reader.packs[0].diagnoses if d.label == "Edema")


def films(data: Path, wanted: int, label: str | None = None) -> Iterator[tuple[Path, str]]:
    """Held-out real films with their view, of one label when asked for."""
    with (data / "nih" / "labels.csv").open(newline="") as handle:
        rows = [r for r in csv.DictReader(handle) if r["split"] == "devtest"]
    if label is not None:
        rows = [r for r in rows if label in r["labels"].split("|")]
    for row in rows[:wanted]:
        yield data / "nih" / f"{row['id']}.jpg", row["view"]


def test_simulated_edema_is_found_and_its_twin_is_not(reader: Reader, edema_id: str) -> None:
    sick, healthy = reader.read(EDEMA).finding(edema_id), reader.read(TWIN).finding(edema_id)
    assert sick is not None
    assert healthy is not None
    assert sick.verdict != "not_supported"
    assert sick.probability > 3 * healthy.probability
    assert healthy.verdict == "not_supported"
    assert any(e.polarity == "for" for e in sick.evidence)


def test_an_enlarged_heart_is_in_the_heart_and_in_no_lung_zone(reader: Reader) -> None:
    session = reader.open(EDEMA)
    assert "心影增大，位于心影。" in reader.ask(session.id, "心影增大在哪里？").text
    assert "enlarged heart, in the heart." in reader.ask(session.id, "Where is the enlarged heart?").text


def test_erasing_a_carrying_region_lowers_edema_more_than_a_random_one(reader: Reader, edema_id: str) -> None:
    reading = reader.read(EDEMA)
    finding = reading.finding(edema_id)
    assert finding is not None
    tested = reader.test(finding, reading)
    passed = [e for e in tested.evidence if e.counterfactual is not None and e.counterfactual.passed]
    signs = {s.id for s in reading.pack.signs if not s.learned}
    carrying = next(e for e in passed if e.sign in signs)  # the learned pattern covers half of both lungs
    assert carrying.region is not None
    assert carrying.counterfactual is not None
    assert carrying.counterfactual.drop > 0.05
    lungs = donors(carrying, reading)
    assert lungs is not None
    truth = json.loads(EDEMA.with_name("truth.json").read_text("utf-8"))["films"]["edema"]["signs"]
    true = [Region.from_rle(row["visible"]["mask"]) for row in truth.values()]
    present = [r.mask() for r in (*true, *(e.region for e in tested.evidence)) if r is not None]
    control = random_region(carrying.region, lungs & ~np.any(present, axis=0), seed=0)
    assert control is not None
    score = reader.score(edema_id, reading)
    assert (
        finding.probability - score(eraser(reader.settings.eraser)(reading.image, control, lungs))
        < carrying.counterfactual.drop / 2
    )


def test_log_odds_add_up(reader: Reader) -> None:
    for finding in reader.read(EDEMA).findings:
        total = finding.base_log_odds + sum(e.log_lr for e in finding.evidence)
        assert total == pytest.approx(log(finding.probability / (1 - finding.probability)), abs=1e-6)


def test_documents_of_real_films_are_valid(reader: Reader, data_root: Path, edema_id: str) -> None:
    validators = {n: jsonschema.Draft202012Validator(schema(n)) for n in ("report", "turn")}
    for path, view in [(data_root / "nih" / "00001280_004.jpg", "PA"), *films(data_root, 20)]:
        session = reader.open(path, view="PA" if view == "PA" else "AP")
        reading = reader.reading(session.id)
        turn = reader.ask(session.id, WHY_EDEMA["zh"])
        validators["turn"].validate(turn_document(turn, reading))
        text = Bilingual(*("\n".join(s.text for s in reader.summary(reading, lang)) for lang in ("zh", "en")))
        validators["report"].validate(report_document(reading, text))
        finding = reading.finding(edema_id)
        assert finding is not None
        if finding.verdict == "not_supported":
            assert any("不判断为" in s.text for s in turn.sentences)
        for item in turn.items:
            assert (item.region is None) == (item.polarity == "absent")


def test_masks_stay_on_the_film_and_in_the_body(reader: Reader, data_root: Path) -> None:
    for path, _ in films(data_root, 12, "Effusion"):
        reading = reader.read(path)
        body = np.any([s.region.mask() for s in reading.observations.structures if s.region is not None], axis=0)
        ys, xs = np.nonzero(body)
        for observed in reading.observations.signs:
            if observed.region is not None:
                x0, y0, x1, y1 = observed.region.bbox
                assert x0 >= xs.min() - 40
                assert x1 <= xs.max() + 40
                assert y0 >= ys.min() - 40
                assert y1 <= ys.max() + 60


def test_blank_film_has_no_signs(reader: Reader) -> None:
    reading = reader.read(TWIN)
    blank = reading.image.with_pixels(np.full_like(reading.image.pixels, 0.5), "blank")
    observations, findings = reader._look(blank, reading.pack, reader.engine(reading.pack))
    assert not observations.quality.usable
    named = {s.id for s in reading.pack.signs if not s.learned}
    assert not [s.id for s in observations.signs if s.region is not None and s.id in named]
    assert all(f.verdict != "supported" for f in findings)


def test_shuffled_film_loses_the_conclusion(reader: Reader, edema_id: str) -> None:
    reading = reader.read(EDEMA)
    pixels = reading.image.pixels[0]
    side = pixels.shape[0] // 8
    rng = np.random.default_rng(0)
    tiles = [pixels[y * side : (y + 1) * side, x * side : (x + 1) * side] for y in range(8) for x in range(8)]
    side_w = min(t.shape[1] for t in tiles)
    tiles = [t[:, :side_w] for t in tiles]
    order = rng.permutation(64)
    mixed = np.vstack([np.hstack([tiles[order[8 * r + c]] for c in range(8)]) for r in range(8)])
    canvas = np.full_like(pixels, float(pixels.mean()))
    canvas[: mixed.shape[0], : mixed.shape[1]] = mixed
    shuffled = reading.image.with_pixels(canvas[None], "shuffled")
    observations, _ = reader._look(shuffled, reading.pack, reader.engine(reading.pack))
    assert not observations.quality.usable


def test_impression_leads_and_json_keeps_the_order_of_the_pack(reader: Reader) -> None:
    session = reader.open(EDEMA, lang="en")
    reading = reader.reading(session.id)
    names = {d.name.en: d for d in reading.pack.diagnoses}
    lines = reader.report_text(reading, "en").splitlines()
    told = [line for line in lines if line.startswith("- ")]
    printed = [names[line[2:].split(" 0.")[0]] for line in told]
    assert [d.descriptive for d in printed] == sorted(d.descriptive for d in printed)
    assert lines[lines.index("Impression:") + 1] == told[0]
    assert lines[lines.index("Findings:") + 1] == next(
        line for line, d in zip(told, printed, strict=True) if d.descriptive
    )
    first = next(s.text for s in reader.summary(reading, "en") if s.text.startswith("1. "))
    asked = reading.pack.diagnosis(reader.ask(session.id, "why?").query.target or "")
    assert asked is not None
    assert first.lower().startswith(f"1. {asked.name.en.lower()}: ")
    assert asked is next(d for d in printed if not d.normal)
    document = report_document(reading, Bilingual("", ""))
    assert [f["id"] for f in document["findings"]] == [f.id for f in reading.findings]


def test_sessions_do_not_mix(reader: Reader) -> None:
    first, second = reader.open(EDEMA), reader.open(TWIN)
    reader.ask(first.id, "why edema?")
    assert reader.reading(first.id).image.sha256 != reader.reading(second.id).image.sha256
    assert reader.store.get(second.id).turns == ()
    with pytest.raises(ArgumentError, match="SESSION_UNKNOWN"):
        reader.ask("0" * 16, "why edema?")


def test_audit_chain_of_a_conversation_holds(reader: Reader) -> None:
    session = reader.open(EDEMA)
    for question in (WHY_EDEMA["zh"], "why not pneumonia?", "anything abnormal?"):
        reader.ask(session.id, question)
    assert verify(reader.store.get(session.id))


def test_second_read_does_not_run_the_network(reader: Reader) -> None:
    assert reader.read(EDEMA) is reader.read(EDEMA)


def test_rewording_keeps_the_conclusion(reader: Reader, edema_id: str) -> None:
    session = reader.open(EDEMA)
    questions = (
        "为什么判断为肺水肿？",
        "肺水肿的依据是什么",
        "凭什么说是肺水肿?",
        "Why pulmonary edema?",
        "why oedema",
    )
    turns = [reader.ask(session.id, q) for q in questions]
    assert {t.query.target for t in turns} == {edema_id}
    assert len({tuple((e.sign, e.polarity, e.score) for e in t.items) for t in turns}) == 1


def test_regions_survive_the_json(reader: Reader) -> None:
    reading = reader.read(EDEMA)
    document = report_document(reading, Bilingual("", ""))
    for row, structure in zip(
        document["anatomy"], (s for s in reading.observations.structures if s.region), strict=True
    ):
        back = Region.from_rle(row["mask"])
        assert back is not None
        assert structure.region is not None
        assert back.iou(structure.region) == 1.0


def test_a_diagnosis_without_head_starts_at_its_prior_and_is_not_announced_unseen(reader: Reader) -> None:
    from math import exp

    from whyray import reasoning
    from whyray.domain import Observations, Quality, SignObservation
    from whyray.service.reading import fusion

    (pack,) = reader.packs
    weights = fusion(pack, reader.engine(pack).card)
    blind = tuple(SignObservation(s.id, False, 0.0) for s in pack.signs)
    found = reasoning.conclude(Observations("0" * 64, "m", (), {}, blind, {}, Quality(True, None)), pack, weights)
    headless = {d.id: d for d in pack.diagnoses if d.head is None}
    assert len(headless) >= 30
    for finding in found:
        if finding.id in headless:
            prior = pack.prior(headless[finding.id])
            assert 1 / (1 + exp(-weights.base[finding.id])) == pytest.approx(prior)
            assert finding.probability == pytest.approx(prior)
            assert finding.verdict == "not_supported"
            assert weights.possible[finding.id] >= 2 * prior


@pytest.mark.parametrize(("probability", "least"), [(0.9, 0.05), (0.2, 0.05), (0.1, 0.025), (0.012, 0.003)])
def test_an_improbable_conclusion_must_lose_a_quarter_of_itself(probability: float, least: float) -> None:
    pack = load_packs()[0]
    finding = Finding(pack.diagnoses[0].id, probability, 0.0, "low", "possible", ())
    assert least_drop(finding, pack) == pytest.approx(least)


def test_a_hardly_possible_conclusion_is_not_tested(reader: Reader) -> None:
    reading = reader.read(SHIPPED / "demo" / "nodule.dcm")
    tested: dict[bool, set[bool]] = {}
    for finding in reading.findings:
        if any(e.polarity == "for" and e.region is not None for e in finding.evidence):
            found = reader.test(finding, reading)
            tested.setdefault(finding.probability >= 0.01, set()).add(
                any(e.counterfactual is not None for e in found.evidence)
            )
    assert tested == {True: {True}, False: {False}}
