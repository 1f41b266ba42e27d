from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perception import scenery
from perception.scenery import HEART, LEFT, RIGHT
from whyray.perception import Scene, build_scene
from whyray_train import tables


def scene(folder: Path, level: float = 0.0) -> Scene:
    """A drawn chest; `level` is added to the outer half of both lungs."""
    drawn = scenery.chest()
    _, x = scenery.axes(*drawn.shape)
    drawn = drawn.brighter(np.abs(x - 0.5) * np.ones((480, 1)) > 0.22, level)
    return build_scene(drawn.image(), scenery.pack(), scenery.engine(folder, drawn))


def sign(name: str) -> object:
    found = scenery.pack().sign(name)
    assert found is not None
    return found


def test_the_atlas_of_equal_films_is_their_index_with_the_least_spread(tmp_path: Path) -> None:
    atlas = tables.opacity_atlas([scene(tmp_path)] * 3, HEART)
    assert set(atlas) == {RIGHT, LEFT}
    for table in atlas.values():
        mean, spread = np.array(table["mean"]), np.array(table["spread"])
        assert mean.shape == spread.shape == (tables.ATLAS_ROWS, tables.ATLAS_COLS)
        assert np.abs(mean).max() < 0.1
        assert spread.min() >= tables.MIN_SPREAD
        assert np.median(spread) == tables.MIN_SPREAD


def test_the_atlas_knows_where_normal_films_are_whiter_and_where_they_differ(tmp_path: Path) -> None:
    films = [scene(tmp_path, level) for level in (0.0, 0.1, 0.2)]
    for table in tables.opacity_atlas(films, HEART).values():
        mean, spread = np.array(table["mean"]), np.array(table["spread"])
        assert mean[6, -1] > mean[6, 0] + 0.1
        assert spread[6, -1] > spread[6, 0] + 0.05


def test_films_without_two_lungs_or_contrast_are_left_out(tmp_path: Path) -> None:
    good = scene(tmp_path)
    one_lung = replace(good, lungs={RIGHT: good.lungs[RIGHT]})
    flat = replace(good, grid=np.zeros_like(good.grid))
    assert tables.opacity_atlas([one_lung, flat], HEART) == {}
    assert tables.opacity_atlas([good, one_lung, flat], HEART) == tables.opacity_atlas([good], HEART)


def test_feature_rows_have_the_width_that_the_detectors_model_needs(tmp_path: Path) -> None:
    made = scene(tmp_path)
    models = made.card.reference["sign_models"]
    for definition in scenery.pack().signs:
        if definition.detector is None or tables.model_key(definition) not in models:
            continue
        rows = tables.sign_features(made, definition)
        sides = 2 if definition.detector.kind == "costophrenic_angle" else 1
        width = len(models[tables.model_key(definition)]["coefficients"])
        assert [len(r) for r in rows] == [width] * sides
        assert tables.sign_features(replace(made, lungs={}), definition) == []


def test_a_detector_without_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cardiothoracic_ratio"):
        tables.sign_features(scene(tmp_path), sign("enlarged_heart"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no detector"):
        tables.model_key(sign("kerley_b_lines"))  # type: ignore[arg-type]


def test_model_keys_name_kind_and_level() -> None:
    keys = {n: tables.model_key(sign(n)) for n in ("hazy_opacity", "consolidation_opacity", "bat_wing_opacity")}  # type: ignore[arg-type]
    assert keys == {
        "hazy_opacity": "lung_opacity/hazy",
        "consolidation_opacity": "lung_opacity/dense",
        "bat_wing_opacity": "central_opacity",
    }


def test_a_sign_model_uses_positives_and_normals_and_respects_the_orientation() -> None:
    rng = np.random.default_rng(0)
    rows, labels, views = [], [], []
    for i in range(300):
        hit = i % 3 == 0
        more, less = 2.0 * hit + rng.normal(), -2.0 * hit + rng.normal()
        rows.append([(more, less)])
        labels.append(frozenset({"Edema"} if hit else {"No Finding"} if i % 3 == 1 else {"Hernia"}))
        views.append("PA" if i % 2 else "AP")
    rows[0] = []
    model = tables.sign_model(rows, labels, views, ["Edema"], {1: -1})
    assert (model["positives"], model["normals"]) == (99, 100)
    more, less = model["coefficients"]
    assert more > 0.3
    assert less < -0.3
    blind = tables.sign_model(rows, labels, views, ["Edema"], {})
    assert blind["coefficients"][1] == 0


def test_the_more_suspicious_side_stands_for_the_film() -> None:
    rows = [[(0.0, 1.0), (3.0, 1.0)], [(0.0, 1.0), (0.1, 1.0)]] * 40
    labels = [frozenset({"Effusion"}), frozenset({"No Finding"})] * 40
    model = tables.sign_model(rows, labels, ["PA"] * 80, ["Effusion"], {})
    z = [model["coefficients"][0] * x + model["intercept"] for x in (3.0, 0.1)]
    assert z[0] > 1 > -1 > z[1]
