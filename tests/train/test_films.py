from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from train import toys
from train.toys import film, quality_row
from whyray.perception.scene import stretch
from whyray_train import films

HEADS = ("Edema", "Mass", films.NORMAL_LABEL)


def table(folder: Path, *rows: dict[str, str]) -> Path:
    toys.write(folder / "nih" / "labels.csv", list(rows))
    toys.write(folder / "nih_anatomy" / "quality.csv", [quality_row("a"), quality_row("b", accept="0")])
    return folder


def row(film_id: str, labels: str, **changes: str) -> dict[str, str]:
    return toys.label_row(film_id, labels, HEADS[:-1], **changes)


def test_rows_become_films(tmp_path: Path) -> None:
    told = {"patient": "7", "teacher_Edema": "0.25", "teacher_Mass": "0.5"}
    data = table(tmp_path, row("a", "Edema|Mass", **told), row("b", "No Finding", split="val", view="AP"))
    (one, two), heads = films.read_table(data)
    assert heads == HEADS
    assert (one.id, one.patient, one.split, one.known_view) == ("a", "7", "train", "PA")
    assert one.labels == {"Edema", "Mass"}
    assert one.teacher == (0.25, 0.5)
    assert one.path == data / "nih" / "a.jpg"
    assert one.anatomy == data / "nih_anatomy" / "a.png"
    assert (two.teacher, two.anatomy, two.known_view) == (None, None, "AP")
    assert film("Mass", view="LL").known_view == "UNKNOWN"


@pytest.mark.parametrize(
    ("size", "native", "extent"),
    [
        (("1024", "1024"), ("0.168", "2500"), 420.0),
        (("1024", "512"), ("0.2", "2000"), 400.0),  # lying film: its width is the side of the letterbox
        (("512", "1024"), ("0.2", "1000"), 400.0),  # standing film: 200 mm wide, twice as high
    ],
)
def test_the_letterbox_is_as_wide_as_the_longer_side_of_the_native_film(
    tmp_path: Path, size: tuple[str, str], native: tuple[str, str], extent: float
) -> None:
    shape = {"width": size[0], "height": size[1], "native_spacing_mm": native[0], "native_width": native[1]}
    (item,), _ = films.read_table(table(tmp_path, row("a", "Mass", **shape)))
    assert item.extent_mm == pytest.approx(extent)
    assert item.mm_per_px(320) == pytest.approx(extent / 320)
    assert item.mm_per_px(80) == pytest.approx(4 * item.mm_per_px(320))


def test_the_bits_of_the_weak_labels_are_the_first_structures_and_sides_come_in_pairs() -> None:
    assert tuple(films.STRUCTURE_BITS) == films.STRUCTURES[:5]
    assert list(films.STRUCTURE_BITS.values()) == [1, 2, 4, 8, 16]
    assert len(set(films.STRUCTURES)) == 12
    sides = {side: {s.removeprefix(side) for s in films.STRUCTURES if s.startswith(side)} for side in ("right", "left")}
    assert sides["right"] == sides["left"] != set()


def test_targets_mix_labels_with_the_teacher_and_leave_the_normal_head_hard() -> None:
    got = films.targets([film("Edema", (0.4, 0.2)), film("Edema"), film("No Finding", (0.1, 0.3))], HEADS, 0.25)
    np.testing.assert_allclose(got, [[0.85, 0.05, 0], [1, 0, 0], [0.025, 0.075, 1]], atol=1e-6)
    hard = films.targets([film("Edema", (0.4, 0.2))], HEADS, 0)
    np.testing.assert_allclose(hard, [[1, 0, 0]])


def test_training_and_reading_stretch_a_film_alike() -> None:
    y, x = np.mgrid[:300, :260]
    pixels = (0.3 + 0.2 * np.sin(x / 30) * np.cos(y / 40)).astype(np.float32)
    np.testing.assert_allclose(films.normalise(pixels), stretch(pixels), atol=0.01)
    assert films.normalise(np.full((20, 20), 0.4, dtype=np.float32)).max() == 0


def test_a_film_is_letterboxed_to_bytes(tmp_path: Path) -> None:
    ramp = np.linspace(40, 200, 100)[None, :] * np.ones((50, 1))
    Picture.fromarray(ramp.astype(np.uint8)).save(tmp_path / "f.png")
    got = films.load_array(tmp_path / "f.png", 64)
    assert (got.shape, got.dtype) == ((64, 64), np.uint8)
    assert got[:16].max() == got[48:].max() == 0
    assert np.all(np.diff(got[32].astype(int)) >= 0)
    assert got[32, 0] < 8
    assert got[32, -1] > 247


def test_anatomy_bits_become_planes(tmp_path: Path) -> None:
    bits = np.zeros((32, 32), dtype=np.uint8)
    bits[:16] |= films.STRUCTURE_BITS["heart"]
    bits[:, :16] |= films.STRUCTURE_BITS["left_clavicle"]
    Picture.fromarray(bits).save(tmp_path / "m.png")
    planes = films.load_anatomy(tmp_path / "m.png", 16)
    names = list(films.STRUCTURE_BITS)
    assert planes.shape == (5, 16, 16)
    assert planes[names.index("heart"), :7].min() == 255
    assert planes[names.index("heart"), 9:].max() == 0
    assert planes[names.index("left_clavicle"), :, :7].min() == 255
    assert planes[names.index("right_lung")].max() == 0


def test_the_cache_decodes_once_and_keeps_kinds_sizes_and_lists_apart(tmp_path: Path) -> None:
    paths = []
    for i in range(2):
        paths.append(tmp_path / f"{i}.png")
        Picture.fromarray(np.full((16, 16), 100 * i, dtype=np.uint8)).save(paths[-1])
    cache = tmp_path / "cache"
    calls = []

    def load(path: Path, size: int) -> np.ndarray:
        calls.append(path)
        return np.full((size, size), len(calls), dtype=np.uint8)

    first = films.cached(paths, 8, cache, load)
    again = films.cached(paths, 8, cache, load)
    assert len(calls) == 2
    assert np.array_equal(first, again)
    assert first[:, 0, 0].tolist() == [1, 2]
    films.cached(paths, 4, cache, load)
    films.cached(paths[:1], 8, cache, load)
    films.cached(paths, 8, cache, films.load_anatomy)
    assert len(calls) == 5
    assert len(list(cache.glob("*.npy"))) == 4


def test_no_patient_is_in_two_splits_of_the_real_table(data_root: Path) -> None:
    items, heads = films.read_table(data_root)
    splits = defaultdict(set)
    for item in items:
        splits[item.patient].add(item.split)
    assert all(len(s) == 1 for s in splits.values())
    counts = {s: sum(i.split == s for i in items) for s in ("train", "val", "devtest")}
    assert counts == {"train": 997, "val": 137, "devtest": 255}
    assert len(heads) == 15
    assert all(250 < i.extent_mm < 500 for i in items)
    assert all(i.teacher is None or len(i.teacher) == 14 for i in items)
    assert not [i for i in items if i.split == "devtest" and (i.teacher is not None or i.anatomy is not None)]
    assert {label for i in items for label in i.labels} <= set(heads)


def test_real_films_and_their_masks_exist_and_left_is_left(data_root: Path) -> None:
    items, _ = films.read_table(data_root)
    masked = [i for i in items if i.anatomy is not None]
    assert len(masked) > 200
    for item in masked[::150]:
        assert item.anatomy is not None
        assert films.load_array(item.path, 64).std() > 20
        right, left = films.load_anatomy(item.anatomy, 64)[:2]
        centres = [np.average(np.arange(64), weights=plane.sum(axis=0) + 1e-9) for plane in (right, left)]
        assert centres[0] < centres[1]
