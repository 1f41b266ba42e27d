import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyray.imaging import Orientation

TURNS = st.builds(Orientation, st.booleans(), st.booleans(), st.booleans())
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))


@given(TURNS, SHAPES, st.sampled_from([np.float32, np.bool_, np.uint16]))
def test_inverse_is_exact(turn: Orientation, shape: tuple[int, int, int], dtype: type) -> None:
    array = (np.arange(np.prod(shape)).reshape(shape) % 7).astype(dtype)
    there = turn.apply(array)
    back = turn.invert(there)
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype
    assert there.flags["C_CONTIGUOUS"]
    assert back.flags["C_CONTIGUOUS"]


@given(TURNS)
def test_mirrored_is_the_sign_of_the_permutation(turn: Orientation) -> None:
    corner = np.array([[0, 1], [3, 2]])
    ring = turn.apply(corner)[[0, 0, 1, 1], [0, 1, 1, 0]]
    clockwise = [tuple(np.roll([0, 1, 2, 3], k)) for k in range(4)]
    assert turn.mirrored == (tuple(ring) not in clockwise)


@pytest.mark.parametrize("exif", range(1, 9))
def test_exif_turns_agree_with_pillow(exif: int) -> None:
    from PIL import Image, ImageOps

    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    picture = Image.fromarray(array)
    picture.getexif()[274] = exif
    expected = np.asarray(ImageOps.exif_transpose(picture))
    np.testing.assert_array_equal(Orientation.from_exif(exif).apply(array), expected)


@pytest.mark.parametrize("value", [None, 0, 9, "6", 6.5])
def test_odd_exif_values_turn_nothing(value: object) -> None:
    assert Orientation.from_exif(value).identity


@pytest.mark.parametrize("directions", [("A", "F"), ("L", "P"), ("L", "R"), ("F", "F"), ("", ""), ("X", "F")])
def test_directions_of_no_frontal_image(directions: tuple[str, str]) -> None:
    assert Orientation.from_patient(*directions) is None
