import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image as Picture

from render.films import THEME, ellipse, evidence, film, pack, words
from render.turns import anchor, fact, lesion, turn
from whyray.domain import Correction, Query
from whyray.render import turn_svg
from whyray.render.vector import simplified

SVG = "{http://www.w3.org/2000/svg}"


def parsed(image, spoken, anchors=(), **values):
    return ElementTree.fromstring(turn_svg(image, spoken, pack(), anchors=anchors, **values))


def groups(root):
    return {g.get("id"): g for g in root.iter(f"{SVG}g") if g.get("id")}


def test_every_anchor_evidence_and_fact_has_a_group_with_both_languages():
    image = film()
    one, facts = lesion(image)
    items = (evidence(1, "s2", region=ellipse(512, 512, 400, 400, 30, 30)), evidence(2, "s3", "absent"))
    found = groups(parsed(image, turn(facts=facts, items=items), [one]))
    assert set(found) == {"A1", "E1", "E2", "F1", "F2", "F3"}
    assert found["A1"].get("class") == "anchor"
    assert found["A1"].get("data-sign") == "s1"
    assert found["E2"].get("class") == "evidence absent"
    assert found["F1"].get("data-kind") == "attribute"
    assert found["A1"].find(f"{SVG}title").text == "结节影 / Nodular shadow"
    assert found["E2"].find(f"{SVG}path") is None


def test_coordinates_are_source_pixels():
    image = film(700, 900)
    region = ellipse(700, 900, 600, 300, 80, 50)
    root = parsed(image, turn("LOCATE"), [anchor(region)])
    assert root.get("viewBox") == "0 0 900 700"
    data = groups(root)["A1"].find(f"{SVG}path[@class='region']").get("d")
    points = np.asarray([[float(v) for v in pair.split()] for pair in re.findall(r"[\d.]+ [\d.]+", data)])
    xs, ys = points.T
    area = abs(np.dot(xs, np.roll(ys, 1)) - np.dot(ys, np.roll(xs, 1))) / 2
    assert area == pytest.approx(region.area_px, rel=0.02)
    assert (xs.min(), ys.min(), xs.max(), ys.max()) == pytest.approx(region.bbox, abs=1)


def test_the_film_is_embedded_or_linked():
    image = film(60, 80)
    (embedded,) = parsed(image, turn(anchors=())).iter(f"{SVG}image")
    kind, data = embedded.get("href").split(",")
    assert kind == "data:image/png;base64"
    shown = np.asarray(Picture.open(io.BytesIO(base64.b64decode(data)))).astype(float)
    assert np.abs(shown - image.pixels[0] * 255).max() <= 0.51
    (linked,) = parsed(image, turn(anchors=()), embed=False, href="films/a&b.png").iter(f"{SVG}image")
    assert linked.get("href") == "films/a&b.png"


def test_text_from_outside_stays_text():
    hostile = '</title><script>alert("1")</script>\x00\x0b&'
    one = anchor(ellipse(512, 512, 200, 200, 40, 40))
    spoken = turn(facts=(fact(1, name=words(hostile, hostile), state="met", source=hostile),))
    spoken = type(spoken)("s", 1, Query(hostile, "en", "DESCRIBE", anchors=("A1",)), (), (), (), spoken.facts)
    root = parsed(film(), spoken, [one])
    assert not list(root.iter(f"{SVG}script"))
    assert root.find(f"{SVG}title").text == '</title><script>alert("1")</script>&'
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]


def test_a_rejected_anchor_says_so():
    one = anchor(ellipse(512, 512, 200, 200, 40, 40))
    root = parsed(film(), turn("CORRECT", correction=Correction("s1", True, "A1", "no")), [one], lang="en")
    group = groups(root)["A1"]
    assert group.get("class") == "anchor rejected"
    assert "rejected by the reader" in [text.text for text in group.iter(f"{SVG}text")]
    assert group.find(f"{SVG}path[@class='outline']").get("stroke-dasharray")


def test_the_research_line_is_always_there():
    for lang in ("zh", "en", "both"):
        texts = [t.text for t in parsed(film(), turn(anchors=()), lang=lang).iter(f"{SVG}text")]
        assert THEME.word("research", lang) in texts


@pytest.mark.parametrize("tolerance", [0.3, 1.0])
def test_a_simplified_outline_stays_within_the_tolerance(tolerance):
    angles = np.linspace(0, 2 * np.pi, 400)
    rng = np.random.default_rng(3)
    path = np.stack((50 * np.cos(angles), 30 * np.sin(angles)), axis=1) + rng.normal(0, 0.1, (400, 2))
    path[-1] = path[0]
    fewer = simplified(path.astype(np.float32), tolerance)
    assert len(fewer) < 0.5 * len(path)
    steps = np.linspace(0, 1, 50)[:, None, None]
    dense = (fewer[:-1] + (fewer[1:] - fewer[:-1]) * steps).reshape(-1, 2)
    away = np.hypot(*(path[:, None] - dense[None]).transpose(2, 0, 1)).min(axis=1)
    assert away.max() <= tolerance + 0.1
