"""Right and left with the shipped model: the film as it is, mirrored (a dextrocardia) and turned by 15 degrees."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import whyray
from whyray import imaging
from whyray.domain import Image, Region
from whyray.perception import observe
from whyray.service import Reader

DEMO = Path(whyray.__file__).parent / "demo"
PAIRS = ("lung", "clavicle", "hilum", "hemidiaphragm")
OVERLAP = 0.75  # least Dice of a lung with its own place on the changed film
TURN = 15.0


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def film(change: str) -> Image:
    image = imaging.load(DEMO / "healthy_twin.dcm")
    pixels = image.pixels[0]
    if change == "mirrored":
        pixels = pixels[:, ::-1]
    elif change:
        pixels = ndimage.rotate(pixels, float(change), reshape=False, order=1, mode="constant")
    return image.with_pixels(np.ascontiguousarray(pixels)[None], f"changed-{change}")


def structures(reader: Reader, change: str) -> dict[str, Region | None]:
    pack = reader.packs[0]
    return {s.id: s.region for s in observe(film(change), pack, reader.engine(pack)).structures}


def centre(region: Region | None) -> float:
    assert region is not None
    return region.centroid[0]


@pytest.mark.parametrize("change", ["", "mirrored", f"{TURN}", f"-{TURN}"])
def test_the_patients_right_lies_at_the_images_left(reader: Reader, change: str) -> None:
    found = structures(reader, change)
    for part in PAIRS:
        right, left = found[f"right_{part}"], found[f"left_{part}"]
        if right is not None and left is not None:
            assert centre(right) < centre(left), part
    assert found["right_lung"] is not None
    assert found["left_lung"] is not None


def test_the_heart_of_a_mirrored_film_lies_on_the_other_side(reader: Reader) -> None:
    plain, mirrored = structures(reader, ""), structures(reader, "mirrored")
    for found, sign in ((plain, 1), (mirrored, -1)):
        spine = centre(found["spine"])
        assert sign * (centre(found["heart"]) - spine) > 0


@pytest.mark.parametrize("degrees", [TURN, -TURN])
def test_the_lungs_of_a_turned_film_turn_with_it(reader: Reader, degrees: float) -> None:
    plain, turned = structures(reader, ""), structures(reader, f"{degrees}")
    for part in ("right_lung", "left_lung"):
        before, after = plain[part], turned[part]
        assert before is not None
        assert after is not None
        expected = ndimage.rotate(before.mask().astype(np.float32), degrees, reshape=False, order=1) > 0.5
        seen = after.mask()
        assert 2 * (expected & seen).sum() / (expected.sum() + seen.sum()) > OVERLAP, part
