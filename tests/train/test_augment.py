from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from train import toys  # noqa: E402
from train.toys import GREYS, HEART, LEFT, RIGHT, SIZE  # noqa: E402
from whyray_train import augment  # noqa: E402
from whyray_train.augment import Strength  # noqa: E402
from whyray_train.films import STRUCTURES  # noqa: E402
from whyray_train.sources import Batch, joined  # noqa: E402

STILL = Strength(degrees=0, scale=0, shift=0, gamma=0, noise=0, shade=0, mirror=0, holes=0)


def rng(seed: int = 0) -> "torch.Generator":
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def films() -> Batch:
    """Four films with study labels and eight without."""
    rows = [toys.source(n, labelled=known, seed=n).draw(np.arange(n)) for n, known in ((4, True), (8, False))]
    return joined(rows)


@pytest.fixture(scope="module")
def chests() -> tuple["torch.Tensor", "torch.Tensor"]:
    """Twelve films that are their own masks, and the masks."""
    masks = torch.from_numpy(toys.planes(SIZE)).repeat(12, 1, 1, 1)
    return torch.from_numpy(toys.pixels(SIZE)).repeat(12, 1, 1, 1), masks


def centre(plane: "torch.Tensor") -> float:
    """Centre of mass along the columns, in parts of the width."""
    columns = (torch.arange(plane.shape[-1]) + 0.5) / plane.shape[-1]
    return float((plane.sum(dim=0) * columns).sum() / plane.sum())


# --- mirroring ------------------------------------------------------------------------------------------------------


def test_every_side_has_its_counterpart_and_midline_structures_their_own_place() -> None:
    order = augment.swapped()
    assert [order[i] for i in order] == list(range(len(STRUCTURES)))
    for name, other in zip(STRUCTURES, (STRUCTURES[i] for i in order), strict=True):
        assert {name.split("_")[0], other.split("_")[0]} in ({"right", "left"}, {name.split("_")[0]})
        assert name.split("_")[-1] == other.split("_")[-1]
        assert (name == other) == (name.split("_")[0] not in ("right", "left"))


def test_only_films_without_study_labels_are_mirrored(films: Batch) -> None:
    got = augment.mirrored(films, 1.0, rng())
    known = films.label_weight == 1
    assert known.tolist() == [True] * 4 + [False] * 8
    torch.testing.assert_close(got.images, torch.where(known.view(-1, 1, 1, 1), films.images, films.images.flip(3)))
    torch.testing.assert_close(got.signs, torch.where(known.view(-1, 1, 1, 1), films.signs, films.signs.flip(3)))
    assert torch.equal(got.anatomy[known], films.anatomy[known])
    for name in ("sign_weight", "film_signs", "film_sign_weight", "labels", "label_weight"):
        assert torch.equal(getattr(got, name), getattr(films, name))


def test_a_mirrored_film_keeps_right_at_the_images_left_and_becomes_a_dextrocardia(films: Batch) -> None:
    shifted = films.anatomy.clone()
    shifted[:, HEART] = shifted[:, HEART].roll(4, dims=2)
    got = augment.mirrored(replace(films, anatomy=shifted), 1.0, rng())
    for before, film in zip(shifted[4:], got.anatomy[4:], strict=True):
        assert centre(film[RIGHT]) < 0.5 < centre(film[LEFT])
        assert torch.equal(film[RIGHT], before[LEFT].flip(1))
        assert torch.equal(film[HEART], before[HEART].flip(1))
        assert centre(film[HEART]) == pytest.approx(1 - centre(before[HEART]))
        assert centre(before[HEART]) > 0.52


def test_what_is_known_of_a_side_goes_with_it(films: Batch) -> None:
    weights = films.anatomy_weight.clone()
    weights[:, RIGHT] = 0
    got = augment.mirrored(replace(films, anatomy_weight=weights), 1.0, rng()).anatomy_weight
    assert got[:, RIGHT].tolist() == [0.0] * 4 + [1.0] * 8
    assert got[:, LEFT].tolist() == [1.0] * 4 + [0.0] * 8


def test_the_share_of_mirrored_films_is_the_strength(films: Batch) -> None:
    many = joined([films] * 60)
    same = (augment.mirrored(many, 0.3, rng(1)).images == many.images).flatten(1).all(dim=1)
    free = many.label_weight == 0
    assert float((~same[free]).float().mean()) == pytest.approx(0.3, abs=0.06)
    assert same[~free].all()


# --- warping --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_left_and_right_keep_their_order(chests: tuple["torch.Tensor", "torch.Tensor"], seed: int) -> None:
    masks = augment.warp(chests[1], augment.maps(12, Strength(), rng(seed)))
    for film in masks:
        assert centre(film[RIGHT]) < centre(film[HEART]) < centre(film[LEFT])


def test_masks_move_with_their_film(chests: tuple["torch.Tensor", "torch.Tensor"]) -> None:
    theta = augment.maps(12, Strength(), rng(1))
    images, masks = (augment.warp(planes, theta) for planes in chests)
    rebuilt = sum(grey * masks[:, c] for c, grey in GREYS.items())
    torch.testing.assert_close(images[:, 0], rebuilt, rtol=0, atol=1e-5)
    assert not torch.allclose(images, chests[0])


def test_masks_of_every_stride_move_with_their_film() -> None:
    theta = augment.maps(12, Strength(), rng(2))
    places = []
    for size in (SIZE, SIZE // 2, SIZE // 4):
        plane = torch.zeros(12, 1, size, size)
        plane[:, :, size // 2 : 3 * size // 4, size // 8 : size // 2] = 1
        places.append([centre(p[0]) for p in augment.warp(plane, theta)])
    np.testing.assert_allclose(places[1], places[0], atol=0.01)
    np.testing.assert_allclose(places[2], places[0], atol=0.02)
    assert np.std(places[0]) > 0.02


def test_no_strength_moves_nothing(chests: tuple["torch.Tensor", "torch.Tensor"]) -> None:
    theta = augment.maps(12, STILL, rng())
    torch.testing.assert_close(augment.warp(chests[1], theta), chests[1], rtol=0, atol=1e-5)


# --- exposure -------------------------------------------------------------------------------------------------------


def test_exposure_stays_in_range_keeps_the_order_of_greys_and_moves_nothing(
    chests: tuple["torch.Tensor", "torch.Tensor"],
) -> None:
    images, masks = chests
    out = augment.expose(images, Strength(noise=0), rng(2))
    assert float(out.min()) >= 0
    assert float(out.max()) <= 1
    for film, mask in zip(out[:, 0], masks, strict=True):
        levels = [float(film[mask[k] > 0].median()) for k in (RIGHT, LEFT, HEART)]
        assert levels == sorted(set(levels))
    assert len({round(float(f.mean()), 4) for f in out}) > 6


def test_shading_is_slow_and_stays_in_range(chests: tuple["torch.Tensor", "torch.Tensor"]) -> None:
    grey = torch.full_like(chests[0], 0.5)
    out = augment.shade(grey, Strength(shade=0.2), rng(3))
    change = out - grey
    assert float(change.abs().max()) > 0.05
    assert float((out[..., 1:] - out[..., :-1]).abs().max()) < 0.03
    bright = augment.shade(torch.ones_like(grey), Strength(shade=0.5), rng(3))
    assert 0 <= float(bright.min()) < float(bright.max()) == 1
    torch.testing.assert_close(augment.shade(grey, STILL, rng(3)), grey)


# --- all of it ------------------------------------------------------------------------------------------------------


def test_a_batch_stays_in_range_and_keeps_what_is_known(films: Batch) -> None:
    got = augment.batch(films, rng(4), Strength(noise=0.3, shade=0.4, gamma=1.0))
    for name in ("images", "anatomy", "signs"):
        planes, before = getattr(got, name), getattr(films, name)
        assert planes.shape == before.shape
        assert float(planes.min()) >= 0
        assert 0.5 < float(planes.max()) <= 1 + 1e-6
        assert not torch.allclose(planes, before)
    assert torch.equal(got.labels, films.labels)
    assert torch.equal(got.film_signs, films.film_signs)


def test_the_sign_stays_on_the_bright_square(films: Batch) -> None:
    """Warped and mirrored as strongly as films are: where the mask is, the film is brighter than the lung around."""
    got = augment.batch(films, rng(5), replace(STILL, degrees=15, scale=0.2, shift=0.08, mirror=0.5))
    masks = torch.nn.functional.interpolate(got.signs[:, :1], scale_factor=4)
    lungs = torch.nn.functional.interpolate(got.anatomy[:, [RIGHT, LEFT]], scale_factor=2).amax(dim=1, keepdim=True)
    checked = 0
    for image, mask, lung in zip(got.images, masks, lungs, strict=True):
        if mask.max() > 0.9:
            inside, outside = image[mask > 0.9], image[(mask < 0.1) & (lung > 0.9)]
            assert float(inside.median()) > float(outside.median()) + 0.3
            checked += 1
    assert checked >= 5


def test_the_generator_decides_everything(films: Batch) -> None:
    one, two, other = (augment.batch(films, rng(seed)) for seed in (3, 3, 4))
    for name in ("images", "anatomy", "signs"):
        assert torch.equal(getattr(one, name), getattr(two, name))
        assert not torch.equal(getattr(one, name), getattr(other, name))


def test_inpainting_changes_lung_without_marked_sign_only(films: Batch) -> None:
    changed = augment.inpainted(films, 1.0, torch.Generator().manual_seed(2))
    moved = (changed.images - films.images).abs() > 1e-6
    known = films.anatomy_weight[:, augment.LUNGS].amin(dim=1) > 0
    assert known.any()
    assert moved.flatten(1).any(dim=1)[known].any()
    assert not moved[~known].any()
    for name in ("anatomy", "signs", "labels", "film_signs"):
        assert torch.equal(getattr(changed, name), getattr(films, name))


def test_a_hole_takes_the_brightness_of_its_surroundings() -> None:
    values = torch.full((1, 1, 64, 64), 0.3)
    values[..., 20:30, 20:30] = 0.9
    giving = (values < 0.5).float()
    assert torch.allclose(augment.filled(values, giving), torch.full_like(values, 0.3), atol=1e-4)
