from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perception import scenery
from perception.scenery import HEART, LEFT, RIGHT
from whyray.perception import Scene, build_scene
from whyray.perception.detectors.common import sign_score
from whyray.perception.observe import look
from whyray.perception.opacity import bins, opacity_map
from whyray_train import publish, tables
from whyray_train.films import Film


def scene(folder: Path, level: float = 0.0, *, part: str = "outer") -> Scene:
    """A drawn chest; `level` is added to the outer eighth of both lungs or to all but their lowest fifth."""
    drawn = scenery.chest()
    y, x = scenery.axes(*drawn.shape)
    both = drawn.masks[RIGHT] | drawn.masks[LEFT]
    lowest = np.quantile(np.broadcast_to(y, both.shape)[both], 0.8)
    places = {"outer": np.abs(x - 0.5) + 0 * y > 0.34, "most": (y < lowest) & scenery.grown(both)}
    drawn = drawn.brighter(places[part] & ~drawn.masks[HEART], level)
    return build_scene(drawn.image(), scenery.pack(), scenery.engine(folder, drawn))


def sign(name: str) -> object:
    found = scenery.pack().sign(name)
    assert found is not None
    return found


def table_of(entry: dict[str, list[list[float]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean, shift, spread = (np.array(entry[k]) for k in ("mean", "shift", "spread"))
    assert mean.shape == shift.shape == spread.shape == (tables.ATLAS_ROWS, tables.ATLAS_COLS)
    return mean, shift, spread


def test_the_atlas_of_equal_films_is_their_index_with_the_least_spread(tmp_path: Path) -> None:
    atlas = tables.opacity_atlas([scene(tmp_path)] * 3, HEART)
    assert set(atlas) == {RIGHT, LEFT}
    for entry in atlas.values():
        mean, shift, spread = table_of(entry)
        assert np.median(np.abs(mean)) < 0.01
        assert np.abs(mean).max() < 0.15  # beside the heart
        assert np.abs(shift).max() < 0.03
        assert spread.min() >= tables.MIN_SPREAD
        assert np.median(spread) == tables.MIN_SPREAD


def test_the_atlas_knows_where_normal_films_are_whiter_and_where_they_differ(tmp_path: Path) -> None:
    films = [scene(tmp_path, level) for level in (0.0, 0.1, 0.2)]
    for entry in tables.opacity_atlas(films, HEART).values():
        mean, _, spread = table_of(entry)
        assert mean[6, -1] > mean[6, 0] + 0.1
        assert spread[6, -1] > spread[6, 0] + 0.05


def test_the_second_pass_counts_from_the_own_clear_quarter_of_each_film(tmp_path: Path) -> None:
    """Most of the lungs is lifted by display, more on one film than on another: no spread there, but in the rest."""
    films = [scene(tmp_path, level, part="most") for level in (0.0, 0.1, 0.2)]
    for entry in tables.opacity_atlas(films, HEART).values():
        mean, _, spread = table_of(entry)
        assert mean[4, 2] == pytest.approx(0.2, abs=0.03)  # 0.1 of the 0.5 between lung and heart
        assert spread[4, 2] == tables.MIN_SPREAD
        assert spread[-1, 2] == pytest.approx(0.2 * np.sqrt(2 / 3), abs=0.03)


def test_the_shift_is_what_normal_films_keep_above_their_own_quarter(tmp_path: Path) -> None:
    """One film of three is white outside: the mean takes a third of it, the shift must say what the others lack."""
    films = [scene(tmp_path, level) for level in (0.0, 0.0, 0.3)]
    atlas = tables.opacity_atlas(films, HEART)
    assert films[0].card.reference["opacity_atlas"] is atlas
    for lung_id in (RIGHT, LEFT):
        excesses = []
        for film in films:
            made = opacity_map(replace(film, memo={}), HEART)
            assert made is not None
            v, u = bins(film.lungs[lung_id], tables.ATLAS_ROWS, tables.ATLAS_COLS)
            for row, col in ((4, 1), (6, 5)):
                place = film.lungs[lung_id].mask & (v == row) & (u == col)
                excesses.append(float(made.excess[place].mean()))
        inner, outer = np.array(excesses[0::2]), np.array(excesses[1::2])
        assert np.abs(inner).max() < 0.5
        assert outer.mean() == pytest.approx(0, abs=0.02)
        assert outer[2] > 1 > 0 > outer[0] == pytest.approx(outer[1], abs=1e-3)


def test_films_without_two_lungs_or_contrast_are_left_out(tmp_path: Path) -> None:
    good = scene(tmp_path)
    one_lung = replace(good, lungs={RIGHT: good.lungs[RIGHT]})
    flat = replace(good, grid=np.zeros_like(good.grid))
    assert tables.opacity_atlas([one_lung, flat], HEART) == {}
    assert tables.opacity_atlas([good, one_lung, flat], HEART) == tables.opacity_atlas([good], HEART)


def test_feature_rows_have_the_width_that_the_detectors_model_needs(tmp_path: Path) -> None:
    made = scene(tmp_path)
    models = made.card.reference["sign_models"]
    keys = []
    for definition in scenery.pack().signs:
        if definition.detector is None or tables.model_key(definition) not in models:
            continue
        rows = tables.sign_rows(made, definition)
        sides = 2 if definition.detector.kind == "costophrenic_angle" else 1
        width = len(models[tables.model_key(definition)]["coefficients"])
        assert [len(values) for values, _ in rows] == [width] * sides
        assert [strength for _, strength in rows] == [pytest.approx(-2.0)] * sides  # -4 against the base of -2
        assert tables.sign_rows(replace(made, lungs={}), definition) == []
        flat = replace(made, grid=np.zeros_like(made.grid), memo={})
        assert tables.sign_rows(flat, definition) == []
        keys.append(tables.model_key(definition))
    assert sorted(keys) == sorted(models)


def test_rows_are_what_the_detector_scores(tmp_path: Path) -> None:
    drawn = scenery.chest()
    y, x = scenery.axes(*drawn.shape)
    wings = (np.hypot(np.abs(x - 0.5) - 0.17, y - 0.5) < 0.1) & (drawn.masks[RIGHT] | drawn.masks[LEFT])
    corner = (np.hypot(x - 0.17, y - 0.76) < 0.09) & drawn.masks[RIGHT]
    drawn = drawn.brighter(wings, 0.2).brighter(corner, 0.2)
    engine = scenery.engine(tmp_path, drawn)
    for model in engine.card.reference["sign_models"].values():
        model.update(measured_weight=0.7, network_weight=0.2, bias=0.1)
    made = build_scene(drawn.image(), scenery.pack(), engine)
    for name in ("hazy_opacity", "bat_wing_opacity", "costophrenic_blunting"):
        definition = sign(name)
        rows = tables.sign_rows(made, definition)  # type: ignore[arg-type]
        key = tables.model_key(definition)  # type: ignore[arg-type]
        scores = [sign_score(made, key, values, strength) for values, strength in rows]
        assert look(made, definition).score == pytest.approx(max(scores))  # type: ignore[arg-type]


def test_the_silent_models_of_a_new_card_fit_the_rows(tmp_path: Path) -> None:
    quiet, drawn = publish._silent_models(), scenery.card()["reference"]["sign_models"]
    assert {k: len(m["coefficients"]) for k, m in quiet.items()} == {
        k: len(m["coefficients"]) for k, m in drawn.items()
    }
    made = scene(tmp_path)
    card = replace(made.card, reference={**made.card.reference, "sign_models": quiet})
    for key, model in quiet.items():
        values = [9.0] * len(model["coefficients"])
        assert sign_score(replace(made, card=card), key, values, 9.0) < 0.01


def test_a_detector_without_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cardiothoracic_ratio"):
        tables.sign_rows(scene(tmp_path), sign("enlarged_heart"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no detector"):
        tables.model_key(sign("kerley_b_lines"))  # type: ignore[arg-type]


def test_model_keys_name_kind_and_level() -> None:
    keys = {n: tables.model_key(sign(n)) for n in ("hazy_opacity", "consolidation_opacity", "bat_wing_opacity")}  # type: ignore[arg-type]
    assert keys == {
        "hazy_opacity": "lung_opacity/hazy",
        "consolidation_opacity": "lung_opacity/dense",
        "bat_wing_opacity": "central_opacity",
    }


def film(view: str, *labels: str) -> Film:
    return Film("f", "p", "train", view, frozenset(labels), None, Path("f.png"), None)


def kinds(count: int) -> list[Film]:
    """Every third film positive, every third normal, every third neither; both views of each."""
    names = ("Edema", "No Finding", "Hernia")
    return [film("PA" if i % 2 else "AP", names[i % 3]) for i in range(count)]


def test_a_measured_model_uses_positives_and_normals_and_no_effect_below_zero() -> None:
    rng = np.random.default_rng(0)
    films = kinds(300)
    hits = ["Edema" in f.labels for f in films]
    rows = [[((2.0 * hit + rng.normal(), -2.0 * hit + rng.normal()), 0.0)] for hit in hits]
    rows[0] = []
    model = tables.measured_model(rows, films, {"Edema"})
    assert (model["positives"], model["normals"]) == (99, 100)
    more, less = model["coefficients"]
    assert more > 0.3
    assert less == 0
    assert model == tables.measured_model(rows, films, {"Edema", "Mass"})


def test_films_that_are_neither_positive_nor_normal_do_not_move_a_model() -> None:
    rng = np.random.default_rng(1)
    films = kinds(120)
    rows = [[((2.0 * ("Edema" in f.labels) + rng.normal(),), rng.normal())] for f in films]
    model = tables.measured_model(rows, films, {"Edema"})
    kept = [i for i, f in enumerate(films) if "Hernia" not in f.labels]
    assert model == tables.measured_model([rows[i] for i in kept], [films[i] for i in kept], {"Edema"})
    swapped = [row if i in kept else [((40.0,), 40.0)] for i, row in enumerate(rows)]
    given = tables.weighed(model, rows, films, {"Edema"})
    assert tables.weighed(model, swapped, films, {"Edema"}) == given


def test_a_model_learns_nothing_from_what_only_tells_the_view() -> None:
    """All positives but one in ten are AP films, all normals but one in ten PA; the feature is the view."""
    films = [film("PA" if i % 10 == 0 else "AP", "Edema") for i in range(100)]
    films += [film("AP" if i % 10 == 0 else "PA", "No Finding") for i in range(100)]
    rows = [[((float(f.view == "AP"),), 0.0)] for f in films]
    assert tables.measured_model(rows, films, {"Edema"})["coefficients"][0] == pytest.approx(0, abs=0.01)


def test_the_more_suspicious_side_stands_for_the_film() -> None:
    """The second feature is loud: a side is chosen by standardised features, not by raw ones."""
    healthy, ill = ((0.0, 150.0), 0.0), ((3.0, 100.0), 0.0)
    faint = ((0.1, 100.0), 0.0)
    for sides in ([healthy, ill], [ill, healthy]):
        rows = [sides, [healthy, faint]] * 40
        films = [film("PA", "Effusion"), film("PA", "No Finding")] * 40
        model = tables.measured_model(rows, films, {"Effusion"})
        z = [float(np.dot(model["coefficients"], x[0])) + model["intercept"] for x in (ill, healthy)]
        assert z[0] > 1 > -1 > z[1]


def test_weights_follow_what_told_the_films_apart_and_are_never_negative() -> None:
    rng = np.random.default_rng(2)
    films = kinds(600)
    hits = np.array(["Edema" in f.labels for f in films])
    model = {"coefficients": [2.0, 0.0], "intercept": -1.0, "positives": 7}
    good, noise = 2.0 * hits + rng.normal(size=600), rng.normal(size=600)
    for measured, network, signs in (
        (good, noise, (True, False)),
        (noise, good, (False, True)),
        (good, -good + noise, (True, False)),
        (-good, noise, (False, False)),
        (good, good + noise, (True, True)),
    ):
        rows = [[((m, 99.0), n)] for m, n in zip(measured, network, strict=True)]
        made = tables.weighed(model, rows, films, {"Edema"})
        weights = (made["measured_weight"], made["network_weight"])
        assert min(weights) >= 0
        assert tuple(w > 0.15 for w in weights) == signs
        assert {k: made[k] for k in model} == model
        assert made["validation_positives"] == 200


def test_weighed_scores_tell_the_films_apart_as_the_detector_computes_them() -> None:
    """The bias belongs to weight * (coefficients . features + intercept) + weight * strength."""
    films = [film("PA", "Edema"), film("PA", "No Finding")] * 50
    rows = [[((3.0,), 1.0)], [((1.0,), -1.0)]] * 50
    made = tables.weighed({"coefficients": [2.0], "intercept": 5.0}, rows, films, {"Edema"})
    z = [
        made["measured_weight"] * (2.0 * x + 5.0) + made["network_weight"] * local + made["bias"]
        for (((x,), local),) in rows[:2]
    ]
    assert z[0] > 1
    assert z[0] == pytest.approx(-z[1], abs=1e-3)


def test_the_side_that_the_model_and_the_network_suspect_more_is_weighed() -> None:
    """The model reads the first feature only: a side that is merely loud in the second does not stand for the film."""
    loud, ill, calm = ((0.0, 50.0), 0.0), ((3.0, 0.0), 2.0), ((0.1, 0.0), 0.0)
    model = {"coefficients": [1.0, 0.0], "intercept": 0.0}
    films = [film("PA", "Effusion"), film("PA", "No Finding")] * 40
    alone = tables.weighed(model, [[ill], [calm]] * 40, films, {"Effusion"})
    for sides in ([loud, ill], [ill, loud]):
        assert tables.weighed(model, [sides, [calm, loud]] * 40, films, {"Effusion"}) == alone
