import itertools
import time
from dataclasses import replace

import numpy as np
import pytest

from render.films import LEFT, THEME, TOP, ellipse, evidence, film, film_part, pack, pixels, words
from render.turns import anchor, apart, blob, fact, length, lesion, turn
from whyray.domain import ArgumentError, Correction, Look, Measurement, Region
from whyray.render import PriorFilm, turn_picture
from whyray.render.closeup import closeup_size, window_of
from whyray.render.drafting import covered
from whyray.render.legend import build
from whyray.render.measuring import rulers_of
from whyray.render.scene import form_of, scene_of
from whyray.render.sheet import film_view
from whyray.render.theme import rgb
from whyray.render.view import lay_out

TITLE = words("问题", "Question")
PACK = pack()


def scene(spoken, anchors, **values):
    defaults = {"looks": {}, "rejected": frozenset(), "observations": None, "scale": 1.0} | values
    return scene_of(spoken, PACK, anchors, **defaults)


def draw(image, spoken, anchors, size=512, **values):
    return pixels(turn_picture(image, spoken, PACK, anchors=anchors, title=TITLE, size=size, **values))


def placed(image, layers, size=512, lang="en"):
    view = film_view(image, size, THEME, lang, 1.0)
    return lay_out(view, list(enumerate(layers, start=1)))


def boxes(drawn):
    return [words.box for item in drawn for words in item.words]


def overlapping(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def spots(seed):
    rng = np.random.default_rng(seed)
    return int(rng.integers(60, 450)), int(rng.integers(60, 450)), int(rng.integers(10, 50))


@pytest.mark.parametrize("seed", range(12))
def test_words_overlap_neither_each_other_nor_any_lesion(seed):
    image = film()
    x, y, r = spots(seed)
    one, facts = lesion(image, x, y, r, notches=(1, 2, 5), spicules=(7, 8, 10, 11))
    far = apart(4, image, (x + r, y), (x + r + 90, y + 20))
    layers = scene(turn(facts=(*facts, far)), [one], scale=None).film
    drawn = placed(image, layers)
    found = boxes(drawn)
    assert len(found) == 3 + 4 + 2 + 2
    assert not any(overlapping(a, b) for a, b in itertools.combinations(found, 2))
    lit = next(item.cover for item in drawn if item.layer.id == "A1")
    ys, xs = np.nonzero(lit.values > 0)
    for x0, y0, x1, y1 in found:
        assert not ((xs + lit.x > x0) & (xs + lit.x < x1) & (ys + lit.y > y0) & (ys + lit.y < y1)).any()


@pytest.mark.parametrize("seed", range(12))
def test_no_measured_line_lies_on_the_lesion(seed):
    image = film()
    x, y, r = spots(seed)
    one, facts = lesion(image, x, y, r)
    far = apart(4, image, (x + r + 2, y), (x + r + 90, y + 20))
    drawn = placed(image, scene(turn(facts=(*facts, far)), [one], scale=None).film)
    cover = next(item.cover for item in drawn if item.layer.id == "A1")
    for item in drawn:
        for draft in item.drafts:
            straight = [path for path in draft.extents if len(path) == 2]
            dense = [path[0] + (path[1] - path[0]) * np.linspace(0, 1, 60)[:, None] for path in straight]
            assert straight
            assert max(covered([cover], path.astype(np.float32)).mean() for path in dense) == 0


def test_the_lesion_keeps_its_pixels_on_the_film():
    image = film()
    one, facts = lesion(image)
    page = film_part(draw(image, turn(facts=facts), [one]), 512, 512)
    grey = np.rint(image.pixels[0] * 255)[:, :, None]
    allowed = THEME.styles["anchor"].fill * np.maximum(grey, 255 - grey)
    assert (np.abs(page - grey) - allowed)[one.region.mask()].max() <= 1.5


def test_a_described_lesion_is_enlarged_beside_the_film():
    image = film()
    one, facts = lesion(image)
    plain = draw(image, turn("LOCATE"), [one])
    page = draw(image, turn(facts=facts), [one])
    assert page.shape[1] - plain.shape[1] == THEME.closeup.column - THEME.panel.width
    window = window_of(one.region, [])
    x0, y0, x1, y1 = one.region.bbox
    assert window[0] < x0 < x1 < window[2]
    assert window[1] < y0 < y1 < window[3]


def test_the_close_up_shows_the_source_pixels_enlarged():
    image = film()
    image.pixels[0][215:225, 195:205] = 1.0
    image.pixels[0][:, :190] = 0.0
    one, facts = lesion(image)
    page = draw(image, turn(facts=facts), [one])
    left = 512 + 2 * LEFT + THEME.panel.pad
    inset = page[:, left : left + closeup_size(THEME, 1.0)[0]]
    white = (inset > 250).all(axis=2)
    scale = THEME.closeup.frame / (window_of(one.region, [])[2] - window_of(one.region, [])[0])
    assert white.sum() > 0.5 * (10 * scale) ** 2 > 300


@pytest.mark.parametrize("corner", [(6, 6), (505, 6), (6, 505), (505, 505)])
def test_a_lesion_at_the_films_corner_is_enlarged_too(corner):
    image = film()
    region = blob(512, 512, *corner, 12)
    page = draw(image, turn(facts=(fact(1),)), [anchor(region)])
    assert page.shape[1] == 512 + 2 * LEFT + THEME.closeup.column
    window = window_of(region, [])
    assert min(window) >= 0
    assert max(window) <= 512


def test_a_lesion_as_large_as_the_lung_is_not_enlarged():
    region = ellipse(512, 512, 256, 256, 180, 200)
    assert scene(turn(facts=(fact(1),)), [anchor(region)]).closeups == ()


def test_the_close_up_has_the_contour_of_the_closer_look():
    image = film()
    one, facts = lesion(image)
    finer = blob(512, 512, 200, 220, 20)
    made = scene(turn(facts=facts), [one], looks={"A1": Look(finer, (), ())})
    assert made.closeups[0].layers[0].region is finer
    assert made.film[0].region is one.region


def test_edge_and_centre_are_told_apart_by_name_or_by_length():
    image = film()
    named = apart(1, image, (100, 100), (200, 100))
    unnamed = replace(named, measurements=tuple(replace(m, id=f"m{i}") for i, m in enumerate(named.measurements)))
    for one in (named, unnamed):
        rulers, _ = rulers_of(one, None, PACK, None, inside=False)
        assert [r.ends for r in rulers] == ["edge", "centre"]
        assert "edge" in rulers[0].text.en
        assert "中心" in rulers[1].text.zh


def test_without_spacing_a_distance_is_pixels_and_a_share_of_the_chest():
    across = (Measurement("across", 0.21, "ratio"),)
    plain, scaled = film(), film(spacing=(0.5, 0.5))
    texts = [
        rulers_of(apart(1, image, (100, 100), (218, 100), extra=across), None, PACK, None, inside=False)[0][0].text
        for image in (plain, scaled)
    ]
    assert "118 px (0.21 of the chest's width)" in texts[0].en
    assert "118 px（胸廓内径的 0.21）" in texts[0].zh
    assert "59.0 mm" in texts[1].en
    assert "px" not in texts[1].en


def test_touching_is_a_ring_with_its_number():
    image = film()
    one = fact(1, "distance", measurements=(length("edge", (100, 100), (100, 100), image),))
    (item,) = [d for d in placed(image, scene(turn(facts=(one,)), []).film) if d.drafts]
    assert len(item.drafts[0].strokes) == 1
    assert item.words[0].text.endswith("0 px")


def rows(states):
    return tuple(fact(i, "row", state=state, source="a book") for i, state in enumerate(states, start=1))


@pytest.mark.parametrize("lang", ["zh", "en", "both"])
def test_a_checklist_counts_its_rows_and_names_each_state(lang):
    image = film()
    states = ("met", "met", "unmet", "undetermined")
    made = scene(turn("CHECKLIST", rows(states)), [anchor(ellipse(512, 512, 200, 220, 30, 30))])
    panel = build(THEME, lang, 1.0, TITLE, (), made.rows, (), legend=True)
    texts = [item.text for item in panel.texts]
    for state in states:
        expected = THEME.words[state].get("en" if lang == "en" else "zh")
        assert texts.count(expected) == states.count(state)
    tally = "criteria 4: 2 met, 1 not met, 1 undetermined" if lang == "en" else "共 4 条：符合 2，不符合 1，无法判断 1"
    assert tally in texts
    assert draw(image, turn("CHECKLIST", rows(states)), []).shape[0] > 512


def test_each_state_has_a_sign_of_its_own_shape():
    grey = []
    for state in ("met", "unmet", "undetermined"):
        page = draw(film(), turn("CHECKLIST", rows((state,)), anchors=()), [], lang="en")
        panel = page[:, 512 + 2 * LEFT + THEME.panel.pad + 30 : 512 + 2 * LEFT + THEME.panel.pad + 75]
        grey.append((np.abs(panel - rgb(THEME.colors["panel"])).max(axis=2) > 60).sum())
    assert len(set(grey)) == 3
    assert grey[0] > grey[1] > grey[2] > 20


def test_a_struck_sign_is_a_dashed_grey_outline_without_a_fill():
    image = film()
    one = anchor(ellipse(512, 512, 250, 250, 90, 70))
    said = Correction("s1", True, "A1", "不是")
    made = scene(turn("CORRECT", correction=said), [one])
    (layer,) = made.film
    assert (layer.style, layer.tag) == ("struck", THEME.words["rejected"])
    assert THEME.slot(layer.key).dash
    page = film_part(draw(image, turn("CORRECT", correction=said), [one]), 512, 512)
    grey = np.rint(image.pixels[0] * 255)[:, :, None]
    assert np.abs(page - grey)[one.region.mask()].max() <= 1.5
    restored = scene(turn("CORRECT", correction=replace(said, rejected=False)), [one]).film[0]
    assert (restored.style, restored.tag) == ("anchor", THEME.words["restored"])


def test_a_correction_without_an_anchor_strikes_the_facts_region():
    region = ellipse(512, 512, 250, 250, 90, 70)
    told = (fact(1, "correction", anchor=None, region=region, sign="s1"),)
    struck = scene(turn("CORRECT", told, correction=Correction("s1", True, None, "不是"), anchors=()), []).film
    restored = scene(turn("CORRECT", told, correction=Correction("s1", False, None, "恢复"), anchors=()), []).film
    assert [layer.style for layer in (*struck, *restored)] == ["struck", "fact"]


def test_facts_of_two_lesions_name_their_anchor():
    two = [anchor(ellipse(512, 512, 120 + 250 * i, 200, 30, 30), i + 1) for i in range(2)]
    spoken = turn(facts=(fact(1), fact(2, anchor="A2")), anchors=("A1", "A2"))
    made = scene(spoken, two)
    assert [row.label.en for row in made.rows if row.style == "fact"] == ["A1 · Property 1", "A2 · Property 2"]
    assert [close.anchor.id for close in made.closeups] == ["A1", "A2"]


def test_a_sign_struck_out_earlier_stays_grey():
    one = anchor(ellipse(512, 512, 250, 250, 90, 70))
    assert scene(turn(), [one], rejected=frozenset({"s1"})).film[0].style == "struck"
    assert scene(turn(), [one]).film[0].style == "anchor"


def test_a_prior_film_of_another_size_stands_at_the_left():
    now, then = film(), film(300, 400)
    region, before = ellipse(512, 512, 250, 250, 60, 60), ellipse(300, 400, 200, 150, 40, 40)
    change = fact(1, "change", anchor=None, region=region, sign="s1")
    spoken = turn("COMPARE", (change,), anchors=())
    prior = PriorFilm(then, {"s1": before}, {"s1": ellipse(512, 512, 240, 240, 50, 50)})
    alone = draw(now, spoken, [])
    page = draw(now, spoken, [], prior=prior)
    side = round(512 * THEME.pair.side)
    assert page.shape[1] == 2 * (side + 2 * LEFT) + THEME.panel.width != alone.shape[1]
    color = rgb(THEME.slot("1").color)
    halves = page[TOP:, LEFT : LEFT + side], page[TOP:, side + 3 * LEFT : 2 * side + 3 * LEFT]
    assert all((np.abs(half[:side] - color).max(axis=2) < 40).sum() > 50 for half in halves)


def test_a_region_of_the_prior_film_has_its_size():
    change = fact(1, "change", anchor=None, region=ellipse(512, 512, 250, 250, 60, 60), sign="s1")
    prior = PriorFilm(film(300, 400), {"s1": ellipse(512, 512, 250, 250, 60, 60)})
    with pytest.raises(ArgumentError, match="OVERLAY_REGION"):
        draw(film(), turn("COMPARE", (change,), anchors=()), [], prior=prior)


def drawn_by_user(x0, y0, x1, y1):
    mask = np.zeros((512, 512), bool)
    mask[y0:y1, x0:x1] = True
    return anchor(Region.from_mask(mask), sign=None)


def test_a_box_and_a_point_of_the_user_keep_their_form():
    assert form_of(drawn_by_user(100, 100, 180, 150)) == "box"
    assert form_of(drawn_by_user(100, 100, 104, 104)) == "point"
    assert form_of(anchor(ellipse(512, 512, 100, 100, 30, 20), sign=None)) == "outline"
    assert form_of(replace(drawn_by_user(100, 100, 180, 150), sign="s1")) == "outline"


def test_a_point_is_not_hidden_by_its_cross():
    image = film()
    one = drawn_by_user(300, 300, 304, 304)
    page = film_part(draw(image, turn("LOCATE"), [one]), 512, 512)
    grey = np.rint(image.pixels[0] * 255)[:, :, None]
    assert np.abs(page - grey)[one.region.mask()].max() <= THEME.styles["anchor"].fill * 255 + 1.5
    assert np.abs(page - grey)[280:325, 280:325].max() > 80


def test_evidence_names_its_anchor_and_is_drawn_once():
    region = ellipse(512, 512, 200, 200, 60, 60)
    made = scene(turn("SCREEN", items=(evidence(1, region=region),), new=(anchor(region),), anchors=()), [])
    assert [layer.label.en for layer in made.film] == ["A1 · Sign 1"]


def test_an_ambiguous_reference_shows_its_choices():
    two = [anchor(ellipse(512, 512, 120 + 250 * i, 200, 40, 40), i + 1) for i in range(3)]
    made = scene(turn("DESCRIBE", anchors=(), choices=("A1", "A3")), two)
    assert [layer.badge for layer in made.film] == ["A1", "A3"]


def test_an_unknown_anchor_id_draws_nothing():
    assert scene(turn(anchors=("A9",)), []).film == ()


@pytest.mark.parametrize("lang", ["zh", "en", "both"])
@pytest.mark.parametrize("size", [128, 640])
def test_every_language_and_size_gives_a_picture(lang, size):
    image = film(spacing=(0.4, 0.4))
    one, facts = lesion(image)
    assert draw(image, turn(facts=facts), [one], size=size, lang=lang).std() > 5


def test_a_turn_on_a_full_film_is_quick():
    image = film(1024, 1024)
    one, facts = lesion(image, 400, 500, 60)
    times = []
    for _ in range(4):
        start = time.process_time()
        turn_picture(image, turn(facts=facts), PACK, anchors=[one], title=TITLE)
        times.append(time.process_time() - start)
    assert min(times[1:]) < 0.5
