"""Distances, contact and connection on drawn films."""

import numpy as np
import pytest

from perception.lesions import Drawn, body, film, pack, segment
from whyray.domain import Geometry, Image, Observations, Region, Structure
from whyray.perception import relate, relations


def disc(shape: tuple[int, int], x: float, y: float, radius: float) -> Region:
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    region = Region.from_mask((cols - x) ** 2 + (rows - y) ** 2 <= radius**2)
    assert region is not None
    return region


def with_structures(seen: Observations, **more: Region) -> Observations:
    extra = tuple(Structure(i, r, 0.9) for i, r in more.items())
    return Observations(
        seen.image_sha256, seen.model_id, (*seen.structures, *extra), seen.zones, seen.signs, seen.film_scores,
        seen.quality,
    )  # fmt: skip


@pytest.fixture(scope="module")
def scene() -> tuple[Image, Region, Observations]:
    d = Drawn(radius=30, centre=(120.0, 250.0))
    image, _, seen = film(d)
    region = Region.from_mask(body(d))
    assert region is not None
    return image, region, with_structures(seen, right_hilum=disc((640, 700), 270, 350, 20))


def test_edge_and_centre_distance_have_their_lines(scene: tuple[Image, Region, Observations]) -> None:
    image, region, seen = scene
    found = relate(image, region, seen, pack(), "right_hilum", "right_hilum")
    assert found is not None
    centre = np.hypot(150, 100)
    assert found.centre.value == pytest.approx(centre * 0.3, rel=0.01)
    assert found.edge.value == pytest.approx((centre - 50) * 0.3, rel=0.02)
    assert (found.edge.unit, found.contact, found.overlap) == ("mm", "apart", 0.0)
    for m in (found.edge, found.centre):
        (line,) = m.lines
        assert np.hypot(*np.subtract(line.end, line.start)) * 0.3 == pytest.approx(m.value)
        assert m.uncertainty is not None
    assert found.across is not None
    assert found.across.value == pytest.approx((centre - 50) / (700 - 80), rel=0.03)


def test_without_spacing_distances_are_in_pixels(scene: tuple[Image, Region, Observations]) -> None:
    image, region, seen = scene
    bare = Image(image.pixels, Geometry(640, 700), image.sha256, image.path)
    found = relate(bare, region, seen, pack(), "right_hilum", "right_hilum")
    assert found is not None
    assert found.edge.unit == found.centre.unit == "px"
    assert found.edge.value == pytest.approx(np.hypot(150, 100) - 50, rel=0.02)


def test_the_pleura_is_the_lateral_border_of_the_lesions_own_lung(scene: tuple[Image, Region, Observations]) -> None:
    image, region, seen = scene
    found = relate(image, region, seen, pack(), "pleura", "pleura")
    assert found is not None
    assert found.edge.value == pytest.approx((120 - 30 - 41) * 0.3, abs=0.6)
    (line,) = found.edge.lines
    assert line.end[0] < region.centroid[0]
    left = relate(image, disc((640, 700), 560, 250, 30), seen, pack(), "pleura", "pleura")
    assert left is not None
    assert left.edge.lines[0].end[0] > 560


@pytest.mark.parametrize(
    ("x", "radius", "contact"),
    [(200, 30, "apart"), (180, 30, "touching"), (160, 30, "overlapping"), (120, 60, "inside"), (120, 10, "around")],
)
def test_contact_of_two_regions(scene: tuple[Image, Region, Observations], x: int, radius: int, contact: str) -> None:
    image, region, seen = scene
    other = disc((640, 700), x + (1 if contact == "touching" else 0), 250, radius)
    found = relate(image, region, seen, pack(), other, "A2")
    assert found is not None
    assert (found.to, found.contact) == ("A2", contact)
    assert (found.edge.value == 0) == (contact in ("overlapping", "inside", "around"))
    shared = region.overlap_px(other) / region.area_px
    assert found.overlap == pytest.approx(shared)


def test_a_strand_of_soft_tissue_connects_and_lung_does_not() -> None:
    d = Drawn(radius=25, centre=(110.0, 250.0), noise=0.004)
    image, _, seen = film(d)
    region = Region.from_mask(body(d))
    assert region is not None
    pixels = image.pixels.copy()
    other = disc((640, 700), 240, 300, 25)
    pixels[0] += 0.3 * other.mask()
    apart = Image(pixels, image.geometry, image.sha256, image.path)
    found = relate(apart, region, seen, pack(), other, "A2")
    assert found is not None
    assert found.connected is False
    strand = (pixels + 0.3 * segment((640, 700), (130, 258), (220, 292), 4.0)[None]).astype(np.float32)
    joined = relate(Image(strand, image.geometry, image.sha256, image.path), region, seen, pack(), other, "A2")
    assert joined is not None
    assert joined.connected is True


def test_a_region_that_does_not_stand_out_has_no_known_connection() -> None:
    d = Drawn(radius=25, centre=(110.0, 250.0), contrast=0.0, noise=0.02)
    image, _, seen = film(d)
    region = Region.from_mask(body(d))
    assert region is not None
    found = relate(image, region, seen, pack(), disc((640, 700), 240, 300, 25), "A2")
    assert found is not None
    assert found.connected is None


def test_the_carina_is_where_the_airway_forks(scene: tuple[Image, Region, Observations]) -> None:
    image, region, seen = scene
    mask = np.zeros((640, 700), dtype=bool)
    mask[40:300, 340:360] = True
    for k in range(60):
        mask[300 + k, 335 - k : 355 - k] = True
        mask[300 + k, 345 + k : 365 + k] = True
    airway = Region.from_mask(mask)
    assert airway is not None
    found = relate(image, region, with_structures(seen, trachea=airway), pack(), "carina", "carina")
    assert found is not None
    x, y = found.edge.lines[0].end
    assert abs(x - 350) < 8
    assert abs(y - 305) < 16


def test_a_place_that_is_not_seen_has_no_relation(scene: tuple[Image, Region, Observations]) -> None:
    image, region, seen = scene
    assert relate(image, region, seen, pack(), "left_hilum", "left_hilum") is None
    assert relate(image, region, seen, pack(), "carina", "carina") is None


def test_without_places_the_reference_structures_are_told_and_the_nearer_side_of_a_pair(
    scene: tuple[Image, Region, Observations],
) -> None:
    image, region, seen = scene
    both = with_structures(seen, left_hilum=disc((640, 700), 430, 350, 20))
    found = {r.to for r in relations(image, region, both, pack())}
    reference = {s.id for s in pack().structures if s.reference}
    assert found <= reference
    assert "right_hilum" in found
    assert "left_hilum" not in found
    named = relations(image, region, both, pack(), ("heart",), [(disc((640, 700), 220, 250, 20), "A2")])
    assert [r.to for r in named] == ["heart", "A2"]
