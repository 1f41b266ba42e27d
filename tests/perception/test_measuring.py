"""Figures of drawn chests whose every length and angle is known.

The chest is drawn on 600 x 600 pixels: two lungs with flat apices at row 60 and domes at row 420, their costal
borders at columns 60 and 540, their mediastinal borders at columns 260 and 340. The patient's right is at the left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from perception import scenery
from whyray.domain import (
    Figure,
    Geometry,
    Image,
    Line,
    Measurement,
    Observations,
    Quality,
    Region,
    SignObservation,
    Structure,
)
from whyray.perception import MEASURING, measure, observe
from whyray.perception.measuring import attached
from whyray.perception.measuring.chart import Chart, Unseen

Mask = NDArray[np.bool_]
F64 = NDArray[np.float64]

N = 600
TOP, DOME, TIP = 60, 420, 480  # rows: apices, domes, tips of the costophrenic angles
WALL, INNER = (60, 540), (260, 340)
TISSUE, AIR = 0.6, 0.25
Y, X = np.mgrid[:N, :N].astype(np.float64)


def lung(right: bool) -> Mask:
    """A box whose base rises straight from its tip at the chest wall to the dome, 60 px up over 120 px."""
    away = X - WALL[0] if right else WALL[1] - 1 - X
    base = np.where(away < 120, TIP - away / 2, DOME)
    inside = (WALL[0] <= X) & (INNER[0] > X) if right else (INNER[1] <= X) & (WALL[1] > X)
    return np.asarray(inside & (base >= Y) & (Y >= TOP))


def box(rows: tuple[int, int], cols: tuple[int, int]) -> Mask:
    mask = np.zeros((N, N), dtype=np.bool_)
    mask[slice(*rows), slice(*cols)] = True
    return mask


def drawn() -> tuple[F64, dict[str, Mask]]:
    masks = {
        "right_lung": lung(True), "left_lung": lung(False), "heart": box((300, 400), (262, 338)),
        "right_clavicle": box((75, 90), (120, 280)), "left_clavicle": box((75, 90), (320, 480)),
    }  # fmt: skip
    pixels = np.where(masks["right_lung"] | masks["left_lung"], AIR, TISSUE)
    pixels = ndimage.gaussian_filter(pixels, 1.0)
    return pixels + np.random.default_rng(3).normal(0, 0.004, pixels.shape), masks


def film(
    pixels: F64, masks: dict[str, Mask], spacing: tuple[float, float] | None = None, **signs: Mask
) -> tuple[Image, Observations]:
    image = Image(pixels[None].astype(np.float32), Geometry(N, N, spacing), "0" * 64, "drawn")
    structures = tuple(Structure(i, Region.from_mask(m), 1.0) for i, m in masks.items())
    zones = {"right_perihilar": Region.from_mask(box((180, 300), (180, 260)))}
    seen = tuple(SignObservation(i, True, 0.9, Region.from_mask(m)) for i, m in signs.items())
    return image, Observations(
        "0" * 64, "drawn", structures, {i: z for i, z in zones.items() if z is not None}, seen, {}, Quality(True, 1.0)
    )


def figure(seen: tuple[Image, Observations], figure_id: str) -> Figure:
    (found,) = measure(*seen, scenery.pack(), [figure_id])
    assert found.id == figure_id
    assert bool(found.measurements) == (found.reason is None)
    return found


def number(seen: tuple[Image, Observations], figure_id: str) -> Measurement:
    found = figure(seen, figure_id)
    assert found.reason is None
    assert all(m.id == figure_id and m.uncertainty is not None for m in found.measurements)
    return found.measurements[0]


def flipped(pixels: F64, masks: dict[str, Mask]) -> tuple[F64, dict[str, Mask]]:
    """The mirrored patient: what was right is left."""
    swap = {"right": "left", "left": "right"}
    named = {f"{swap[i.split('_')[0]]}_{i.split('_')[1]}" if "_" in i else i: m for i, m in masks.items()}
    return pixels[:, ::-1], {i: m[:, ::-1] for i, m in named.items()}


def turned(pixels: F64, masks: dict[str, Mask], degrees: float) -> tuple[F64, dict[str, Mask]]:
    turn: Callable[..., Any] = ndimage.rotate
    return (
        turn(pixels, degrees, reshape=False, order=1, mode="nearest"),
        {i: turn(m.astype(np.float64), degrees, reshape=False, order=1) > 0.5 for i, m in masks.items()},
    )


def with_trachea(offset: float, depth: float = 0.05) -> tuple[F64, dict[str, Mask]]:
    pixels, masks = drawn()
    pixels -= depth * np.exp(-(((X - 300 - offset) / 9) ** 4)) * (Y < 220)
    return pixels, masks


# --- mediastinum ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", [None, (0.5, 0.5), (0.8, 0.4)])
def test_the_vascular_pedicle_is_as_wide_as_the_mediastinum(spacing: tuple[float, float] | None) -> None:
    measured = number(film(*drawn(), spacing), "vascular_pedicle_width")
    assert measured.value == pytest.approx(80 * (spacing[1] if spacing else 1), rel=0.03)
    assert measured.unit == ("mm" if spacing else "px")
    across, down = measured.lines
    assert (across.start[0], across.end[0]) == pytest.approx((260, 340), abs=2)
    assert (down.start[0], down.end[0]) == pytest.approx((across.end[0], across.end[0]))
    assert TOP < down.start[1] < across.start[1] < DOME


def test_the_left_end_of_the_pedicle_lies_above_the_bulge_of_the_knob() -> None:
    pixels, masks = drawn()
    bulge = np.hypot(X - 340, Y - 160) < 30
    masks["left_lung"] &= ~bulge
    measured = number(film(pixels, masks), "vascular_pedicle_width")
    assert 80 - 3 < measured.value < 80 + 15  # the bulge is 30 wide
    assert measured.lines[1].start[1] < 160


def test_the_share_of_the_pedicle_is_its_width_over_that_of_the_chest() -> None:
    assert number(film(*drawn()), "vascular_pedicle_share").value == pytest.approx(80 / 480, rel=0.03)


@pytest.mark.parametrize("offset", [-12.0, 0.0, 12.0])
def test_the_trachea_is_found_off_the_midline(offset: float) -> None:
    measured = number(film(*with_trachea(offset), (0.5, 0.5)), "trachea_offset")
    assert measured.value == pytest.approx(0.5 * offset, abs=1.5)
    assert measured.unit == "mm"


def test_a_mirrored_patient_has_the_trachea_on_the_other_side() -> None:
    seen = number(film(*with_trachea(12.0)), "trachea_offset").value
    assert number(film(*flipped(*with_trachea(12.0))), "trachea_offset").value == pytest.approx(-seen, abs=3)


def test_a_trachea_that_does_not_stand_out_has_no_place() -> None:
    assert figure(film(*drawn()), "trachea_offset").reason == "airway_unclear"


@pytest.mark.parametrize("missing", ["right_clavicle", "left_lung"])
def test_without_its_structures_the_trachea_has_no_place(missing: str) -> None:
    pixels, masks = with_trachea(0.0)
    del masks[missing]
    assert figure(film(pixels, masks), "trachea_offset").reason == "structure_not_visible"


# --- hila -----------------------------------------------------------------------------------------------------------


def with_hila(right: int, left: int) -> tuple[F64, dict[str, Mask]]:
    pixels, masks = drawn()
    pixels += 0.2 * (box((180, 330), (260 - right, 260)) | box((180, 330), (340, 340 + left)))
    return pixels, masks


def test_hila_reach_from_the_midline_to_where_their_shadow_ends() -> None:
    seen = film(*with_hila(40, 20))
    assert number(seen, "right_hilum_width").value == pytest.approx(80, abs=4)
    assert number(seen, "left_hilum_width").value == pytest.approx(60, abs=4)
    assert number(seen, "hilum_width_ratio").value == pytest.approx(80 / 60, rel=0.08)
    mirrored = film(*flipped(*with_hila(40, 20)))
    assert number(mirrored, "hilum_width_ratio").value == pytest.approx(60 / 80, rel=0.08)


def test_a_hilum_that_runs_on_into_an_opacity_has_no_width() -> None:
    assert figure(film(*with_hila(150, 20)), "right_hilum_width").reason == "hilum_unclear"


# --- lungs ----------------------------------------------------------------------------------------------------------


def test_lung_height_runs_from_apex_to_dome() -> None:
    pixels, masks = drawn()
    masks["left_lung"] &= Y < 390
    seen = film(pixels, masks, (0.5, 0.25))
    right, left = number(seen, "right_lung_height"), number(seen, "left_lung_height")
    assert right.value == pytest.approx(0.5 * (DOME - TOP), abs=2)
    assert left.value == pytest.approx(0.5 * (390 - TOP), abs=2)
    assert right.lines[0].start[1] == TOP
    assert number(seen, "lung_height_ratio").value == pytest.approx(right.value / left.value, rel=0.01)


def test_a_dome_behind_the_heart_is_hidden() -> None:
    pixels, masks = drawn()
    masks["heart"] = box((350, 600), (330, 545))
    masks["left_lung"] &= ~masks["heart"]
    assert figure(film(pixels, masks), "left_lung_height").reason == "dome_hidden"
    assert figure(film(pixels, masks), "right_lung_height").reason is None


def test_the_costophrenic_angle_is_that_between_wall_and_base() -> None:
    """The base rises by 1 in 2 from the tip: 90 - 26.6 degrees from the wall."""
    for side in ("right", "left"):
        measured = number(film(*drawn()), f"{side}_costophrenic_degrees")
        assert measured.value == pytest.approx(63.4, abs=3)
        assert measured.unit == "deg"
        assert next(line.start for line in measured.lines) == [line.start for line in measured.lines][1]


def test_a_steep_base_makes_a_sharper_angle() -> None:
    pixels, masks = drawn()
    away = X - WALL[0]
    masks["right_lung"] = lung(True) & (TIP - 1.5 * away >= Y) | (lung(True) & (Y < DOME - 60))
    assert number(film(pixels, masks), "right_costophrenic_degrees").value == pytest.approx(33.7, abs=4)
    assert number(film(pixels, masks), "left_costophrenic_degrees").value == pytest.approx(63.4, abs=3)


def test_an_outline_that_turns_more_than_a_right_angle_has_no_costophrenic_angle() -> None:
    """A base that falls away from the wall, as where gas of the stomach or colon is outlined."""
    pixels, masks = drawn()
    away = X - WALL[0]
    masks["right_lung"] = lung(True) & (TIP - 120 + 0.6 * away >= Y)
    assert figure(film(pixels, masks), "right_costophrenic_degrees").reason == "angle_hidden"
    assert figure(film(pixels, masks), "left_costophrenic_degrees").reason is None


@pytest.mark.parametrize("degrees", [-15.0, 15.0])
def test_a_turned_film_keeps_its_numbers(degrees: float) -> None:
    straight, tilted = film(*drawn()), film(*turned(*drawn(), degrees))
    for name, share in (("vascular_pedicle_share", 0.2), ("right_lung_height", 0.15), ("lung_height_ratio", 0.2)):
        assert number(tilted, name).value == pytest.approx(number(straight, name).value, rel=share)
    for name in ("right_costophrenic_degrees", "left_costophrenic_degrees"):
        assert number(tilted, name).value == pytest.approx(number(straight, name).value, abs=12)


# --- filters --------------------------------------------------------------------------------------------------------


def with_vessels(upper: float, lower: float) -> tuple[F64, dict[str, Mask]]:
    """Three vessels up and three down from each hilum, of these contrasts."""
    pixels, masks = drawn()
    for centre, outward in (((260, 240), -1), ((340, 226), 1)):
        for degrees in (35, 50, 65):
            for contrast, up in ((upper, -1), (lower, 1)):
                turn = np.deg2rad(degrees)
                dx, dy = (X - centre[0]) * outward, (Y - centre[1]) * up
                along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
                pixels += contrast * np.exp(-((across / 3) ** 2) / 2) * (along > 20) * (along < 150)
    return pixels, masks


def test_equal_vessels_have_a_ratio_of_one_and_stronger_upper_ones_a_higher() -> None:
    even = number(film(*with_vessels(0.1, 0.1)), "upper_lower_vessel_ratio")
    more = number(film(*with_vessels(0.15, 0.05)), "upper_lower_vessel_ratio")
    assert even.value == pytest.approx(1, rel=0.25)
    assert more.value > 2 * even.value


def with_lines(rows: list[int], length: int, contrast: float, start: int = WALL[0] + 6) -> tuple[F64, dict[str, Mask]]:
    pixels, masks = drawn()
    for row in rows:
        thin = np.exp(-(((Y - row) / 0.9) ** 2) / 2)
        pixels += contrast * thin * (start <= X) * (start + length > X)
    return pixels, masks


def test_level_lines_at_the_pleura_are_counted_and_measured() -> None:
    """Four lines of 24 px; the chest of 480 px is taken to be 285 mm wide: 14 mm."""
    seen = film(*with_lines([340, 355, 370, 385], 24, 0.1))
    count, length = number(seen, "septal_line_count"), number(seen, "septal_line_length")
    assert count.value == 4
    assert len(count.lines) == 4
    assert all(60 <= min(line.start[0], line.end[0]) < 75 for line in count.lines)
    assert length.value == pytest.approx(24, abs=5)


@pytest.mark.parametrize(
    ("rows", "length", "contrast", "start"),
    [
        ([], 24, 0.1, 66),
        ([340, 370], 24, 0.004, 66),  # no more than the grain
        ([340, 370], 5, 0.1, 66),  # 3 mm
        ([340, 370], 24, 0.1, 90),  # away from the pleura
        ([340, 370], 80, 0.1, 66),  # 47 mm
        ([140, 170], 24, 0.1, 66),  # in the upper lung
    ],
)
def test_other_lines_are_not(rows: list[int], length: int, contrast: float, start: int) -> None:
    seen = film(*with_lines(rows, length, contrast, start))
    assert number(seen, "septal_line_count").value == 0
    assert figure(seen, "septal_line_length").reason == "no_lines"


def test_coarse_pixels_show_no_septal_lines() -> None:
    assert figure(film(*drawn(), (1.0, 1.0)), "septal_line_count").reason == "too_coarse"


# --- masks ----------------------------------------------------------------------------------------------------------


def test_opacities_are_told_by_side_and_place() -> None:
    right, left = box((180, 300), (180, 260)), box((180, 240), (340, 420))
    seen = film(*drawn(), hazy_opacity=right | left)
    assert number(seen, "veil_right_share").value == pytest.approx(2 / 3, abs=0.02)
    assert number(seen, "veil_symmetry").value == pytest.approx(2 / 3, abs=0.03)
    assert number(seen, "veil_centrality").value == pytest.approx(2 / 3, abs=0.02)
    assert figure(seen, "veil_symmetry").signs == ("hazy_opacity",)


def test_the_marked_share_of_each_lung() -> None:
    pixels, masks = drawn()
    half = masks["right_lung"].copy()
    half[:240] = False
    seen = film(pixels, masks, hazy_opacity=half)
    lung = masks["right_lung"]
    assert number(seen, "right_marked_share").value == pytest.approx((half & lung).sum() / lung.sum(), abs=0.02)
    assert number(seen, "left_marked_share").value == 0
    fluid = box((480, 540), (400, 540))  # below the left lung's outline
    both = film(pixels, masks, costophrenic_blunting=fluid | box((400, 440), (60, 110)))
    assert number(both, "left_marked_share").value == pytest.approx(fluid.sum() / masks["left_lung"].sum(), abs=0.01)
    assert number(both, "right_marked_share").value > 0


def test_parts_are_counted_without_specks() -> None:
    mask = box((100, 130), (100, 130)) | box((200, 220), (300, 320)) | box((300, 302), (100, 102))
    (count,) = figure(film(*drawn(), nodular_shadow=mask), "lesion_count").measurements
    assert (count.value, count.unit) == (2, "count")


def test_without_its_sign_a_figure_of_a_mask_has_a_reason() -> None:
    assert figure(film(*drawn()), "veil_symmetry").reason == "no_mask"
    outside = film(*drawn(), hazy_opacity=box((520, 560), (280, 320)))
    assert figure(outside, "veil_symmetry").reason == "outside_lungs"


@pytest.mark.parametrize(
    ("spacing", "row", "column"), [(None, 1.0, 1.0), ((0.5, 0.5), 0.5, 0.5), ((0.5, 0.25), 0.5, 0.25)]
)
def test_each_part_of_a_nodule_mask_has_its_diameters(
    spacing: tuple[float, float] | None, row: float, column: float
) -> None:
    oval = ((X - 150) / 40) ** 2 + ((Y - 200) / 15) ** 2 < 1
    seen = film(*drawn(), spacing, nodular_shadow=oval | (np.hypot(X - 450, Y - 200) < 10))
    short, further = (
        figure(seen, "lesion_short_diameter").measurements,
        figure(seen, "further_lesion_diameter").measurements,
    )
    lengths = sorted((80 * column, 30 * row))
    assert [m.value for m in short] == pytest.approx([lengths[0]], abs=2)  # the larger one's alone
    assert [m.value for m in further] == pytest.approx([20 * max(row, column)], abs=2)


def test_the_depth_of_a_pneumothorax_is_taken_from_roof_and_wall() -> None:
    air = (box((TOP, TOP + 40), (60, 260)) | box((TOP, 300), (60, 85))) & lung(True)
    seen = film(*drawn(), pleural_air=air)
    apical, lateral = number(seen, "right_apical_air_depth"), number(seen, "right_lateral_air_depth")
    assert lateral.value == pytest.approx(25, abs=3)
    assert apical.value == pytest.approx(240, abs=10)  # down the strip at the wall
    assert lateral.lines[0].start[0] == pytest.approx(60, abs=2)
    assert figure(seen, "left_lateral_air_depth").reason == "no_mask_here"


def test_a_mask_away_from_the_wall_has_no_depth() -> None:
    seen = film(*drawn(), pleural_air=box((150, 300), (150, 200)))
    assert figure(seen, "right_lateral_air_depth").reason == "not_at_wall"


# --- lines of a mask ------------------------------------------------------------------------------------------------


def level(rows: tuple[int, ...], length: int, start: int = 70, thick: int = 6) -> Mask:
    """Level bars `length` columns long and `thick` rows high."""
    return np.any([box((row, row + thick), (start, start + length)) for row in rows], axis=0)


@pytest.mark.parametrize(
    ("spacing", "unit", "factor"), [(None, "px", 1.0), ((0.5, 0.5), "mm", 0.5), ((1.0, 0.5), "mm", 0.5)]
)
def test_separate_lines_of_a_mask_are_counted_and_measured(
    spacing: tuple[float, float] | None, unit: str, factor: float
) -> None:
    seen = film(*drawn(), spacing, kerley_b_lines=level((300, 320, 340, 360, 380), 46))
    count, length = number(seen, "kerley_b_line_count"), number(seen, "kerley_b_line_length")
    assert (count.value, count.unit, len(count.lines)) == (5, "count", 5)
    rows = 6 * (spacing[0] if spacing else 1.0)
    assert (length.value, length.unit) == (pytest.approx(46 * factor - rows, abs=1.5), unit)  # without its round ends
    assert count.uncertainty == 0.5
    assert sorted((line.start[1] + line.end[1]) / 2 for line in length.lines) == pytest.approx(
        [303, 323, 343, 363, 383], abs=4
    )
    assert all(70 < min(line.start[0], line.end[0]) < max(line.start[0], line.end[0]) < 116 for line in length.lines)


def test_lines_that_run_together_count_as_one_and_have_no_length() -> None:
    seen = film(*drawn(), (0.5, 0.5), kerley_b_lines=box((300, 340), (70, 110)))
    assert number(seen, "kerley_b_line_count").value == number(seen, "kerley_b_line_count").uncertainty == 1
    assert figure(seen, "kerley_b_line_length").reason == "lines_merged"


@pytest.mark.parametrize(("short", "count"), [(10, 1), (14, 2)])
def test_a_piece_below_the_least_length_is_no_line(short: int, count: int) -> None:
    """Least length 6 mm, of the mask's longest diameter; half a millimetre a pixel."""
    mask = level((300,), 46) | level((340,), short, thick=3)
    assert number(film(*drawn(), (0.5, 0.5), kerley_b_lines=mask), "kerley_b_line_count").value == count


def test_a_sign_that_is_seen_has_one_line_at_least() -> None:
    assert number(film(*drawn(), (0.5, 0.5), kerley_b_lines=level((300,), 8)), "kerley_b_line_count").value == 1


def test_the_line_filter_is_silent_where_the_mask_tells_the_lines() -> None:
    lines = with_lines([340, 355, 370, 385], 24, 0.1)
    assert number(film(*lines), "septal_line_count").value == 4
    seen = film(*lines, kerley_b_lines=level((300, 320), 46))
    assert number(seen, "kerley_b_line_count").value == 2
    assert figure(seen, "septal_line_count").reason == figure(seen, "septal_line_length").reason == "mask_instead"
    assert figure(film(*lines), "kerley_b_line_count").reason == "no_mask"


def test_kerley_lines_that_are_seen_carry_number_and_length() -> None:
    image, seen = film(*drawn(), (0.5, 0.5), kerley_b_lines=level((300, 320), 46), kerley_a_lines=level((120,), 60))
    told = {s.id: [m.id for m in s.measurements] for s in attached(image, seen, scenery.pack())}
    assert told["kerley_b_lines"] == ["kerley_b_line_count", "kerley_b_line_length"]
    assert told["kerley_a_lines"] == ["kerley_a_line_count", "kerley_a_line_length"]


# --- the pack and the signs -----------------------------------------------------------------------------------------


def test_every_figure_of_the_pack_is_of_a_known_kind_and_speaks_for_known_signs() -> None:
    pack = scenery.pack()
    assert {d.kind for d in pack.figures.values()} == set(MEASURING)
    known = {s.id for s in pack.signs} & {s for d in pack.figures.values() for s in d.signs}
    assert known == {s for d in pack.figures.values() for s in d.signs}
    structures = {s.id for s in pack.structures}
    for definition in pack.figures.values():
        named = [definition.params[k] for k in ("right", "left", "heart", "lung") if k in definition.params]
        assert {*named, *definition.params.get("clavicles", ()), *definition.params.get("without", ())} <= structures
        assert bool(definition.limits) == bool(definition.limit_unit)


def test_signs_carry_the_cheap_figures_that_speak_for_them() -> None:
    image, seen = film(*drawn(), hazy_opacity=box((180, 300), (180, 260)))
    unlooked = SignObservation("tracheal_shift", False, 0.0, reason="no_detector")
    absent = SignObservation("costophrenic_blunting", True, 0.1)
    lines = SignObservation("kerley_b_lines", True, 0.1)
    seen = replace(seen, signs=(*seen.signs, unlooked, absent, lines))
    told = {s.id: [m.id for m in s.measurements] for s in attached(image, seen, scenery.pack())}
    assert told["hazy_opacity"] == ["veil_symmetry", "veil_right_share", "veil_centrality"]
    assert told["costophrenic_blunting"] == ["right_costophrenic_degrees", "left_costophrenic_degrees"]
    assert told["tracheal_shift"] == []  # it was not looked for
    assert told["kerley_b_lines"] == []  # the filter is deferred, and there is no mask


RIGHT, LEFT, SPECK = box((400, 460), (60, 110)), box((400, 460), (490, 540)), box((440, 446), (80, 86))


@pytest.mark.parametrize(
    ("mark", "sides"),
    [
        (RIGHT, ["right"]),
        (LEFT, ["left"]),
        (LEFT | SPECK, ["left"]),
        (RIGHT | LEFT, ["right", "left"]),
        (RIGHT | box((480, 540), (490, 540)), ["right", "left"]),  # below the lung's outline, so in no zone
    ],
)
def test_a_marked_sign_has_no_angle_of_the_other_side(mark: Mask, sides: list[str]) -> None:
    image, seen = film(*drawn(), costophrenic_blunting=mark)
    seen = replace(seen, signs=tuple(replace(s, zones=("right_lower_field",)) for s in seen.signs))
    told = next(s for s in attached(image, seen, scenery.pack()) if s.id == "costophrenic_blunting")
    assert [m.id for m in told.measurements] == [f"{side}_costophrenic_degrees" for side in sides]


def test_without_both_lungs_no_side_is_told_apart() -> None:
    pixels, masks = drawn()
    image, seen = film(pixels, {i: m for i, m in masks.items() if i != "left_lung"}, costophrenic_blunting=RIGHT)
    told = next(s for s in attached(image, seen, scenery.pack()) if s.id == "costophrenic_blunting")
    assert [m.id for m in told.measurements] == ["right_costophrenic_degrees"]  # the other has no lung


def test_a_look_at_a_film_carries_the_angles(tmp_path: Path) -> None:
    chest = scenery.chest()
    seen = observe(chest.image(), scenery.pack(), scenery.engine(tmp_path, chest))
    units = [m.unit for s in seen.signs for m in s.measurements]
    assert units.count("deg") == 2


def test_a_chart_refuses_what_does_not_show() -> None:
    chart = Chart.of(*film(*drawn()), {})
    with pytest.raises(Unseen, match="structure_not_visible"):
        chart.region("spine")
    with pytest.raises(Unseen, match="no_mask"):
        chart.marked()
    assert chart.length("m", Line((0, 0), (3, 4)), 1.0, {}).value == 5
