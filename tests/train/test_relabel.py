import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

torch = pytest.importorskip("torch")

from whyray_train import ct_source, films, open_lungs, relabel, sources  # noqa: E402
from whyray_train.told import Told  # noqa: E402

MARKED = len(films.STRUCTURE_BITS)


def agreeing(side: int = 60) -> np.ndarray:
    """Four equal readings with organ-like boxes."""
    found = np.zeros((4, MARKED, side, side), np.float32)
    found[:, 0, 10:45, 8:25] = 0.9
    found[:, 1, 10:45, 35:52] = 0.9
    found[:, 2, 28:46, 24:40] = 0.9
    found[:, 3, 6:9, 10:22] = 0.9
    found[:, 4, 6:9, 38:50] = 0.9
    return found


def test_structures_on_which_all_readings_agree_are_told() -> None:
    masks, weights = relabel.settled(agreeing())
    assert weights.tolist() == [relabel.WEIGHT] * MARKED
    assert masks[0].sum() == 35 * 17 * 255


def test_a_reading_that_disagrees_takes_the_structure_away() -> None:
    found = agreeing()
    found[3, 1] = np.roll(found[3, 1], 12, axis=0)
    _, weights = relabel.settled(found)
    assert weights[1] == 0
    assert weights[0] == relabel.WEIGHT


def test_an_organ_of_no_organ_size_is_not_told() -> None:
    found = agreeing()
    found[:, 2] = 0.9  # a heart as large as the film
    _, weights = relabel.settled(found)
    assert weights[2] == 0


def test_only_the_largest_piece_counts_and_its_holes_are_closed() -> None:
    mask = np.zeros((20, 20), bool)
    mask[2:12, 2:12] = True
    mask[5:7, 5:7] = False
    mask[16:18, 16:18] = True
    kept = relabel.largest(mask)
    assert kept[5:7, 5:7].all()
    assert not kept[16:18, 16:18].any()


def test_a_mirrored_reading_changes_its_sides() -> None:
    class Sides(torch.nn.Module):
        """Tells the brighter half of the picture as the right lung."""

        def outlines(self, x: torch.Tensor) -> torch.Tensor:
            small = torch.nn.functional.avg_pool2d(x, 2)
            out = torch.full((len(small), len(films.STRUCTURES), *small.shape[2:]), -9.0)
            out[:, 0] = 18 * small[:, 0] - 9
            return out

    film = np.zeros((8, 8), np.uint8)
    film[:, :4] = 255
    found = relabel.readings(Sides(), film)  # type: ignore[arg-type]
    assert (found[:3, 0, :, :2] > 0.9).all()
    assert (found[3, 1, :, :2] > 0.9).all()  # the mirrored film's "right" lung lies at the left again, as the left
    assert (found[3, 0] < 0.1).all()


def test_told_structures_replace_doubtful_ones_and_add_missing_films() -> None:
    planes = np.zeros((2, MARKED, 6, 6), np.uint8)
    planes[0] = 10
    planes[1] = 20
    rows = np.array([0, 1, -1])
    weights = np.zeros((3, len(films.STRUCTURES)), np.float32)
    weights[0, :MARKED] = 1  # accepted: stays
    weights[1, 3] = 0.5
    masks = np.full((3, MARKED, 6, 6), 200, np.uint8)
    each = np.array([[0.5] * MARKED, [0.5, 0.5, 0, 0, 0], [0, 0, 0.5, 0, 0]], np.float32)
    told = Told(np.array(["a", "b", "c"]), masks, each)
    got, where = sources.retold(planes, rows, weights, ["a", "b", "c"], told)
    assert got[where[0]].max() == 10
    assert got[where[1], 0].min() == 200
    assert got[where[1], 3].max() == 20
    assert where[2] == 2
    assert got[2].min() == 200
    assert weights[1, :MARKED].tolist() == [0.5, 0.5, 0, 0.5, 0]
    assert weights[2, :MARKED].tolist() == [0, 0, 0.5, 0, 0]
    assert planes.max() == 20  # the cached array is not written to


def test_human_masks_are_halved_by_patient(tmp_path: Path) -> None:
    for part in ("images", "masks"):
        (tmp_path / "open_lungs" / part).mkdir(parents=True)
    rows = []
    for i in range(8):
        name = f"f{i}"
        picture = Picture.fromarray(np.full((10, 10), 255 * (i % 2), np.uint8))
        picture.save(tmp_path / "open_lungs" / "images" / f"{name}.jpg")
        picture.save(tmp_path / "open_lungs" / "masks" / f"{name}.png")
        rows.append({"id": name, "patient": f"p{i // 2}", "lung_mask": "0" if i == 7 else "1"})
    with (tmp_path / "open_lungs" / "labels.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, ["id", "patient", "lung_mask"])
        writer.writeheader()
        writer.writerows(rows)
    learn, measure = open_lungs.read(tmp_path)
    assert {f.patient for f in learn}.isdisjoint(f.patient for f in measure)
    assert len(learn) + len(measure) == 7
    assert open_lungs.load_mask(learn[1].mask, 4).min() == 255


def test_the_ct_is_a_file_or_a_folder_with_its_parts(tmp_path: Path) -> None:
    file = tmp_path / "films.npz"
    file.write_bytes(b"x")
    assert ct_source.projections(file, tmp_path) == file
    with pytest.raises(FileNotFoundError, match=r"mask\.nii\.gz"):
        ct_source.projections(tmp_path, tmp_path / "cache")
