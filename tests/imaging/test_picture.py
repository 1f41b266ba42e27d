import hashlib
import io
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from badinputs import encoded, film8, phantom
from whyray.domain import Image, ImageRefused
from whyray.imaging import load, load_oriented

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
FILM = film8()
DEEP = np.rint(phantom() * 65535).astype(np.uint16)


def codes(image: Image) -> list[str]:
    return [w.code for w in image.warnings]


@pytest.mark.parametrize("fmt", ["PNG", "TIFF", "BMP"])
def test_eight_bits_are_divided_by_255(fmt: str) -> None:
    data = encoded(FILM, fmt)
    image = load(data, name="a")
    np.testing.assert_array_equal(image.pixels[0], FILM.astype(np.float32) / np.float32(255))
    assert image.pixels.dtype == np.float32
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert (image.modality, image.view, image.age_years) == ("UNKNOWN", "UNKNOWN", None)
    assert not image.geometry.calibrated
    assert codes(image) == []


def test_jpeg() -> None:
    image = load(encoded(FILM, "JPEG", quality=95))
    assert np.abs(image.pixels[0] - FILM / 255).max() < 0.1


def test_path_and_name(tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(encoded(FILM))
    assert load(path).path == str(path)
    assert load(str(path), name="shown").path == "shown"
    assert load(path.read_bytes()).path == ""


@pytest.mark.parametrize(("array", "fmt"), [(DEEP, "PNG"), (DEEP, "TIFF"), (DEEP.astype(np.float32) / 65535, "TIFF")])
def test_deep_pictures_of_full_range_keep_their_scale(array: np.ndarray, fmt: str) -> None:
    np.testing.assert_allclose(load(encoded(array, fmt)).pixels[0], DEEP / 65535, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_narrow_deep_pictures_are_stretched_by_percentiles(dtype: type) -> None:
    array = (1000 + DEEP / 32).astype(dtype)
    low, high = np.percentile(array, [0.5, 99.5])
    expected = np.clip((array - low) / (high - low), 0, 1)
    np.testing.assert_allclose(load(encoded(array, "TIFF")).pixels[0], expected, atol=1e-5)


def test_white_is_zero_tiff_of_16_bits_is_turned() -> None:
    data = encoded(65535 - DEEP, "TIFF", tiffinfo={262: 0})
    np.testing.assert_allclose(load(data).pixels[0], DEEP / 65535, atol=1e-5)


def test_not_a_number_becomes_the_lowest_value() -> None:
    array = (DEEP / 65535).astype(np.float32)
    array[:20] = np.nan
    image = load(encoded(array, "TIFF"))
    assert image.pixels[0, :20].max() == image.pixels.min()
    assert np.isfinite(image.pixels).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK"])
def test_grey_in_other_modes(mode: str) -> None:
    data = encoded(FILM, "TIFF" if mode == "CMYK" else "PNG", mode)
    image = load(data)
    np.testing.assert_allclose(image.pixels[0], FILM / 255, atol=0.005)
    assert codes(image) == []


def test_transparent_is_black() -> None:
    film = Pillow.fromarray(FILM).convert("RGBA")
    alpha = np.full(FILM.shape, 255, np.uint8)
    alpha[:50] = 0
    film.putalpha(Pillow.fromarray(alpha))
    image = load(encoded(film))
    assert image.pixels[0, :50].max() == 0
    np.testing.assert_allclose(image.pixels[0, 50:], FILM[50:] / 255, atol=1e-6)


def test_chroma_noise_of_jpeg_is_no_colour() -> None:
    noisy = np.repeat(FILM[..., None], 3, axis=2).astype(int)
    noisy += np.random.default_rng(0).integers(-12, 13, noisy.shape)
    image = load(encoded(noisy.clip(0, 255).astype(np.uint8), "JPEG", quality=60))
    assert codes(image) == []


def test_coloured_mark_is_said() -> None:
    marked = np.repeat(FILM[..., None], 3, axis=2)
    marked[10:40, 10:50] = (255, 220, 0)
    assert codes(load(encoded(marked))) == ["COLOUR_MARKS"]


def test_tinted_film_is_said() -> None:
    tinted = np.stack([FILM * 0.8, FILM * 0.95, np.clip(FILM * 1.1, 0, 255)], axis=-1).astype(np.uint8)
    assert codes(load(encoded(tinted))) == ["TINTED"]


@pytest.mark.parametrize("exif", [2, 3, 6, 8])
def test_exif_orientation_is_honoured(exif: int) -> None:
    picture = Pillow.fromarray(FILM)
    tags = Pillow.Exif()
    tags[274] = exif
    image, turn = load_oriented(encoded(picture, "PNG", exif=tags.tobytes()))
    np.testing.assert_array_equal(turn.invert(image.pixels[0]), FILM.astype(np.float32) / np.float32(255))
    assert image.pixels.shape[1:] == (image.geometry.rows, image.geometry.cols)
    assert (image.geometry.rows < image.geometry.cols) == (exif in (6, 8))
    assert "EXIF_TURNED" in codes(image)


@pytest.mark.parametrize(("name", "said"), [("a.png", []), ("a.JPG", ["EXTENSION_MISMATCH"]), ("1.2.840", [])])
def test_extension_is_only_a_hint(name: str, said: list[str]) -> None:
    assert codes(load(encoded(FILM), name=name)) == said


def test_dicom_in_a_png_name_and_back(tmp_path: Path) -> None:
    from badinputs import dicom_bytes, radiograph

    path = tmp_path / "film.png"
    path.write_bytes(dicom_bytes(radiograph()))
    image = load(path)
    assert image.modality == "DX"
    assert codes(image) == ["EXTENSION_MISMATCH"]


def test_callers_spacing() -> None:
    geometry = load(encoded(FILM), spacing_mm=0.7).geometry
    assert (geometry.spacing_mm, geometry.spacing_source) == ((0.7, 0.7), "caller")


def test_resolution_tags_are_no_spacing() -> None:
    assert not load(encoded(FILM, "PNG", dpi=(300, 300))).geometry.calibrated


def test_inverted_picture_is_said() -> None:
    assert codes(load(encoded(255 - FILM))) == ["LOOKS_INVERTED"]


def test_pixel_limit_is_the_callers() -> None:
    with pytest.raises(ImageRefused, match="TOO_MANY_PIXELS"):
        load(encoded(FILM), max_pixels=FILM.size - 1)
    assert load(encoded(FILM), max_pixels=FILM.size).geometry.rows == FILM.shape[0]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["u1", "u2", "f4", "i4"]),
    gain=st.floats(0.2, 1),
    rows=st.integers(130, 200),
    cols=st.integers(130, 200),
)
def test_values_stay_in_range(seed: int, kind: str, gain: float, rows: int, cols: int) -> None:
    top = {"u1": 255, "u2": 65535, "f4": 3.7, "i4": 2**30}[kind]
    array = (phantom(rows, cols, seed % 1000) * gain * top).astype(kind)
    image = load(encoded(array, "TIFF"))
    assert image.pixels.shape == (1, rows, cols)
    assert image.pixels.min() >= 0
    assert image.pixels.max() <= 1


PLAIN = {
    "png": encoded(FILM[::2, ::2]),
    "jpeg": encoded(FILM[::2, ::2], "JPEG"),
    "tiff": encoded(FILM[::2, ::2], "TIFF", compression="tiff_lzw"),
    "bmp": encoded(FILM[::2, ::2], "BMP"),
}


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(sorted(PLAIN)),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
    cut=st.floats(0, 1),
    near=st.booleans(),
)
def test_damage_is_refused_or_read_but_never_escapes(kind: str, edits: list, cut: float, near: bool) -> None:
    data = bytearray(PLAIN[kind])
    for where, value in edits:
        data[int(where * (min(len(data), 200 if near else len(data)) - 1))] = value
    try:
        image = load(bytes(data[: len(data) if near else int(cut * len(data))]))
    except ImageRefused:
        return
    assert image.pixels.max() <= 1


def test_truncated_loading_stays_off() -> None:
    from PIL import ImageFile

    load(encoded(FILM))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_import_is_cheap() -> None:
    heavy = "{'PIL', 'pydicom', 'scipy', 'yaml'}"
    code = f"import sys, whyray.imaging; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_film_of_1024_pixels_loads_fast() -> None:
    big = Pillow.fromarray(FILM).resize((1024, 1024))
    data = io.BytesIO()
    big.save(data, "JPEG", quality=85)
    load(data.getvalue())

    def once() -> float:
        start = time.process_time()
        load(data.getvalue())
        return time.process_time() - start

    assert min(once() for _ in range(8)) < 0.05
