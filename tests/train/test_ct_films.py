"""Projected films of a small synthetic chest: sides, masks against geometry known by hand, and repeatability."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch")
nibabel = pytest.importorskip("nibabel")

from whyray_train.ct_films import STRUCTURES, __main__, patient, read_recipe, shoot, variety, warp  # noqa: E402
from whyray_train.ct_films import clutter as clutter_  # noqa: E402
from whyray_train.ct_films import disease as disease_  # noqa: E402
from whyray_train.ct_films import shot as shot_  # noqa: E402
from whyray_train.ct_films.parts import Part, carina  # noqa: E402

VOXEL, SHAPE, SIZE = 4.0, (66, 90, 88), 144
NAMES = [
    *("lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right", "lung_upper_lobe_left"),
    *("lung_lower_lobe_left", "heart", "aorta", "trachea", "clavicula_right", "clavicula_left", "vertebrae_T1"),
    *("vertebrae_L1", "liver", "spleen", "stomach", "colon", "kidney_right", "kidney_left", "gallbladder"),
    *("small_bowel", "duodenum", "pancreas", "superior_vena_cava", "esophagus"),
]


def tube(grid, points, radius):
    """Voxels within `radius` mm of the polyline through `points` (depth, row, column) in mm."""
    out = np.zeros(SHAPE, dtype=bool)
    for a, b in pairwise(points):
        a, b = np.array(a, float), np.array(b, float)
        t = np.clip(np.tensordot(b - a, grid - a[:, None, None, None], 1) / ((b - a) @ (b - a)), 0, 1)
        out |= ((grid - a[:, None, None, None] - (b - a)[:, None, None, None] * t) ** 2).sum(axis=0) < radius**2
    return out


def scene():
    """(HU, labels) of a chest whose midline is column 176 mm and whose carina lies at row 140 mm."""
    grid = np.indices(SHAPE).astype(float) * VOXEL
    d, r, c = grid

    def ball(centre, half):
        return sum(((g - m) / h) ** 2 for g, m, h in zip(grid, centre, half, strict=True)) < 1

    hu, labels = np.full(SHAPE, -1000.0), np.zeros(SHAPE, dtype=np.uint8)
    hu[((d - 132) / 118) ** 2 + ((c - 176) / 160) ** 2 < 1] = 30
    dome = 232 + 0.004 * ((d - 140) ** 2 + (np.abs(c - 176) - 70) ** 2)
    chest = ((d - 132) / 95) ** 2 + ((c - 176) / 130) ** 2 < 1
    organs = {
        "liver": chest & (r > dome) & (c < 176),
        "stomach": chest & (r > dome) & (c >= 176),
        "lung_upper_lobe_right": ball((130, 190, 105), (80, 130, 58)) & chest & (r <= dome),
        "lung_upper_lobe_left": ball((130, 190, 247), (80, 130, 58)) & chest & (r <= dome),
        "heart": ball((160, 195, 200), (42, 40, 52)),
        "aorta": tube(grid, [(165, 180, 165), (160, 125, 168), (130, 108, 190), (100, 125, 200), (95, 240, 196)], 13),
        "vertebrae_T1": ball((60, 190, 176), (22, 1e4, 18)),
        "trachea": tube(grid, [(120, 0, 176), (120, 140, 176)], 9)
        | tube(grid, [(120, 140, 176), (120, 170, 146)], 8)
        | tube(grid, [(120, 140, 176), (120, 170, 206)], 8),
        "clavicula_right": tube(grid, [(215, 80, 156), (200, 62, 60)], 7),
        "clavicula_left": tube(grid, [(215, 80, 196), (200, 62, 292)], 7),
    }
    vessels = tube(grid, [(120, 150, 140), (120, 175, 100)], 9) | tube(grid, [(120, 145, 212), (120, 165, 252)], 9)
    density = {"lung": -860, "tra": -1000, "ver": 500, "cla": 600}
    for name, mask in organs.items():
        labels[mask] = 1 + NAMES.index(name)
        hu[mask] = density.get(name[:4], density.get(name[:3], 40))
    inside = vessels & np.isin(
        labels, [1 + NAMES.index("lung_upper_lobe_right"), 1 + NAMES.index("lung_upper_lobe_left")]
    )
    hu[inside] = 40
    return hu.astype(np.float32), labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("ct")
    affine = np.array([[0, 0, -VOXEL, 0], [VOXEL, 0, 0, 0], [0, -VOXEL, 0, 0], [0, 0, 0, 1]])
    hu, labels = scene()
    nibabel.save(nibabel.Nifti1Image(hu, affine), out / "cxr.nii.gz")
    nibabel.save(nibabel.Nifti1Image(labels, affine), out / "mask.nii.gz")
    rows = ["group,original_idx,structure,id", *(f"x,{i + 1},{n},{i + 1}" for i, n in enumerate(NAMES))]
    (out / "structures.csv").write_text("\n".join(rows) + "\n")
    return out


@pytest.fixture(scope="module")
def recipe():
    whole = read_recipe()
    bones = ("vertebrae_*", "clavicula_*")
    scan = replace(
        whole.scan,
        repair=None,
        cleaning=replace(whole.scan.cleaning, bone=bones),
        thin=1,
        shrink=(1, 1),
        row_mm=4.0,
        parts=replace(whole.scan.parts, vessel_mm=4.5, hilum_mm=(45.0, 32.0, 36.0)),  # vessels as coarse as the voxels
    )
    outlines = replace(whole.outlines, hilum_mm=4.0)
    return replace(whole, scan=scan, geometry=replace(whole.geometry, step_mm=5.0), outlines=outlines)


@pytest.fixture(scope="module")
def healthy(recipe):
    """The recipe without disease and clutter."""
    never = dict.fromkeys(("breasts", "leads", "tube", "catheter", "box", "beads", "letters", "collimated"), 0.0)
    return replace(
        recipe,
        disease=replace(recipe.disease, effusion=0.0, veil=0.0),
        clutter=replace(recipe.clutter, **never),
    )


@pytest.fixture(scope="module")
def chest(folder, recipe, tmp_path_factory):
    return patient.prepare(folder, recipe.scan, tmp_path_factory.mktemp("cache"))


def film(chest, recipe, seed, **options):
    return shoot(chest, recipe, np.random.default_rng(seed), SIZE, **options)


def still(recipe, **habitus):
    """`recipe` with one fixed build and a straight PA beam."""
    fixed = {
        "scale": ((1.0, 1.0),) * 3,
        "fat": (1.0, 1.0),
        "wave_mm": (0.0, 0.0),
        "heart": (1.0, 1.0),
        "heart_shift_mm": (0.0, 0.0, 0.0),
        "floor_mm": (0.0, 0.0),
        "floor_side_mm": 0.0,
        "shoulder_mm": (0.0, 0.0),
    }
    geometry = replace(
        recipe.geometry,
        tilt_deg=(0.0, 0.0, 0.0),
        anteroposterior=0.0,
        shift_mm=(0.0, 0.0),
        ray_mm=0.0,
        side_mm=(400.0, 400.0),
        aspect=(1.0, 1.0),
    )
    return replace(recipe, habitus=replace(recipe.habitus, **(fixed | habitus)), geometry=geometry)


def middle(mask):
    ys, xs = np.nonzero(mask)
    return xs.mean(), ys.mean()


def test_the_patient_has_every_part_and_comes_back_from_the_cache(folder, recipe, chest, tmp_path):
    assert set(np.unique(chest.parts)) == {p for p in Part if "FLUID" not in p.name}
    first = patient.prepare(folder, recipe.scan, tmp_path)
    again = patient.prepare(folder, recipe.scan, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    assert np.array_equal(first.parts, again.parts)
    assert again.spacing == pytest.approx(first.spacing)
    assert np.allclose(first.attenuation, again.attenuation, atol=3e-5)


def test_the_carina_is_where_the_tube_forks():
    labels = scene()[1]
    fork = carina(labels == 1 + NAMES.index("trachea"), (VOXEL,) * 3)
    assert fork == pytest.approx([120, 140, 176], abs=12)


@pytest.mark.parametrize("front", [0.0, 1.0])
def test_structures_lie_where_a_radiologist_looks_for_them(chest, healthy, front):
    shown = film(chest, replace(still(healthy), geometry=replace(still(healthy).geometry, anteroposterior=front)), 1)
    at = {name: middle(mask) for name, mask in zip(STRUCTURES, shown.masks, strict=True) if mask.any()}
    assert set(at) == set(STRUCTURES)
    for part in ("lung", "clavicle", "hilum", "hemidiaphragm"):
        assert at[f"right_{part}"][0] < at["spine"][0] < at[f"left_{part}"][0]
    assert at["aortic_knob"][0] > at["trachea"][0]
    assert at["heart"][0] > at["spine"][0]
    assert at["trachea"][1] < at["right_hilum"][1] < at["heart"][1]
    for side in ("right", "left"):
        assert at[f"{side}_clavicle"][1] < at[f"{side}_lung"][1] < at[f"{side}_hemidiaphragm"][1]


def test_lungs_and_heart_are_disjoint_and_darker_and_lighter(chest, healthy):
    for seed in range(2):
        shown = film(chest, healthy, seed)
        right, left, heart = shown.masks[:3]
        assert not ((right | left) & heart).any()
        assert not (right & left).any()
        assert np.median(shown.image[right | left]) + 20 < np.median(shown.image[heart])


def test_the_same_draw_gives_the_same_film_and_another_another(chest, recipe):
    one, two = film(chest, recipe, 3), film(chest, recipe, 3)
    assert np.array_equal(one.image, two.image)
    assert np.array_equal(one.masks, two.masks)
    assert not np.array_equal(one.image, film(chest, recipe, 4).image)
    assert not np.array_equal(one.image, film(chest, recipe, 3, held_out=True).image)


def test_images_are_stretched_and_letterboxed_like_real_films(chest, healthy):
    shown = film(chest, replace(healthy, geometry=replace(healthy.geometry, aspect=(0.8, 0.8))), 5)
    assert shown.image.shape == (SIZE, SIZE)
    assert shown.image.dtype == np.uint8
    assert 320 / SIZE <= shown.mm_per_px <= 410 / SIZE
    inner = [np.flatnonzero(shown.image.any(axis=a)) for a in (0, 1)]
    assert sorted(int(i[-1] - i[0] + 1) for i in inner)[0] <= 0.8 * SIZE + 2
    assert shown.image.max() == 255


def test_path_lengths_follow_the_geometry(chest, healthy):
    fixed = still(healthy)
    rng = np.random.default_rng(0)
    body = variety.draw_body(fixed.habitus, np.array(chest.attenuation.shape) * chest.spacing, rng, False)
    pose = variety.draw_pose(fixed.geometry, SIZE, rng)
    block = np.zeros_like(chest.parts)
    block[20:40, :, :] = Part.HEART
    nodes = shot_.nodes(chest, body, pose, fixed.habitus, 2.0)
    shadow, paths = shot_.trace((block > 0).astype(np.float32), block, chest, nodes, pose, 2.0)
    assert shadow[SIZE // 2, SIZE // 2] == pytest.approx(20 * VOXEL, rel=0.06)
    assert paths[Part.HEART, SIZE // 4, SIZE // 4] == pytest.approx(20 * VOXEL, rel=0.06)


def test_a_larger_heart_is_wider_and_a_lower_diaphragm_lower(chest, healthy):
    def shown(**habitus):
        return film(chest, still(healthy, **habitus), 1).masks

    def width(mask):
        return np.ptp(np.flatnonzero(mask.any(axis=0)))

    assert width(shown(heart=(1.3, 1.3))[2]) > 1.12 * width(shown()[2]) > 1.2 * width(shown(heart=(0.8, 0.8))[2])
    high, low = (middle(shown(floor_mm=(f, f))[9])[1] for f in (-25.0, 15.0))
    assert (low - high) * 400 / SIZE > 25


def test_the_warp_without_change_is_the_identity(chest, healthy):
    fixed = still(healthy)
    rng = np.random.default_rng(0)
    body = variety.draw_body(fixed.habitus, np.array([300.0, 300.0, 300.0]), rng, False)
    pose = variety.draw_pose(fixed.geometry, SIZE, rng)
    points = rng.uniform(-80, 80, (3, 50))
    assert warp.to_patient(points, chest, body, pose, fixed.habitus) == pytest.approx(points, abs=1e-6)
    turn = warp.rotation(np.array([10.0, -5.0, 7.0]))
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1.0)


def test_fluid_leaves_the_lung_mask_and_hides_the_dome(chest, healthy):
    wet = replace(healthy.disease, effusion=1.0, level_mm=(90.0, 90.0))
    dry, full = (film(chest, replace(still(healthy), disease=d), 2).masks for d in (healthy.disease, wet))
    for side in (0, 1):
        assert full[side].sum() < 0.9 * dry[side].sum()
        assert not (full[side] & ~dry[side]).sum() > 0.02 * dry[side].sum()
    assert full[9].sum() < 0.5 * dry[9].sum()


def test_fluid_has_its_own_mask_beside_the_lungs(chest, healthy):
    wet = replace(healthy.disease, effusion=1.0, level_mm=(90.0, 90.0))
    shown = film(chest, replace(still(healthy), disease=wet), 2)
    assert shown.fluid.sum() > 200
    assert (shown.fluid & (shown.masks[0] | shown.masks[1])).sum() < shown.fluid.sum()
    assert not film(chest, still(healthy), 2).fluid.any()


def test_a_veil_whitens_lung_and_leaves_the_parts(chest, recipe):
    ill = replace(recipe.disease, effusion=0.0, veil=1.0, fill=(0.8, 0.8))
    mu, parts, found = disease_.fall_ill(chest, ill, np.random.default_rng(0))
    assert found == ["veil", "veil"]
    assert np.array_equal(parts, chest.parts)
    rise = mu - chest.attenuation
    assert rise.min() >= -1e-6
    assert rise[np.isin(parts, (Part.RIGHT_LUNG, Part.LEFT_LUNG))].max() > 0.005
    assert rise[parts == Part.HEART].max() < 1e-6


def test_the_border_is_neither_film_nor_mask(recipe):
    always = replace(recipe.clutter, collimated=1.0, border=0.2, white=1.0, letters=0.0)
    grey = np.full((120, 100), 0.4, dtype=np.float32)
    shown, kept = clutter_.frame(grey, True, always, np.random.default_rng(1))
    assert 0.4 < kept.mean() < 1.0
    assert np.all(shown[kept] == np.float32(0.4))
    assert np.all(shown[~kept] == 1.0)


def test_letters_and_devices_only_add(recipe):
    text = replace(recipe.clutter, collimated=0.0, letters=1.0)
    shown, kept = clutter_.frame(np.zeros((200, 200), dtype=np.float32), True, text, np.random.default_rng(2))
    assert kept.all()
    assert 0.0 < (shown > 0.3).mean() < 0.1
    masks = np.zeros((len(STRUCTURES), 200, 200), dtype=bool)
    masks[0, 40:160, 30:80] = masks[1, 40:160, 120:170] = masks[5, 20:90, 95:105] = True
    every = replace(recipe.clutter, leads=1.0, tube=1.0, catheter=1.0, box=1.0, beads=1.0)
    blank = np.ones((200, 200), dtype=np.float32)
    with_devices = clutter_.add_devices(blank, masks, 2.0, every, np.random.default_rng(3))
    assert with_devices.min() >= 1.0 - 1e-5
    assert 0.01 < (with_devices > 1.1).mean() < 0.4


def test_the_curve_runs_through_its_ends():
    curve = clutter_.spline([(0.0, 0.0), (10.0, 5.0), (20.0, -3.0)])
    assert curve[0] == pytest.approx((0.0, 0.0), abs=1e-6)
    assert curve[-1] == pytest.approx((20.0, -3.0), abs=1e-6)


def test_the_command_writes_images_packed_masks_and_spacing(folder, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(__main__, "read_recipe", lambda _: recipe)
    out = tmp_path / "films.npz"
    base = ["--ct", str(folder), "--out", str(out), "--count", "2", "--size", "128", "--seed", "7"]
    __main__.main(base)
    with np.load(out) as saved:
        images, masks, spacing = saved["images"], saved["masks"], saved["spacing"]
        assert tuple(saved["structures"]) == STRUCTURES
    assert (images.dtype, masks.dtype, images.shape) == (np.uint8, np.uint16, (2, 128, 128))
    assert spacing.shape == (2,)
    assert masks.max() < 1 << (len(STRUCTURES) + 1)
    assert all(((masks[0] >> bit) & 1).any() for bit in (0, 1, 2, 11))
    __main__.main([*base, "--held-out"])
    with np.load(out) as saved:
        assert not np.array_equal(saved["images"], images)


def test_what_trains_after_the_films_has_all_threads_again(folder, tmp_path, monkeypatch):
    inside = []
    monkeypatch.setattr(__main__, "make", lambda _: inside.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        __main__.main(["--ct", str(folder), "--out", str(tmp_path / "films.npz")])
        assert (inside, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before)
