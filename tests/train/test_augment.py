import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whyray_train import augment  # noqa: E402
from whyray_train.augment import HEART, LEFT, RIGHT, Strength  # noqa: E402

N, S = 12, 64


def rng(seed: int = 0) -> "torch.Generator":
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def chests() -> tuple["torch.Tensor", "torch.Tensor"]:
    """Films that are their own masks: right lung 0.2, left lung 0.4, heart 0.8."""
    masks = torch.zeros(N, 5, S, S)
    masks[:, RIGHT, 16:48, 10:24] = 1
    masks[:, LEFT, 16:48, 40:54] = 1
    masks[:, HEART, 30:46, 26:38] = 1
    images = 0.2 * masks[:, RIGHT] + 0.4 * masks[:, LEFT] + 0.8 * masks[:, HEART]
    return images.unsqueeze(1), masks


def centre(plane: "torch.Tensor") -> float:
    return float((plane.sum(dim=0) * torch.arange(S)).sum() / plane.sum())


@pytest.mark.parametrize("seed", range(8))
def test_left_and_right_keep_their_order(chests: tuple["torch.Tensor", "torch.Tensor"], seed: int) -> None:
    _, masks = augment.warp(*chests, Strength(), rng(seed))
    for film in masks:
        assert centre(film[RIGHT]) < centre(film[HEART]) < centre(film[LEFT])


def test_masks_move_with_their_film(chests: tuple["torch.Tensor", "torch.Tensor"]) -> None:
    images, masks = augment.warp(*chests, Strength(), rng(1))
    rebuilt = 0.2 * masks[:, RIGHT] + 0.4 * masks[:, LEFT] + 0.8 * masks[:, HEART]
    torch.testing.assert_close(images[:, 0], rebuilt, rtol=0, atol=1e-5)
    assert not torch.allclose(images, chests[0])


def test_no_strength_changes_nothing(chests: tuple["torch.Tensor", "torch.Tensor"]) -> None:
    still = Strength(degrees=0, scale=0, shift=0)
    images, masks = augment.warp(*chests, still, rng())
    torch.testing.assert_close(images, chests[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(masks, chests[1], rtol=0, atol=1e-5)


def test_exposure_stays_in_range_keeps_the_order_of_greys_and_moves_nothing(
    chests: tuple["torch.Tensor", "torch.Tensor"],
) -> None:
    images, masks = chests
    out = augment.expose(images, Strength(noise=0), rng(2))
    assert float(out.min()) >= 0
    assert float(out.max()) <= 1
    for film, mask in zip(out[:, 0], masks, strict=True):
        levels = [float(film[mask[k] > 0].median()) for k in (RIGHT, LEFT, HEART)]
        assert levels == sorted(levels)
    assert len({round(float(f.mean()), 4) for f in out}) > 6


@pytest.mark.parametrize("seed", range(4))
def test_painted_films_are_flagged_and_others_are_untouched(
    chests: tuple["torch.Tensor", "torch.Tensor"], seed: int
) -> None:
    images, masks = chests
    out, painted = augment.paint(images, masks, Strength(paint=0.5), rng(seed))
    assert painted.dtype == torch.bool
    changed = (out != images).flatten(1).any(dim=1)
    assert not (changed & ~painted).any()
    assert changed.any()
    assert (~painted).any()


def test_paint_brightens_the_lungs_only(chests: tuple["torch.Tensor", "torch.Tensor"]) -> None:
    images, masks = chests
    out, painted = augment.paint(images, masks, Strength(paint=1.0), rng(5))
    assert painted.all()
    change = (out - images)[:, 0]
    lungs = (masks[:, RIGHT] + masks[:, LEFT]) > 0
    assert float(change.min()) >= 0
    assert float(change[~lungs].abs().max()) == 0
    assert float(change[lungs].max()) > 0.05
    assert float(out.max()) <= 0.8 + 1e-6  # never brighter than the heart


def test_films_without_known_anatomy_are_never_painted(chests: tuple["torch.Tensor", "torch.Tensor"]) -> None:
    images, masks = chests
    out, painted = augment.paint(images, torch.zeros_like(masks), Strength(paint=1.0), rng())
    assert not painted.any()
    assert torch.equal(out, images)


def test_the_share_of_painted_films_is_the_strength() -> None:
    masks = torch.ones(2000, 5, 4, 4)
    _, painted = augment.paint(torch.zeros(2000, 1, 4, 4), masks, Strength(paint=0.3), rng(7))
    assert float(painted.float().mean()) == pytest.approx(0.3, abs=0.04)


def test_the_generator_decides_everything(chests: tuple["torch.Tensor", "torch.Tensor"]) -> None:
    images, masks = chests
    for change in (augment.warp, augment.paint):
        one, two, other = (change(images, masks, Strength(), rng(s))[0] for s in (3, 3, 4))
        assert torch.equal(one, two)
        assert not torch.equal(one, other)
    one, two = (augment.expose(images, Strength(), rng(3)) for _ in range(2))
    assert torch.equal(one, two)
    assert np.isfinite(one.numpy()).all()
