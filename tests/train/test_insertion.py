from __future__ import annotations

import csv
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from whyray_train import films
from whyray_train.insertion import CHANNELS, KINDS, LOOKALIKES, Film, Inserted, disguise, insert
from whyray_train.insertion.chest import hilum, sides
from whyray_train.insertion.curves import stroke
from whyray_train.insertion.interstitium import rungs
from whyray_train.insertion.optics import blur, opacify, smear

DATA = Path(os.environ.get("WHYRAY_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
SIZE, MM = 256, 1.6
DARKENS = {"pneumothorax"}
THIN = {"kerley_a", "kerley_b"}
RIM_MM = 12
F32 = np.float32


def ellipse(row: float, col: float, high: float, wide: float) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    away = np.sqrt(((y - row) / high) ** 2 + ((x - col) / wide) ** 2)
    return np.clip((1 - away) * wide + 0.5, 0, 1).astype(F32)


def phantom(seed: int = 0) -> Film:
    """A chest of ellipses: bright body, dark lungs with a flat dome and rib bands, a bright heart, grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE].astype(F32)
    heart = ellipse(150, 140, 34, 30)
    floor = np.clip(186 - y + 0.02 * (x - 128) ** 2 * (np.abs(x - 128) > 30), 0, 1)
    lungs = [ellipse(120, c, 85, 38) * floor * (1 - heart) for c in (80, 180)]
    body = ellipse(140, 128, 150, 112)
    grey = 0.05 + 0.75 * body - 0.5 * (lungs[0] + lungs[1]) + 0.1 * heart
    ribs = 0.06 * (np.sin((y + 0.25 * np.abs(x - 128)) / 4) > 0.4) * body
    grey = ndimage.gaussian_filter(grey + ribs, 1) + rng.normal(0, 0.006, grey.shape)
    pixels = np.clip(grey, 0, 1).astype(F32)
    return Film(pixels, lungs[0].astype(F32), lungs[1].astype(F32), heart, MM)


def several(kind: str, film: Film, count: int = 6) -> list[Inserted]:
    found = [insert(kind, film, np.random.default_rng(seed)) for seed in range(count)]
    shown = [f for f in found if f is not None]
    assert len(shown) >= count // 2, f"{kind} finds no room"
    return shown


def change(film: Film, result: Inserted) -> np.ndarray:
    return result.pixels - film.pixels


def thorax(film: Film) -> np.ndarray:
    """Lungs, heart and a hand's breadth of pocket around them."""
    whole = np.maximum(np.maximum(film.right_lung, film.left_lung), film.heart) > 0.2
    return ndimage.binary_dilation(whole, np.ones((3, 3)), iterations=round(14 / film.mm_per_px))


def test_the_kinds_are_these() -> None:
    assert list(KINDS) == [
        "effusion",
        "pneumothorax",
        "nodule",
        "mass",
        "consolidation",
        "air_bronchogram",
        "hazy",
        "bat_wing",
        "reticular",
        "kerley_b",
        "kerley_a",
        "redistribution",
    ]
    assert set(CHANNELS) == set(KINDS) - {"mass"}
    assert len(LOOKALIKES) == 13


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_and_masks_have_the_film_s_shape_and_range(kind: str) -> None:
    film = phantom()
    before = film.pixels.copy()
    for result in several(kind, film):
        assert set(result.masks) <= set(CHANNELS)
        for array in (result.pixels, *result.masks.values()):
            assert array.shape == film.pixels.shape
            assert array.dtype == F32
            assert np.isfinite(array).all()
            assert array.min() >= 0
            assert array.max() <= 1
    np.testing.assert_array_equal(film.pixels, before)


@pytest.mark.parametrize("kind", KINDS)
def test_masks_are_filled_and_lie_in_the_thorax(kind: str) -> None:
    film = phantom()
    inside = thorax(film)
    for result in several(kind, film):
        for mask in result.masks.values():
            assert (mask > 0.5).sum() * MM**2 > 12
            assert not (mask > 0.3)[~inside].any()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_changes_far_from_the_mask(kind: str) -> None:
    film = phantom()
    for result in several(kind, film):
        near = np.maximum.reduce(list(result.masks.values())) > 0.02
        if kind in {"pneumothorax", "redistribution"}:  # the whole lung shrinks; the lower vessels thin
            near |= np.maximum(film.right_lung, film.left_lung) > 0.02
        far = ~ndimage.binary_dilation(near, iterations=round(RIM_MM / MM))
        delta = np.abs(change(film, result))
        assert delta[far].max(initial=0) < max(0.02, 0.2 * delta.max())


@pytest.mark.parametrize("kind", KINDS)
def test_the_brightness_under_the_mask_goes_the_right_way(kind: str) -> None:
    film = phantom()
    for result in several(kind, film):
        for name, mask in result.masks.items():
            mean = float(change(film, result)[mask > 0.5].mean())
            assert (mean < -0.004) if name in DARKENS else (mean > 0.004), (name, mean)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_give_equal_films(kind: str) -> None:
    film = phantom()
    one, two, other = (insert(kind, film, np.random.default_rng(s)) for s in (3, 3, 4))
    assert one is not None
    assert two is not None
    np.testing.assert_array_equal(one.pixels, two.pixels)
    assert one.masks.keys() == two.masks.keys()
    assert other is None or not np.array_equal(one.pixels, other.pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_a_film_without_lungs_has_no_room(kind: str) -> None:
    film = phantom()
    nothing = np.zeros_like(film.pixels)
    bare = replace(film, right_lung=nothing, left_lung=nothing)
    assert insert(kind, bare, np.random.default_rng(0)) is None


def test_an_unknown_kind_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        insert("miliary", phantom(), np.random.default_rng(0))


def test_the_film_keeps_its_grain_under_a_dense_sign() -> None:
    film = phantom()

    def grain(pixels: np.ndarray, where: np.ndarray) -> float:
        return float((pixels - ndimage.gaussian_filter(pixels, 0.8))[where].std())

    for result in several("effusion", film):
        deep = ndimage.binary_erosion(result.masks["effusion"] > 0.9, iterations=3)
        if deep.sum() > 100:
            assert grain(result.pixels, deep) > 0.5 * grain(film.pixels, deep)


def test_an_effusion_rises_to_the_lateral_wall() -> None:
    film = phantom()
    tops = []
    for seed in range(30):
        result = insert("effusion", film, np.random.default_rng(seed))
        mask = None if result is None else result.masks["effusion"] > 0.5
        if mask is None or mask[:, :128].sum() * MM**2 < 900 or mask[100].any():
            continue
        cols = np.flatnonzero(mask[:, :128].any(axis=0))
        if cols.size > 12:
            top = np.argmax(mask[:, cols], axis=0)
            tops.append(top[len(cols) // 2] - top[:4].min())
    assert len(tops) >= 3
    assert np.median(tops) > 2


def test_a_bat_wing_has_two_sides_and_fades_outwards() -> None:
    film = phantom()
    right, left = sides(film)
    for result in several("bat_wing", film):
        mask, delta = result.masks["bat_wing"], blur(change(film, result), 4 / MM)
        for side, half in ((right, slice(0, 128)), (left, slice(128, None))):
            assert (mask[:, half] > 0.5).sum() * MM**2 > 200
            row, col = (round(v) for v in hilum(side))
            assert delta[row, col + side.outward * 8] > delta[row, round(side.wall[row]) - side.outward * 4] + 0.01


def test_a_pneumothorax_takes_the_markings_away() -> None:
    film = phantom()
    spots = np.random.default_rng(1).random(film.pixels.shape) > 0.985
    vessels = ndimage.gaussian_filter(spots.astype(F32), 0.9) * 0.5 * (film.right_lung + film.left_lung)
    marked = replace(film, pixels=np.clip(film.pixels + vessels, 0, 1).astype(F32))
    for result in several("pneumothorax", marked):
        air = ndimage.binary_erosion(result.masks["pneumothorax"] > 0.9, iterations=2)
        if air.sum() > 60:
            fine = [p - ndimage.gaussian_filter(p, 3) for p in (vessels, marked.pixels, result.pixels)]
            left = [float(f[air] @ fine[0][air]) for f in fine[1:]]
            assert left[1] < 0.6 * left[0]


def test_kerley_b_lines_are_short_and_touch_the_lateral_wall() -> None:
    film = phantom()
    side = sides(film)[0]
    for seed in range(5):
        lines, marks = np.zeros_like(film.pixels), np.zeros_like(film.pixels)
        rungs(film, side, np.random.default_rng(seed), lines, marks)
        labels, count = ndimage.label(lines > 0.08, np.ones((3, 3)))
        assert 1 <= count <= 10
        rows, cols = np.nonzero(lines > 0.3)
        assert rows.min() > side.top + 0.55 * side.height
        assert (cols.max() - cols.min()) * MM < 45  # 20 mm and the slope of the wall
        for box in ndimage.find_objects(labels):
            assert box[1].start - side.wall[box[0]].min() < 3


def test_a_mass_is_larger_than_a_nodule() -> None:
    film = phantom()
    small = [
        r.masks["nodule"].sum() / max(ndimage.label(r.masks["nodule"] > 0.5)[1], 1) for r in several("nodule", film)
    ]
    large = [r.masks["nodule"].sum() for r in several("mass", film)]
    assert max(small) * MM**2 < np.pi * 20**2
    assert np.median(large) * MM**2 > np.pi * 13**2


def test_look_alikes_change_the_film_and_no_mask_is_needed() -> None:
    film = phantom()
    for name, shadow in LOOKALIKES.items():
        changed = [shadow(film, np.random.default_rng(s)) for s in range(4)]
        assert all(c is not None and c.shape == film.pixels.shape for c in changed), name
        assert max(np.abs(c - film.pixels).max() for c in changed if c is not None) > 0.02, name
    one, two = (disguise(film, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one.pixels, two.pixels)
    assert one.pixels.dtype == F32
    assert 0 <= one.pixels.min() <= one.pixels.max() <= 1
    assert one.heart is film.heart


def test_opacify_brightens_towards_the_dense_level_only() -> None:
    grey = np.linspace(0, 1, 64, dtype=F32)[None, :].repeat(16, axis=0)
    out = opacify(grey, np.full_like(grey, 0.5), 0.6)
    np.testing.assert_allclose(out[:, :30], grey[:, :30] + 0.5 * (0.6 - grey[:, :30]), atol=0.02)
    np.testing.assert_allclose(out[:, 45:], grey[:, 45:], atol=1e-6)


@pytest.mark.parametrize("sigma", [0.8, 2.0, 6.0, 12.0])
def test_blur_is_nearly_gaussian(sigma: float) -> None:
    point = np.zeros((129, 129), dtype=F32)
    point[64, 64] = 1
    out, y = blur(point, sigma), np.arange(129) - 64
    assert out.sum() == pytest.approx(1, abs=0.02)
    for axis in (0, 1):
        assert out.sum(axis=axis) @ y**2 == pytest.approx(sigma**2, rel=0.12)
        assert abs(out.sum(axis=axis) @ y) < 0.1 + 0.5 * sigma / 1.3
    np.testing.assert_allclose(blur(np.full((50, 37), 0.3, F32), sigma), 0.3, atol=1e-5)


def test_smear_spreads_one_way() -> None:
    mask = np.zeros((9, 9), dtype=F32)
    mask[4, 4] = 1
    assert np.flatnonzero(smear(mask, 3, axis=0)[:, 4]).tolist() == [4, 5, 6, 7]
    assert np.flatnonzero(smear(mask, -2, axis=1)[4]).tolist() == [2, 3, 4]


def test_a_stroke_has_its_width() -> None:
    canvas = np.zeros((40, 40), dtype=F32)
    stroke(canvas, np.array([[20.0, 5.0], [20.0, 20.0], [20.0, 35.0]]), 3.0, tube=True)
    assert canvas[20, 20] == pytest.approx(1, abs=0.01)
    assert (canvas[:, 20] > 0.05).sum() in (6, 7)
    assert canvas[:, 0].max() == 0


@pytest.fixture(scope="module")
def real() -> list[Film]:
    """Eight films without a finding whose weak anatomy was accepted, at 512 px."""
    if not (DATA / "nih_anatomy").is_dir():
        pytest.skip(f"no real films: {DATA / 'nih_anatomy'} is missing (set WHYRAY_DATA)")
    with (DATA / "nih" / "labels.csv").open(newline="") as handle:
        spacing = {r["id"]: float(r["native_spacing_mm"]) * float(r["native_width"]) for r in csv.DictReader(handle)}
    table, _ = films.read_table(DATA)
    chosen = [f for f in table if f.anatomy is not None and films.NORMAL_LABEL in f.labels][::25][:8]
    loaded = []
    for film in chosen:
        assert film.anatomy is not None
        masks = films.load_anatomy(film.anatomy, 512).astype(F32) / 255
        pixels = films.load_array(film.path, 512).astype(F32) / 255
        loaded.append(Film(pixels, masks[0], masks[1], masks[2], spacing[film.id] / 512))
    return loaded


@pytest.mark.parametrize("kind", KINDS)
def test_real_films_take_each_sign(kind: str, real: list[Film]) -> None:
    done = 0
    for seed, film in enumerate(real):
        result = insert(kind, film, np.random.default_rng(seed))
        if result is None:
            continue
        done += 1
        inside = thorax(film)
        for name, mask in result.masks.items():
            assert not (mask > 0.5)[~inside].any()
            mean = float(change(film, result)[mask > 0.5].mean())
            assert (mean < 0) if name in DARKENS else (mean > 0)
    assert done >= len(real) - 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_sign_takes_little_time(kind: str, real: list[Film]) -> None:
    rng = np.random.default_rng(0)
    spent = []
    for film in real:
        start = time.process_time()
        insert(kind, film, rng)
        spent.append(time.process_time() - start)
    assert np.median(spent) < 0.1  # 25 ms on an idle core
