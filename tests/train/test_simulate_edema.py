"""Edema on a toy chest whose answer is known: two lungs, a heart, a rib cage of water."""

import numpy as np
import pytest

from whyray.domain import ArgumentError
from whyray_train.chest_ct import ChestCT, Repair, repair
from whyray_train.simulate_edema import Effusion, Parts, Swelling, Wings, fill_lungs, swell_heart, wall_distance

PARTS = Parts(
    heart=("pump",),
    right_lung=("lung_r",),
    left_lung=("lung_l",),
    trachea=("pipe",),
    mediastinum=("pump", "spine"),
    spine=("spine",),
    contents=("pump", "pipe", "spine"),
    closing_mm=12.0,
)
WINGS = Wings(5.0, (40.0, 40.0), (0.2, 0.7), (2.0, 10.0), 0.6, 0.0, (4.0,), (0.3,))
EFFUSION = Effusion((6.0, 6.0), (30.0, 30.0), 10.0, 8.0, 4.0, 10.0, 0.5)
NAMES = {"lung_r": 1, "lung_l": 2, "pump": 3, "pipe": 4, "spine": 5}


@pytest.fixture(scope="module")
def chest():
    labels = np.zeros((50, 60, 90), dtype=np.uint8)
    labels[8:42, 6:52, 8:38] = 1
    labels[8:42, 6:52, 52:82] = 2
    labels[20:38, 26:46, 36:58] = 3
    labels[24:28, 4:20, 43:47] = 4
    labels[6:14, 2:58, 40:50] = 5
    hu = np.where(np.isin(labels, (1, 2)), -850.0, 40.0).astype(np.float32)
    hu[labels == 4] = -1000.0
    return ChestCT(hu, labels, (3.0, 3.0, 3.0), NAMES)


@pytest.fixture(scope="module")
def edema(chest):
    return fill_lungs(chest, PARTS, WINGS, EFFUSION, wall_distance(chest, PARTS), np.random.default_rng(3))


def test_the_heart_widens_and_the_chest_wall_stays(chest):
    how = Swelling((1.0, 1.0, 1.3), (0.0, 0.0, 0.0), 12.0, 36.0, (0.0, 6.0), (0.0, 6.0))
    wide = swell_heart(chest, how, PARTS, wall_distance(chest, PARTS))
    extent = [np.flatnonzero((ct.labels == 3).any(axis=(0, 1))) for ct in (chest, wide)]
    assert np.ptp(extent[1]) == pytest.approx(1.3 * np.ptp(extent[0]), abs=2)
    assert np.array_equal(wide.hu[:, :, :8], chest.hu[:, :, :8])


def test_wings_are_central_bilateral_and_spare_the_outer_third(edema):
    plane = edema.wings.sum(axis=0)
    right, left = plane[:, 8:38], plane[:, 52:82][:, ::-1]
    assert right[:, 15:].sum() > 10 * right[:, :10].sum()
    assert right.sum() == pytest.approx(left.sum(), rel=0.25)
    assert plane[20:30].sum() > 2 * plane[40:50].sum()


def test_fluid_lies_low_and_climbs_the_lateral_wall(edema):
    shadow = edema.right_fluid.max(axis=0) > 400
    top = [int(np.flatnonzero(shadow[:, col])[0]) for col in (9, 25)]
    assert top[0] < top[1]
    assert not shadow[:35].any()
    assert not edema.right_fluid[:, :, 45:].any()


def test_vessels_are_not_erased(edema, chest):
    assert np.all(edema.ct.hu >= chest.hu - 1e-3)


def test_a_lesion_is_replaced_by_lung(chest):
    hu = chest.hu.copy()
    hu[24:28, 14:18, 20:24] = 40.0
    how = Repair((26, 16, 22), (12.0, 12.0, 12.0), (0.0, 40.0, 0.0), -880.0, ("lung_*",))
    assert repair(chest.with_hu(hu), how).hu[25, 15, 21] == pytest.approx(-850.0)


def test_an_unknown_structure_is_an_error(chest):
    with pytest.raises(ArgumentError, match="STRUCTURE_UNKNOWN"):
        chest.mask(("femur",))
