import numpy as np
import pytest

from render.films import THEME
from whyray.render.badges import Badge, BadgeBoard, meet, parts
from whyray.render.plane import Patch

RADIUS = 11.0


def disc(x, y, r, size=600):
    ys, xs = np.mgrid[:size, :size]
    return (xs - x) ** 2 + (ys - y) ** 2 < r * r


def board(masks, size=600):
    made = BadgeBoard(size, size, RADIUS, THEME.badge)
    made.occupy_box(0, 0, size, 30)
    cells = [made.grid(cover=Patch(0, 0, mask.astype(np.float32))) for mask in masks]
    for one in cells:
        made.occupy(one)
    return made, cells


def test_badges_touch_no_region_and_not_each_other():
    rng = np.random.default_rng(7)
    masks = [disc(*rng.integers(60, 540, 2), int(rng.integers(5, 70))) for _ in range(10)]
    made, cells = board(masks)
    badges = [made.place(i, own) for i, own in enumerate(cells)]
    everything = np.logical_or.reduce(masks)
    ys, xs = np.nonzero(everything)
    centers = [badge.center for badge in badges if badge]
    assert len(centers) == 10
    for x, y in centers:
        assert np.hypot(xs + 0.5 - x, ys + 0.5 - y).min() > RADIUS
        assert RADIUS <= x <= 600 - RADIUS
        assert RADIUS <= y <= 600 - RADIUS
    for i, a in enumerate(centers):
        assert all(np.hypot(a[0] - b[0], a[1] - b[1]) > 2 * RADIUS for b in centers[:i])


def test_a_lone_region_gets_its_badge_close_by():
    made, (own,) = board([disc(300, 300, 40)])
    badge = made.place(1, own)
    assert badge is not None
    assert np.hypot(badge.center[0] - 300, badge.center[1] - 300) < 40 + RADIUS + 20


def test_a_full_page_has_no_place():
    made, (own,) = board([np.ones((600, 600), bool)])
    assert made.place(1, own) is None


@pytest.mark.parametrize(
    ("discs", "expected"),
    [
        ([(100, 100, 40)], 1),
        ([(100, 100, 40), (400, 100, 36)], 2),
        ([(100, 100, 40), (400, 100, 8)], 1),
        ([(100, 100, 20), (300, 100, 20), (500, 100, 20)], 1),
    ],
)
def test_pairs_are_numbered_twice_groups_once(discs, expected):
    mask = np.logical_or.reduce([disc(*one) for one in discs])
    assert len(parts(mask, THEME.badge.second_part)) == expected


def test_the_leader_stops_at_the_outline():
    cover = Patch(0, 0, disc(300, 300, 50).astype(np.float32))
    x, y = meet(Badge(1, (400.0, 300.0), (300.0, 300.0)), cover, 2.0)
    assert 350 < x < 354
    assert y == 300
