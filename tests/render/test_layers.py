from dataclasses import replace

import numpy as np
import pytest

from render.films import RATIO, THEME, ellipse, evidence, pack, words
from whyray.domain import Line, Measurement, Observations, Quality, Structure
from whyray.render import anatomy_layers, evidence_layers
from whyray.render.layer import measured
from whyray.render.legend import build

REGION = ellipse(100, 100, 50, 50, 20, 20)


def items():
    line = Measurement("ratio", 0.57, "ratio", lines=(Line((0, 0), (9, 9)),))
    return [
        evidence(1, "s1", region=REGION, measurements=(RATIO,)),
        evidence(2, "s2", measurements=(line,)),
        evidence(3, "s3", "absent"),
        evidence(4, "s9", "against", region=REGION),
    ]


def test_evidence_layers_keep_order_and_give_each_drawn_one_its_colour():
    layers = evidence_layers(items(), pack())
    assert [one.key for one in layers] == ["0", "1", "absent", "2"]
    assert [one.drawn for one in layers] == [True, True, False, True]
    assert [one.label.en for one in layers] == ["Sign 1", "Sign 2", "Sign 3", "s9"]
    assert layers[0].value == "0.80"
    assert layers[0].facts.zh == "心胸比 0.57"


@pytest.mark.parametrize(("weight", "told"), [(0.6, "for"), (-0.6, "against")])
def test_a_learned_pattern_without_a_place_speaks_by_its_weight(weight, told):
    known = pack()
    learning = replace(known, signs=tuple(replace(s, learned=s.id == "s3") for s in known.signs))
    item = replace(evidence(3, "s3", "absent"), log_lr=weight)
    assert [one.polarity for one in evidence_layers([item], learning)] == [told]
    assert [one.polarity for one in evidence_layers([item], known)] == ["absent"]


def test_the_legend_lists_the_layers_in_the_order_of_the_evidence():
    layers = evidence_layers(items(), pack())
    panel = build(THEME, "both", 1.0, words("问", "Why"), (), layers, (), True)
    assert [swatch.number for swatch in panel.swatches] == [1, 2, 3, 4]
    heights = [swatch.y for swatch in panel.swatches]
    assert heights == sorted(heights)
    assert len(set(heights)) == 4
    written = [text.text for text in panel.texts]
    places = [written.index(name) for name in ("征象1", "征象2", "征象3", "s9")]
    assert places == sorted(places)
    assert {"0.80", "40%", "Sign 1"} <= set(written)
    assert any("右下肺野" in text for text in written)
    assert any("right lower field" in text for text in written)


def test_no_line_of_the_panel_is_wider_than_the_panel():
    from whyray.render.fonts import text_width

    layers = evidence_layers(items(), pack())
    title = words("很长的问题" * 30, "a-very-long-word" * 30)
    lines, notes = [words("答", "x y" * 90)], [words("注" * 99, "n")]
    panel = build(THEME, "both", 1.0, title, lines, layers, notes, True)
    left = [text for text in panel.texts if text.anchor == "ls"]
    assert max(text.x + text_width(text.text, text.size) for text in left) <= panel.width + 1


@pytest.mark.parametrize("first", [0, 2])  # the heading of "not found" is a long one
def test_texts_of_the_panel_do_not_overlap(first):
    from whyray.render.fonts import text_width

    layers = evidence_layers(items()[first:], pack())
    for lang in ("zh", "en", "both"):
        panel = build(THEME, lang, 1.0, words("问", "Why"), (), layers, (words("注", "note"),), True)
        boxes = []
        for text in panel.texts:
            width = text_width(text.text, text.size)
            left = text.x - (width if text.anchor[0] == "r" else 0)
            boxes.append((left, text.y - 0.8 * text.size, left + width, text.y + 0.1 * text.size))
        for i, (x0, y0, x1, y1) in enumerate(boxes):
            assert not [b for b in boxes[:i] if x0 < b[2] and b[0] < x1 and y0 < b[3] and b[1] < y1], lang


def test_anatomy_layers_show_what_was_seen():
    other = (Structure("hidden", None, 0.0), Structure("other", REGION, 0.8))
    structures = (Structure("organ", REGION, 0.9), *other)
    seen = Observations("0", "m", structures, {}, (), {}, Quality(True, None))
    layers = anatomy_layers(seen, pack())
    assert [(one.label.en, one.value, one.style) for one in layers] == [
        ("Heart", "0.90", "anatomy"),
        ("other", "0.80", "anatomy"),
    ]
    assert layers[0].key != layers[1].key
    assert np.array_equal(layers[0].region.mask(), REGION.mask())


def test_measurements_are_written_with_unit_and_uncertainty():
    assert measured(Measurement("x", 12.345, "mm"), pack()).en == "x 12.3 mm"
    assert measured(Measurement("x", 12.345, "mm", 0.5), pack()).en == "x 12.3 ± 0.5 mm"
    assert measured(Measurement("x", 12.345, "mm", 0.04), pack()).en == "x 12.3 mm"
    assert measured(Measurement("ratio", 0.573, "ratio"), pack()).zh == "心胸比 0.57"
    assert measured(Measurement("n", 5.0, "count"), pack()).en == "n 5"
    assert measured(Measurement("a", 87.6, "deg"), pack()).en == "a 88°"
