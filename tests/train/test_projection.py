"""The projector against lengths known by hand, the attenuation model and the film response."""

import numpy as np
import pytest

from whyray_train.chest_ct import Beam
from whyray_train.projection import Setup, project
from whyray_train.radiograph import Exposure, Response, develop, expose

SPACING = (2.0, 2.0, 2.0)


def setup(**changes):
    values = {
        "source_detector_mm": 1800.0,
        "first_plane_mm": 1500.0,
        "centre_mm": (49.0, 49.0),
        "rows": 101,
        "cols": 101,
        "pitch_mm": 1.0,
        "principal_px": (50.0, 50.0),
    }
    return Setup(**(values | changes))


def test_path_through_a_slab_on_the_central_ray_is_its_thickness():
    slab = np.ones((30, 50, 50), dtype=np.float32)
    film = project(slab, SPACING, setup(), smooth=False)
    assert film[50, 50] == pytest.approx(60.0, rel=1e-5)


def test_oblique_rays_travel_further():
    slab = np.ones((30, 50, 50), dtype=np.float32)
    near = setup(source_detector_mm=300.0, first_plane_mm=100.0, pitch_mm=1.0)
    film = project(slab, SPACING, near, smooth=False)
    assert film[50, 90] == pytest.approx(60.0 * np.hypot(300.0, 40.0) / 300.0, rel=1e-4)


@pytest.mark.parametrize("depth", [0, 29])
def test_a_point_lands_where_perspective_says(depth):
    volume = np.zeros((30, 50, 50), dtype=np.float32)
    volume[depth, 35, 10] = 1.0
    where = setup()
    film = project(volume, SPACING, where, smooth=False)
    total = film.sum()
    ys, xs = np.indices(film.shape)
    expected = where.to_film((depth * 2.0, 70.0, 20.0))
    assert (float((ys * film).sum() / total), float((xs * film).sum() / total)) == pytest.approx(expected, abs=0.05)


def test_what_is_nearer_to_the_source_is_larger():
    posterior, anterior = (np.zeros((30, 50, 50), dtype=np.float32) for _ in range(2))
    posterior[0, 15:35, 15:35] = 1.0
    anterior[29, 15:35, 15:35] = 1.0
    wide, narrow = (np.count_nonzero(project(v, SPACING, setup(), False) > 1.0) for v in (posterior, anterior))
    assert wide > narrow
    assert setup().magnification(0.0) == pytest.approx(1.2)


def test_smooth_interpolation_keeps_a_constant():
    slab = np.full((10, 60, 60), 0.02, dtype=np.float32)
    film = project(slab, SPACING, setup(centre_mm=(59.0, 59.0), rows=51, cols=51, principal_px=(25.0, 25.0)))
    assert film[10:-10, 10:-10] == pytest.approx(0.4, rel=1e-3)


def test_attenuation_of_air_water_and_bone():
    beam = Beam(water_per_mm=0.02, bone_from_hu=100.0, bone_gain=1.5)
    mu = beam.attenuation(np.array([-1000.0, 0.0, 100.0, 600.0], dtype=np.float32))
    assert mu == pytest.approx([0.0, 0.02, 0.022, 0.02 * (1.6 + 0.25)], rel=1e-5)


EXPOSURE = Exposure(scatter=0.2, scatter_mm=20.0, blur_px=0.4, photons=50_000.0)
RESPONSE = Response(band_mm=(1.0, 8.0), band_gain=(1.5, 1.2), base_gain=0.8, centre=2.0, width=1.5)


def test_scatter_lowers_contrast_and_noise_follows_the_quanta():
    steps = np.repeat(np.array([1.0, 4.0], dtype=np.float32), 100)[None].repeat(200, axis=0)
    silent = expose(steps, 0.5, EXPOSURE, np.random.default_rng(0).standard_normal(steps.shape).astype(np.float32))
    assert silent[:, 150:].mean() - silent[:, :50].mean() < 3.0
    assert silent[50:150, 150:190].std() > 2.0 * silent[50:150, 10:50].std()


def test_denser_is_whiter_and_values_stay_inside():
    film = np.repeat(np.array([0.0, 2.0, 4.0], dtype=np.float32), 100)[None].repeat(100, axis=0)
    shown = develop(film, 0.5, RESPONSE)
    assert shown.min() >= 0.0
    assert shown.max() <= 1.0
    assert shown[50, 50] < shown[50, 150] < shown[50, 250]
